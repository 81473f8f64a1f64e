"""Take a server's new size back, or its new host: stop the guest, make it anew as and where it was."""

from __future__ import annotations

from nacre.kernel.context import Context
from nacre.kernel.db import Transaction
from nacre.kernel.tasks import Failure, Finish, Run, Wait
from nacre.services.compute import rpc
from nacre.services.compute.app import (
    actions,
    host_calls,
    migrations,
    nics,
    relocation,
    resize,
    servers,
    specs,
    states,
)
from nacre.services.compute.app.jobs import REVERT, ResizeEnd
from nacre.services.compute.db import migrations as migration_rows
from nacre.services.compute.db import servers as rows
from nacre.services.compute.db.migrations import Migration
from nacre.services.compute.db.tables import PowerState, TaskState, VmState
from nacre.services.compute.tasks import late_deeds

EVENT = "compute_revert_resize"


@REVERT.step()
def stop(ctx: Context, run: Run[ResizeEnd]) -> Wait | None:
    """Stop the guest."""
    server_id = run.input.server_id

    def begin(tx: Transaction) -> rows.Server:
        server = rows.get(tx, server_id)
        actions.begin(tx, ctx, server_id, EVENT, server.host)
        return server

    server = ctx.db.run(begin)
    return host_calls.stop(ctx, server, f"stop-{run.job.id}", server.revision - 1)


def settle_here(ctx: Context, run: Run[ResizeEnd]) -> None:
    """What cannot be gone on with: hold what the server needs where it is by now, and nothing elsewhere."""
    server_id = run.input.server_id
    server, migration = ctx.db.read(_look, server_id)
    if server is None or migration is None:
        return
    relocation.settle_rooms(ctx, server_id)
    resize.hold(ctx, server, server.flavor)
    for host in {migration.source_host, migration.target_host} - {server.host, None}:
        relocation.remove_elsewhere(ctx, server_id, str(host), f"unrevert-{run.job.id}")


def _look(tx: Transaction, server_id: str) -> tuple[rows.Server | None, Migration | None]:
    return rows.find(tx, server_id), migration_rows.latest(tx, server_id)


@REVERT.step(undo=settle_here)
def go_home(ctx: Context, run: Run[ResizeEnd]) -> str | None:
    """Write down that it is as it was, where it was, and have its ports follow; return the host that it leaves."""
    server_id = run.input.server_id

    def change(tx: Transaction) -> str | None:
        server, migration = rows.get(tx, server_id), migration_rows.latest(tx, server_id)
        old = server.old_flavor or server.flavor
        sizes = {"flavor": old, "flavor_id": old.id, "old_flavor": None}
        if migration is None or migration.source_host == migration.target_host:
            rows.update(tx, server_id, **sizes)
            return None
        relocation.place(tx, ctx, server_id, str(migration.source_host), **sizes)
        return migration.target_host

    leaves = ctx.db.run(change)
    if leaves is not None:
        relocation.move_ports(ctx, server_id)
    return leaves


@REVERT.step()
def await_ports(ctx: Context, run: Run[ResizeEnd]) -> Wait | None:
    """Wait until packets can flow, so that the guest finds its network when it boots."""
    if run.result(go_home) is None:
        return None
    waited = run.waited_seconds  # too long: there is no way back, so the guest boots without
    return relocation.await_ports(ctx, run.input.server_id, waited, indispensable=False)


@REVERT.step()
def apply(ctx: Context, run: Run[ResizeEnd]) -> Wait | None:
    """Make the guest anew with its old size."""
    server_id = run.input.server_id
    host = states.host_of(ctx.db.read(rows.get, server_id))
    message = rpc.EnsureServer(command_id=f"revert-{run.job.id}", spec=specs.build(ctx, server_id))
    outcome = host_calls.send(ctx, host, rpc.ENSURE_SERVER, message, "give the server its old size")
    return outcome if isinstance(outcome, Wait) else None


@REVERT.step()
def leave_new_host(ctx: Context, run: Run[ResizeEnd]) -> None:
    """Leave nothing of it on the host that it was brought to."""
    leaves = run.result(go_home)
    if leaves is not None:
        relocation.remove_elsewhere(ctx, run.input.server_id, leaves, f"revert-{run.job.id}")


@REVERT.step()
def settle(ctx: Context, run: Run[ResizeEnd]) -> Finish:
    """Hold only the room of the old size, and note what the server is now."""
    server_id = run.input.server_id
    relocation.settle_rooms(ctx, server_id)
    server = ctx.db.read(rows.get, server_id)
    resize.hold(ctx, server, server.flavor)
    nics.refresh(ctx, [server_id])

    def end(tx: Transaction) -> None:
        off = server.power is rpc.Power.SHUTDOWN
        rows.update(
            tx,
            server_id,
            vm_state=VmState.STOPPED if off else VmState.ACTIVE,
            task_state=None,
            power_state=PowerState.SHUTDOWN if off else PowerState.RUNNING,
            vcpus=server.flavor.vcpus,
            memory_mb=server.flavor.memory_mb,
        )
        migrations.note(tx, server_id, migrations.Status.REVERTED)
        actions.end(tx, ctx, server_id, EVENT, host=server.host)

    return Finish(end)


@REVERT.on_failure
def give_up(ctx: Context, run: Run[ResizeEnd], failure: Failure) -> Finish:
    """Leave the server in ERROR with the reason."""

    def write(tx: Transaction) -> None:
        server = rows.find(tx, run.input.server_id)
        if server is not None and server.task_state is not TaskState.DELETING:
            actions.end(tx, ctx, server.id, EVENT, failure=failure.message, detail=failure.detail)
            migrations.note(tx, server.id, migrations.Status.ERROR)
            rows.update(tx, server.id, vcpus=server.flavor.vcpus, memory_mb=server.flavor.memory_mb)
            servers.refuse(tx, server.id, failure.message, failure.detail, 500)

    return Finish(write)


REVERT.on_loss(late_deeds.put_right)
