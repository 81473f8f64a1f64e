"""Make a server: from a row in the database to a guest that runs.

Find a host and claim its room, have ports made and bound there, hand the spec over, wait until the guest
runs. A host that refuses is not the end: what was done is undone, and a new attempt leaves that host out,
until the attempts are used up or no host is left.  Then the server is in ERROR and says why.
"""

from __future__ import annotations

from nacre.kernel import tasks
from nacre.kernel.context import Context
from nacre.kernel.db import Transaction
from nacre.kernel.errors import Unavailable
from nacre.kernel.tasks import Failure, Finish, Run, Wait
from nacre.services.compute import rpc
from nacre.services.compute.app import actions, host_calls, jobs, nics, servers, specs
from nacre.services.compute.app.jobs import BUILD, ServerBuild
from nacre.services.compute.app.scheduling import choice
from nacre.services.compute.db import actions as action_rows
from nacre.services.compute.db import nics as nic_rows
from nacre.services.compute.db import servers as rows
from nacre.services.compute.db.history_tables import Refusal
from nacre.services.compute.db.tables import PowerState, TaskState, VmState
from nacre.services.compute.errors import HostRefused, NoValidHost
from nacre.services.compute.tasks import late_deeds
from nacre.services.network import client as network
from nacre.services.placement import client as placement

SCHEDULING, SPAWNING = "conductor_schedule_and_build_instances", "compute__do_build_and_run_instance"
HOST_POLL_SECONDS, PORT_POLL_SECONDS = 2.0, 5.0
HOST = "host"  # who refused, where it was the host itself


def release(ctx: Context, run: Run[ServerBuild]) -> None:
    """Give the claimed room back."""
    placement.release(ctx, run.input.server_id)

    def write(tx: Transaction) -> None:
        if rows.find(tx, run.input.server_id) is not None:
            rows.update(tx, run.input.server_id, host=None, hypervisor_hostname=None, zone=None)

    ctx.db.run(write)


@BUILD.step(undo=release)
def schedule(ctx: Context, run: Run[ServerBuild]) -> choice.Choice | Finish | Wait:
    """Find a host, and claim its room for the server; after our own start, wait for hosts to report."""
    server_id = run.input.server_id

    def begin(tx: Transaction) -> rows.Server:
        actions.begin(tx, ctx, server_id, SCHEDULING)
        return rows.get(tx, server_id)

    try:
        chosen = choice.choose(ctx, ctx.db.run(begin), run.input.excluded)
    except NoValidHost:
        if host_calls.may_appear(ctx):
            return Wait(HOST_POLL_SECONDS, "hosts that have not reported since our start")
        raise

    def end(tx: Transaction) -> None:
        rows.update(tx, server_id, task_state=TaskState.NETWORKING)
        actions.end(tx, ctx, server_id, SCHEDULING)
        actions.begin(tx, ctx, server_id, SPAWNING, chosen.host)

    return Finish(end, chosen)


def disconnect(ctx: Context, run: Run[ServerBuild]) -> None:
    """Delete the ports that were made, give back those that were lent."""
    nics.disconnect(ctx, ctx.db.read(rows.get, run.input.server_id, deleted=True))


@BUILD.step(undo=disconnect)
def connect(ctx: Context, run: Run[ServerBuild]) -> None:
    """Have ports made and bound to the host."""
    server = ctx.db.read(rows.get, run.input.server_id)
    host = run.result(schedule).host
    nics.record_new(ctx, server, nics.connect(ctx, server, host, run.input.attempt))


@BUILD.step()
def await_ports(ctx: Context, run: Run[ServerBuild]) -> Wait | Finish:
    """Wait until packets can flow, so that the guest finds its network when it boots."""
    server_id = run.input.server_id
    server = ctx.db.read(rows.get, server_id)
    if server.network_wishes:
        missing = [each.id for each in network.list_ports(ctx.as_service(), [server_id]) if not each.is_up]
        if missing and run.waited_seconds > ctx.config.port_binding_wait_seconds:
            host = run.result(schedule).host
            raise HostRefused(
                "The network of the server was not ready in time.",
                detail=f"host {host} did not bring up port(s) {', '.join(missing)}",
            )
        if missing:
            return Wait(PORT_POLL_SECONDS, f"{len(missing)} port(s) to come up")

    def write(tx: Transaction) -> None:
        nic_rows.mark_up(tx, server_id)
        rows.update(tx, server_id, task_state=TaskState.SPAWNING)

    return Finish(write)


def remove(ctx: Context, run: Run[ServerBuild]) -> None:
    """Have the host leave nothing of the server."""
    host = run.result(schedule).host
    if host_calls.remove(ctx, host, run.input.server_id, f"unbuild-{run.job.id}") is not None:
        raise Unavailable(f"Host {host} is still removing the server.")


@BUILD.step(undo=remove)
def boot(ctx: Context, run: Run[ServerBuild]) -> Wait | Finish:
    """Hand the spec over, and wait until the guest runs."""
    server_id, host = run.input.server_id, run.result(schedule).host
    if run.waited_seconds > ctx.config.build_timeout_seconds:
        raise HostRefused(f"Host {host} did not finish building the server in time.")
    order, command_id = rpc.ENSURE_SERVER, f"build-{run.job.id}"
    if not (run.was_begun and host_calls.has_ended(ctx, host, order, server_id, command_id)):
        message = rpc.EnsureServer(command_id=command_id, spec=specs.build(ctx, server_id))
        outcome = host_calls.send(ctx, host, order, message, "boot the server")
        if isinstance(outcome, Wait):
            return outcome

    def activate(tx: Transaction) -> None:
        server = rows.get(tx, server_id)
        now = tx.now()
        rows.update(
            tx,
            server_id,
            vm_state=VmState.ACTIVE,
            task_state=None,
            power_state=PowerState.RUNNING,
            launched_at=server.launched_at or now,
            admin_password=None,
        )
        actions.end(tx, ctx, server_id, SPAWNING, host=host)

    return Finish(activate)


@BUILD.on_failure
def give_up(ctx: Context, run: Run[ServerBuild], failure: Failure) -> Finish:
    """Try another host, or leave the server in ERROR with the reason."""
    server_id = run.input.server_id
    host = run.result(schedule).host if run.finished(schedule) else None

    def write(tx: Transaction) -> None:
        server = rows.find(tx, server_id)
        if server is None or server.task_state is TaskState.DELETING:
            return
        event = SPAWNING if host else SCHEDULING
        actions.end(tx, ctx, server_id, event, host=host, failure=failure.message, detail=failure.detail)
        again = failure.kind == HostRefused.__name__ and run.input.attempt < ctx.config.build_attempts
        if again and host is not None:
            _note_refusal(tx, ctx, server_id, host, failure)
            rows.update(tx, server_id, task_state=TaskState.SCHEDULING)
            tasks.start(
                tx,
                BUILD,
                ServerBuild(server_id, run.input.attempt + 1, (*run.input.excluded, host)),
                resource=jobs.of(server_id),
                ctx=ctx,
            )
        else:
            message, detail = _story(action_rows.schedulings_of(tx, server_id), failure)
            servers.refuse(tx, server_id, message, detail, 500)

    return Finish(write)


def _note_refusal(tx: Transaction, ctx: Context, server_id: str, host: str, failure: Failure) -> None:
    """Keep what the host said, beside what the filters said of other hosts."""
    action_rows.add_scheduling(
        tx,
        action_rows.Scheduling(
            server_id=server_id,
            request_id=ctx.request_id,
            host=None,
            considered=1,
            refusals=[Refusal(host, HOST, failure.message, failure.detail or "")],
            created_at=tx.now(),
        ),
    )


def _story(earlier: list[action_rows.Scheduling], failure: Failure) -> tuple[str, str | None]:
    """Word the end of all attempts: for the user what mattered, for the operator everything."""
    tried = [refusal for one in earlier for refusal in one.refusals if refusal.by == HOST]
    lines = [f"{refusal.host}: {refusal.detail or refusal.reason} [{HOST}]" for refusal in tried]
    detail = "\n".join(filter(None, [*lines, failure.detail]))
    message = failure.message
    if tried:
        ran_out = failure.kind == NoValidHost.__name__  # else it was the last host's failure that ended it
        count, last = (len(tried), tried[-1].reason) if ran_out else (len(tried) + 1, failure.message)
        message = (
            f"No valid host was found. {count} host(s) tried to build the server and failed, "
            f"the last one with: {last}"
        )
    return message, detail or None


BUILD.on_loss(late_deeds.put_right)
