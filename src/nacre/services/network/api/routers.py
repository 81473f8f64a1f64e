"""Routers: /v2.0/routers."""

from __future__ import annotations

from collections.abc import Callable
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
    Each,
    Nullable,
    Object,
    Str,
    field,
)
from nacre.services.network import policy
from nacre.services.network.api import rights, verbs
from nacre.services.network.api.checks import FIXED_IPS, ROUTE, Tagged
from nacre.services.network.app import routers
from nacre.services.network.db.routers import Router as Row

ROUTES = Nullable(Each(ROUTE))
LEG = Object({"subnet_id": Nullable(Str(1, 36)), "port_id": Nullable(Str(1, 36))})
SOME_ROUTES = Object({"routes": ROUTES}, required=("routes",))


class Gateway:
    """How a router is led out; an empty object leads it nowhere."""

    MEMBERS = Object({"network_id": UUID, "enable_snat": BOOL, "external_fixed_ips": FIXED_IPS})
    COMPLETE = Object(MEMBERS.members, required=("network_id",))

    def __call__(self, value: Any) -> dict[str, Any] | None:
        return self.COMPLETE(value) if value else None

    def schema(self) -> dict[str, Any]:
        return self.MEMBERS.schema()


def _gateway(req: Request, router: Row) -> dict[str, Any] | None:
    if router.gateway_network_id is None:
        return None
    return {
        "network_id": router.gateway_network_id,
        "external_fixed_ips": [
            {"subnet_id": ip.subnet_id, "ip_address": ip.ip_address} for ip in router.gateway_ips
        ],
        "enable_snat": router.enable_snat,
    }


def _zones(req: Request, router: Row) -> list[str]:
    return [req.ctx.config.availability_zone] if router.host else []


class Router(Tagged):
    """A router between networks."""

    key, keys = "router", "routers"

    name = field(CREATE, UPDATE, SHOW, FILTER, SORT, check=TEXT, default="")
    admin_state_up = field(CREATE, UPDATE, SHOW, FILTER, SORT, check=BOOL, default=True)
    status = field(SHOW, FILTER, SORT)
    gateway = field(
        CREATE, UPDATE, SHOW, check=Nullable(Gateway()), default=None, wire="external_gateway_info",
        source=_gateway,
    )  # fmt: skip
    routes = field(UPDATE, SHOW, check=ROUTES)
    availability_zone_hints = field(CREATE, SHOW, check=Each(Str(1, 255)), default=list, render=list)
    availability_zones = field(SHOW, source=_zones)


routes = Routes("/v2.0/routers", resource=Router)


@routes.get(policy=policy.GET_ROUTER)
def index(req: Request) -> Any:
    return verbs.listed(req, Router, routers.index)


@routes.post(policy=HANDLER_AUTHORISES, status=201, bulk=True)
def create(req: Request, body: Any) -> Any:
    return verbs.created(req, Router, "create_router", body, routers.create)


@routes.get("/{id}", policy=policy.GET_ROUTER, load=routers.get, target=rights.loaded_itself)
def show(req: Request, router: Row) -> Any:
    return verbs.one(req, Router, router)


@routes.put("/{id}", policy=HANDLER_AUTHORISES, load=routers.get)
def update(req: Request, router: Row, body: Any) -> Any:
    return verbs.updated(req, Router, "update_router", router, body, routers.update)


@routes.delete("/{id}", policy=policy.DELETE_ROUTER, load=routers.get, target=rights.loaded_itself)
def delete(req: Request, router: Row) -> None:
    routers.delete(req.ctx, router, expected=verbs.expected(req))


def _interface(change: Callable[..., routers.Interface], req: Request, router: Row, body: Any) -> Any:
    made = change(req.ctx, router, subnet_id=body.get("subnet_id"), port_id=body.get("port_id"))
    return {
        "id": router.id,
        "project_id": router.project_id,
        "tenant_id": router.project_id,
        "port_id": made.port.id,
        "network_id": made.port.network_id,
        "subnet_id": made.subnet_ids[0] if made.subnet_ids else None,
        "subnet_ids": list(made.subnet_ids),
    }


@routes.put(
    "/{id}/add_router_interface", policy=policy.ADD_ROUTER_INTERFACE, load=routers.get,
    target=rights.loaded_itself, body=LEG,
)  # fmt: skip
def add_router_interface(req: Request, router: Row, body: Any) -> Any:
    return _interface(routers.add_interface, req, router, body)


@routes.put(
    "/{id}/remove_router_interface", policy=policy.REMOVE_ROUTER_INTERFACE, load=routers.get,
    target=rights.loaded_itself, body=LEG,
)  # fmt: skip
def remove_router_interface(req: Request, router: Row, body: Any) -> Any:
    return _interface(routers.remove_interface, req, router, body)


@routes.put(
    "/{id}/add_extraroutes", policy=policy.ADD_EXTRAROUTES, load=routers.get,
    target=rights.loaded_itself, body=SOME_ROUTES, envelope="router",
)  # fmt: skip
def add_extraroutes(req: Request, router: Row, body: Any) -> Any:
    return {"router": req.show(Router, routers.add_routes(req.ctx, router, body["routes"] or []))}


@routes.put(
    "/{id}/remove_extraroutes", policy=policy.REMOVE_EXTRAROUTES, load=routers.get,
    target=rights.loaded_itself, body=SOME_ROUTES, envelope="router",
)  # fmt: skip
def remove_extraroutes(req: Request, router: Row, body: Any) -> Any:
    return {"router": req.show(Router, routers.remove_routes(req.ctx, router, body["routes"] or []))}
