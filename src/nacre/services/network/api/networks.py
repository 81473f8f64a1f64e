"""Networks: /v2.0/networks."""

from __future__ import annotations

from typing import Any

from nacre.kernel.http.request import Request
from nacre.kernel.http.routing import HANDLER_AUTHORISES, Routes
from nacre.kernel.wire import BOOL, CREATE, FILTER, SHOW, SORT, TEXT, UPDATE, Each, Int, Nullable, Str, field
from nacre.services.network import policy
from nacre.services.network.api import rights, verbs
from nacre.services.network.api.checks import Tagged
from nacre.services.network.app import networks
from nacre.services.network.db.networks import Network as Row


def _zones(req: Request, network: Row) -> list[str]:
    return [req.ctx.config.availability_zone] if network.is_served else []


class Network(Tagged):
    """A network."""

    key, keys = "network", "networks"

    name = field(CREATE, UPDATE, SHOW, FILTER, SORT, check=TEXT, default="")
    status = field(SHOW, FILTER)
    admin_state_up = field(CREATE, UPDATE, SHOW, FILTER, SORT, check=BOOL, default=True)
    shared = field(CREATE, UPDATE, SHOW, FILTER, check=BOOL, default=False)
    external = field(CREATE, UPDATE, SHOW, FILTER, check=BOOL, default=False, wire="router:external")
    is_default = field(CREATE, UPDATE, SHOW, FILTER, check=BOOL, default=False)
    port_security_enabled = field(CREATE, UPDATE, SHOW, FILTER, check=BOOL, default=True)
    mtu = field(CREATE, UPDATE, SHOW, FILTER, SORT, check=Int(0))
    dns_domain = field(CREATE, UPDATE, SHOW, FILTER, check=Str(0, 255), default="")
    subnets = field(SHOW, FILTER, render=list)
    availability_zone_hints = field(CREATE, SHOW, check=Each(Str(1, 255)), default=list, render=list)
    availability_zones = field(SHOW, source=_zones)
    ipv4_address_scope = field(SHOW, source=lambda req, network: network.address_scopes.get(4))
    ipv6_address_scope = field(SHOW, source=lambda req, network: network.address_scopes.get(6))
    kind = field(
        CREATE, UPDATE, SHOW, FILTER, check=Nullable(Str(1, 32)), wire="provider:network_type",
        policy=policy.GET_NETWORK_PROVIDER,
    )  # fmt: skip
    physical_network = field(
        CREATE, UPDATE, SHOW, FILTER, check=Nullable(Str(1, 64)), wire="provider:physical_network",
        policy=policy.GET_NETWORK_WIRE,
    )  # fmt: skip
    segmentation_id = field(
        CREATE, UPDATE, SHOW, FILTER, check=Nullable(Int(None)), wire="provider:segmentation_id",
        policy=policy.GET_NETWORK_SEGMENT,
    )  # fmt: skip


routes = Routes("/v2.0/networks", resource=Network)


@routes.get(policy=policy.GET_NETWORK)
def index(req: Request) -> Any:
    return verbs.listed(req, Network, networks.index)


@routes.post(policy=HANDLER_AUTHORISES, status=201, bulk=True)
def create(req: Request, body: Any) -> Any:
    return verbs.created(req, Network, "create_network", body, networks.create)


@routes.get("/{id}", policy=policy.GET_NETWORK, load=networks.get, target=rights.loaded_itself)
def show(req: Request, network: Row) -> Any:
    return verbs.one(req, Network, network)


@routes.put("/{id}", policy=HANDLER_AUTHORISES, load=networks.get)
def update(req: Request, network: Row, body: Any) -> Any:
    return verbs.updated(req, Network, "update_network", network, body, networks.update)


@routes.delete("/{id}", policy=policy.DELETE_NETWORK, load=networks.get, target=rights.loaded_itself)
def delete(req: Request, network: Row) -> None:
    networks.delete(req.ctx, network, expected=verbs.expected(req))
