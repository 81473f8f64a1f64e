"""Floating IPs: /v2.0/floatingips."""

from __future__ import annotations

from typing import Any

import msgspec

from nacre.kernel.http.request import Request
from nacre.kernel.http.routing import HANDLER_AUTHORISES, Routes
from nacre.kernel.wire import CREATE, FILTER, IP, SHOW, SORT, UPDATE, UUID, Nullable, Str, field
from nacre.services.network import policy
from nacre.services.network.api import rights, verbs
from nacre.services.network.api.checks import Tagged
from nacre.services.network.app import floating_ips
from nacre.services.network.db.floating_ips import FloatingIp as Row


def _port(req: Request, floating_ip: Row) -> dict[str, Any] | None:
    return None if floating_ip.port_details is None else msgspec.structs.asdict(floating_ip.port_details)


class FloatingIp(Tagged):
    """An outside address that leads to an inside one."""

    key, keys = "floatingip", "floatingips"

    floating_network_id = field(CREATE, SHOW, FILTER, SORT, check=UUID, required=True)
    floating_ip_address = field(CREATE, SHOW, FILTER, SORT, check=Nullable(IP), default=None)
    subnet_id = field(CREATE, check=Nullable(UUID), default=None)
    port_id = field(CREATE, UPDATE, SHOW, FILTER, SORT, check=Nullable(UUID))
    fixed_ip_address = field(CREATE, UPDATE, SHOW, FILTER, SORT, check=Nullable(IP))
    router_id = field(SHOW, FILTER, SORT)
    status = field(SHOW, FILTER, SORT)
    port_details = field(SHOW, source=_port)
    port_forwardings = field(SHOW, render=list)
    dns_name = field(CREATE, SHOW, FILTER, check=Str(0, 255), default="")
    dns_domain = field(CREATE, SHOW, FILTER, check=Str(0, 255), default="")


routes = Routes("/v2.0/floatingips", resource=FloatingIp)


@routes.get(policy=policy.GET_FLOATING_IP)
def index(req: Request) -> Any:
    return verbs.listed(req, FloatingIp, floating_ips.index)


@routes.post(policy=HANDLER_AUTHORISES, status=201, bulk=True, creates="floating_ips")
def create(req: Request, body: Any) -> Any:
    return verbs.created(req, FloatingIp, "create_floatingip", body, floating_ips.create)


@routes.get("/{id}", policy=policy.GET_FLOATING_IP, load=floating_ips.get, target=rights.loaded_itself)
def show(req: Request, floating_ip: Row) -> Any:
    return verbs.one(req, FloatingIp, floating_ip)


@routes.put("/{id}", policy=HANDLER_AUTHORISES, load=floating_ips.get)
def update(req: Request, floating_ip: Row, body: Any) -> Any:
    return verbs.updated(req, FloatingIp, "update_floatingip", floating_ip, body, floating_ips.update)


@routes.delete("/{id}", policy=policy.DELETE_FLOATING_IP, load=floating_ips.get, target=rights.loaded_itself)
def delete(req: Request, floating_ip: Row) -> None:
    floating_ips.delete(req.ctx, floating_ip, expected=verbs.expected(req))
