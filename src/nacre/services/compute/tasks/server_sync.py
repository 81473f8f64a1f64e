"""Compare the servers that hosts have with those that they should have; heal what is safe, report the rest.

A host that was away, or whose reports were lost, is asked what changed since the number that we heard last.
Heartbeats carry the number, so nobody is asked who has nothing to tell, and a quiet cloud costs no question.
When an agent was restarted it tells everything, and then what it does not name is not there.
"""

from __future__ import annotations

from collections.abc import Collection

from nacre.kernel import errors
from nacre.kernel.bus import Method
from nacre.kernel.context import Context
from nacre.kernel.tasks import Reconciler, Report
from nacre.services.compute import rpc
from nacre.services.compute.app import host_reports
from nacre.services.compute.db import hosts
from nacre.services.compute.db import servers as rows
from nacre.services.compute.db.hosts import Host

RESYNC: Method[rpc.Resync, rpc.Changes] = rpc.RESYNC
INSPECT: Method[rpc.Inspect, rpc.Inspected] = rpc.INSPECT
ANSWER_SECONDS = 20.0


def run(ctx: Context) -> Report:
    """Take one turn over all hosts that are up."""
    found, notes = 0, []
    now = ctx.clock.now()
    for host in ctx.db.read(hosts.every):
        if not host.is_up(now, ctx.config.host_down_seconds) or host.has_told_all():
            continue
        try:
            found += sync(ctx, host)
        except errors.NacreError as error:
            notes.append(f"host {host.name}: {error.message}")
    return Report(found=found, healed=found, left=len(notes), notes=tuple(notes[:20]))


def sync(ctx: Context, host: Host) -> int:
    """Hear what changed on one host; return how many servers were other than we thought."""
    epoch, since = host.epoch, host.change
    different, full, named, continued = 0, False, set(), False
    while True:
        asked = rpc.Resync(epoch=epoch, since=since, continued=continued)
        changes = ctx.bus.call(rpc.host_topic(host.name), RESYNC, asked, deadline_seconds=ANSWER_SECONDS)
        full = full or changes.full
        for status in changes.servers:
            named.add(status.id)
            different += host_reports.hear(ctx, status)
        epoch, since, continued = changes.epoch, changes.change, True
        if not changes.more:
            break
    if full:
        different += miss(ctx, host, named)
    ctx.db.run(hosts.update, host.name, epoch=epoch, change=since)
    return different


def miss(ctx: Context, host: Host, named: Collection[str]) -> int:
    """Note the servers that a host should have and did not name when it told everything.

    Hearing all that takes a while, and servers go on coming up meanwhile: so the host is asked about those that
    are missed, after the rows were read.  What it says of them then holds.
    """
    settled = [each for each in ctx.db.read(rows.on_host, host.name) if each.task_state is None]
    missed = tuple(each.id for each in settled if each.id not in named and each.launched_at is not None)
    if not missed:
        return 0
    asked = rpc.Inspect(server_ids=missed)
    found = ctx.bus.call(rpc.host_topic(host.name), INSPECT, asked, deadline_seconds=ANSWER_SECONDS)
    return sum(host_reports.hear(ctx, status) for status in found.servers)


SERVER_SYNC = Reconciler("server_sync", every_seconds=60, run=run)
