"""Make an image of a server: an empty image, the host's copy of the root disk, the bytes on their way.

After a backup a job of its own deletes those of its series that are too many: whatever becomes of that, this
backup stays.
"""

from __future__ import annotations

from nacre.kernel import tasks
from nacre.kernel.context import Context
from nacre.kernel.db import Transaction
from nacre.kernel.tasks import Failure, Finish, Run, Wait
from nacre.services.compute import rpc
from nacre.services.compute.app import actions, host_calls, jobs, snapshots, states
from nacre.services.compute.app.jobs import ROTATE, SNAPSHOT, ServerSnapshot
from nacre.services.compute.db import actions as action_rows
from nacre.services.compute.db import servers as rows
from nacre.services.compute.db.tables import TaskState
from nacre.services.image import client as image

SNAPSHOT_EVENT, BACKUP_EVENT = "compute_snapshot_instance", "compute_backup_instance"
TASKS = frozenset((TaskState.IMAGE_SNAPSHOT, TaskState.IMAGE_BACKUP))


def event(run: Run[ServerSnapshot]) -> str:
    """Return under which name this is noted among what was done to the server."""
    return SNAPSHOT_EVENT if run.input.rotation is None else BACKUP_EVENT


def drop_image(ctx: Context, run: Run[ServerSnapshot]) -> None:
    """Delete the image that nothing came of."""
    image.delete(ctx.as_service(), run.input.image_id)


@SNAPSHOT.step(undo=drop_image)
def make_image(ctx: Context, run: Run[ServerSnapshot]) -> None:
    """Add the empty image, if whoever asked has not done so already."""
    snapshots.ensure_image(ctx, run.input)


@SNAPSHOT.step()
def copy(ctx: Context, run: Run[ServerSnapshot]) -> Wait | Finish:
    """Have the host copy the disk into the image."""
    server_id = run.input.server_id

    def begin(tx: Transaction) -> rows.Server:
        server = rows.get(tx, server_id)
        actions.begin(tx, ctx, server_id, event(run), server.host)
        return server

    server = ctx.db.run(begin)
    host = states.host_of(server)
    ticket = image.upload_ticket(ctx, run.input.image_id)
    message = rpc.SnapshotServer(
        command_id=f"snapshot-{run.job.id}",
        server_id=server_id,
        image_id=run.input.image_id,
        upload=rpc.Upload(url=ticket.url, headers=dict(ticket.headers)),
    )
    outcome = host_calls.send(ctx, host, rpc.SNAPSHOT, message, "copy the disk")
    if isinstance(outcome, Wait):
        return outcome

    def end(tx: Transaction) -> None:
        rows.update(tx, server_id, task_state=None)
        actions.end(tx, ctx, server_id, event(run), host=host)
        if run.input.rotation is not None:
            tasks.start(tx, ROTATE, run.input.rotation, resource=jobs.backups_of(server_id), ctx=ctx)

    return Finish(end)


@SNAPSHOT.on_failure
def give_up(ctx: Context, run: Run[ServerSnapshot], failure: Failure) -> Finish:
    """Let the server go on as it was, and say why there is no image."""

    def write(tx: Transaction) -> None:
        server = rows.find(tx, run.input.server_id)
        if server is None:
            return
        actions.end(tx, ctx, server.id, event(run), failure=failure.message, detail=failure.detail)
        action_rows.add_fault(tx, server.id, 500, failure.message, failure.detail)
        if server.task_state in TASKS:
            rows.update(tx, server.id, task_state=None)

    return Finish(write)
