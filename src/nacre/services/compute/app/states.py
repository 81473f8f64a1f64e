"""A server's states as data: the status that users see, and what may be asked in which state.

Nova's two columns are kept because its users see them: `vm_state` is what a server is, `task_state` what is
being done with it.  An operation sets the task in the same transaction that starts its workflow, so a
second one is refused until the first is over; jobs of one server never run side by side anyway.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from nacre.kernel.context import Context
from nacre.services.compute.db.servers import Server, StateWish
from nacre.services.compute.db.tables import PowerState, TaskState, VmState
from nacre.services.compute.errors import ServerIsLocked, ServerNotReady, WrongState
from nacre.services.compute.rpc import Power, ServerState

T, V = TaskState, VmState

_REBOOTS = {T.REBOOTING: "REBOOT", T.REBOOTING_HARD: "HARD_REBOOT"}
_RESIZES = dict.fromkeys((T.RESIZE_PREP, T.RESIZE_MIGRATING, T.RESIZE_MIGRATED, T.RESIZE_FINISH), "RESIZE")
_REBUILDS = dict.fromkeys((T.REBUILDING, T.REBUILD_SPAWNING), "REBUILD")

STATUSES: dict[VmState, tuple[str, dict[TaskState, str]]] = {
    V.ACTIVE: (
        "ACTIVE",
        {
            **_REBOOTS, **_RESIZES, **_REBUILDS,
            T.UPDATING_PASSWORD: "PASSWORD", T.MIGRATING: "MIGRATING",
        },
    ),
    V.BUILDING: ("BUILD", {}),
    V.STOPPED: ("SHUTOFF", {**_RESIZES, **_REBUILDS}),
    V.RESIZED: ("VERIFY_RESIZE", {T.RESIZE_REVERTING: "REVERT_RESIZE"}),
    V.PAUSED: ("PAUSED", {T.MIGRATING: "MIGRATING"}),
    V.SUSPENDED: ("SUSPENDED", {}),
    V.RESCUED: ("RESCUE", {}),
    V.ERROR: ("ERROR", dict(_REBUILDS)),
    V.DELETED: ("DELETED", {}),
    V.SOFT_DELETED: ("SOFT_DELETED", {}),
    V.SHELVED: ("SHELVED", {}),
    V.SHELVED_OFFLOADED: ("SHELVED_OFFLOADED", {}),
}  # fmt: skip
"""vm_state → the status it shows by itself, and with certain tasks."""

SHOW_PROGRESS = frozenset(("ACTIVE", "BUILD", "REBUILD", "RESIZE", "VERIFY_RESIZE", "MIGRATING"))
SHOW_FAULT = frozenset(("ERROR", "DELETED"))


def status(server: Server) -> str:
    """Return the status that the API shows."""
    plain, special = STATUSES[server.vm_state]
    if server.task_state is None:
        return plain
    return special.get(server.task_state, plain)


def states_with(statuses: Iterable[str]) -> tuple[StateWish, ...] | None:
    """Return how a server can have one of these statuses; None if a status does not exist."""
    wishes: list[StateWish] = []
    for name in statuses:
        found = False
        for vm_state, (plain, special) in STATUSES.items():
            if plain == name.upper():
                others = tuple(task for task, shown in special.items() if shown != plain)
                wishes.append(StateWish(vm_state, others, without=True))
                found = True
            tasks = tuple(task for task, shown in special.items() if shown == name.upper())
            if tasks:
                wishes.append(StateWish(vm_state, tasks))
                found = True
        if not found:
            return None
    return tuple(wishes)


@dataclass(frozen=True, kw_only=True)
class Operation:
    """Something that may be asked of a server.

    name     as refusals spell it
    states   the vm_states in which it may be asked; None: in any
    tasks    the tasks during which it may be asked; None: during any
    sets     the task that it sets
    records  the name under which it appears among the server's actions
    """

    name: str
    states: frozenset[VmState] | None
    tasks: frozenset[TaskState | None] | None = frozenset((None,))
    sets: TaskState | None = None
    records: str | None = None
    minds_lock: bool = True
    must_be_launched: bool = True


def _states(*states: VmState) -> frozenset[VmState]:
    return frozenset(states)


_LIVING = _states(V.ACTIVE, V.PAUSED, V.SUSPENDED, V.STOPPED)
_PLUGGABLE = _states(V.ACTIVE, V.PAUSED, V.STOPPED)

START = Operation(name="start", states=_states(V.STOPPED), sets=T.POWERING_ON, records="start")
STOP = Operation(name="stop", states=_states(V.ACTIVE, V.ERROR), sets=T.POWERING_OFF, records="stop")
REBOOT_SOFT = Operation(name="reboot", states=_states(V.ACTIVE), sets=T.REBOOTING, records="reboot")
REBOOT_HARD = Operation(
    name="reboot",
    states=_states(V.ACTIVE, V.STOPPED, V.PAUSED, V.SUSPENDED, V.ERROR),
    tasks=frozenset((None, T.REBOOTING)),
    sets=T.REBOOTING_HARD,
    records="reboot",
)
PAUSE = Operation(name="pause", states=_states(V.ACTIVE), sets=T.PAUSING, records="pause")
UNPAUSE = Operation(name="unpause", states=_states(V.PAUSED), sets=T.UNPAUSING, records="unpause")
SUSPEND = Operation(name="suspend", states=_states(V.ACTIVE), sets=T.SUSPENDING, records="suspend")
RESUME = Operation(name="resume", states=_states(V.SUSPENDED), sets=T.RESUMING, records="resume")
REBUILD = Operation(
    name="rebuild", states=_states(V.ACTIVE, V.STOPPED, V.ERROR), sets=T.REBUILDING, records="rebuild"
)
CREATE_IMAGE = Operation(
    name="createImage", states=_LIVING, sets=T.IMAGE_SNAPSHOT, records="createImage", minds_lock=False
)
CREATE_BACKUP = Operation(
    name="createBackup", states=_LIVING, sets=T.IMAGE_BACKUP, records="createBackup", minds_lock=False
)
RESIZE = Operation(name="resize", states=_states(V.ACTIVE, V.STOPPED), sets=T.RESIZE_PREP, records="resize")
CONFIRM_RESIZE = Operation(
    name="confirmResize", states=_states(V.RESIZED), sets=T.RESIZE_CONFIRMING, records="confirmResize"
)
REVERT_RESIZE = Operation(
    name="revertResize", states=_states(V.RESIZED), sets=T.RESIZE_REVERTING, records="revertResize"
)
LIVE_MIGRATE = Operation(
    name="os-migrateLive", states=_states(V.ACTIVE, V.PAUSED), sets=T.MIGRATING, records="live-migration"
)
ABORT_MIGRATION = Operation(
    name="abort live migration", states=None, tasks=frozenset((T.MIGRATING,)), records="live_migration_cancel"
)
FORCE_MIGRATION = Operation(
    name="force_complete",
    states=_states(V.ACTIVE, V.PAUSED),
    tasks=frozenset((T.MIGRATING,)),
    records="live_migration_force_complete",
)
MIGRATE = Operation(
    name="migrate", states=_states(V.ACTIVE, V.STOPPED), sets=T.RESIZE_PREP, records="migrate"
)
EVACUATE = Operation(
    name="evacuate",
    states=_states(V.ACTIVE, V.STOPPED, V.ERROR),
    tasks=None,  # the host may have failed in the middle of anything
    sets=T.REBUILDING,
    records="evacuate",
    minds_lock=False,
)
RESCUE = Operation(
    name="rescue", states=_states(V.ACTIVE, V.STOPPED, V.ERROR), sets=T.RESCUING, records="rescue"
)
UNRESCUE = Operation(name="unrescue", states=_states(V.RESCUED), sets=T.UNRESCUING, records="unrescue")
CHANGE_PASSWORD = Operation(name="changePassword", states=_states(V.ACTIVE), records="changePassword")
ATTACH_INTERFACE = Operation(name="attach_interface", states=_PLUGGABLE, records="attach_interface")
DETACH_INTERFACE = Operation(name="detach_interface", states=_PLUGGABLE, records="detach_interface")
UPDATE_METADATA = Operation(name="update metadata", states=_LIVING)
DELETE_METADATA = Operation(name="delete metadata", states=_LIVING)
UPDATE_TAGS = Operation(name="update tags", states=_LIVING, tasks=None, minds_lock=False)
DIAGNOSTICS = Operation(name="get_diagnostics", states=_states(V.ACTIVE), tasks=None, minds_lock=False)
SOFT_DELETE = Operation(
    name="delete", states=frozenset(V) - {V.BUILDING}, sets=T.SOFT_DELETING, records="delete"
)
RESTORE = Operation(name="restore", states=_states(V.SOFT_DELETED), sets=T.RESTORING, records="restore")
DELETE = Operation(
    name="delete", states=None, tasks=None, sets=T.DELETING, records="delete", must_be_launched=False
)


def check(ctx: Context, server: Server, operation: Operation) -> None:
    """Raise ServerIsLocked or WrongState unless this may be asked of the server now."""
    if operation.minds_lock:
        check_lock(ctx, server)
    if operation.states is not None and server.vm_state not in operation.states:
        raise WrongState(server.id, operation.name, "vm_state", server.vm_state)
    if operation.tasks is not None and server.task_state not in operation.tasks:
        raise WrongState(server.id, operation.name, "task_state", server.task_state)
    if operation.states is not None and operation.must_be_launched and server.launched_at is None:
        raise WrongState(server.id, operation.name, "launched_at", "None")


def check_lock(ctx: Context, server: Server) -> None:
    """Raise ServerIsLocked where a lock keeps everybody but administrators out."""
    if server.locked and not ctx.is_admin:
        raise ServerIsLocked(server.id)


def power_of(vm_state: VmState) -> Power:
    """Return what a host should keep a server at that is in this state."""
    return {
        V.STOPPED: Power.SHUTDOWN, V.SOFT_DELETED: Power.SHUTDOWN,
        V.PAUSED: Power.PAUSED, V.SUSPENDED: Power.SUSPENDED,
    }.get(vm_state, Power.RUNNING)  # fmt: skip


def host_of(server: Server) -> str:
    """Return the server's host; ServerNotReady while it has none."""
    if server.host is None:
        raise ServerNotReady(server.id)
    return server.host


#: What a state that a host reports means for the columns that users see.
SEEN: dict[ServerState, tuple[PowerState, VmState | None]] = {
    ServerState.BUILDING: (PowerState.NOSTATE, None),
    ServerState.RUNNING: (PowerState.RUNNING, V.ACTIVE),
    ServerState.PAUSED: (PowerState.PAUSED, V.PAUSED),
    ServerState.SHUTDOWN: (PowerState.SHUTDOWN, V.STOPPED),
    ServerState.SUSPENDED: (PowerState.SUSPENDED, V.SUSPENDED),
    ServerState.CRASHED: (PowerState.CRASHED, V.STOPPED),
    ServerState.ARRIVING: (PowerState.PAUSED, None),
    ServerState.MISSING: (PowerState.NOSTATE, None),
}
