"""/os-simple-tenant-usage: what projects used over a span of time."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from nacre.kernel.clock import isoformat_bare
from nacre.kernel.db import Page
from nacre.kernel.errors import BadRequest, NotFound
from nacre.kernel.http.pagination import next_links, page
from nacre.kernel.http.request import Request
from nacre.kernel.http.routing import Routes
from nacre.kernel.wire import BRIEF, SHOW, Resource, field
from nacre.services.compute import policy as rules
from nacre.services.compute import versions
from nacre.services.compute.api import queries
from nacre.services.compute.app import usages
from nacre.services.compute.app.usages import ProjectUsage

FORMATS = ("%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S.%f", "%Y-%m-%d %H:%M:%S.%f")
SPAN, PAGING = {"start", "end"}, {"limit", "marker"}


class OfServer(Resource):
    key, keys = "server_usage", "server_usages"

    server_id = field(SHOW, wire="instance_id", source="stay.id")
    name = field(SHOW, source="stay.name")
    hours = field(SHOW)
    flavor = field(SHOW, source="stay.flavor.name")
    vcpus = field(SHOW, source="stay.flavor.vcpus")
    memory_mb = field(SHOW, source="stay.flavor.memory_mb")
    local_gb = field(SHOW, source="disk_gb")
    project_id = field(SHOW, wire="tenant_id", source="stay.project_id")
    started_at = field(SHOW, source="stay.launched_at", render=isoformat_bare)
    ended_at = field(SHOW, source="stay.terminated_at", render=isoformat_bare)
    uptime = field(SHOW, source="uptime_seconds")
    state = field(
        SHOW, source=lambda req, usage: "terminated" if usage.stay.terminated_at else usage.stay.vm_state
    )


def _servers(req: Request, usage: ProjectUsage) -> list[dict[str, Any]]:
    return [req.show(OfServer, each) for each in usage.servers]


class Usage(Resource):
    key, keys = "tenant_usage", "tenant_usages"

    project_id = field(SHOW, BRIEF, wire="tenant_id")
    begin = field(SHOW, BRIEF, wire="start", render=isoformat_bare)
    end = field(SHOW, BRIEF, wire="stop", render=isoformat_bare)
    hours = field(SHOW, BRIEF, wire="total_hours")
    vcpu_hours = field(SHOW, BRIEF, wire="total_vcpus_usage")
    memory_mb_hours = field(SHOW, BRIEF, wire="total_memory_mb_usage")
    disk_gb_hours = field(SHOW, BRIEF, wire="total_local_gb_usage")
    servers = field(SHOW, wire="server_usages", source=_servers)


routes = Routes("/v2.1/os-simple-tenant-usage", resource=Usage)


def _moment(req: Request, name: str) -> datetime:
    text = req.arg(name)
    if not text:
        return req.ctx.clock.now()
    for form in FORMATS:
        try:
            return datetime.strptime(text, form).replace(tzinfo=UTC)
        except ValueError:
            continue
    raise BadRequest("Datetime is in invalid format")


def _span(req: Request) -> tuple[datetime, datetime]:
    begin, end = _moment(req, "start"), _moment(req, "end")
    if begin >= end:
        raise BadRequest("Invalid start time. The start time cannot occur after the end time.")
    return begin, end


def _is_paged(req: Request) -> bool:
    return req.version is not None and req.version >= versions.USAGE_PAGES


def _page(req: Request) -> Page:
    return page(req, Usage, maximum=req.ctx.config.max_list) if _is_paged(req) else Page()


def _links(req: Request, asked: Page, found: list[ProjectUsage]) -> list[dict[str, Any]]:
    """Return the link to the next page, which is one of servers, whatever project they belong to."""
    stays = [server.stay for usage in found for server in usage.servers]
    stays.sort(key=lambda stay: (stay.created_at, stay.id))
    return next_links(req, asked, [stay.id for stay in stays]) if _is_paged(req) else []


@routes.get(policy=rules.USAGE_LIST)
def index(req: Request) -> dict[str, Any]:
    if req.path.endswith("/"):
        # compat: with the slash it is the usage of the project "", which does not exist
        raise NotFound()
    queries.refuse_unknown(req, SPAN | PAGING | {"detailed"})
    (begin, end), asked = _span(req), _page(req)
    found = usages.within(req.ctx, begin, end, asked)
    brief = req.arg("detailed") != "1"
    body: dict[str, Any] = {"tenant_usages": [req.show(Usage, each, brief=brief) for each in found]}
    links = _links(req, asked, found)
    return {**body, "tenant_usages_links": links} if links else body


@routes.get(
    "/{project_id}",
    policy=rules.USAGE_SHOW,
    load=lambda ctx, project_id: project_id,
    target=lambda ctx, loaded, body: {"project_id": loaded},
)
def show(req: Request, project: str) -> dict[str, Any]:
    queries.refuse_unknown(req, SPAN | PAGING)
    (begin, end), asked = _span(req), _page(req)
    found = usages.within(req.ctx, begin, end, asked, project_id=project)
    # compat: a project that used nothing has an empty object (nova, simple_tenant_usage.py)
    body: dict[str, Any] = {"tenant_usage": req.show(Usage, found[0]) if found else {}}
    links = _links(req, asked, found)
    return {**body, "tenant_usage_links": links} if links else body
