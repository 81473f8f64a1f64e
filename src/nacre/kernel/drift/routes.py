"""The API by which administrators see findings, ask for a look at once, and heal on command.

It is nacre's own and the same in every service: `<prefix>/nacre-findings`.

    GET                                   findings, filtered by kind, state, resource_id and host; the sweeps
    POST …/check {"thorough": false}      begin every sweep now, the long ones too if asked; answered at once
    POST …/heal {"kind", "resource_id"}   heal what was left, where nacre can; 400 names the command where not
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from nacre.kernel import errors, wire
from nacre.kernel.clock import isoformat_micros
from nacre.kernel.context import Context
from nacre.kernel.db import Page
from nacre.kernel.drift import findings, sweeps
from nacre.kernel.drift.sweeps import Sweep
from nacre.kernel.drift.tables import Finding, Progress, State
from nacre.kernel.http.request import Request
from nacre.kernel.http.routing import DO_AGAIN, Routes
from nacre.kernel.policy import Rule

Healer = Callable[[Context, Finding], None]

MOST = 1000
FILTERS = ("kind", "state", "resource_id", "host")
_LIMIT = wire.Int(1)
_MARKER = wire.Int(1)
_CHECK = wire.Object({"thorough": wire.Bool()})
_HEAL = wire.Object(
    {"kind": wire.Str(1, 48), "resource_id": wire.Str(1, 100), "host": wire.Str(0, 100)},
    required=("kind", "resource_id"),
)


def findings_routes(
    prefix: str,
    *,
    see: Rule,
    heal: Rule,
    sweeps_of: Sequence[Sweep[Any]],
    healers: Mapping[str, Healer] | None = None,
) -> Routes:
    """Return the routes of one service.

    A healer puts one finding right and raises what keeps it from that; it may be called twice.
    """
    routes, able = Routes(f"{prefix}/nacre-findings"), dict(healers or {})

    @routes.get(policy=see)
    def index(req: Request) -> dict[str, Any]:
        wanted: dict[str, object] = {name: req.query[name] for name in FILTERS if name in req.query}
        if not {*req.query.get("state", ())} <= {*State}:
            raise errors.BadRequest(f"A finding's state is one of {', '.join(State)}.")
        limit = min(req.arg("limit", _LIMIT) or MOST, MOST)
        marker = req.arg("marker", _MARKER)
        asked = Page(limit=limit, marker=None if marker is None else str(marker))
        # First how far the sweeps are: what those that ended have found is in the page then.
        ways = req.ctx.db.read(sweeps.progress, sweeps_of)
        page = req.ctx.db.read(findings.page, asked, wanted)
        return {"findings": [_shown(each) for each in page], "sweeps": [_sweep(each) for each in ways]}

    @routes.post("/check", policy=heal, body=_CHECK, status=202, tell_again=DO_AGAIN)
    def check(req: Request, body: dict[str, Any]) -> dict[str, Any]:
        begun = [sweep for sweep in sweeps_of if body.get("thorough") or not sweep.is_long]
        req.ctx.db.run(sweeps.ask, begun)
        ways = req.ctx.db.read(sweeps.progress, begun)
        return {"sweeps": [_sweep(each) for each in ways]}

    @routes.post("/heal", policy=heal, body=_HEAL, status=202, tell_again=DO_AGAIN)
    def put_right(req: Request, body: dict[str, Any]) -> dict[str, Any]:
        found = req.ctx.db.read(findings.get, body["kind"], body["resource_id"], body.get("host"))
        if not found:
            raise errors.NotFound(f"No {body['kind']} of {body['resource_id']} was found.")
        for finding in found:
            healer = able.get(finding.kind)
            if healer is None:
                what = f"Heal it by: {finding.command}" if finding.command else "It heals by itself."
                raise errors.BadRequest(f"This is not healed from here. {what}")
            healer(req.ctx, finding)
            req.ctx.db.run(findings.close, finding.id)
        return {"findings": [_shown(each) for each in found]}

    return routes


def _shown(finding: Finding) -> dict[str, Any]:
    return {
        "id": finding.id,
        "kind": finding.kind,
        "resource_id": finding.resource_id,
        "host": finding.host or None,
        "state": finding.state,
        "text": finding.text,
        "command": finding.command or None,
        "first_seen_at": isoformat_micros(finding.first_seen_at),
        "last_seen_at": isoformat_micros(finding.last_seen_at),
    }


def _sweep(way: Progress) -> dict[str, Any]:
    return {
        "name": way.name,
        "asked": way.asked,
        "answered": way.answered,
        "ended_at": isoformat_micros(way.ended_at),
        "missed": sorted({*way.missed}),
    }
