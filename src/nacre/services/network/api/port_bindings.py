"""Hosts of ports: /v2.0/ports/{id}/bindings, by which a server's network is ready before the server comes."""

from __future__ import annotations

from typing import Any

from nacre.kernel.http.request import Request
from nacre.kernel.http.routing import Routes
from nacre.kernel.wire import CREATE, SHOW, FreeMap, Resource, Str, field
from nacre.kernel.wire import Any as AnyValue
from nacre.services.network import policy
from nacre.services.network.api.ports import CARD
from nacre.services.network.app import port_bindings, ports
from nacre.services.network.app.port_bindings import Shown
from nacre.services.network.db.ports import Port


class Binding(Resource):
    """One host of a port."""

    key, keys = "binding", "bindings"

    host = field(CREATE, SHOW, check=Str(1, 255), required=True, source="binding.host")
    vnic_type = field(CREATE, SHOW, check=CARD, default="normal", source="binding.vnic_type")
    profile = field(CREATE, SHOW, check=FreeMap(AnyValue()), default=dict, source="binding.profile")
    vif_type = field(SHOW, source="binding.vif_type")
    vif_details = field(
        SHOW,
        source=lambda req, each: {**each.binding.vif_details, "connected": each.binding.connected},
    )
    status = field(SHOW, source=lambda req, each: "ACTIVE" if each.active else "INACTIVE")


routes = Routes("/v2.0/ports/{id}/bindings", resource=Binding)


def _one(req: Request, found: Shown) -> Any:
    return {"binding": req.show(Binding, found)}


@routes.get(policy=policy.GET_BINDING, load=ports.get)
def index(req: Request, port: Port) -> Any:
    return {"bindings": [req.show(Binding, each) for each in port_bindings.index(req.ctx, port)]}


@routes.post(policy=policy.CREATE_BINDING, load=ports.get, status=201, creates="port_bindings.host")
def create(req: Request, port: Port, body: dict[str, Any]) -> Any:
    return _one(
        req,
        port_bindings.create(req.ctx, port, body["host"], body["vnic_type"], body["profile"]),
    )


@routes.get("/{host}", policy=policy.GET_BINDING, load=ports.get)
def show(req: Request, port: Port, host: str) -> Any:
    return _one(req, port_bindings.get(req.ctx, port, host))


@routes.delete("/{host}", policy=policy.DELETE_BINDING, load=ports.get)
def delete(req: Request, port: Port, host: str) -> None:
    port_bindings.delete(req.ctx, port, host)


@routes.put("/{host}/activate", policy=policy.ACTIVATE_BINDING, load=ports.get, body=None)
def activate(req: Request, port: Port, host: str) -> Any:
    return _one(req, port_bindings.activate(req.ctx, port, host))
