"""Subnet pools: /v2.0/subnetpools."""

from __future__ import annotations

from typing import Any

from nacre.kernel.http.request import Request
from nacre.kernel.http.routing import HANDLER_AUTHORISES, Routes
from nacre.kernel.wire import (
    BOOL,
    CREATE,
    FILTER,
    SHOW,
    SORT,
    TEXT,
    UPDATE,
    UUID,
    Int,
    Nullable,
    Object,
    field,
)
from nacre.services.network import policy
from nacre.services.network.api import rights, verbs
from nacre.services.network.api.checks import PREFIX_LENGTH, AsList, Cidr, Tagged
from nacre.services.network.app import subnet_pools
from nacre.services.network.db.subnet_pools import SubnetPool as Row

PREFIXES = AsList(Cidr())
SOME_PREFIXES = Object({"prefixes": PREFIXES}, required=("prefixes",))


class SubnetPool(Tagged):
    """A pool of ranges for subnets."""

    key, keys = "subnetpool", "subnetpools"

    name = field(CREATE, UPDATE, SHOW, FILTER, SORT, check=TEXT, required=True)
    prefixes = field(CREATE, UPDATE, SHOW, check=PREFIXES, required=True)
    ip_version = field(SHOW, FILTER, SORT, check=Int(4, 6))
    default_prefixlen = field(CREATE, UPDATE, SHOW, FILTER, SORT, check=Nullable(PREFIX_LENGTH), render=str)
    min_prefixlen = field(CREATE, UPDATE, SHOW, FILTER, SORT, check=Nullable(PREFIX_LENGTH), render=str)
    max_prefixlen = field(CREATE, UPDATE, SHOW, FILTER, SORT, check=Nullable(PREFIX_LENGTH), render=str)
    default_quota = field(CREATE, UPDATE, SHOW, FILTER, SORT, check=Nullable(Int(0)), default=None)
    shared = field(CREATE, SHOW, FILTER, check=BOOL, default=False)
    is_default = field(CREATE, UPDATE, SHOW, FILTER, check=BOOL, default=False)
    address_scope_id = field(CREATE, UPDATE, SHOW, FILTER, check=Nullable(UUID), default=None)


routes = Routes("/v2.0/subnetpools", resource=SubnetPool)


@routes.get(policy=policy.GET_SUBNET_POOL)
def index(req: Request) -> Any:
    return verbs.listed(req, SubnetPool, subnet_pools.index)


@routes.post(policy=HANDLER_AUTHORISES, status=201, bulk=True, creates="subnet_pools")
def create(req: Request, body: Any) -> Any:
    return verbs.created(req, SubnetPool, "create_subnetpool", body, subnet_pools.create)


@routes.get("/{id}", policy=policy.GET_SUBNET_POOL, load=subnet_pools.get, target=rights.loaded_itself)
def show(req: Request, pool: Row) -> Any:
    return verbs.one(req, SubnetPool, pool)


@routes.put("/{id}", policy=HANDLER_AUTHORISES, load=subnet_pools.get)
def update(req: Request, pool: Row, body: Any) -> Any:
    return verbs.updated(req, SubnetPool, "update_subnetpool", pool, body, subnet_pools.update)


@routes.delete("/{id}", policy=policy.DELETE_SUBNET_POOL, load=subnet_pools.get, target=rights.loaded_itself)
def delete(req: Request, pool: Row) -> None:
    subnet_pools.delete(req.ctx, pool, expected=verbs.expected(req))


@routes.put(
    "/{id}/add_prefixes", policy=policy.ADD_PREFIXES, load=subnet_pools.get, target=rights.loaded_itself,
    body=SOME_PREFIXES,
)  # fmt: skip
def add_prefixes(req: Request, pool: Row, body: Any) -> Any:
    return {"prefixes": subnet_pools.add_prefixes(req.ctx, pool, body["prefixes"]).prefixes}


@routes.put(
    "/{id}/remove_prefixes", policy=policy.REMOVE_PREFIXES, load=subnet_pools.get,
    target=rights.loaded_itself, body=SOME_PREFIXES,
)  # fmt: skip
def remove_prefixes(req: Request, pool: Row, body: Any) -> Any:
    return {"prefixes": subnet_pools.remove_prefixes(req.ctx, pool, body["prefixes"]).prefixes}
