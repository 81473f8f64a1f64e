"""Subnet pools, from which subnets take their ranges, and address scopes, within which no two overlap."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, select

from nacre.kernel.db import Page, Transaction
from nacre.services.network.db import rbac, standard
from nacre.services.network.db.tables import address_scopes, subnet_pools
from nacre.services.network.errors import AddressScopeNotFound, SubnetPoolNotFound

POOL, SCOPE = "subnetpool", "address_scope"


class SubnetPool(msgspec.Struct, frozen=True):
    """A pool of ranges."""

    id: str
    project_id: str
    description: str
    revision_number: int
    created_at: datetime
    updated_at: datetime
    name: str
    ip_version: int
    prefixes: list[str]
    default_prefixlen: int
    min_prefixlen: int
    max_prefixlen: int
    default_quota: int | None
    shared: bool
    is_default: bool
    address_scope_id: str | None
    tags: tuple[str, ...] = ()


class AddressScope(msgspec.Struct, frozen=True):
    """Pools whose ranges may be routed among each other."""

    id: str
    project_id: str
    name: str
    ip_version: int
    shared: bool


def _visible_to(table: Any, object_type: str, project_id: str | None) -> ColumnElement[bool] | None:
    return standard.owned_or(
        table, project_id, table.c.shared, rbac.granted(table, object_type, project_id, rbac.SHARED)
    )


def get(tx: Transaction, pool_id: str, project_id: str | None = None) -> SubnetPool:
    """Return a subnet pool that a project may see (None: any)."""
    query = select(subnet_pools).where(subnet_pools.c.id == pool_id)
    visible = _visible_to(subnet_pools, POOL, project_id)
    row = tx.one(
        query if visible is None else query.where(visible), SubnetPool, otherwise=SubnetPoolNotFound(pool_id)
    )
    return _complete(tx, [row])[0]


def index(tx: Transaction, project_id: str | None, wanted: standard.Wanted, asked: Page) -> list[SubnetPool]:
    """Return one page of the subnet pools that a project may see."""
    rows = standard.listing(
        tx, select(subnet_pools), SubnetPool, subnet_pools, wanted, asked,
        visible=_visible_to(subnet_pools, POOL, project_id),
    )  # fmt: skip
    return _complete(tx, rows)


def _complete(tx: Transaction, rows: list[SubnetPool]) -> list[SubnetPool]:
    tags = standard.tags_of(tx, [row.id for row in rows])
    return [msgspec.structs.replace(row, tags=tags.get(row.id, ())) for row in rows]


def default(tx: Transaction, ip_version: int) -> SubnetPool | None:
    """Return the pool that is used where none is named."""
    query = select(subnet_pools).where(subnet_pools.c.is_default, subnet_pools.c.ip_version == ip_version)
    return tx.find(query, SubnetPool)


def of_scope(tx: Transaction, scope_id: str) -> list[SubnetPool]:
    """Return the pools of an address scope."""
    return tx.all(select(subnet_pools).where(subnet_pools.c.address_scope_id == scope_id), SubnetPool)


def insert(tx: Transaction, values: Mapping[str, Any]) -> None:
    """Add a subnet pool."""
    tx.insert(subnet_pools, values)


def update(tx: Transaction, pool_id: str, values: Mapping[str, Any]) -> None:
    """Change a subnet pool."""
    standard.revise(tx, subnet_pools, pool_id, values)


def lock(tx: Transaction, pool_id: str, expected: int | None = None) -> bool:
    """Let nobody else take ranges of a pool until the transaction ends."""
    return standard.lock(tx, subnet_pools, pool_id, expected)


def delete(tx: Transaction, pool_id: str) -> None:
    """Remove a subnet pool."""
    rbac.forget(tx, POOL, pool_id)
    standard.set_tags(tx, pool_id, ())
    tx.delete(subnet_pools, pool_id)


def count(tx: Transaction, project_id: str) -> int:
    """Count a project's subnet pools."""
    return tx.count(subnet_pools, subnet_pools.c.project_id == project_id)


# --- address scopes ---------------------------------------------------------------------------------------


def get_scope(tx: Transaction, scope_id: str, project_id: str | None = None) -> AddressScope:
    """Return an address scope that a project may see (None: any)."""
    query = select(address_scopes).where(address_scopes.c.id == scope_id)
    visible = _visible_to(address_scopes, SCOPE, project_id)
    return tx.one(
        query if visible is None else query.where(visible),
        AddressScope,
        otherwise=AddressScopeNotFound(scope_id),
    )


def index_scopes(
    tx: Transaction, project_id: str | None, wanted: standard.Wanted, asked: Page
) -> list[AddressScope]:
    """Return one page of the address scopes that a project may see."""
    return standard.listing(
        tx, select(address_scopes), AddressScope, address_scopes, wanted, asked,
        visible=_visible_to(address_scopes, SCOPE, project_id),
    )  # fmt: skip


def insert_scope(tx: Transaction, scope: AddressScope) -> None:
    """Add an address scope."""
    tx.insert(address_scopes, scope)


def update_scope(tx: Transaction, scope_id: str, values: Mapping[str, Any]) -> None:
    """Change an address scope."""
    tx.update(address_scopes, scope_id, values)


def lock_scope(tx: Transaction, scope_id: str) -> bool:
    """Let no pool join or leave a scope until the transaction ends."""
    return tx.lock(address_scopes, scope_id)


def delete_scope(tx: Transaction, scope_id: str) -> None:
    """Remove an address scope."""
    rbac.forget(tx, SCOPE, scope_id)
    tx.delete(address_scopes, scope_id)
