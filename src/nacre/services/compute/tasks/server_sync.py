"""Compare the servers that hosts have with those that they should have; heal what is safe, report the rest.

A host that was away, or whose reports were lost, is asked what changed since the number that we heard last.
Heartbeats carry the number, so nobody is asked who has nothing to tell, and a quiet cloud costs no question.
When an agent was restarted it tells everything, and then what it does not name is not there.
"""

from __future__ import annotations

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
        different += _miss(ctx, host, named)
    ctx.db.run(hosts.update, host.name, epoch=epoch, change=since)
    return different


def _miss(ctx: Context, host: Host, named: set[str]) -> int:
    """Note the servers that a host should have and did not name when it told everything."""
    missed = 0
    for server in ctx.db.read(rows.on_host, host.name):
        if server.id not in named and server.task_state is None and server.launched_at is not None:
            status = rpc.ServerStatus(id=server.id, host=host.name, state=rpc.ServerState.MISSING)
            missed += host_reports.hear(ctx, status)
    return missed


SERVER_SYNC = Reconciler("server_sync", every_seconds=60, run=run)
