"""Compare the servers that hosts have with those that they should have; heal what is safe, report the rest.

A task that no job stands behind would keep its server from everything for ever, so it is taken off too.

Each host tells what changed since the number that we heard last, so a quiet cloud costs one small
question for each host.  When an agent was restarted it tells everything, and then what it does not name
is not there.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from nacre.kernel import errors
from nacre.kernel.bus import Method
from nacre.kernel.context import Context
from nacre.kernel.db import Transaction
from nacre.kernel.tasks import Reconciler, Report
from nacre.services.compute import rpc
from nacre.services.compute.app import host_reports, servers
from nacre.services.compute.db import actions, hosts
from nacre.services.compute.db import server_sync as rows_left
from nacre.services.compute.db import servers as rows
from nacre.services.compute.db.hosts import Host
from nacre.services.compute.db.tables import TaskState, VmState

log = logging.getLogger(__name__)

RESYNC: Method[rpc.Resync, rpc.Changes] = rpc.RESYNC
ANSWER_SECONDS = 20.0
LEFT_LYING = timedelta(minutes=10)
AT_ONCE = 100


def run(ctx: Context) -> Report:
    """Take one turn over all hosts that are up, and over what was left lying."""
    found, notes = 0, []
    now = ctx.clock.now()
    left_lying = ctx.db.run(_take_tasks_off, now - LEFT_LYING)
    for host in ctx.db.read(hosts.every):
        if not host.is_up(now, ctx.config.host_down_seconds):
            continue
        try:
            found += sync(ctx, host)
        except errors.NacreError as error:
            notes.append(f"host {host.name}: {error.message}")
    found += left_lying
    return Report(found=found, healed=found, left=len(notes), notes=tuple(notes[:20]))


def _take_tasks_off(tx: Transaction, before: datetime) -> int:
    """Let servers be asked again whose task ended without a word; one that was never built is in ERROR."""
    lying = rows_left.find(tx, before, AT_ONCE)
    for server in lying:
        log.warning("Server %s was %s, and no job is behind it", server.id, server.task_state)
        message = f"What was being done with the server ({server.task_state}) ended without a result."
        if server.vm_state is VmState.BUILDING or server.task_state is TaskState.DELETING:
            servers.refuse(tx, server.id, message, None, 500)
        else:
            rows.update(tx, server.id, task_state=None)
            actions.add_fault(tx, server.id, 500, message, None)
    return len(lying)


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
