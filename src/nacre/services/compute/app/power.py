"""Starting, stopping, pausing … a server: the table of verbs, and how one of them begins.

One workflow does all of them, because they differ only in what is said to the host and in what the server is
afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nacre.kernel import tasks
from nacre.kernel.bus import Method
from nacre.kernel.context import Context
from nacre.kernel.db import Transaction
from nacre.services.compute import rpc
from nacre.services.compute.app import jobs, servers, states
from nacre.services.compute.app.states import Operation
from nacre.services.compute.db.servers import Server
from nacre.services.compute.db.tables import PowerState, VmState


@dataclass(frozen=True, kw_only=True)
class Verb:
    """One row: what is asked, of whom, and what the server is when it is done."""

    name: str
    operation: Operation
    method: Method[Any, rpc.Accepted]
    becomes: VmState
    power_state: PowerState
    power: rpc.Power
    event: str


VERBS: dict[str, Verb] = {
    verb.name: verb
    for verb in (
        Verb(
            name="start", operation=states.START, method=rpc.START, event="compute_start_instance",
            becomes=VmState.ACTIVE, power_state=PowerState.RUNNING, power=rpc.Power.RUNNING,
        ),
        Verb(
            name="stop", operation=states.STOP, method=rpc.STOP, event="compute_stop_instance",
            becomes=VmState.STOPPED, power_state=PowerState.SHUTDOWN, power=rpc.Power.SHUTDOWN,
        ),
        Verb(
            name="reboot_soft", operation=states.REBOOT_SOFT, method=rpc.REBOOT,
            event="compute_reboot_instance",
            becomes=VmState.ACTIVE, power_state=PowerState.RUNNING, power=rpc.Power.RUNNING,
        ),
        Verb(
            name="reboot_hard", operation=states.REBOOT_HARD, method=rpc.REBOOT,
            event="compute_reboot_instance",
            becomes=VmState.ACTIVE, power_state=PowerState.RUNNING, power=rpc.Power.RUNNING,
        ),
        Verb(
            name="pause", operation=states.PAUSE, method=rpc.PAUSE, event="compute_pause_instance",
            becomes=VmState.PAUSED, power_state=PowerState.PAUSED, power=rpc.Power.PAUSED,
        ),
        Verb(
            name="unpause", operation=states.UNPAUSE, method=rpc.UNPAUSE, event="compute_unpause_instance",
            becomes=VmState.ACTIVE, power_state=PowerState.RUNNING, power=rpc.Power.RUNNING,
        ),
        Verb(
            name="suspend", operation=states.SUSPEND, method=rpc.SUSPEND, event="compute_suspend_instance",
            becomes=VmState.SUSPENDED, power_state=PowerState.SUSPENDED, power=rpc.Power.SUSPENDED,
        ),
        Verb(
            name="resume", operation=states.RESUME, method=rpc.RESUME, event="compute_resume_instance",
            becomes=VmState.ACTIVE, power_state=PowerState.RUNNING, power=rpc.Power.RUNNING,
        ),
        Verb(
            name="soft_delete", operation=states.SOFT_DELETE, method=rpc.STOP,
            event="compute_soft_delete_instance",
            becomes=VmState.SOFT_DELETED, power_state=PowerState.SHUTDOWN, power=rpc.Power.SHUTDOWN,
        ),
        Verb(
            name="restore", operation=states.RESTORE, method=rpc.START, event="compute_restore_instance",
            becomes=VmState.ACTIVE, power_state=PowerState.RUNNING, power=rpc.Power.RUNNING,
        ),
    )
}  # fmt: skip


def message(verb: Verb, command_id: str, server: Server, timeout_seconds: float) -> rpc.ServerCommand:
    """Return what the host is told."""
    told: dict[str, Any] = {"command_id": command_id, "server_id": server.id, "revision": server.revision}
    if verb.method is rpc.STOP:
        return rpc.StopServer(**told, timeout_seconds=timeout_seconds)
    if verb.method is rpc.REBOOT:
        hard = verb.name == "reboot_hard"
        kind = rpc.RebootType.HARD if hard else rpc.RebootType.SOFT
        return rpc.RebootServer(**told, type=kind, timeout_seconds=timeout_seconds)
    return rpc.ServerCommand(**told)


def becomes(verb: Verb, server: Server) -> VmState:
    """Return what a server is when the verb is done: one that is restored may be in the middle of something."""
    if verb.name == "restore" and server.rescue_image is not None:
        return VmState.RESCUED
    if verb.name == "restore" and server.old_flavor is not None:
        return VmState.RESIZED
    return verb.becomes


def begin(ctx: Context, server: Server, verb_name: str, **values: Any) -> None:
    """Write down that a server is to change its power state; raises WrongState and ServerIsLocked."""
    verb = VERBS[verb_name]

    def write(tx: Transaction) -> None:
        present = servers.begin(tx, ctx, server.id, verb.operation, **values)
        states.host_of(present)
        servers.rows.update(tx, server.id, power=verb.power, revision=present.revision + 1)
        tasks.start(
            tx,
            jobs.POWER,
            jobs.ServerPower(server.id, verb.name, ctx.config.shutdown_timeout_seconds),
            resource=jobs.of(server.id),
            ctx=ctx,
        )

    ctx.db.run(write)
