"""What projects used over a span of time: hours of processors, memory and disk that were promised to their servers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from nacre.kernel.context import Context
from nacre.kernel.db import Page
from nacre.services.compute.db import usages as rows
from nacre.services.compute.db.usages import Stay

SECONDS_AN_HOUR = 3600.0


class ServerUsage(msgspec.Struct, frozen=True):
    """What one server used within a span."""

    stay: Stay
    hours: float
    uptime_seconds: int

    @property
    def disk_gb(self) -> int:
        return self.stay.flavor.root_gb + self.stay.flavor.ephemeral_gb


class ProjectUsage(msgspec.Struct, frozen=True):
    """What the servers of a project used within a span."""

    project_id: str
    begin: datetime
    end: datetime
    servers: list[ServerUsage]

    @property
    def hours(self) -> float:
        return sum(each.hours for each in self.servers)

    @property
    def vcpu_hours(self) -> float:
        return sum(each.hours * each.stay.flavor.vcpus for each in self.servers)

    @property
    def memory_mb_hours(self) -> float:
        return sum(each.hours * each.stay.flavor.memory_mb for each in self.servers)

    @property
    def disk_gb_hours(self) -> float:
        return sum(each.hours * each.disk_gb for each in self.servers)


def within(
    ctx: Context, begin: datetime, end: datetime, page: Page, *, project_id: str | None = None
) -> list[ProjectUsage]:
    """Return what projects used, from one page of the servers that ran in a span."""
    stays = ctx.db.read(rows.within, begin, end, project_id, page)
    return _by_project(stays, begin, end, ctx.clock.now())


def _by_project(stays: Sequence[Stay], begin: datetime, end: datetime, now: datetime) -> list[ProjectUsage]:
    found: dict[str, ProjectUsage] = {}
    for stay in stays:
        usage = found.setdefault(stay.project_id, ProjectUsage(stay.project_id, begin, end, []))
        usage.servers.append(_of_server(stay, begin, end, now))
    return list(found.values())


def _of_server(stay: Stay, begin: datetime, end: datetime, now: datetime) -> ServerUsage:
    ended = stay.terminated_at or now
    within = min(ended, end) - max(stay.launched_at, begin)
    return ServerUsage(
        stay,
        hours=max(within.total_seconds(), 0.0) / SECONDS_AN_HOUR,
        uptime_seconds=int((ended - stay.launched_at).total_seconds()),
    )
