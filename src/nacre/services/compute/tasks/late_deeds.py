"""What a worker did for a server after others had taken over its job, which is known only once it has done it.

A worker that hung, or was cut off, goes on with its step when it wakes up: it claims room and makes ports, of which
placement and network do not know that nobody wants them any more.  A server that is deleted will be looked after by
nobody, and a build that was undone is tried again with ports of its own; so what came too late for them is removed
here.  Whatever else came too late, sweeps find: a server that lives is looked after by them and by its next job.
"""

from __future__ import annotations

from typing import Any

from nacre.kernel.context import Context
from nacre.kernel.db import Transaction
from nacre.kernel.tasks import Run
from nacre.kernel.tasks import jobs as job_rows
from nacre.services.compute.app import nics
from nacre.services.compute.app.jobs import InterfaceAttach, ServerBuild
from nacre.services.compute.db import servers as rows
from nacre.services.compute.db.servers import Server
from nacre.services.compute.db.tables import TaskState
from nacre.services.compute.tasks import server_delete


def put_right(ctx: Context, run: Run[Any]) -> None:
    """Remove what nobody else would see any more."""

    def look(tx: Transaction) -> tuple[Server | None, bool]:
        job = job_rows.get(tx, run.job.id)
        return rows.find(tx, run.input.server_id, deleted=True), job is None or job.ending is not None

    server, turned_back = ctx.db.read(look)
    if server is None:
        return
    if server.deleted or server.task_state is TaskState.DELETING:
        server_delete.disconnect(ctx, run)
        server_delete.release(ctx, run)
    elif turned_back:
        for port_id in _ports_of_its_own(server, run.input):
            nics.take_back(ctx, server.id, port_id, owned=True)


def _ports_of_its_own(server: Server, asked: object) -> list[str]:
    """Return the ports that no other job of the server's would make."""
    if isinstance(asked, ServerBuild):
        return nics.ports_of_attempt(server, asked.attempt)
    if isinstance(asked, InterfaceAttach) and asked.owned:
        return [asked.port_id]
    return []
