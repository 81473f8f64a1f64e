"""Address scopes and address groups: names for what belongs together."""

from collections.abc import Sequence
from ipaddress import ip_network
from typing import Any

from nacre.kernel import errors
from nacre.kernel.context import Context
from nacre.kernel.db import Page, Transaction
from nacre.kernel.ids import new_id
from nacre.services.network.app.news import News, write
from nacre.services.network.app.sight import reach
from nacre.services.network.db import address_groups, rbac, security_groups, standard, subnet_pools
from nacre.services.network.db.address_groups import AddressGroup
from nacre.services.network.db.subnet_pools import SCOPE, AddressScope
from nacre.services.network.errors import (
    AddressesAlreadyExist,
    AddressesNotFound,
    AddressGroupInUse,
    AddressGroupNotFound,
    AddressScopeInUse,
    AddressScopeNotFound,
)


def get_scope(ctx: Context, scope_id: str) -> AddressScope:
    """Return an address scope that the caller may see."""
    return ctx.db.read(subnet_pools.get_scope, scope_id, reach(ctx))


def index_scopes(ctx: Context, wanted: standard.Wanted, page: Page) -> list[AddressScope]:
    """Return address scopes that the caller may see."""
    return ctx.db.read(subnet_pools.index_scopes, reach(ctx), wanted, page)


def create_scopes(ctx: Context, bodies: Sequence[dict[str, Any]]) -> list[AddressScope]:
    """Make address scopes, all or none."""
    return ctx.db.run(_create_scopes, bodies)


def _create_scopes(tx: Transaction, bodies: Sequence[dict[str, Any]]) -> list[AddressScope]:
    made = []
    for body in bodies:
        scope = AddressScope(new_id(), body["project_id"], body["name"], body["ip_version"], body["shared"])
        subnet_pools.insert_scope(tx, scope)
        if scope.shared:
            rbac.grant(tx, SCOPE, scope.id, rbac.SHARED, owner=scope.project_id)
        made.append(scope)
    return made


def update_scope(
    ctx: Context, scope: AddressScope, changes: dict[str, Any], *, expected: int | None = None
) -> AddressScope:
    """Change an address scope; what is shared stays shared."""
    if scope.shared and changes.get("shared") is False:
        raise errors.BadRequest("Unable to update address scope: Shared address scope can't be unshared")
    return ctx.db.run(_update_scope, scope.id, changes)


def _update_scope(tx: Transaction, scope_id: str, changes: dict[str, Any]) -> AddressScope:
    if changes:
        subnet_pools.update_scope(tx, scope_id, changes)
    scope = subnet_pools.get_scope(tx, scope_id)
    if scope.shared:
        rbac.grant(tx, SCOPE, scope.id, rbac.SHARED, owner=scope.project_id)
    return scope


def delete_scope(ctx: Context, scope: AddressScope) -> None:
    """Delete an address scope that no pool is in."""
    ctx.db.run(_delete_scope, scope.id)


def _delete_scope(tx: Transaction, scope_id: str) -> None:
    if not subnet_pools.lock_scope(tx, scope_id):
        raise AddressScopeNotFound(scope_id)
    if subnet_pools.of_scope(tx, scope_id):
        raise AddressScopeInUse(scope_id)
    subnet_pools.delete_scope(tx, scope_id)


# --- address groups ---------------------------------------------------------------------------------------


def get_group(ctx: Context, group_id: str) -> AddressGroup:
    """Return an address group that the caller may see."""
    return ctx.db.read(address_groups.get, group_id, reach(ctx))


def index_groups(ctx: Context, wanted: standard.Wanted, page: Page) -> list[AddressGroup]:
    """Return address groups that the caller may see."""
    return ctx.db.read(address_groups.index, reach(ctx), wanted, page)


def create_groups(ctx: Context, bodies: Sequence[dict[str, Any]]) -> list[AddressGroup]:
    """Make address groups, all or none."""
    return ctx.db.run(_create_groups, bodies)


def _create_groups(tx: Transaction, bodies: Sequence[dict[str, Any]]) -> list[AddressGroup]:
    made = []
    for body in bodies:
        row = {
            **standard.new_row(tx, body["project_id"], body["description"]),
            "name": body["name"],
            "addresses": _normal(body["addresses"]),
        }
        address_groups.insert(tx, row)
        made.append(address_groups.get(tx, row["id"]))
    return made


def _normal(addresses: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(str(ip_network(address, strict=False)) for address in addresses))


def update_group(
    ctx: Context, group: AddressGroup, changes: dict[str, Any], *, expected: int | None = None
) -> AddressGroup:
    """Change what an address group is called."""
    return write(ctx, _update_group, group.id, changes, expected)


def _update_group(
    tx: Transaction, news: News, group_id: str, changes: dict[str, Any], expected: int | None
) -> AddressGroup:
    if not address_groups.lock(tx, group_id, expected):
        raise AddressGroupNotFound(group_id)
    address_groups.update(tx, group_id, changes)
    for security_group_id in security_groups.naming_address_group(tx, group_id):
        news.group(security_group_id)
    return address_groups.get(tx, group_id)


def add_addresses(ctx: Context, group: AddressGroup, addresses: Sequence[str]) -> AddressGroup:
    """Add ranges to an address group."""
    return write(ctx, _add_addresses, group.id, _normal(addresses))


def _add_addresses(tx: Transaction, news: News, group_id: str, addresses: list[str]) -> AddressGroup:
    address_groups.lock(tx, group_id)
    present = address_groups.get(tx, group_id).addresses
    if known := [address for address in addresses if address in present]:
        raise AddressesAlreadyExist(known, group_id)
    return _update_group(tx, news, group_id, {"addresses": [*present, *addresses]}, None)


def remove_addresses(ctx: Context, group: AddressGroup, addresses: Sequence[str]) -> AddressGroup:
    """Take ranges from an address group."""
    return write(ctx, _remove_addresses, group.id, _normal(addresses))


def _remove_addresses(tx: Transaction, news: News, group_id: str, addresses: list[str]) -> AddressGroup:
    address_groups.lock(tx, group_id)
    present = address_groups.get(tx, group_id).addresses
    if unknown := [address for address in addresses if address not in present]:
        raise AddressesNotFound(unknown, group_id)
    left = [address for address in present if address not in addresses]
    return _update_group(tx, news, group_id, {"addresses": left}, None)


def delete_group(ctx: Context, group: AddressGroup) -> None:
    """Delete an address group that no rule refers to."""
    ctx.db.run(_delete_group, group.id)


def _delete_group(tx: Transaction, group_id: str) -> None:
    if not address_groups.lock(tx, group_id):
        raise AddressGroupNotFound(group_id)
    if address_groups.is_used(tx, group_id):
        raise AddressGroupInUse(group_id)
    address_groups.delete(tx, group_id)
