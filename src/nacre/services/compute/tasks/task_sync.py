"""Take off servers the tasks that nobody works on any more.

A task is written together with the job that carries it out, and taken off by that job.  Where a job's row is
lost (deleted by hand, restored from a backup) the task would keep its server from everything for ever.
A deletion is begun again, for that is what was wanted; of anything else nobody knows how far it came, so the
server can be asked again, and one that was never built is in ERROR.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

from nacre.kernel import tasks
from nacre.kernel.context import Context
from nacre.kernel.db import Transaction
from nacre.kernel.drift import Drift, Sweep, healed
from nacre.services.compute.app import jobs, servers
from nacre.services.compute.app.jobs import ServerDelete
from nacre.services.compute.db import actions, drift
from nacre.services.compute.db import servers as rows
from nacre.services.compute.db.servers import Server
from nacre.services.compute.db.tables import TaskState, VmState

KIND = "task_without_job"
STOOD_STILL = timedelta(minutes=1)


def _page(ctx: Context, after: str, limit: int) -> Sequence[Server]:
    return ctx.db.read(drift.tasks_without_jobs, after, ctx.clock.now() - STOOD_STILL, limit)


def check(ctx: Context, server: Server) -> Iterator[Drift]:
    """Take one server's task off, unless somebody works on it after all."""
    became = ctx.db.run(_take_off, server)
    if became:
        yield healed(KIND, server.id, f"It was {server.task_state}, and no job was behind it; {became}.")


def _take_off(tx: Transaction, seen: Server) -> str:
    server = rows.lock(tx, seen.id)
    if server.task_state is not seen.task_state or drift.has_job(tx, server.id):
        return ""
    if server.task_state is TaskState.DELETING:
        tasks.start(tx, jobs.DELETE, ServerDelete(server.id), resource=jobs.of(server.id))
        return "it is being deleted again"
    message = f"What was being done with the server ({server.task_state}) ended without a result."
    if server.vm_state is VmState.BUILDING:
        servers.refuse(tx, server.id, message, None, 500)
        return "it is in ERROR"
    rows.update(tx, server.id, task_state=None)
    actions.add_fault(tx, server.id, 500, message, None)
    return "it can be asked again"


SWEEP = Sweep(
    "task_sync",
    kinds=(KIND,),
    page=_page,
    key=lambda server: server.id,
    check=check,
    rest_seconds=0,
)
