"""Address scopes and address groups: /v2.0/address-scopes, /v2.0/address-groups."""

from __future__ import annotations

from typing import Any

from nacre.kernel.http.request import Request
from nacre.kernel.http.routing import HANDLER_AUTHORISES, Routes
from nacre.kernel.wire import BOOL, CREATE, FILTER, SHOW, SORT, TEXT, UPDATE, Each, Object, field
from nacre.services.network import policy
from nacre.services.network.api import rights, verbs
from nacre.services.network.api.checks import Cidr, Owned, Standard
from nacre.services.network.api.subnets import IpVersion
from nacre.services.network.app import address_plans
from nacre.services.network.db.address_groups import AddressGroup as GroupRow
from nacre.services.network.db.subnet_pools import AddressScope as ScopeRow

ADDRESSES = Each(Cidr())
SOME_ADDRESSES = Object({"addresses": ADDRESSES}, required=("addresses",))


class AddressScope(Owned):
    """Pools whose ranges never overlap."""

    key, keys = "address_scope", "address_scopes"

    name = field(CREATE, UPDATE, SHOW, FILTER, SORT, check=TEXT, required=True)
    ip_version = field(CREATE, SHOW, FILTER, SORT, check=IpVersion(), required=True)
    shared = field(CREATE, UPDATE, SHOW, FILTER, check=BOOL, default=False)


class AddressGroup(Standard):
    """A named list of ranges."""

    key, keys = "address_group", "address_groups"

    name = field(CREATE, UPDATE, SHOW, FILTER, SORT, check=TEXT, default="")
    addresses = field(CREATE, SHOW, check=ADDRESSES, default=list)
    shared = field(SHOW)


scope_routes = Routes("/v2.0/address-scopes", resource=AddressScope)
group_routes = Routes("/v2.0/address-groups", resource=AddressGroup)


@scope_routes.get(policy=policy.GET_SCOPE)
def index_scopes(req: Request) -> Any:
    return verbs.listed(req, AddressScope, address_plans.index_scopes)


@scope_routes.post(policy=HANDLER_AUTHORISES, status=201, bulk=True)
def create_scope(req: Request, body: Any) -> Any:
    return verbs.created(req, AddressScope, "create_address_scope", body, address_plans.create_scopes)


@scope_routes.get("/{id}", policy=policy.GET_SCOPE, load=address_plans.get_scope, target=rights.loaded_itself)
def show_scope(req: Request, scope: ScopeRow) -> Any:
    return verbs.one(req, AddressScope, scope)


@scope_routes.put("/{id}", policy=HANDLER_AUTHORISES, load=address_plans.get_scope)
def update_scope(req: Request, scope: ScopeRow, body: Any) -> Any:
    return verbs.updated(req, AddressScope, "update_address_scope", scope, body, address_plans.update_scope)


@scope_routes.delete(
    "/{id}", policy=policy.DELETE_SCOPE, load=address_plans.get_scope, target=rights.loaded_itself
)
def delete_scope(req: Request, scope: ScopeRow) -> None:
    address_plans.delete_scope(req.ctx, scope)


@group_routes.get(policy=policy.GET_ADDRESS_GROUP)
def index_groups(req: Request) -> Any:
    return verbs.listed(req, AddressGroup, address_plans.index_groups)


@group_routes.post(policy=HANDLER_AUTHORISES, status=201, bulk=True)
def create_group(req: Request, body: Any) -> Any:
    return verbs.created(req, AddressGroup, "create_address_group", body, address_plans.create_groups)


@group_routes.get(
    "/{id}", policy=policy.GET_ADDRESS_GROUP, load=address_plans.get_group, target=rights.loaded_itself
)
def show_group(req: Request, group: GroupRow) -> Any:
    return verbs.one(req, AddressGroup, group)


@group_routes.put("/{id}", policy=HANDLER_AUTHORISES, load=address_plans.get_group)
def update_group(req: Request, group: GroupRow, body: Any) -> Any:
    return verbs.updated(req, AddressGroup, "update_address_group", group, body, address_plans.update_group)


@group_routes.delete(
    "/{id}", policy=policy.DELETE_ADDRESS_GROUP, load=address_plans.get_group, target=rights.loaded_itself
)
def delete_group(req: Request, group: GroupRow) -> None:
    address_plans.delete_group(req.ctx, group)


@group_routes.put(
    "/{id}/add_addresses", policy=policy.UPDATE_ADDRESS_GROUP, load=address_plans.get_group,
    target=rights.loaded_itself, body=SOME_ADDRESSES,
)  # fmt: skip
def add_addresses(req: Request, group: GroupRow, body: Any) -> Any:
    changed = address_plans.add_addresses(req.ctx, group, body["addresses"])
    return {"address_group": req.show(AddressGroup, changed)}


@group_routes.put(
    "/{id}/remove_addresses", policy=policy.UPDATE_ADDRESS_GROUP, load=address_plans.get_group,
    target=rights.loaded_itself, body=SOME_ADDRESSES,
)  # fmt: skip
def remove_addresses(req: Request, group: GroupRow, body: Any) -> Any:
    changed = address_plans.remove_addresses(req.ctx, group, body["addresses"])
    return {"address_group": req.show(AddressGroup, changed)}
