"""Have a host take over a server's changed spec: stop the guest where it must not run, then make it so."""

from __future__ import annotations

from nacre.kernel.context import Context
from nacre.kernel.db import Transaction
from nacre.kernel.tasks import Failure, Finish, Run, Wait
from nacre.services.compute import rpc
from nacre.services.compute.app import actions, host_calls, respec, servers, specs, states
from nacre.services.compute.app.jobs import RESPEC, ServerRespec
from nacre.services.compute.db import servers as rows
from nacre.services.compute.db.tables import PowerState, TaskState, VmState


@RESPEC.step()
def stop(ctx: Context, run: Run[ServerRespec]) -> Wait | None:
    """Stop the guest, if it must not run while this changes."""
    server_id, verb = run.input.server_id, respec.VERBS[run.input.verb]

    def begin(tx: Transaction) -> rows.Server:
        server = rows.get(tx, server_id)
        actions.begin(tx, ctx, server_id, verb.event, server.host)
        return server

    server = ctx.db.run(begin)
    if not verb.stops_first:
        return None
    return host_calls.stop(ctx, server, f"stop-{run.job.id}", server.revision - 1)


@RESPEC.step()
def apply(ctx: Context, run: Run[ServerRespec]) -> Wait | Finish:
    """Hand the new spec over, wait until it is so, and note what the server is now."""
    server_id, verb = run.input.server_id, respec.VERBS[run.input.verb]
    if verb.sets_task is not None:
        ctx.db.run(servers.advance, server_id, verb.sets_task)
    server = ctx.db.read(rows.get, server_id)
    host = states.host_of(server)
    message = rpc.EnsureServer(command_id=f"{verb.name}-{run.job.id}", spec=specs.build(ctx, server_id))
    outcome = host_calls.send(ctx, host, rpc.ENSURE_SERVER, message, f"{verb.name} the server")
    if isinstance(outcome, Wait):
        return outcome

    def end(tx: Transaction) -> None:
        off = server.power is rpc.Power.SHUTDOWN
        rows.update(
            tx,
            server_id,
            vm_state=verb.becomes or (VmState.STOPPED if off else VmState.ACTIVE),
            task_state=None,
            power_state=PowerState.SHUTDOWN if off else PowerState.RUNNING,
            admin_password=None,
            launched_at=tx.now() if verb is respec.VERBS["rebuild"] else server.launched_at,
        )
        actions.end(tx, ctx, server_id, verb.event, host=host)

    return Finish(end)


@RESPEC.on_failure
def give_up(ctx: Context, run: Run[ServerRespec], failure: Failure) -> Finish:
    """Leave the server in ERROR with the reason: its disk may be neither the old nor the new one."""
    server_id, verb = run.input.server_id, respec.VERBS[run.input.verb]

    def write(tx: Transaction) -> None:
        server = rows.find(tx, server_id)
        if server is None or server.task_state is TaskState.DELETING:
            return
        actions.end(tx, ctx, server_id, verb.event, failure=failure.message, detail=failure.detail)
        servers.refuse(tx, server_id, failure.message, failure.detail, 500)

    return Finish(write)
