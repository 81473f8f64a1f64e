"""Start, stop, reboot, pause, unpause … a server: tell the host, wait, note what the server is now."""

from __future__ import annotations

from nacre.kernel.context import Context
from nacre.kernel.db import Transaction
from nacre.kernel.tasks import Failure, Finish, Run, Wait
from nacre.services.compute.app import actions, host_calls, power, states
from nacre.services.compute.app.jobs import POWER, ServerPower
from nacre.services.compute.db import actions as action_rows
from nacre.services.compute.db import servers as rows
from nacre.services.compute.db.tables import TaskState


@POWER.step()
def tell_host(ctx: Context, run: Run[ServerPower]) -> Wait | Finish:
    """Give the command, wait for its end, and write down what the server is now."""
    server_id, verb = run.input.server_id, power.VERBS[run.input.verb]

    def begin(tx: Transaction) -> rows.Server:
        server = rows.get(tx, server_id)
        actions.begin(tx, ctx, server_id, verb.event, server.host)
        return server

    server = ctx.db.run(begin)
    host = states.host_of(server)
    message = power.message(verb, f"{verb.name}-{run.job.id}", server, run.input.timeout_seconds)
    outcome = host_calls.send(ctx, host, verb.method, message, verb.name.replace("_", " "))
    if isinstance(outcome, Wait):
        return outcome

    def end(tx: Transaction) -> None:
        rows.update(
            tx,
            server_id,
            vm_state=power.becomes(verb, server),
            task_state=None,
            power_state=verb.power_state,
            power=verb.power,
        )
        actions.end(tx, ctx, server_id, verb.event, host=host)

    return Finish(end)


@POWER.on_failure
def give_up(ctx: Context, run: Run[ServerPower], failure: Failure) -> Finish:
    """Leave the server as it was; what it really is will be learned from its host."""
    server_id, verb = run.input.server_id, power.VERBS[run.input.verb]

    def write(tx: Transaction) -> None:
        server = rows.find(tx, server_id)
        if server is None or server.task_state is TaskState.DELETING:
            return
        rows.update(tx, server_id, task_state=None, power=states.power_of(server.vm_state))
        action_rows.add_fault(tx, server_id, 500, failure.message, failure.detail)
        actions.end(tx, ctx, server_id, verb.event, failure=failure.message, detail=failure.detail)

    return Finish(write)
