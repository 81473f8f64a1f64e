"""Address groups: named lists of ranges that many rules can refer to."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, select

from nacre.kernel.db import Page, Transaction
from nacre.services.network.db import rbac, standard
from nacre.services.network.db.tables import address_groups, security_group_rules
from nacre.services.network.errors import AddressGroupNotFound

OBJECT = "address_group"


class AddressGroup(msgspec.Struct, frozen=True):
    """A named list of ranges."""

    id: str
    project_id: str
    description: str
    revision_number: int
    created_at: datetime
    updated_at: datetime
    name: str
    addresses: list[str]
    shared: bool = False


def _visible_to(project_id: str | None) -> ColumnElement[bool] | None:
    return standard.owned_or(
        address_groups, project_id, rbac.granted(address_groups, OBJECT, project_id, rbac.SHARED)
    )


def get(tx: Transaction, group_id: str, project_id: str | None = None) -> AddressGroup:
    """Return an address group that a project may see (None: any)."""
    query = select(address_groups).where(address_groups.c.id == group_id)
    visible = _visible_to(project_id)
    row = tx.one(
        query if visible is None else query.where(visible),
        AddressGroup,
        otherwise=AddressGroupNotFound(group_id),
    )
    return _complete(tx, [row], project_id)[0]


def index(
    tx: Transaction, project_id: str | None, wanted: standard.Wanted, asked: Page
) -> list[AddressGroup]:
    """Return one page of the address groups that a project may see."""
    rows = standard.listing(
        tx, select(address_groups), AddressGroup, address_groups, wanted, asked,
        visible=_visible_to(project_id),
    )  # fmt: skip
    return _complete(tx, rows, project_id)


def _complete(tx: Transaction, rows: list[AddressGroup], viewer: str | None) -> list[AddressGroup]:
    shared = rbac.shared_ids(tx, OBJECT, [row.id for row in rows], viewer)
    return [msgspec.structs.replace(row, shared=row.id in shared) for row in rows]


def addresses_of(tx: Transaction, ids: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return the ranges in several address groups."""
    found: dict[str, tuple[str, ...]] = {}
    for some in standard.chunks(ids):
        query = select(address_groups.c.id, address_groups.c.addresses)
        for group_id, addresses in standard.rows(tx, query.where(address_groups.c.id.in_(some))):
            found[group_id] = tuple(addresses)
    return found


def insert(tx: Transaction, values: Mapping[str, Any]) -> None:
    """Add an address group."""
    tx.insert(address_groups, values)


def update(tx: Transaction, group_id: str, values: Mapping[str, Any]) -> None:
    """Change an address group."""
    standard.revise(tx, address_groups, group_id, values)


def lock(tx: Transaction, group_id: str, expected: int | None = None) -> bool:
    """Let nobody else change an address group until the transaction ends."""
    return standard.lock(tx, address_groups, group_id, expected)


def is_used(tx: Transaction, group_id: str) -> bool:
    """Tell whether a rule refers to an address group."""
    return tx.exists(
        select(security_group_rules.c.id).where(security_group_rules.c.remote_address_group_id == group_id)
    )


def delete(tx: Transaction, group_id: str) -> None:
    """Remove an address group."""
    rbac.forget(tx, OBJECT, group_id)
    tx.delete(address_groups, group_id)
