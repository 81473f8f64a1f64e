"""Remove a server from the world: from its host, from the network, from placement, and last from the lists.

Whatever else was being done with it has been called off and undone before this begins.  A host that is
down keeps nobody from deleting: when it is back, it is told to remove what it has (tasks/leftover_sync).
"""

from __future__ import annotations

from nacre.kernel.context import Context
from nacre.kernel.db import Transaction
from nacre.kernel.tasks import Failure, Finish, Run, Wait
from nacre.services.compute.app import actions, host_calls, migrations, nics, relocation, servers
from nacre.services.compute.app.jobs import DELETE, ServerDelete
from nacre.services.compute.db import console_tokens, groups, passwords
from nacre.services.compute.db import migrations as migration_rows
from nacre.services.compute.db import servers as rows
from nacre.services.compute.db.tables import TaskState, VmState
from nacre.services.placement import client as placement

EVENT = "compute_terminate_instance"


@DELETE.step()
def remove_from_host(ctx: Context, run: Run[ServerDelete]) -> Wait | None:
    """Have the host leave nothing of it, and wait until that is so."""
    server_id = run.input.server_id

    def begin(tx: Transaction) -> rows.Server:
        server = rows.get(tx, server_id, deleted=True)
        actions.begin(tx, ctx, server_id, EVENT, server.host)
        return server

    server = ctx.db.run(begin)
    if server.host is None or server.deleted:
        return None
    return host_calls.remove(ctx, server.host, server_id, f"delete-{run.job.id}")


@DELETE.step()
def remove_from_other_host(ctx: Context, run: Run[ServerDelete]) -> None:
    """The same for the host that it left while its owner had not yet said whether it stays."""
    server_id = run.input.server_id
    migration = ctx.db.read(migration_rows.latest, server_id)
    if migration is not None and migration.status == migrations.Status.FINISHED:
        for host in {migration.source_host, migration.target_host} - {None}:
            relocation.remove_elsewhere(ctx, server_id, str(host), f"delete-{run.job.id}")


@DELETE.step()
def disconnect(ctx: Context, run: Run[ServerDelete]) -> None:
    """Delete its ports, and give back those that were lent."""
    nics.disconnect(ctx, ctx.db.read(rows.get, run.input.server_id, deleted=True))


@DELETE.step()
def release(ctx: Context, run: Run[ServerDelete]) -> None:
    """Give its room back."""
    placement.release(ctx, run.input.server_id)
    migration = ctx.db.read(migration_rows.latest, run.input.server_id)
    if migration is not None:
        placement.release(ctx, migration.uuid)


@DELETE.step()
def forget(ctx: Context, run: Run[ServerDelete]) -> Finish:
    """Take it off the lists; its row stays for those who ask what changed."""
    server_id = run.input.server_id

    def write(tx: Transaction) -> None:
        server = rows.get(tx, server_id, deleted=True)
        if server.deleted:
            return
        now = tx.now()
        rows.update(
            tx,
            server_id,
            vm_state=VmState.DELETED,
            task_state=None,
            power_state=0,
            deleted=True,
            deleted_at=now,
            terminated_at=now,
            admin_password=None,
        )
        groups.leave(tx, server_id)
        console_tokens.delete_of_server(tx, server_id)
        passwords.delete(tx, server_id)
        migrations.close(tx, server_id)
        actions.end(tx, ctx, server_id, EVENT, host=server.host)

    return Finish(write)


@DELETE.on_failure
def give_up(ctx: Context, run: Run[ServerDelete], failure: Failure) -> Finish:
    """Leave the server in ERROR with the reason; it can be deleted again."""

    def write(tx: Transaction) -> None:
        server = rows.find(tx, run.input.server_id)
        if server is not None and server.task_state is TaskState.DELETING:
            actions.end(tx, ctx, server.id, EVENT, failure=failure.message, detail=failure.detail)
            servers.refuse(tx, server.id, failure.message, failure.detail, 500)

    return Finish(write)
