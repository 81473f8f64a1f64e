"""Deleting servers: at once, or, where the operator wants that, so that they can be restored for a while.

A server that may still be restored is switched off and keeps its room, its addresses and its disk.  It is on no
list unless somebody asks for it, and counts for no quota.  When its time is over it is deleted like any other.
"""

from __future__ import annotations

from datetime import timedelta

from nacre.kernel.context import Context
from nacre.kernel.db import Transaction
from nacre.services.compute.app import limits, power, servers
from nacre.services.compute.db import servers as rows
from nacre.services.compute.db.servers import Server
from nacre.services.compute.db.tables import TaskState, VmState

AT_ONCE = 100  # how many are reclaimed in one turn


def delete(ctx: Context, server: Server) -> None:
    """Write down that a server is to be removed, or put where it can be restored from.

    Raises ServerIsLocked, and WrongState while something else is being done with a server to be kept.
    """
    if ctx.config.reclaim_deleted_after_seconds <= 0 or server.launched_at is None or server.host is None:
        servers.delete(ctx, server)
    elif server.vm_state is not VmState.SOFT_DELETED and server.task_state is not TaskState.SOFT_DELETING:
        power.begin(ctx, server, "soft_delete", deleted_at=ctx.clock.now())


def restore(ctx: Context, server: Server) -> None:
    """Write down that a deleted server is to be again; raises WrongState and QuotaExceeded."""
    if server.vm_state is VmState.SOFT_DELETED:
        wanted = {servers.SERVERS: 1, "cores": server.vcpus, "ram": server.memory_mb}
        ctx.db.run(limits.enforce, ctx, server.project_id, wanted)
    power.begin(ctx, server, "restore", deleted_at=None)


def reclaim(ctx: Context) -> int:
    """Delete servers whose time to be restored is over; return how many."""
    seconds = ctx.config.reclaim_deleted_after_seconds
    if seconds <= 0:
        return 0

    def due(tx: Transaction) -> list[Server]:
        return rows.soft_deleted(tx, tx.now() - timedelta(seconds=seconds), AT_ONCE)

    found = ctx.db.read(due)
    for server in found:
        servers.delete(ctx, server)
    return len(found)
