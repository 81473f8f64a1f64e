"""Trusts: a user lets another act with some roles on a project."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import delete, or_, select

from nacre.kernel.db import Page, Transaction, conditions, page
from nacre.services.identity.db.tables import trust_roles, trusts
from nacre.services.identity.errors import TrustNotFound


class Trust(msgspec.Struct, frozen=True):
    """What the trustor lets the trustee do."""

    id: str
    trustor_user_id: str
    trustee_user_id: str
    project_id: str | None
    impersonation: bool
    expires_at: datetime | None
    remaining_uses: int | None
    redelegated_trust_id: str | None
    redelegation_count: int
    extra: dict[str, Any]
    role_ids: tuple[str, ...] = ()

    @property
    def acting_user_id(self) -> str:
        """The user as whom the bearer of a token appears."""
        return self.trustor_user_id if self.impersonation else self.trustee_user_id


class TrustRole(msgspec.Struct, frozen=True):
    """A role that a trust passes on."""

    trust_id: str
    role_id: str


def get(tx: Transaction, trust_id: str) -> Trust:
    """Return a trust that has not expired."""
    found = find(tx, trust_id)
    if found is None or (found.expires_at is not None and found.expires_at <= tx.now()):
        raise TrustNotFound(trust_id)
    return found


def find(tx: Transaction, trust_id: str) -> Trust | None:
    """Return a trust, even one that has expired, or None."""
    found = tx.find(select(trusts).where(trusts.c.id == trust_id), Trust)
    return found and _with_roles(tx, [found])[0]


def index(tx: Transaction, wanted: Mapping[str, object], asked: Page) -> list[Trust]:
    """Return a page of the trusts that have not expired."""
    living = or_(trusts.c.expires_at.is_(None), trusts.c.expires_at > tx.now())
    query = select(trusts).where(*conditions(trusts.c, wanted), living)
    return _with_roles(tx, page(tx, query, Trust, trusts, asked))


def _with_roles(tx: Transaction, found: list[Trust]) -> list[Trust]:
    if not found:
        return found
    roles: dict[str, list[str]] = {}
    query = select(trust_roles).where(trust_roles.c.trust_id.in_([trust.id for trust in found]))
    for each in tx.all(query, TrustRole):
        roles.setdefault(each.trust_id, []).append(each.role_id)
    return [msgspec.structs.replace(trust, role_ids=tuple(roles.get(trust.id, ()))) for trust in found]


def insert(tx: Transaction, trust: Trust) -> None:
    """Add a trust with its roles."""
    values = msgspec.structs.asdict(trust)
    role_ids = values.pop("role_ids")
    tx.insert(trusts, values)
    tx.insert_all(trust_roles, [{"trust_id": trust.id, "role_id": role_id} for role_id in role_ids])


def use_once(tx: Transaction, trust_id: str) -> bool:
    """Count one use down; tell whether one was left."""
    left = trusts.c.remaining_uses
    return bool(tx.update(trusts, (trusts.c.id == trust_id) & (left > 0), {"remaining_uses": left - 1}))


def delete_tree(tx: Transaction, trust_ids: Iterable[str]) -> None:
    """Remove trusts and all trusts that were made out of them."""
    ahead = list(trust_ids)
    while ahead:
        below = tx.scalars(select(trusts.c.id).where(trusts.c.redelegated_trust_id.in_(ahead)))
        tx.execute(delete(trust_roles).where(trust_roles.c.trust_id.in_(ahead)))
        tx.execute(delete(trusts).where(trusts.c.id.in_(ahead)))
        ahead = below


def delete_of_user(tx: Transaction, user_id: str) -> None:
    """Remove the trusts that a user gave or was given."""
    of_user = or_(trusts.c.trustor_user_id == user_id, trusts.c.trustee_user_id == user_id)
    delete_tree(tx, tx.scalars(select(trusts.c.id).where(of_user)))


def delete_of_project(tx: Transaction, project_id: str) -> None:
    """Remove the trusts on a project."""
    delete_tree(tx, tx.scalars(select(trusts.c.id).where(trusts.c.project_id == project_id)))
