"""/os-floating-ips, up to 2.35, and the actions that lead them to servers, up to 2.43: passed on to the network."""

from __future__ import annotations

from typing import Any

from nacre.kernel.http.request import Request, Response
from nacre.kernel.http.routing import Routes
from nacre.kernel.wire import IP, SHOW, Nullable, Object, Resource, Str, field
from nacre.services.compute import policy as rules
from nacre.services.compute.app import floating_ips, servers
from nacre.services.compute.db.servers import Server

UNTIL, ACTIONS_UNTIL = "2.35", "2.43"
POOL = Nullable(Object({"pool": Nullable(Str(1, 255))}))
ADD = Object({"address": IP, "fixed_address": Nullable(IP)}, required=("address",))
REMOVE = Object({"address": IP}, required=("address",))


class FloatingIp(Resource):
    key, keys = "floating_ip", "floating_ips"

    id = field(SHOW, source="floating_ip.id")
    ip = field(SHOW, source="floating_ip.floating_ip_address")
    pool = field(SHOW)
    fixed_ip = field(SHOW, source="floating_ip.fixed_ip_address")
    server_id = field(SHOW, wire="instance_id")


routes = Routes("/v2.1", resource=FloatingIp)


@routes.get("/os-floating-ip-pools", policy=rules.FLOATING_IP_POOLS, until=UNTIL)
def index_pools(req: Request) -> dict[str, Any]:
    return {"floating_ip_pools": [{"name": name} for name in floating_ips.pools(req.ctx)]}


@routes.get("/os-floating-ips", policy=rules.FLOATING_IPS_LIST, until=UNTIL)
def index(req: Request) -> dict[str, Any]:
    return {"floating_ips": [req.show(FloatingIp, each) for each in floating_ips.index(req.ctx)]}


@routes.post("/os-floating-ips", policy=rules.FLOATING_IPS_CREATE, until=UNTIL)
def create(req: Request) -> dict[str, Any]:
    asked = req.checked(POOL) if req.body else None
    made = floating_ips.create(req.ctx, (asked or {}).get("pool"))
    return {"floating_ip": req.show(FloatingIp, made)}


@routes.get("/os-floating-ips/{floating_ip_id}", policy=rules.FLOATING_IPS_SHOW, until=UNTIL)
def show(req: Request, floating_ip_id: str) -> dict[str, Any]:
    return {"floating_ip": req.show(FloatingIp, floating_ips.get(req.ctx, floating_ip_id))}


@routes.delete("/os-floating-ips/{floating_ip_id}", policy=rules.FLOATING_IPS_DELETE, until=UNTIL)
def delete(req: Request, floating_ip_id: str) -> Response:
    floating_ips.delete(req.ctx, floating_ips.get(req.ctx, floating_ip_id))
    return Response(202)


@routes.action(
    "addFloatingIp",
    path="/servers/{server_id}/action",
    policy=rules.FLOATING_IPS_ADD,
    load=servers.get,
    status=202,
    body=ADD,
    until=ACTIONS_UNTIL,
)
def add(req: Request, server: Server, body: dict[str, Any]) -> None:
    floating_ips.associate(req.ctx, server, body["address"], body.get("fixed_address"))


@routes.action(
    "removeFloatingIp",
    path="/servers/{server_id}/action",
    policy=rules.FLOATING_IPS_REMOVE,
    load=servers.get,
    status=202,
    body=REMOVE,
    until=ACTIONS_UNTIL,
)
def remove(req: Request, server: Server, body: dict[str, Any]) -> None:
    floating_ips.dissociate(req.ctx, server, body["address"])
