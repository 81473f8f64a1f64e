"""Compare what the agent remembers with what the driver sees, and tell the control plane when it changes.

The status of a server is put together here from three sources: its record (what should be, what was asked),
the driver (what is) and the command that is being worked on.  A report may be lost; the same status comes
again by `inspect` and `resync`, and the agent looks at everything anew once in a while.
"""

import logging
import threading
from collections import OrderedDict
from collections.abc import Collection
from typing import NamedTuple

from nacre.kernel.bus import Bus
from nacre.kernel.clock import Clock
from nacre.kernel.errors import NacreError, NotFound
from nacre.services.compute import rpc
from nacre.services.compute.agent.drivers.base import MISSING, Driver, Observed
from nacre.services.compute.agent.lanes import Lanes
from nacre.services.compute.agent.records import Record, Records
from nacre.services.compute.agent.statuses import StatusLog

log = logging.getLogger(__name__)

#: The lane in which everything that is not a command of one server happens.
LOOK = "look"

#: For how many servers the last turn is known; an observation takes far less time than so many commands.
TURNS_KEPT = 10_000

POWERED_OFF = "The server is off although nobody asked for it: its guest powered itself off."


class Task(NamedTuple):
    """What is being done with a server, and how far it is."""

    verb: str | None
    words: str = ""
    move: rpc.MoveProgress | None = None


NO_TASK = Task(None)


class Watch:
    """What is known of all servers here.  Any thread may call it; it is the driver's `Events`."""

    def __init__(
        self, host: str, bus: Bus, driver: Driver, records: Records, lanes: Lanes, clock: Clock
    ) -> None:
        self._host, self._bus, self._driver = host, bus, driver
        self._records, self._lanes, self._clock = records, lanes, clock
        self.log = StatusLog(host)
        self._lock = threading.Lock()
        self._tasks: dict[str, Task] = {}
        self._turn = 0  # grows whenever any command begins or ends
        self._turns: OrderedDict[str, int] = OrderedDict()  # server id -> its last turn
        self._dirty: set[str] = set()
        self._all_dirty = False

    # --- the driver's events: return at once ---

    def server_changed(self, server_id: str, reason: str = "") -> None:
        """Look at one server soon, and call a command of it that waits."""
        log.info("Server %s changed: %s", server_id, reason or "no reason given")
        with self._lock:
            self._dirty.add(server_id)
        self._lanes.kick(server_id)
        self._lanes.submit(LOOK, self._look)

    def host_changed(self) -> None:
        """Look at everything soon."""
        with self._lock:
            self._all_dirty = True
        self._lanes.submit(LOOK, self._look)

    def _look(self) -> None:
        with self._lock:
            wanted, everything = self._dirty, self._all_dirty
            self._dirty, self._all_dirty = set(), False
        try:
            if everything:
                self.observe(None)
            elif wanted:
                self.observe(wanted)
        except NacreError as error:
            log.warning("Cannot look at the servers now: %s (%s)", error, error.detail)

    # --- commands say what they do ---

    def begin(self, server_id: str, verb: str, words: str = "", move: rpc.MoveProgress | None = None) -> None:
        """Show that a command is being worked on, and how far it is."""
        task = Task(verb, words, move)
        with self._lock:
            if self._tasks.get(server_id) == task:
                return
            self._tasks[server_id] = task
            self._take_turn(server_id)
        known = self.log.get(server_id)
        record = self._records.get(server_id)
        if record is not None:  # what it is has not been looked at, so that part stays as it was
            seen = _seen(known) if known is not None else MISSING
            self._publish(self._compose(server_id, record, seen))

    def end(self, server_id: str, record: Record | None) -> rpc.ServerStatus:
        """Show what a command left: no task any more, and what the driver sees now.

        `record` is the one with the command's outcome; after a removal it is no longer among the records.
        """
        with self._lock:
            self._tasks.pop(server_id, None)
            self._take_turn(server_id)
        try:
            seen = self._driver.inspect([server_id]).get(server_id, MISSING)
        except NacreError as error:
            log.warning("Cannot look at server %s now: %s (%s)", server_id, error, error.detail)
            known = self.log.get(server_id)
            seen = _seen(known) if known is not None else MISSING
        return self._publish(self._compose(server_id, record, seen))

    def _take_turn(self, server_id: str) -> None:
        """With the lock held: make what was seen of this server until now count as old."""
        self._turn += 1
        self._turns[server_id] = self._turn
        self._turns.move_to_end(server_id)
        if len(self._turns) > TURNS_KEPT:
            self._turns.popitem(last=False)

    # --- looking ---

    def observe(self, server_ids: Collection[str] | None) -> list[rpc.ServerStatus]:
        """Ask the driver what is true now of these servers or of all, publish what changed, and return it.

        A server whose command begins or ends meanwhile keeps what that command says of it.
        """
        with self._lock:
            before = self._turn
        seen = self._driver.inspect(server_ids)
        if server_ids is None:
            server_ids = {*seen, *(record.server_id for record in self._records.all())}
        return [self._judge(server_id, seen.get(server_id, MISSING), before) for server_id in server_ids]

    def _judge(self, server_id: str, seen: Observed, before: int) -> rpc.ServerStatus:
        with self._lock:
            old = self._turns.get(server_id, 0) > before
            busy = server_id in self._tasks
        known = self.log.get(server_id)
        if old and known is not None:
            return known
        record = self._records.get(server_id)
        if record is None and seen is MISSING:
            if known is None:
                return rpc.ServerStatus(id=server_id, host=self._host, state=rpc.ServerState.MISSING)
            if known.state is rpc.ServerState.MISSING:
                return known  # it tells how the removal ended
        if record is not None and not busy and not record.pending:
            record = self._accept_power_off(record, seen)
        return self._publish(self._compose(server_id, record, seen))

    def _accept_power_off(self, record: Record, seen: Observed) -> Record:
        """A guest that powered itself off is meant to be off, and is not to be started after a host's
        reboot."""
        if (
            record.spec is None
            or record.applied_revision == 0
            or record.spec.power is not rpc.Power.RUNNING
            or seen.state is not rpc.ServerState.SHUTDOWN
        ):
            return record
        log.info("Server %s: %s", record.server_id, POWERED_OFF)

        def turn_off(present: Record | None) -> Record | None:
            if present is None or present.pending:
                return present
            return present.with_spec(power=rpc.Power.SHUTDOWN)

        return self._records.change(record.server_id, turn_off) or record

    # --- putting a status together ---

    def _compose(self, server_id: str, record: Record | None, seen: Observed) -> rpc.ServerStatus:
        verb, words, move = self._tasks.get(server_id, NO_TASK)
        if verb is None and record is not None and record.pending:
            verb, words = record.pending[0].verb, "waiting for its turn"
        state = seen.state
        spec = record.spec if record is not None else None
        if (
            state is rpc.ServerState.MISSING
            and record is not None
            and record.applied_revision == 0
            and record.awaits(rpc.ENSURE_SERVER.name)
            and not record.awaits(rpc.REMOVE_SERVER.name)
        ):
            state = rpc.ServerState.BUILDING
        return rpc.ServerStatus(
            id=server_id,
            host=self._host,
            state=state,
            name=spec.name if spec else "",
            power=spec.power if spec else None,
            revision=spec.revision if spec else 0,
            applied_revision=record.applied_revision if record else 0,
            task=verb,
            progress=words,
            move=move,
            fault=record.fault if record else None,
            reason=seen.reason,
            outcomes=record.outcomes if record else (),
            vcpus=seen.vcpus,
            memory_mb=seen.memory_mb,
            nics=seen.nics,
            volumes=dict(seen.volumes),
            hypervisor_name=seen.name,
            started_at=seen.started_at,
        )

    def _publish(self, status: rpc.ServerStatus) -> rpc.ServerStatus:
        changed = self.log.publish(status, self._clock.now())
        if changed is not None:
            self.report(changed)
        return self.log.get(status.id) or status

    def report(self, status: rpc.ServerStatus) -> None:
        """Send one status to the control plane."""
        message = rpc.ServerReport(host=self._host, epoch=self.log.epoch, status=status)
        try:
            self._bus.cast(rpc.CONTROL_TOPIC, rpc.SERVER_REPORT, message)
        except NacreError as error:  # the bus is away; the control plane asks again when it is back
            log.warning("Cannot report server %s now: %s", status.id, error)

    def known(self, server_id: str) -> None:
        """Raise `NotFound` for a server that this host knows nothing of."""
        if self._records.get(server_id) is None:
            raise NotFound(f"Server {server_id} is not on host {self._host}.")


def _seen(status: rpc.ServerStatus) -> Observed:
    """What was seen when this status was made."""
    state = status.state
    return Observed(
        rpc.ServerState.MISSING if state is rpc.ServerState.BUILDING else state,
        name=status.hypervisor_name,
        reason=status.reason,
        vcpus=status.vcpus,
        memory_mb=status.memory_mb,
        nics=status.nics,
        volumes=status.volumes,
        started_at=status.started_at,
    )
