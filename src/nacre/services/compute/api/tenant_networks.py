"""/os-tenant-networks, up to 2.35: the networks that a project may use, passed on from the network service."""

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

UNTIL = "2.35"


class TenantNetwork(Resource):
    key, keys = "network", "networks"

    id = field(SHOW)
    label = field(SHOW, source="name")
    # compat: networks had one range of addresses once; since they have subnets, this says nothing (nova)
    cidr = field(SHOW, source=lambda req, network: "None")


routes = Routes("/v2.1/os-tenant-networks", resource=TenantNetwork)


@routes.get(policy=rules.TENANT_NETWORKS_LIST, until=UNTIL)
def index(req: Request) -> dict[str, Any]:
    return {"networks": [req.show(TenantNetwork, each) for each in networks.index(req.ctx)]}


@routes.get("/{network_id}", policy=rules.TENANT_NETWORKS_SHOW, until=UNTIL)
def show(req: Request, network_id: str) -> dict[str, Any]:
    if not is_uuid_like(network_id):
        raise NotFound("Network not found")
    return {"network": req.show(TenantNetwork, networks.get(req.ctx, network_id))}


@routes.post(policy=AUTHENTICATED)
def create(req: Request) -> None:
    raise Gone(MESSAGE)


@routes.delete("/{network_id}", policy=AUTHENTICATED)
def delete(req: Request, network_id: str) -> None:
    raise Gone(MESSAGE)
