"""Give a server another size on its host: claim the room, stop the guest, make it anew, wait for its
owner's word.
"""

from __future__ import annotations

from nacre.kernel import errors, tasks
from nacre.kernel.context import Context
from nacre.kernel.db import Transaction
from nacre.kernel.tasks import Failure, Finish, Run, Wait
from nacre.services.compute import rpc
from nacre.services.compute.app import (
    actions,
    host_calls,
    jobs,
    migrations,
    resize,
    servers,
    specs,
    states,
)
from nacre.services.compute.app.jobs import MIGRATE, RESIZE, ColdMigration, ServerResize
from nacre.services.compute.db import actions as action_rows
from nacre.services.compute.db import migrations as migration_rows
from nacre.services.compute.db import servers as rows
from nacre.services.compute.db.tables import PowerState, TaskState, VmState
from nacre.services.compute.errors import NoRoomInPlace
from nacre.services.compute.tasks import late_deeds

EVENT = "compute_finish_resize"


def give_room_back(ctx: Context, run: Run[ServerResize]) -> None:
    """Hold only the room of the old size."""
    server = ctx.db.read(rows.find, run.input.server_id)
    if server is not None:
        resize.hold(ctx, server, server.old_flavor or server.flavor)


@RESIZE.step(undo=give_room_back)
def claim(ctx: Context, run: Run[ServerResize]) -> None:
    """Hold the room of both sizes."""
    server_id = run.input.server_id

    def begin(tx: Transaction) -> rows.Server:
        server = rows.get(tx, server_id)
        actions.begin(tx, ctx, server_id, EVENT, server.host)
        return server

    server = ctx.db.run(begin)
    try:
        resize.hold(ctx, server, server.old_flavor or server.flavor, run.input.flavor)
    except errors.Conflict as error:
        raise NoRoomInPlace(
            "The server's host has no room for the new size.", detail=error.message
        ) from error


@RESIZE.step()
def stop(ctx: Context, run: Run[ServerResize]) -> Wait | None:
    """Stop the guest."""
    server_id = run.input.server_id
    ctx.db.run(servers.advance, server_id, TaskState.RESIZE_MIGRATING)
    server = ctx.db.read(rows.get, server_id)
    return host_calls.stop(ctx, server, f"stop-{run.job.id}", server.revision - 2)


@RESIZE.step()
def apply(ctx: Context, run: Run[ServerResize]) -> Wait | Finish:
    """Make the guest anew with its new size."""
    server_id, power = run.input.server_id, resize.power_after(run.input.was_off)

    def change(tx: Transaction) -> rows.Server:
        server = rows.get(tx, server_id)
        if server.old_flavor is None:
            servers.advance(tx, server_id, TaskState.RESIZE_FINISH)
            rows.update(
                tx,
                server_id,
                old_flavor=server.flavor,
                flavor=run.input.flavor,
                flavor_id=run.input.flavor.id,
                power=power,
            )
        return rows.get(tx, server_id)

    host = states.host_of(ctx.db.run(change))
    message = rpc.EnsureServer(command_id=f"resize-{run.job.id}", spec=specs.build(ctx, server_id))
    outcome = host_calls.send(ctx, host, rpc.ENSURE_SERVER, message, "resize the server")
    if isinstance(outcome, Wait):
        return outcome

    def end(tx: Transaction) -> None:
        rows.update(
            tx,
            server_id,
            vm_state=VmState.RESIZED,
            task_state=None,
            power_state=PowerState.SHUTDOWN if run.input.was_off else PowerState.RUNNING,
        )
        migrations.note(tx, server_id, migrations.Status.FINISHED)
        actions.end(tx, ctx, server_id, EVENT, host=host)

    return Finish(end)


@RESIZE.on_failure
def give_up(ctx: Context, run: Run[ServerResize], failure: Failure) -> Finish:
    """Try elsewhere where only room was lacking; leave the server as it was where nothing had happened to it yet,
    else in ERROR; say why."""
    server_id = run.input.server_id

    def write(tx: Transaction) -> None:
        server = rows.find(tx, server_id)
        if server is None or server.task_state is TaskState.DELETING:
            return
        migration = migration_rows.latest(tx, server_id)
        if failure.kind == NoRoomInPlace.__name__ and migration is not None:
            elsewhere = ColdMigration(server_id, migration.uuid, run.input.flavor, run.input.was_off)
            tasks.start(tx, MIGRATE, elsewhere, resource=jobs.of(server_id), ctx=ctx)
            return
        actions.end(tx, ctx, server_id, EVENT, failure=failure.message, detail=failure.detail)
        migrations.note(tx, server_id, migrations.Status.ERROR)
        old = server.old_flavor or server.flavor
        rows.update(
            tx,
            server_id,
            flavor=old,
            flavor_id=old.id,
            old_flavor=None,
            vcpus=old.vcpus,
            memory_mb=old.memory_mb,
        )
        if run.finished(claim):
            servers.refuse(tx, server_id, failure.message, failure.detail, 500)
        else:
            rows.update(tx, server_id, task_state=None)
            action_rows.add_fault(tx, server_id, 500, failure.message, failure.detail)

    return Finish(write)


RESIZE.on_loss(late_deeds.put_right)
