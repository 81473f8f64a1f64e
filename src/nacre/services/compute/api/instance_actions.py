"""/servers/{id}/os-instance-actions: what was asked of a server, by whom, and how it went."""

from __future__ import annotations

from typing import Any

from nacre.kernel.clock import isoformat_bare
from nacre.kernel.http.pagination import next_links, page
from nacre.kernel.http.request import Request
from nacre.kernel.http.routing import Routes
from nacre.kernel.wire import SHOW, Resource, field
from nacre.services.compute import policy as rules
from nacre.services.compute import versions
from nacre.services.compute.api import queries
from nacre.services.compute.api.server_views import host_id
from nacre.services.compute.app import actions, servers
from nacre.services.compute.db.actions import Event as EventRow
from nacre.services.compute.db.servers import Server


class Action(Resource):
    key, keys = "instanceAction", "instanceActions"

    action = field(SHOW)
    instance_uuid = field(SHOW, source="server_id")
    request_id = field(SHOW)
    user_id = field(SHOW)
    project_id = field(SHOW)
    start_time = field(SHOW, source="started_at", render=isoformat_bare)
    message = field(SHOW)
    updated_at = field(SHOW, since="2.58", render=isoformat_bare)


routes = Routes("/v2.1/servers/{server_id}/os-instance-actions", resource=Action)


def _load(ctx: Any, server_id: str) -> Server:
    return servers.get_even_deleted(ctx, server_id)


@routes.get(policy=rules.ACTIONS_LIST, load=servers.get, until="2.20")
def index_living(req: Request, server: Server) -> dict[str, Any]:
    return _index(req, server)


@routes.get(policy=rules.ACTIONS_LIST, load=_load, since="2.21")
def index(req: Request, server: Server) -> dict[str, Any]:
    return _index(req, server)


def _index(req: Request, server: Server) -> dict[str, Any]:
    paged = req.version is not None and req.version >= versions.ACTION_PAGES
    if not paged:
        found = actions.index(req.ctx, server, page(req, Action), since=None, before=None)
        return {"instanceActions": [req.show(Action, each) for each in found]}
    with_before = req.version is not None and req.version >= versions.CHANGES_BEFORE
    known = {"limit", "marker", "changes-since"} | ({"changes-before"} if with_before else set())
    queries.refuse_unknown(req, known, always=True)
    since, before = queries.span(req)
    asked = page(req, Action, maximum=req.ctx.config.max_list)
    found = actions.index(req.ctx, server, asked, since=since, before=before)
    body: dict[str, Any] = {"instanceActions": [req.show(Action, each) for each in found]}
    if more := next_links(req, asked, [each.request_id for each in found]):
        body["links"] = more
    return body


@routes.get("/{request_id}", policy=rules.ACTIONS_SHOW, load=servers.get, until="2.20")
def show_living(req: Request, server: Server, request_id: str) -> dict[str, Any]:
    return _show(req, server, request_id)


@routes.get("/{request_id}", policy=rules.ACTIONS_SHOW, load=_load, since="2.21")
def show(req: Request, server: Server, request_id: str) -> dict[str, Any]:
    return _show(req, server, request_id)


def _show(req: Request, server: Server, request_id: str) -> dict[str, Any]:
    action = actions.get(req.ctx, server, request_id)
    shown = req.show(Action, action)
    all_seen = req.ctx.can(rules.ACTIONS_EVENTS, server)
    if all_seen or (req.version is not None and req.version >= versions.ACTION_EVENTS_FOR_ALL):
        found = actions.events(req.ctx, action)
        shown["events"] = [_event(req, server, event, all_seen=all_seen) for event in found]
    return {"instanceAction": shown}


def _event(req: Request, server: Server, event: EventRow, *, all_seen: bool) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "event": event.event,
        "start_time": isoformat_bare(event.started_at),
        "finish_time": isoformat_bare(event.finished_at),
        "result": event.result,
    }
    if all_seen:
        shown["traceback"] = event.traceback
    if req.version is not None and req.version >= versions.EVENT_HOSTS:
        shown["hostId"] = host_id(server.project_id, event.host)
        if all_seen:
            shown["host"] = event.host
    if req.version is not None and req.version >= versions.EVENT_DETAILS:
        # compat: owners see what went wrong too, but only administrators see where (nova, 2.84)
        shown["details"] = event.details
    return shown
