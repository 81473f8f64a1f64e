"""Compute services as operators see them: the agents on the hosts, and the parts of the control plane.

OpenStack runs a scheduler and a conductor as programs of their own, and its clients look for them in this list.  Here
both are parts of whatever process serves the API, so a process notes itself under both names while it works.
"""

from __future__ import annotations

import socket
from datetime import datetime

import msgspec

from nacre.kernel import tasks
from nacre.kernel.context import Context
from nacre.kernel.db import Transaction
from nacre.kernel.errors import BadRequest, Conflict
from nacre.services.compute.app.scheduling.hosts import zone_of
from nacre.services.compute.db import aggregates, hosts
from nacre.services.compute.db import services as rows
from nacre.services.compute.db.hosts import Aggregate, Host
from nacre.services.compute.db.services import ControlProcess
from nacre.services.compute.errors import BinaryNotFound, ServiceNotFound
from nacre.services.placement import client as placement

COMPUTE, SCHEDULER, CONDUCTOR = "nova-compute", "nova-scheduler", "nova-conductor"
INTERNAL_ZONE = "internal"
EVACUATION_SYNC, LEFTOVER_SYNC = "evacuation_sync", "leftover_sync"
NOTED, NOTE_EVERY_SECONDS = "control_process_noted", 20.0


class Service(msgspec.Struct, frozen=True, kw_only=True):
    """One compute service."""

    id: str
    number: int
    binary: str
    host: str
    zone: str
    up: bool
    disabled: bool = False
    disabled_reason: str | None = None
    forced_down: bool = False
    updated_at: datetime

    @property
    def status(self) -> str:
        return "disabled" if self.disabled else "enabled"

    @property
    def state(self) -> str:
        return "up" if self.up else "down"


def wake_for_return(tx: Transaction) -> None:
    """Have a host that is back, or may be, remove what it has yet and should not."""
    tasks.wake(tx, kind=EVACUATION_SYNC)
    tasks.wake(tx, kind=LEFTOVER_SYNC)


def note_here(ctx: Context) -> None:
    """Note that the control plane works on this machine; writes only when that was last noted a while ago."""
    now = ctx.clock.monotonic()
    if now - ctx.service.memory.get(NOTED, float("-inf")) < NOTE_EVERY_SECONDS:
        return
    ctx.service.memory[NOTED] = now

    def write(tx: Transaction) -> None:
        for binary in (SCHEDULER, CONDUCTOR):
            rows.note(tx, socket.gethostname(), binary)

    ctx.db.run(write)


def index(ctx: Context, *, binary: str | None = None, host: str | None = None) -> list[Service]:
    """Return all services, or those of a kind or on a machine."""
    note_here(ctx)

    def read(tx: Transaction) -> tuple[list[Host], list[Aggregate], list[ControlProcess]]:
        return hosts.every(tx), hosts.all_aggregates(tx), rows.every(tx)

    agents, groups, processes = ctx.db.read(read)
    found = [_of_process(ctx, each) for each in processes]
    found += [of_host(ctx, each, groups) for each in agents]
    return [each for each in found if binary in (None, each.binary) and host in (None, each.host)]


def of_host(ctx: Context, host: Host, groups: list[Aggregate]) -> Service:
    """Return the service that a host's agent is."""
    return Service(
        id=host.service_id,
        number=host.number,
        binary=COMPUTE,
        host=host.name,
        zone=zone_of(host.name, groups, ctx.config.default_availability_zone),
        up=host.is_up(ctx.clock.now(), ctx.config.host_down_seconds),
        disabled=host.disabled,
        disabled_reason=host.disabled_reason,
        forced_down=host.forced_down,
        updated_at=host.reported_at,
    )


def _of_process(ctx: Context, process: ControlProcess) -> Service:
    silent = (ctx.clock.now() - process.seen_at).total_seconds()
    return Service(
        id=process.id,
        number=process.number,
        binary=process.binary,
        host=process.host,
        zone=INTERNAL_ZONE,
        up=silent <= ctx.config.host_down_seconds,
        updated_at=process.seen_at,
    )


def get(ctx: Context, service_id: str | int) -> Service:
    """Return a service by its id, or by the number that it had up to 2.52; raises ServiceNotFound."""
    for each in index(ctx):
        if service_id in (each.id, each.number):
            return each
    raise ServiceNotFound(str(service_id))


def named(ctx: Context, host: str, binary: str) -> Service:
    """Return the service of a kind on a machine; raises BinaryNotFound."""
    found = index(ctx, binary=binary, host=host)
    if not found:
        raise BinaryNotFound(host, binary)
    return found[0]


def update(
    ctx: Context,
    service: Service,
    *,
    disabled: bool | None = None,
    reason: str | None = None,
    forced_down: bool | None = None,
) -> Service:
    """Enable, disable or force down an agent; a disabled host gets no new servers."""
    if service.binary != COMPUTE:
        raise BadRequest(
            f"Updating a {service.binary} service is not supported. Only nova-compute services can be updated."
        )
    changes: dict[str, object] = {}
    if disabled is not None:
        changes |= {"disabled": disabled, "disabled_reason": reason if disabled else None}
    if forced_down is not None:
        changes["forced_down"] = forced_down
    if not ctx.db.run(hosts.update, service.host, **changes):
        raise ServiceNotFound(service.id)
    if forced_down is False:
        ctx.db.run(wake_for_return)
    return get(ctx, service.id)


def delete(ctx: Context, service: Service) -> None:
    """Forget a service; an agent that still runs is known again with its next report."""
    if service.binary != COMPUTE:
        ctx.db.run(rows.delete, service.id)
        return
    host = ctx.db.read(hosts.find, service.host)
    if host is None:
        raise ServiceNotFound(service.id)
    if ctx.db.read(aggregates.has_servers, [host.name]):
        raise Conflict(
            "Unable to delete compute service that is hosting instances. "
            "Migrate or delete the instances first."
        )
    placement.remove_provider(ctx.as_service(), host.id)
    ctx.db.run(hosts.delete, host.name)
