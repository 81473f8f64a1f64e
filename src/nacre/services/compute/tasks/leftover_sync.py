"""Once a host is back that was down: have it remove the servers that were deleted or went elsewhere meanwhile.

A host's agent may have been running all the while, cut off from us; then it tells of nothing new when it is back.
So whoever does not wait for a host that is down writes down what it owes (app/host_calls), and here it is asked.
It is asked again as long as a command may be on its way that was sent before.
"""

from __future__ import annotations

from datetime import timedelta
from enum import Enum

from nacre.kernel import errors
from nacre.kernel.bus import DEFAULT_DEADLINE_SECONDS
from nacre.kernel.context import Context
from nacre.kernel.db import Transaction
from nacre.kernel.tasks import Reconciler, Report
from nacre.services.compute.app import host_calls
from nacre.services.compute.app.services import LEFTOVER_SYNC as NAME
from nacre.services.compute.db import hosts, leftovers, servers
from nacre.services.compute.db.leftovers import Leftover
from nacre.services.compute.db.tables import TaskState, VmState
from nacre.services.compute.errors import HostRefused

AT_ONCE = 500  # of each host in one turn
#: No command reaches a host later than its sender would wait for the answer.
ON_ITS_WAY = timedelta(seconds=DEFAULT_DEADLINE_SECONDS)


def run(ctx: Context) -> Report:
    """Take one turn over all hosts that owe anything and can be heard, though people may say that they failed."""
    found, healed, notes, now = 0, 0, [], ctx.clock.now()
    for host in ctx.db.read(leftovers.hosts):
        known = ctx.db.read(hosts.find, host)
        if known is None:
            ctx.db.run(leftovers.delete_of_host, host)
            continue
        if not known.is_heard(now, ctx.config.host_down_seconds):
            continue
        owed = ctx.db.read(leftovers.of_host, host, AT_ONCE)
        found += len(owed)
        try:
            for leftover in owed:
                healed += _remove(ctx, leftover)
        except errors.Unavailable as error:
            notes.append(f"host {host}: {error.message}")
    return Report(found=found, healed=healed, left=found - healed, notes=tuple(notes[:20]))


def _remove(ctx: Context, leftover: Leftover) -> bool:
    """Have a host remove one server; tell whether nothing of it is left there.  Raises Unavailable."""

    standing = ctx.db.read(_standing, leftover)
    if standing is _Standing.BUSY:
        return False
    if standing is _Standing.AWAY:
        command_id = f"leftover-{leftover.id}-{leftover.refusals}"
        try:
            if host_calls.remove_now(ctx, leftover.host, leftover.server_id, command_id) is not None:
                return False
        except HostRefused:
            ctx.db.run(leftovers.refuse, leftover)
            return False
        if ctx.clock.now() < leftover.created_at + ON_ITS_WAY:
            return False
    ctx.db.run(leftovers.delete, leftover)
    return True


class _Standing(Enum):
    """How a server stands to a host that may have something of it."""

    AWAY = "it is deleted, or elsewhere"
    BUSY = "it may be on its way to the host at this moment"
    AT_HOME = "it is there by right"


def _standing(tx: Transaction, leftover: Leftover) -> _Standing:
    server = servers.find(tx, leftover.server_id)
    if server is None or server.task_state is TaskState.DELETING:
        return _Standing.AWAY
    if server.task_state is not None or server.vm_state is VmState.BUILDING:
        return _Standing.BUSY
    return _Standing.AT_HOME if server.host == leftover.host else _Standing.AWAY


LEFTOVER_SYNC = Reconciler(NAME, every_seconds=60, run=run, while_left_seconds=5)
