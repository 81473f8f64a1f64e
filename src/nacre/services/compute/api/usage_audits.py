"""/os-instance_usage_audit_log: of which hosts usage was audited.

None is, ever: what projects used is read from the rows of their servers, so there is nothing to collect.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from nacre.kernel.errors import BadRequest
from nacre.kernel.http.request import Request
from nacre.kernel.http.routing import Routes
from nacre.services.compute import policy as rules
from nacre.services.compute.app import services

FORMATS = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M:%S.%f")
routes = Routes("/v2.1/os-instance_usage_audit_log")


def _month_before(moment: datetime) -> tuple[datetime, datetime]:
    """Return the last whole month before a moment, which is what upstream audits by default."""
    end = moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    year, month = (end.year, end.month - 1) if end.month > 1 else (end.year - 1, 12)
    return end.replace(year=year, month=month), end


def _log(req: Request, moment: datetime) -> dict[str, Any]:
    hosts = [each.host for each in services.index(req.ctx, binary=services.COMPUTE)]
    begin, end = _month_before(moment)
    return {
        "period_beginning": begin.strftime(FORMATS[0]),
        "period_ending": end.strftime(FORMATS[0]),
        "num_hosts": len(hosts),
        "num_hosts_done": 0,
        "num_hosts_running": 0,
        "num_hosts_not_run": len(hosts),
        "hosts_not_run": hosts,
        "total_instances": 0,
        "total_errors": 0,
        "overall_status": f"0 of {len(hosts)} hosts done. 0 errors.",
        "log": {},
    }


@routes.get(policy=rules.AUDIT_LOG_LIST)
def index(req: Request) -> dict[str, Any]:
    return {"instance_usage_audit_logs": _log(req, req.ctx.clock.now())}


@routes.get("/{before}", policy=rules.AUDIT_LOG_SHOW)
def show(req: Request, before: str) -> dict[str, Any]:
    for form in FORMATS:
        try:
            moment = datetime.strptime(before, form).replace(tzinfo=UTC)
        except ValueError:
            continue
        if moment.year > 1:
            return {"instance_usage_audit_log": _log(req, moment)}
    raise BadRequest(f"Invalid timestamp for date {before[:40]}")
