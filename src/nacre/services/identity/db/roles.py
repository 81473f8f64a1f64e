"""Roles, and which roles imply which."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from sqlalchemy import or_, select

from nacre.kernel.db import Page, Transaction, among, conditions, page
from nacre.services.identity.db.tables import (
    application_credential_roles,
    implications,
    roles,
    trust_roles,
)
from nacre.services.identity.errors import RoleNotFound

#: `domain_id` of a role that all domains share.
GLOBAL = ""


class Role(msgspec.Struct, frozen=True):
    """A name for a set of rights; one of a domain never appears in a token, only what it implies."""

    id: str
    domain_id: str
    name: str
    description: str | None
    options: dict[str, Any]
    extra: dict[str, Any]


class Implication(msgspec.Struct, frozen=True):
    """Who has the prior role has the implied one too."""

    prior_id: str
    implied_id: str


def get(tx: Transaction, role_id: str) -> Role:
    """Return a role."""
    return tx.one(select(roles).where(roles.c.id == role_id), Role, otherwise=RoleNotFound(role_id))


def find_named(tx: Transaction, domain_id: str, name: str) -> Role | None:
    """Return a role by its name, in a domain or among the global ones."""
    return tx.find(select(roles).where(roles.c.domain_id == domain_id, roles.c.name == name), Role)


_AMONG = select(roles).where(among(roles.c.id))


def find_all(tx: Transaction, ids: Iterable[str]) -> dict[str, Role]:
    """Return those of the roles that exist, by id."""
    wanted = sorted(set(ids))
    found: dict[str, Role] = {}
    for start in range(0, len(wanted), 500):
        found |= {role.id: role for role in tx.all(_AMONG, Role, {"ids": wanted[start : start + 500]})}
    return found


def index(tx: Transaction, wanted: Mapping[str, object], asked: Page) -> list[Role]:
    """Return a page of roles."""
    return page(tx, select(roles).where(*conditions(roles.c, wanted)), Role, roles, asked)


def insert(tx: Transaction, role: Role) -> None:
    """Add a role."""
    tx.insert(roles, role)


def update(tx: Transaction, role_id: str, changes: Mapping[str, Any]) -> None:
    """Change columns of a role."""
    if changes:
        tx.update(roles, role_id, changes)


def delete(tx: Transaction, role_id: str) -> None:
    """Remove a role and what it implied, or was implied by; assignments are another file's."""
    tx.delete(implications, or_(implications.c.prior_id == role_id, implications.c.implied_id == role_id))
    tx.delete(application_credential_roles, application_credential_roles.c.role_id == role_id)
    tx.delete(trust_roles, trust_roles.c.role_id == role_id)
    tx.delete(roles, role_id)


_IMPLICATIONS = select(implications).order_by(implications.c.prior_id, implications.c.implied_id)


def all_implications(tx: Transaction) -> list[Implication]:
    """Return every implication; there are few."""
    return tx.all(_IMPLICATIONS, Implication)


def add_implication(tx: Transaction, prior_id: str, implied_id: str) -> None:
    """Let a role imply another, unless it does."""
    tx.insert_if_absent(implications, {"prior_id": prior_id, "implied_id": implied_id})


def remove_implication(tx: Transaction, prior_id: str, implied_id: str) -> bool:
    """Undo an implication; tell whether there was one."""
    return bool(tx.delete(implications, (prior_id, implied_id)))


def closure(known: Iterable[Implication], role_ids: Iterable[str]) -> set[str]:
    """Return some roles and everything that they imply, directly or not."""
    implied: dict[str, list[str]] = {}
    for implication in known:
        implied.setdefault(implication.prior_id, []).append(implication.implied_id)
    found: set[str] = set()
    ahead = list(role_ids)
    while ahead:
        role_id = ahead.pop()
        if role_id not in found:
            found.add(role_id)
            ahead += implied.get(role_id, ())
    return found
