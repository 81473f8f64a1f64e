"""Make a server anew on another host because its own has failed: the same server, on the same addresses.

Nothing is asked of the failed host.  Its room stays taken, in the migration's name, until it is back and has
removed what it still has of the server (tasks/evacuation_sync); whoever evacuates has made sure that it is really
gone, or two guests would think that they are this server.
"""

from __future__ import annotations

from nacre.kernel import tasks
from nacre.kernel.context import Context
from nacre.kernel.db import Transaction
from nacre.kernel.errors import Unavailable
from nacre.kernel.tasks import Failure, Finish, Run, Wait
from nacre.services.compute.app import actions, host_calls, jobs, migrations, nics, relocation, servers
from nacre.services.compute.app.jobs import EVACUATE, Evacuation
from nacre.services.compute.app.migrations import Status
from nacre.services.compute.app.scheduling import choice
from nacre.services.compute.db import servers as rows
from nacre.services.compute.db.tables import PowerState, TaskState, VmState
from nacre.services.compute.errors import HostRefused
from nacre.services.compute.tasks import late_deeds, moving
from nacre.services.compute.tasks.moving import keep_ports, release, source_of

EVENT = "compute_rebuild_instance"


@EVACUATE.step(undo=release)
def choose(ctx: Context, run: Run[Evacuation]) -> choice.Choice | Finish | Wait:
    """Find a host, and claim its room; the migration holds what the failed one may still have of the server."""
    chosen = moving.find_host(ctx, run, EVENT, forced=run.input.forced)
    if isinstance(chosen, Wait):
        return chosen

    def end(tx: Transaction) -> None:
        servers.advance(tx, run.input.server_id, TaskState.REBUILD_SPAWNING)
        moving.note_target(tx, run, Status.PREPARING, chosen)

    return Finish(end, chosen)


@EVACUATE.step(undo=keep_ports)
def connect(ctx: Context, run: Run[Evacuation]) -> None:
    """Have its network ready over there, if the host can carry it at all."""
    relocation.prepare_ports(ctx, run.input.server_id, run.result(choose).host)


def give_back(ctx: Context, run: Run[Evacuation]) -> None:
    """Write down that the server is where it was."""
    source = source_of(ctx, run)

    def write(tx: Transaction) -> None:
        server = rows.find(tx, run.input.server_id)
        if server is not None and server.host != source:
            relocation.place(tx, ctx, server.id, source)

    ctx.db.run(write)


@EVACUATE.step(undo=give_back)
def take(ctx: Context, run: Run[Evacuation]) -> None:
    """Write down that the server is over there, and have its ports follow."""
    ctx.db.run(relocation.place, ctx, run.input.server_id, run.result(choose).host)
    relocation.move_ports(ctx, run.input.server_id)


@EVACUATE.step()
def await_ports(ctx: Context, run: Run[Evacuation]) -> Wait | None:
    """Wait until packets can flow, so that the guest finds its network when it boots."""
    return relocation.await_ports(ctx, run.input.server_id, run.waited_seconds)


def remove(ctx: Context, run: Run[Evacuation]) -> None:
    """Have the host leave nothing of the server."""
    host = run.result(choose).host
    if host_calls.remove(ctx, host, run.input.server_id, f"unevacuate-{run.job.id}") is not None:
        raise Unavailable(f"Host {host} is still removing the server.")


@EVACUATE.step(undo=remove)
def boot(ctx: Context, run: Run[Evacuation]) -> Wait | Finish:
    """Hand the spec over, and wait until the guest is there."""
    asked, target = run.input, run.result(choose).host
    if run.waited_seconds > ctx.config.build_timeout_seconds:
        raise HostRefused(f"Host {target} did not finish building the server in time.")
    wait = relocation.ensure(ctx, asked.server_id, target, f"evacuate-{run.job.id}", "build the server")
    if wait is not None:
        return wait
    nics.refresh(ctx, [asked.server_id])

    def end(tx: Transaction) -> None:
        rows.update(
            tx,
            asked.server_id,
            vm_state=VmState.STOPPED if asked.stays_off else VmState.ACTIVE,
            task_state=None,
            power_state=PowerState.SHUTDOWN if asked.stays_off else PowerState.RUNNING,
            admin_password=None,
            launched_at=tx.now(),
        )
        migrations.move(tx, asked.migration_id, Status.DONE)
        actions.end(tx, ctx, asked.server_id, EVENT, host=target)

    return Finish(end)


@EVACUATE.on_cancel
def note_end(ctx: Context, run: Run[Evacuation]) -> Finish:
    """Say that nothing came of it."""
    return Finish(lambda tx: migrations.move(tx, run.input.migration_id, Status.ERROR))


@EVACUATE.on_failure
def give_up(ctx: Context, run: Run[Evacuation], failure: Failure) -> Finish:
    """Try another host if this one refused and nobody asked for it by name; else say why there is no server."""
    asked = run.input
    refused = failure.kind == HostRefused.__name__

    def write(tx: Transaction) -> None:
        server = rows.find(tx, asked.server_id)
        if server is None or server.task_state is TaskState.DELETING:
            migrations.move(tx, asked.migration_id, Status.ERROR)
            return
        if refused and moving.may_try_elsewhere(ctx, asked):
            again = moving.elsewhere(asked, run.result(choose).host)
            tasks.start(tx, EVACUATE, again, resource=jobs.of(asked.server_id), ctx=ctx)
            return
        migrations.move(tx, asked.migration_id, Status.ERROR)
        actions.end(tx, ctx, server.id, EVENT, failure=failure.message, detail=failure.detail)
        servers.refuse(tx, server.id, failure.message, failure.detail, 500)

    return Finish(write)


EVACUATE.on_loss(late_deeds.put_right)
