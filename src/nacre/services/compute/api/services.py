"""/os-services: which parts of compute run where, and which hosts take new servers."""

from __future__ import annotations

import re
from typing import Any

from nacre.kernel.clock import isoformat_bare
from nacre.kernel.errors import BadRequest
from nacre.kernel.http.request import Request
from nacre.kernel.http.routing import Routes
from nacre.kernel.ids import is_uuid_like
from nacre.kernel.wire import BOOL, SHOW, Enum, Object, Resource, Str, field
from nacre.services.compute import policy as rules
from nacre.services.compute import versions
from nacre.services.compute.api import queries
from nacre.services.compute.app import services
from nacre.services.compute.app.services import Service as Found


class Service(Resource):
    key, keys = "service", "services"

    number = field(SHOW, wire="id", until="2.52")
    id = field(SHOW, since="2.53")
    binary = field(SHOW)
    host = field(SHOW)
    zone = field(SHOW)
    status = field(SHOW)
    state = field(SHOW)
    updated_at = field(SHOW, render=isoformat_bare)
    disabled_reason = field(SHOW)
    forced_down = field(SHOW, since="2.11")


HOST, REASON = Str(1, 255), Str(1, 255)
WHICH = {"host": HOST, "binary": Str(1, 255)}
NAMED = Object(WHICH, required=("host", "binary"))
WITH_REASON = Object({**WHICH, "disabled_reason": REASON}, required=("host", "binary", "disabled_reason"))
FORCED = Object({**WHICH, "forced_down": BOOL}, required=("host", "binary"))
CHANGES = Object({"status": Enum("enabled", "disabled"), "disabled_reason": REASON, "forced_down": BOOL})

routes = Routes("/v2.1/os-services", resource=Service)


@routes.get(policy=rules.SERVICES_LIST)
def index(req: Request) -> dict[str, Any]:
    queries.refuse_unknown(req, {"host", "binary"})
    found = services.index(req.ctx, binary=req.arg("binary"), host=req.arg("host"))
    return {"services": [req.show(Service, each) for each in found]}


@routes.put("/{service_id}", policy=rules.SERVICES_UPDATE, body=CHANGES, since="2.53")
def update(req: Request, service_id: str, body: dict[str, Any]) -> dict[str, Any]:
    service = _find(req, service_id)
    if "status" not in body and "forced_down" not in body:
        raise BadRequest("No updates were requested. Fields 'status' or 'forced_down' should be specified.")
    if body.get("status") == "enabled" and "disabled_reason" in body:
        raise BadRequest("Specifying 'disabled_reason' with status 'enabled' is invalid.")
    changed = services.update(
        req.ctx,
        service,
        disabled=body["status"] == "disabled" if "status" in body else None,
        reason=body.get("disabled_reason"),
        forced_down=body.get("forced_down"),
    )
    return {"service": req.show(Service, changed)}


@routes.delete("/{service_id}", policy=rules.SERVICES_DELETE)
def delete(req: Request, service_id: str) -> None:
    services.delete(req.ctx, _find(req, service_id))


def _find(req: Request, text: str) -> Found:
    """Return the service that a path names: by UUID, or by number as of old."""
    if req.version is not None and req.version >= versions.UUIDS_OF_HOSTS:
        if not is_uuid_like(text):
            raise BadRequest(f"Invalid uuid {text[:40]}")
        return services.get(req.ctx, text)
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise BadRequest("id must be an integer")
    return services.get(req.ctx, int(text))


# --- up to 2.52: by host and binary -----------------------------------------------------------------


@routes.put("/enable", policy=rules.SERVICES_UPDATE, body=NAMED, until="2.52")
def enable(req: Request, body: dict[str, Any]) -> dict[str, Any]:
    services.update(req.ctx, services.named(req.ctx, **body), disabled=False)
    return {"service": {**body, "status": "enabled"}}


@routes.put("/disable", policy=rules.SERVICES_UPDATE, body=NAMED, until="2.52")
def disable(req: Request, body: dict[str, Any]) -> dict[str, Any]:
    services.update(req.ctx, services.named(req.ctx, **body), disabled=True)
    return {"service": {**body, "status": "disabled"}}


@routes.put("/disable-log-reason", policy=rules.SERVICES_UPDATE, body=WITH_REASON, until="2.52")
def disable_for_a_reason(req: Request, body: dict[str, Any]) -> dict[str, Any]:
    service = services.named(req.ctx, body["host"], body["binary"])
    services.update(req.ctx, service, disabled=True, reason=body["disabled_reason"])
    return {"service": {**body, "status": "disabled"}}


@routes.put("/force-down", policy=rules.SERVICES_UPDATE, body=FORCED, since="2.11", until="2.52")
def force_down(req: Request, body: dict[str, Any]) -> dict[str, Any]:
    forced = body.get("forced_down", False)
    services.update(req.ctx, services.named(req.ctx, body["host"], body["binary"]), forced_down=forced)
    return {"service": {"host": body["host"], "binary": body["binary"], "forced_down": forced}}
