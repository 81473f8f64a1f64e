"""Availability zones, as far as a new server may ask for one: by name, or by host where the caller may."""

from __future__ import annotations

import msgspec

from nacre.kernel.context import Context
from nacre.kernel.db import Transaction
from nacre.kernel.errors import BadRequest, PolicyForbidden
from nacre.services.compute import policy
from nacre.services.compute.app.scheduling.hosts import ZONE_PROPERTY
from nacre.services.compute.db import hosts as rows
from nacre.services.compute.db.hosts import Aggregate, Host
from nacre.services.compute.errors import BadZone, HostUnknown


class Place(msgspec.Struct, frozen=True):
    """Where a new server is to be; nothing says that anywhere will do."""

    zone: str | None = None
    host: str | None = None
    hypervisor_hostname: str | None = None
    forced: bool = False


def requested(ctx: Context, zone: str | None, host: str | None, hypervisor_hostname: str | None) -> Place:
    """Read where a new server is to be; raises BadZone, HostUnknown and PolicyForbidden.

    compat: administrators may write zone:host:hypervisor, each part optional, which goes past the filters
    (Compute API, "availability_zone" of a new server).
    """
    forced = False
    if zone is not None and ":" in zone:
        zone, host, *rest = zone.split(":")
        if len(rest) > 1:
            raise BadRequest("Unable to parse availability_zone")
        hypervisor_hostname = rest[0] if rest else None
        if (host or hypervisor_hostname) and not ctx.can(policy.CREATE_ON_HOST):
            raise PolicyForbidden(policy.CREATE_ON_HOST.name)
        forced = True
    zone, host, hypervisor_hostname = zone or None, host or None, hypervisor_hostname or None
    if zone is None and host is None and hypervisor_hostname is None:
        return Place()
    known, aggregates = ctx.db.read(_read)
    if zone is not None and zone not in names(ctx, aggregates):
        raise BadZone(zone)
    if host is not None and all(each.name != host for each in known):
        raise HostUnknown(host)
    if hypervisor_hostname is not None and all(
        each.hypervisor_hostname != hypervisor_hostname for each in known
    ):
        raise HostUnknown(hypervisor_hostname)
    return Place(zone, host, hypervisor_hostname, forced and host is not None)


def _read(tx: Transaction) -> tuple[list[Host], list[Aggregate]]:
    return rows.every(tx), rows.all_aggregates(tx)


def names(ctx: Context, aggregates: list[Aggregate]) -> set[str]:
    """Return the names of all zones."""
    made = {each.properties[ZONE_PROPERTY] for each in aggregates if ZONE_PROPERTY in each.properties}
    return made | {ctx.config.default_availability_zone}
