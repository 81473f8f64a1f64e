"""Stop a server and bring it to another host, maybe with another size; its owner then keeps that or goes back.

What is on the old host stays there until then, and in placement the migration holds its room.  So going back, or
giving up on the way, needs nothing that could be lacking: the server is started again where it was.
"""

from __future__ import annotations

from nacre.kernel import tasks
from nacre.kernel.context import Context
from nacre.kernel.db import Transaction
from nacre.kernel.errors import Unavailable
from nacre.kernel.tasks import Failure, Finish, Run, Wait
from nacre.services.compute import rpc
from nacre.services.compute.app import (
    actions,
    host_calls,
    jobs,
    migrations,
    nics,
    relocation,
    resize,
    servers,
)
from nacre.services.compute.app.jobs import MIGRATE, ColdMigration
from nacre.services.compute.app.migrations import Status
from nacre.services.compute.app.scheduling import choice
from nacre.services.compute.db import actions as action_rows
from nacre.services.compute.db import servers as rows
from nacre.services.compute.db.tables import PowerState, TaskState, VmState
from nacre.services.compute.errors import HostRefused
from nacre.services.compute.tasks import late_deeds, moving
from nacre.services.compute.tasks.moving import keep_ports, release, source_of

EVENT = "compute_finish_resize"
COLD = rpc.Manner.COLD


@MIGRATE.step(undo=release)
def choose(ctx: Context, run: Run[ColdMigration]) -> choice.Choice | Finish | Wait:
    """Find a host, and claim its room beside what the server holds now."""
    chosen = moving.find_host(ctx, run, EVENT, flavor=run.input.flavor)
    if isinstance(chosen, Wait):
        return chosen
    return Finish(lambda tx: moving.note_target(tx, run, Status.MIGRATING, chosen), chosen)


@MIGRATE.step(undo=keep_ports)
def connect(ctx: Context, run: Run[ColdMigration]) -> None:
    """Have its network ready over there, if the host can carry it at all."""
    relocation.prepare_ports(ctx, run.input.server_id, run.result(choose).host)


@MIGRATE.step()
def introduce(ctx: Context, run: Run[ColdMigration]) -> rpc.Departure:
    """Ask the server's host what the other one must know."""
    return relocation.introduce(ctx, run.input.server_id, source_of(ctx, run), COLD)


def dismiss(ctx: Context, run: Run[ColdMigration]) -> None:
    """Have the other host forget the server."""
    target = run.result(choose).host
    relocation.remove_elsewhere(ctx, run.input.server_id, target, f"dismiss-{run.job.id}")


@MIGRATE.step(undo=dismiss)
def expect(ctx: Context, run: Run[ColdMigration]) -> rpc.Arrival | Wait:
    """Have the other host check whether the server can come, and wait for it."""
    if run.waited_seconds > ctx.config.build_timeout_seconds:
        raise HostRefused(f"Host {run.result(choose).host} was not ready for the server in time.")
    target, departure = run.result(choose).host, run.result(introduce)
    return relocation.expect(ctx, run.input.server_id, target, departure, COLD, f"expect-{run.job.id}")


def start_again(ctx: Context, run: Run[ColdMigration]) -> None:
    """Have the guest run where it was, if it did."""
    server_id = run.input.server_id
    server = ctx.db.read(rows.find, server_id)
    if server is None or server.task_state is TaskState.DELETING:
        return
    command_id = f"start-again-{run.job.id}"
    if (
        relocation.ensure(ctx, server_id, source_of(ctx, run), command_id, "start the server again")
        is not None
    ):
        raise Unavailable("The server is still being started again.")


@MIGRATE.step(undo=start_again)
def stop(ctx: Context, run: Run[ColdMigration]) -> Wait | None:
    """Stop the guest."""
    server_id = run.input.server_id
    ctx.db.run(servers.advance, server_id, TaskState.RESIZE_MIGRATING)
    server = ctx.db.read(rows.get, server_id)
    return host_calls.stop(ctx, server, f"stop-{run.job.id}", server.revision - 2)


def stop_sending(ctx: Context, run: Run[ColdMigration]) -> None:
    """Have the old host send nothing more."""
    relocation.stop_sending(ctx, run.input.server_id, source_of(ctx, run))


@MIGRATE.step(undo=stop_sending)
def transfer(ctx: Context, run: Run[ColdMigration]) -> Wait | None:
    """Have the old host copy the server's disks to the new one."""
    source, arrival = source_of(ctx, run), run.result(expect)
    return relocation.send(ctx, run.input.server_id, source, arrival, COLD, f"send-{run.job.id}")


def return_home(ctx: Context, run: Run[ColdMigration]) -> None:
    """Write down that the server is where it was, and as it was."""
    source = source_of(ctx, run)

    def write(tx: Transaction) -> None:
        server = rows.find(tx, run.input.server_id)
        if server is not None and server.host != source:
            old = server.old_flavor or server.flavor
            sizes = {"flavor": old, "flavor_id": old.id, "old_flavor": None}
            relocation.place(tx, ctx, server.id, source, **sizes)

    ctx.db.run(write)


@MIGRATE.step(undo=return_home)
def switch(ctx: Context, run: Run[ColdMigration]) -> None:
    """Write down that the server is over there, with its new size, and have its ports follow."""
    asked = run.input

    def write(tx: Transaction) -> None:
        server = rows.get(tx, asked.server_id)
        if server.host != run.result(choose).host:
            servers.advance(tx, server.id, TaskState.RESIZE_FINISH)
            sizes = {"old_flavor": server.flavor, "flavor": asked.flavor, "flavor_id": asked.flavor.id}
            power = resize.power_after(asked.was_off)
            relocation.place(tx, ctx, server.id, run.result(choose).host, power=power, **sizes)

    ctx.db.run(write)
    relocation.move_ports(ctx, asked.server_id)


@MIGRATE.step()
def await_ports(ctx: Context, run: Run[ColdMigration]) -> Wait | None:
    """Wait until packets can flow, so that the guest finds its network when it boots."""
    return relocation.await_ports(ctx, run.input.server_id, run.waited_seconds)


@MIGRATE.step()
def finish(ctx: Context, run: Run[ColdMigration]) -> Wait | Finish:
    """Make the guest anew over there, with its new size."""
    asked, target = run.input, run.result(choose).host
    if run.waited_seconds > ctx.config.build_timeout_seconds:
        raise HostRefused(f"Host {target} did not start the server in time.")
    wait = relocation.ensure(ctx, asked.server_id, target, f"finish-{run.job.id}", "start the server")
    if wait is not None:
        return wait
    nics.refresh(ctx, [asked.server_id])

    def end(tx: Transaction) -> None:
        rows.update(
            tx,
            asked.server_id,
            vm_state=VmState.RESIZED,
            task_state=None,
            power_state=PowerState.SHUTDOWN if asked.was_off else PowerState.RUNNING,
        )
        migrations.move(tx, asked.migration_id, Status.FINISHED)
        actions.end(tx, ctx, asked.server_id, EVENT, host=target)

    return Finish(end)


@MIGRATE.on_cancel
def note_end(ctx: Context, run: Run[ColdMigration]) -> Finish:
    """Say that nothing came of it."""
    return Finish(lambda tx: migrations.move(tx, run.input.migration_id, Status.ERROR))


@MIGRATE.on_failure
def give_up(ctx: Context, run: Run[ColdMigration], failure: Failure) -> Finish:
    """Try another host if this one refused and nobody asked for it by name; else say why the server stays."""
    asked = run.input
    early = (connect.__name__, expect.__name__)
    refused = failure.step in early and failure.kind == HostRefused.__name__
    not_started = any(each.step == stop.__name__ and each.undo_error for each in run.job.history)

    def write(tx: Transaction) -> None:
        server = rows.find(tx, asked.server_id)
        if server is None or server.task_state is TaskState.DELETING:
            migrations.move(tx, asked.migration_id, Status.ERROR)
            return
        if refused and moving.may_try_elsewhere(ctx, asked):
            again = moving.elsewhere(asked, run.result(choose).host)
            tasks.start(tx, MIGRATE, again, resource=jobs.of(asked.server_id), ctx=ctx)
            return
        migrations.move(tx, asked.migration_id, Status.ERROR)
        actions.end(tx, ctx, server.id, EVENT, failure=failure.message, detail=failure.detail)
        rows.update(tx, server.id, vcpus=server.flavor.vcpus, memory_mb=server.flavor.memory_mb)
        if not_started:
            servers.refuse(tx, server.id, failure.message, failure.detail, 500)
        else:
            rows.update(tx, server.id, task_state=None)
            action_rows.add_fault(tx, server.id, 500, failure.message, failure.detail)

    return Finish(write)


MIGRATE.on_loss(late_deeds.put_right)
