"""/os-availability-zone: the zones that users may ask for, and which hosts they are made of."""

from __future__ import annotations

from typing import Any

from nacre.kernel.clock import isoformat_bare
from nacre.kernel.http.request import Request
from nacre.kernel.http.routing import Routes
from nacre.services.compute import policy as rules
from nacre.services.compute.api import queries
from nacre.services.compute.app import services
from nacre.services.compute.app.services import INTERNAL_ZONE, Service

routes = Routes("/v2.1/os-availability-zone")


def _by_zone(found: list[Service]) -> dict[str, list[Service]]:
    zones: dict[str, list[Service]] = {}
    for service in sorted(found, key=lambda each: (each.zone, each.host)):
        zones.setdefault(service.zone, []).append(service)
    return zones


def _hosts(members: list[Service]) -> dict[str, Any]:
    hosts: dict[str, Any] = {}
    for each in members:
        hosts.setdefault(each.host, {})[each.binary] = {
            "active": not each.disabled,
            "available": each.up,
            "updated_at": isoformat_bare(each.updated_at),
        }
    return hosts


def _zone(name: str, members: list[Service], *, with_hosts: bool) -> dict[str, Any]:
    enabled = [each for each in members if not each.disabled]
    return {
        "zoneName": name,
        # compat: a zone is available while any of its hosts is enabled, even a silent one (nova)
        "zoneState": {"available": bool(enabled)},
        "hosts": _hosts(enabled) if with_hosts and enabled else None,
    }


@routes.get(policy=rules.ZONES_LIST)
def index(req: Request) -> dict[str, Any]:
    queries.refuse_unknown(req, ())
    zones = _by_zone(services.index(req.ctx, binary=services.COMPUTE))
    return {"availabilityZoneInfo": [_zone(name, zones[name], with_hosts=False) for name in zones]}


@routes.get("/detail", policy=rules.ZONES_DETAIL)
def detail(req: Request) -> dict[str, Any]:
    queries.refuse_unknown(req, ())
    zones = _by_zone(services.index(req.ctx))
    names = [INTERNAL_ZONE, *(name for name in zones if name != INTERNAL_ZONE)]
    return {"availabilityZoneInfo": [_zone(name, zones.get(name, []), with_hosts=True) for name in names]}
