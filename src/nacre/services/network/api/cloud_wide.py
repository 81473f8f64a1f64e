"""What is neither network nor router: free addresses, ready-made networks, service providers."""

from __future__ import annotations

from typing import Any

from nacre.kernel.context import Context
from nacre.kernel.db import Page
from nacre.kernel.http.request import Request
from nacre.kernel.http.routing import HANDLER_AUTHORISES, Routes
from nacre.kernel.wire import FILTER, TEXT, Int, Resource, field
from nacre.services.network import policy
from nacre.services.network.api import verbs
from nacre.services.network.api.rights import Target
from nacre.services.network.app import availability, topologies

routes = Routes("/v2.0")
EVERYTHING = Page()


class Availability(Resource):
    """How many addresses of a network are taken; here only what one may filter by."""

    key, keys = "network_ip_availability", "network_ip_availabilities"

    id = field(FILTER, wire="network_id")
    name = field(FILTER, check=TEXT, wire="network_name")
    project_id = field(FILTER, check=TEXT)
    tenant_id = field(FILTER, check=TEXT)
    ip_version = field(FILTER, check=Int(4, 6))


def _version(wanted: dict[str, list[Any]]) -> int | None:
    versions = wanted.pop("ip_version", [None])
    return versions[0] if len(versions) == 1 else None


@routes.get("/network-ip-availabilities", policy=HANDLER_AUTHORISES)
def index_availabilities(req: Request) -> Any:
    if not verbs.may_list(req, policy.GET_AVAILABILITY):
        return {"network_ip_availabilities": []}
    wanted = verbs.filters(req, Availability)
    found = availability.index(req.ctx, wanted, EVERYTHING, ip_version=_version(wanted))
    return {"network_ip_availabilities": [verbs.cut(req, each) for each in found]}


@routes.get("/network-ip-availabilities/{network_id}", policy=policy.GET_AVAILABILITY)
def show_availability(req: Request, network_id: str) -> Any:
    return {"network_ip_availability": verbs.cut(req, availability.get(req.ctx, network_id))}


# --- ready-made networks ----------------------------------------------------------------------------------


def _of_project(ctx: Context, project_id: str) -> Target:
    project_id = ctx.project_id or "" if project_id in ("None", "null") else project_id
    return {"project_id": project_id, "tenant_id": project_id}


def _target(ctx: Context, loaded: Any, body: Any) -> Target:
    return loaded


def _topology(req: Request, project: Target) -> Any:
    project_id = project["project_id"]
    if "dry-run" in req.query.get("fields", ()):
        topologies.check(req.ctx, project_id)
        return {
            "auto_allocated_topology": {
                "id": "dry-run=pass",
                "tenant_id": project_id,
                "project_id": project_id,
            }
        }
    made = topologies.get(req.ctx, project_id)
    return {"auto_allocated_topology": {"id": made.id, "tenant_id": project_id, "project_id": project_id}}


def _own(ctx: Context) -> Target:
    return _of_project(ctx, ctx.project_id or "")


@routes.get("/auto-allocated-topology", policy=policy.GET_TOPOLOGY, load=_own, target=_target)
def show_own_topology(req: Request, project: Target) -> Any:
    return _topology(req, project)


@routes.get(
    "/auto-allocated-topology/{project_id}", policy=policy.GET_TOPOLOGY, load=_of_project, target=_target
)
def show_topology(req: Request, project: Target) -> Any:
    return _topology(req, project)


@routes.delete(
    "/auto-allocated-topology/{project_id}", policy=policy.DELETE_TOPOLOGY, load=_of_project, target=_target
)
def delete_topology(req: Request, project: Target) -> None:
    topologies.delete(req.ctx, project["project_id"])


@routes.get("/service-providers", policy=policy.GET_PROVIDER)
def index_providers(req: Request) -> Any:
    return {"service_providers": []}
