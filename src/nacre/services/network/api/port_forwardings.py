"""Forwarded ports of floating IPs: /v2.0/floatingips/{id}/port_forwardings."""

from __future__ import annotations

from typing import Any

from nacre.kernel.context import Context
from nacre.kernel.http.request import Request
from nacre.kernel.http.routing import Routes
from nacre.kernel.wire import (
    CREATE,
    FILTER,
    IP,
    SHOW,
    SORT,
    TEXT,
    UPDATE,
    UUID,
    Enum,
    Int,
    Nullable,
    Resource,
    field,
)
from nacre.services.network import policy
from nacre.services.network.api import rights, verbs
from nacre.services.network.app import floating_ips, port_forwardings
from nacre.services.network.db.floating_ips import FloatingIp as FloatingRow
from nacre.services.network.db.port_forwardings import PortForwarding as Row

PORT = Int(1, 65535)


class PortForwarding(Resource):
    """One port of a floating IP, led to one port of a server."""

    key, keys = "port_forwarding", "port_forwardings"

    id = field(SHOW, FILTER, SORT)
    protocol = field(CREATE, UPDATE, SHOW, FILTER, SORT, check=Enum("tcp", "udp", fold=True), required=True)
    external_port = field(CREATE, UPDATE, SHOW, FILTER, SORT, check=PORT, required=True)
    internal_port = field(CREATE, UPDATE, SHOW, FILTER, SORT, check=PORT, required=True)
    internal_ip_address = field(CREATE, UPDATE, SHOW, FILTER, SORT, check=Nullable(IP))
    internal_port_id = field(CREATE, UPDATE, SHOW, FILTER, SORT, check=UUID, required=True)
    description = field(CREATE, UPDATE, SHOW, FILTER, SORT, check=TEXT, default="")


routes = Routes("/v2.0/floatingips/{floatingip_id}/port_forwardings", resource=PortForwarding)


def _of_parent(ctx: Context, loaded: FloatingRow | Row, body: Any) -> rights.Target:
    return rights.target_of(loaded) | {
        "ext_parent:tenant_id": loaded.project_id,
        "ext_parent:project_id": loaded.project_id,
    }


@routes.get(policy=policy.GET_FORWARDING, load=floating_ips.get, target=_of_parent)
def index(req: Request, floating_ip: FloatingRow) -> Any:
    return verbs.listed(
        req,
        PortForwarding,
        lambda ctx, wanted, page: port_forwardings.index(ctx, floating_ip, wanted, page),
    )


@routes.post(policy=policy.CREATE_FORWARDING, load=floating_ips.get, target=_of_parent, status=201, bulk=True)
def create(req: Request, floating_ip: FloatingRow, body: Any) -> Any:
    made = port_forwardings.create(req.ctx, floating_ip, body if isinstance(body, list) else [body])
    if isinstance(body, list):
        return {"port_forwardings": [req.show(PortForwarding, each) for each in made]}
    return {"port_forwarding": req.show(PortForwarding, made[0])}


@routes.get("/{id}", policy=policy.GET_FORWARDING, load=port_forwardings.get, target=_of_parent)
def show(req: Request, forwarding: Row) -> Any:
    return verbs.one(req, PortForwarding, forwarding)


@routes.put("/{id}", policy=policy.UPDATE_FORWARDING, load=port_forwardings.get, target=_of_parent)
def update(req: Request, forwarding: Row, body: Any) -> Any:
    return {"port_forwarding": req.show(PortForwarding, port_forwardings.update(req.ctx, forwarding, body))}


@routes.delete("/{id}", policy=policy.DELETE_FORWARDING, load=port_forwardings.get, target=_of_parent)
def delete(req: Request, forwarding: Row) -> None:
    port_forwardings.delete(req.ctx, forwarding)
