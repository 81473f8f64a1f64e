"""/os-server-external-events: where other services tell compute of what happened to servers."""

from __future__ import annotations

from typing import Any

from nacre.kernel.errors import Invalid, NotFound
from nacre.kernel.http.request import Request, Response
from nacre.kernel.http.routing import DO_AGAIN, Routes
from nacre.kernel.version import Version
from nacre.kernel.wire import UUID, Each, Enum, Object, Str
from nacre.services.compute import policy as rules
from nacre.services.compute.app import external_events

NAMES = {
    "network-changed": Version(2, 1), "network-vif-plugged": Version(2, 1),
    "network-vif-unplugged": Version(2, 1), "network-vif-deleted": Version(2, 1),
    "volume-extended": Version(2, 51), "power-update": Version(2, 76),
    "accelerator-request-bound": Version(2, 82), "volume-reimaged": Version(2, 93),
}  # fmt: skip
EVENT = Object(
    {
        "name": Enum(*NAMES),
        "server_uuid": UUID,
        "status": Enum("failed", "completed", "in-progress"),
        "tag": Str(0, 255),
    },
    required=("name", "server_uuid"),
)
routes = Routes("/v2.1/os-server-external-events")


@routes.post(
    policy=rules.EXTERNAL_EVENTS, body=Each(EVENT, minimum=1), envelope="events", tell_again=DO_AGAIN
)
def create(req: Request, body: list[dict[str, Any]]) -> Response:
    for told in body:
        if req.version is not None and req.version < NAMES[told["name"]]:
            raise Invalid("events/name", told["name"], f"{told['name']!r} is not one of {[*NAMES]!r}")
    heard = external_events.hear(req.ctx, body)
    if all(event.code == 404 for event in heard):
        raise NotFound("No instances found for any event")
    shown = []
    for event in heard:
        each: dict[str, Any] = {
            "name": event.name, "server_uuid": event.server_id, "status": event.status, "code": event.code,
        }  # fmt: skip
        if event.code != 200:
            each["status"] = "failed"
        if event.tag is not None:
            each["tag"] = event.tag
        shown.append(each)
    return Response(200 if all(event.code == 200 for event in heard) else 207, {"events": shown})
