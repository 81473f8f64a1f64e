"""Bring a running server to another host while it runs.

Find a host and claim its room beside the present one, introduce the two hosts to each other, have the one wait
at its door and the other send.  The moment at which the guest goes on over there is the point of no return:
from then on whatever happens, an abort or a crash included, leads to the server being over there.  Until then
it leads to the server being where it was, undisturbed.  Which of the two it is, only the hosts can say.
"""

from __future__ import annotations

from nacre.kernel import tasks
from nacre.kernel.context import Context
from nacre.kernel.db import Transaction
from nacre.kernel.errors import Unavailable
from nacre.kernel.tasks import Failure, Finish, Run, Wait
from nacre.services.compute import rpc
from nacre.services.compute.app import actions, jobs, migrations, nics, relocation
from nacre.services.compute.app.jobs import LIVE_MIGRATE, LiveMigration
from nacre.services.compute.app.migrations import Status
from nacre.services.compute.app.scheduling import choice
from nacre.services.compute.db import actions as action_rows
from nacre.services.compute.db import servers as rows
from nacre.services.compute.db.tables import TaskState
from nacre.services.compute.errors import HostRefused
from nacre.services.compute.tasks import late_deeds, moving
from nacre.services.compute.tasks.moving import keep_ports, release, source_of

EVENT = "compute_live_migration"
LIVE = rpc.Manner.LIVE
ABORTED = "The migration was aborted."


@LIVE_MIGRATE.step(undo=release)
def choose(ctx: Context, run: Run[LiveMigration]) -> choice.Choice | Finish | Wait:
    """Find a host, and claim its room beside what the server holds now."""
    chosen = moving.find_host(ctx, run, EVENT, forced=run.input.forced)
    if isinstance(chosen, Wait):
        return chosen
    return Finish(lambda tx: moving.note_target(tx, run, Status.PREPARING, chosen), chosen)


@LIVE_MIGRATE.step(undo=keep_ports)
def connect(ctx: Context, run: Run[LiveMigration]) -> Wait | None:
    """Have its network ready over there before it comes."""
    server_id, target = run.input.server_id, run.result(choose).host
    relocation.prepare_ports(
        ctx, server_id, target
    )  # at each turn: an outage may have broken the first one off
    return relocation.await_readiness(ctx, server_id, target, run.waited_seconds)


@LIVE_MIGRATE.step()
def introduce(ctx: Context, run: Run[LiveMigration]) -> rpc.Departure:
    """Ask the server's host what the other one must know."""
    return relocation.introduce(ctx, run.input.server_id, source_of(ctx, run), LIVE)


def dismiss(ctx: Context, run: Run[LiveMigration]) -> None:
    """Have the other host forget the server, unless it came there after all."""
    target = run.result(choose).host
    relocation.remove_elsewhere(ctx, run.input.server_id, target, f"dismiss-{run.job.id}")


@LIVE_MIGRATE.step(undo=dismiss)
def expect(ctx: Context, run: Run[LiveMigration]) -> rpc.Arrival | Wait:
    """Have the other host check whether the server can come, and wait for it."""
    if run.waited_seconds > ctx.config.build_timeout_seconds:
        raise HostRefused(f"Host {run.result(choose).host} was not ready for the server in time.")
    command_id = f"expect-{run.job.id}"
    target, departure = run.result(choose).host, run.result(introduce)
    return relocation.expect(ctx, run.input.server_id, target, departure, LIVE, command_id)


def call_back(ctx: Context, run: Run[LiveMigration]) -> None:
    """Keep the server where it was; if it is over there already, make it at home there."""
    server_id, source, target = run.input.server_id, source_of(ctx, run), run.result(choose).host
    relocation.stop_sending(ctx, server_id, source)
    if not relocation.has_landed(ctx, server_id, source, target):
        return
    ctx.db.run(relocation.place, ctx, server_id, target)
    relocation.remove_elsewhere(ctx, server_id, source, f"leave-{run.job.id}")
    if relocation.ensure(ctx, server_id, target, f"adopt-late-{run.job.id}", "adopt the server") is not None:
        raise Unavailable(f"Host {target} has not adopted the server yet.")


@LIVE_MIGRATE.step(undo=call_back)
def transfer(ctx: Context, run: Run[LiveMigration]) -> Wait | Finish:
    """Have the server's host send it; the guest goes on over there."""
    asked = run.input
    if run.waited_seconds > ctx.config.live_migration_timeout_seconds:
        raise HostRefused(
            "The server did not arrive in time.", detail="it changes faster than it can be sent"
        )
    if run.waited_seconds == 0:
        ctx.db.run(migrations.move, asked.migration_id, Status.RUNNING)
    source, arrival = source_of(ctx, run), run.result(expect)
    wait = relocation.send(ctx, asked.server_id, source, arrival, LIVE, f"send-{run.job.id}")
    if wait is not None:
        return wait
    target = run.result(choose).host

    def land(tx: Transaction) -> None:
        relocation.place(tx, ctx, asked.server_id, target)
        migrations.move(tx, asked.migration_id, Status.POST_MIGRATING)

    return Finish(land)


@LIVE_MIGRATE.step()
def switch(ctx: Context, run: Run[LiveMigration]) -> None:
    """Have its ports carried by the host where it is now."""
    relocation.move_ports(ctx, run.input.server_id)


@LIVE_MIGRATE.step()
def adopt(ctx: Context, run: Run[LiveMigration]) -> Wait | None:
    """Have the new host keep the server from now on."""
    target = run.result(choose).host
    return relocation.ensure(ctx, run.input.server_id, target, f"adopt-{run.job.id}", "adopt the server")


@LIVE_MIGRATE.step()
def leave(ctx: Context, run: Run[LiveMigration]) -> Finish:
    """Leave nothing on the old host, and give its room back."""
    asked = run.input
    relocation.remove_elsewhere(ctx, asked.server_id, source_of(ctx, run), f"leave-{run.job.id}")
    relocation.settle_room(ctx, asked.server_id, asked.migration_id)
    nics.refresh(ctx, [asked.server_id])

    def end(tx: Transaction) -> None:
        rows.update(tx, asked.server_id, task_state=None)
        migrations.move(tx, asked.migration_id, Status.COMPLETED)
        actions.end(tx, ctx, asked.server_id, EVENT)

    return Finish(end)


def _end_badly(
    tx: Transaction, ctx: Context, run: Run[LiveMigration], status: Status, why: str, detail: str | None
) -> None:
    """Let the server be asked again, wherever it is by now."""
    asked = run.input
    server = rows.find(tx, asked.server_id)
    target = run.result(choose).host if run.finished(choose) else None
    landed = server is not None and server.host == target
    migrations.move(tx, asked.migration_id, Status.COMPLETED if landed else status)
    if server is None:
        return
    if server.task_state is TaskState.MIGRATING:
        rows.update(tx, server.id, task_state=None)
    actions.end(tx, ctx, server.id, EVENT, failure=None if landed else why, detail=detail)


@LIVE_MIGRATE.on_cancel
def note_abort(ctx: Context, run: Run[LiveMigration]) -> Finish:
    """Say that the server stays."""
    return Finish(lambda tx: _end_badly(tx, ctx, run, Status.CANCELLED, ABORTED, None))


@LIVE_MIGRATE.on_failure
def give_up(ctx: Context, run: Run[LiveMigration], failure: Failure) -> Finish:
    """Try another host if this one refused and nobody asked for it by name; else say why the server stays."""
    asked = run.input

    def write(tx: Transaction) -> None:
        server = rows.find(tx, asked.server_id)
        refused = failure.step in (connect.__name__, expect.__name__) and failure.kind == HostRefused.__name__
        again = refused and moving.may_try_elsewhere(ctx, asked)
        if server is not None and server.task_state is TaskState.MIGRATING and again:
            wanted = moving.elsewhere(asked, run.result(choose).host)
            tasks.start(tx, LIVE_MIGRATE, wanted, resource=jobs.of(asked.server_id), ctx=ctx)
            return
        _end_badly(tx, ctx, run, Status.ERROR, failure.message, failure.detail)
        if server is not None:
            action_rows.add_fault(tx, server.id, 500, failure.message, failure.detail)

    return Finish(write)


LIVE_MIGRATE.on_loss(late_deeds.put_right)
