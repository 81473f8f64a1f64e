"""Subnets: /v2.0/subnets."""

from __future__ import annotations

from typing import Any

from nacre.kernel.http.request import Request
from nacre.kernel.http.routing import HANDLER_AUTHORISES, Routes
from nacre.kernel.wire import (
    BOOL,
    CREATE,
    FILTER,
    IP,
    SHOW,
    SORT,
    TEXT,
    UPDATE,
    UUID,
    Each,
    Enum,
    Int,
    Nullable,
    Object,
    Str,
    field,
)
from nacre.services.network import policy
from nacre.services.network.api import rights, verbs
from nacre.services.network.api.checks import MODE_NAMES, PREFIX_LENGTH, ROUTE, Cidr, Tagged
from nacre.services.network.app import subnets
from nacre.services.network.db.subnets import Subnet as Row

POOL = Object({"start": IP, "end": IP}, required=("start", "end"))
IPV6_MODE = Nullable(Enum(*MODE_NAMES))


def _pools(req: Request, subnet: Row) -> list[dict[str, str]]:
    return [{"start": pool.start, "end": pool.end} for pool in subnet.allocation_pools]


class IpVersion(Int):
    """4 or 6."""

    def __init__(self) -> None:
        super().__init__(4, 6)


class Subnet(Tagged):
    """A range of addresses on a network."""

    key, keys = "subnet", "subnets"

    name = field(CREATE, UPDATE, SHOW, FILTER, SORT, check=TEXT, default="")
    network_id = field(CREATE, SHOW, FILTER, SORT, check=UUID, required=True)
    ip_version = field(CREATE, SHOW, FILTER, SORT, check=IpVersion(), required=True)
    cidr = field(CREATE, SHOW, FILTER, SORT, check=Nullable(Cidr(exact=True)))
    subnetpool_id = field(CREATE, SHOW, FILTER, check=Nullable(UUID))
    use_default_subnetpool = field(CREATE, check=BOOL, default=False)
    prefixlen = field(CREATE, check=Nullable(PREFIX_LENGTH))
    gateway_ip = field(CREATE, UPDATE, SHOW, FILTER, SORT, check=Nullable(IP))
    allocation_pools = field(CREATE, UPDATE, SHOW, check=Nullable(Each(POOL)), source=_pools)
    enable_dhcp = field(CREATE, UPDATE, SHOW, FILTER, SORT, check=BOOL, default=True)
    dns_nameservers = field(
        CREATE, UPDATE, SHOW, check=Nullable(Each(IP, unique=True)), default=list, render=list
    )
    host_routes = field(CREATE, UPDATE, SHOW, check=Nullable(Each(ROUTE)), default=list)
    service_types = field(CREATE, UPDATE, SHOW, check=Each(Str(1, 255)), default=list, render=list)
    ipv6_ra_mode = field(CREATE, SHOW, FILTER, check=IPV6_MODE, default=None)
    ipv6_address_mode = field(CREATE, SHOW, FILTER, check=IPV6_MODE, default=None)
    external = field(SHOW, FILTER, check=BOOL, wire="router:external")
    shared = field(FILTER, check=BOOL)


routes = Routes("/v2.0/subnets", resource=Subnet)


@routes.get(policy=policy.GET_SUBNET)
def index(req: Request) -> Any:
    return verbs.listed(req, Subnet, subnets.index)


@routes.post(policy=HANDLER_AUTHORISES, status=201, bulk=True)
def create(req: Request, body: Any) -> Any:
    return verbs.created(req, Subnet, "create_subnet", body, subnets.create, target=rights.on_network)


@routes.get("/{id}", policy=policy.GET_SUBNET, load=subnets.get, target=rights.loaded_on_network)
def show(req: Request, subnet: Row) -> Any:
    return verbs.one(req, Subnet, subnet)


@routes.put("/{id}", policy=HANDLER_AUTHORISES, load=subnets.get)
def update(req: Request, subnet: Row, body: Any) -> Any:
    target = rights.on_network(req.ctx, subnet)
    return verbs.updated(req, Subnet, "update_subnet", subnet, body, subnets.update, target=target)


@routes.delete("/{id}", policy=policy.DELETE_SUBNET, load=subnets.get, target=rights.loaded_on_network)
def delete(req: Request, subnet: Row) -> None:
    subnets.delete(req.ctx, subnet, expected=verbs.expected(req))
