"""Keep a server's new size, or host: give back what only the old one needed."""

from __future__ import annotations

from nacre.kernel.context import Context
from nacre.kernel.db import Transaction
from nacre.kernel.tasks import Failure, Finish, Run
from nacre.services.compute import rpc
from nacre.services.compute.app import actions, migrations, relocation, resize
from nacre.services.compute.app.jobs import CONFIRM, ResizeEnd
from nacre.services.compute.db import actions as action_rows
from nacre.services.compute.db import migrations as migration_rows
from nacre.services.compute.db import servers as rows
from nacre.services.compute.db.migrations import Migration
from nacre.services.compute.db.tables import TaskState, VmState

EVENT = "compute_confirm_resize"


@CONFIRM.step()
def leave_old_host(ctx: Context, run: Run[ResizeEnd]) -> None:
    """Leave nothing of it on the host that it left, if it left one."""
    server_id = run.input.server_id

    def begin(tx: Transaction) -> Migration | None:
        actions.begin(tx, ctx, server_id, EVENT, rows.get(tx, server_id).host)
        return migration_rows.latest(tx, server_id)

    migration = ctx.db.run(begin)
    if migration is not None and migration.source_host is not None:
        relocation.remove_elsewhere(ctx, server_id, migration.source_host, f"confirm-{run.job.id}")


@CONFIRM.step()
def settle(ctx: Context, run: Run[ResizeEnd]) -> Finish:
    """Hold only the room of the new size, and forget the old one."""
    server_id = run.input.server_id
    server = ctx.db.read(rows.get, server_id)
    resize.hold(ctx, server, server.flavor)
    relocation.settle_rooms(ctx, server_id)

    def end(tx: Transaction) -> None:
        off = server.power is rpc.Power.SHUTDOWN
        rows.update(
            tx,
            server_id,
            vm_state=VmState.STOPPED if off else VmState.ACTIVE,
            task_state=None,
            old_flavor=None,
            vcpus=server.flavor.vcpus,
            memory_mb=server.flavor.memory_mb,
        )
        migrations.note(tx, server_id, migrations.Status.CONFIRMED)
        actions.end(tx, ctx, server_id, EVENT, host=server.host)

    return Finish(end)


@CONFIRM.on_failure
def give_up(ctx: Context, run: Run[ResizeEnd], failure: Failure) -> Finish:
    """Let the owner answer again."""

    def write(tx: Transaction) -> None:
        server = rows.find(tx, run.input.server_id)
        if server is not None and server.task_state is TaskState.RESIZE_CONFIRMING:
            rows.update(tx, server.id, task_state=None)
            action_rows.add_fault(tx, server.id, 500, failure.message, failure.detail)
            actions.end(tx, ctx, server.id, EVENT, failure=failure.message, detail=failure.detail)

    return Finish(write)
