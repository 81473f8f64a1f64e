"""/os-networks and /os-tenant-networks, up to 2.35: what a caller may see of the network service's networks."""

from __future__ import annotations

from typing import Any

from nacre.kernel.errors import Gone, NotFound
from nacre.kernel.http.request import Request
from nacre.kernel.http.routing import AUTHENTICATED, Routes
from nacre.kernel.ids import is_uuid_like
from nacre.kernel.wire import SHOW, Resource, field
from nacre.services.compute import policy as rules
from nacre.services.compute.api.retired import MESSAGE
from nacre.services.compute.app import networks
from nacre.services.network.client import Network

UNTIL = "2.35"


class TenantNetwork(Resource):
    key, keys = "network", "networks"

    id = field(SHOW)
    label = field(SHOW, source="name")
    # compat: networks had one range of addresses once; since they have subnets, this says nothing (nova)
    cidr = field(SHOW, source=lambda req, network: "None")


class OldNetwork(Resource):
    """A network as it was when compute had networks: since they have subnets, little is left to say of one."""

    key, keys = "network", "networks"

    id = field(SHOW)
    label = field(SHOW, source="name")
    mtu = field(SHOW)
    cidr, cidr_v6, netmask, netmask_v6, broadcast, gateway, gateway_v6, dns1, dns2 = (
        field(SHOW, source=lambda req, network: None) for _ in range(9)
    )


tenant_routes = Routes("/v2.1/os-tenant-networks", resource=TenantNetwork)
routes = Routes("/v2.1/os-networks", resource=OldNetwork)


@tenant_routes.get(policy=rules.TENANT_NETWORKS_LIST, until=UNTIL)
def index_of_project(req: Request) -> dict[str, Any]:
    return {"networks": [req.show(TenantNetwork, each) for each in networks.index(req.ctx)]}


@tenant_routes.get("/{network_id}", policy=rules.TENANT_NETWORKS_SHOW, until=UNTIL)
def show_of_project(req: Request, network_id: str) -> dict[str, Any]:
    return {"network": req.show(TenantNetwork, _find(req, network_id))}


def _find(req: Request, network_id: str) -> Network:
    if not is_uuid_like(network_id):
        raise NotFound("Network not found")
    return networks.get(req.ctx, network_id)


@routes.get(policy=rules.NETWORKS_LIST, until=UNTIL)
def index(req: Request) -> dict[str, Any]:
    return {"networks": [req.show(OldNetwork, each) for each in networks.index(req.ctx)]}


@routes.get("/{network_id}", policy=rules.NETWORKS_SHOW, until=UNTIL)
def show(req: Request, network_id: str) -> dict[str, Any]:
    return {"network": req.show(OldNetwork, _find(req, network_id))}


@routes.post(policy=AUTHENTICATED)
@tenant_routes.post(policy=AUTHENTICATED)
def create(req: Request) -> None:
    raise Gone(MESSAGE)


@routes.delete("/{network_id}", policy=AUTHENTICATED)
@tenant_routes.delete("/{network_id}", policy=AUTHENTICATED)
def delete(req: Request, network_id: str) -> None:
    raise Gone(MESSAGE)


@routes.post("/{network_id}/action", policy=AUTHENTICATED)
def act(req: Request, network_id: str) -> None:
    raise Gone(MESSAGE)
