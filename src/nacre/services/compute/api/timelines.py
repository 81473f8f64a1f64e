"""/nacre-timelines: the life of a server, for administrators; nacre's own, and no part of OpenStack's API.

    GET /v2.1/nacre-timelines/{server_id}     also of a server that was deleted, as long as its row is kept

Entries come in the order of time.  Of each kind the newest 200 are shown (of messages to hosts the newest
100), and work that ended more than a week ago is told by its requests and faults only.
"""

from __future__ import annotations

from typing import Any

import msgspec

from nacre.kernel.clock import isoformat_micros
from nacre.kernel.http.request import Request
from nacre.kernel.http.routing import Routes
from nacre.services.compute import policy as rules
from nacre.services.compute.app import timelines
from nacre.services.compute.app.timelines import Entry, Timeline

routes = Routes("/v2.1/nacre-timelines")


@routes.get("/{server_id}", policy=rules.TIMELINES_SHOW, load=timelines.get, target=lambda *_: None)
def show(req: Request, timeline: Timeline) -> dict[str, Any]:
    return {"timeline": shown(timeline)}


def shown(timeline: Timeline) -> dict[str, Any]:
    """Render a timeline."""
    server = timeline.server
    return {
        "server_id": server.id,
        "name": server.name,
        "project_id": server.project_id,
        "user_id": server.user_id,
        "vm_state": server.vm_state,
        "task_state": server.task_state,
        "host": server.host,
        "created_at": isoformat_micros(server.created_at),
        "deleted_at": isoformat_micros(server.deleted_at),
        "entries": [_entry(entry) for entry in timeline.entries],
    }


def _entry(entry: Entry) -> dict[str, Any]:
    found = msgspec.structs.asdict(entry)
    seconds = (entry.until - entry.at).total_seconds() if entry.until else None
    return {
        **found,
        "at": isoformat_micros(entry.at),
        "until": isoformat_micros(entry.until),
        "seconds": seconds,
        "refusals": [msgspec.structs.asdict(each) for each in entry.refusals],
    }
