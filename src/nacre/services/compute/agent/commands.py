"""Accept commands, write them down, have the driver do them in order, and note how they ended.

`accept` answers at once; a lane of the server does the work.  A command that was accepted survives a
restart of the agent, since it is in the server's record until its outcome is.  So a driver call may be made
twice, which drivers promise to stand, and a command that arrives twice is done once.

An outage is borne here, for some minutes: only what is still away then, or refused, ends a command.
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import msgspec

from nacre.kernel import errors
from nacre.kernel.bus import Method
from nacre.kernel.clock import Clock
from nacre.kernel.errors import Gone, NacreError, NotFound, Unavailable
from nacre.kernel.pool import blocking
from nacre.services.compute import rpc
from nacre.services.compute.agent.drivers.base import Attempt
from nacre.services.compute.agent.lanes import Lanes
from nacre.services.compute.agent.records import Pending, Record, Records
from nacre.services.compute.agent.verbs import VERBS, Verbs
from nacre.services.compute.agent.watch import Watch

log = logging.getLogger(__name__)

#: Begins the ids of commands that the agent gives itself.
OWN = "agent:"

#: How often a command may meet an outage (the hypervisor or the image service is away) before that is told as
#: its end, and the longest pause in between: some six minutes in all.
OUTAGES = 12
LONGEST_PAUSE_SECONDS = 60.0

#: How long a command waits for the driver to be connected; `Commands.open` ends the wait.
CLOSED_SECONDS = 3600.0

SUPERSEDED = "The server is being removed."


class Superseded(Gone):
    """The work is no longer wanted."""

    message = SUPERSEDED


class Commands:
    """All commands of this host's servers, from accepted to ended."""

    def __init__(
        self, host: str, verbs: Verbs, records: Records, lanes: Lanes, watch: Watch, clock: Clock
    ) -> None:
        self._host, self._verbs = host, verbs
        self._records, self._lanes, self._watch, self._clock = records, lanes, watch, clock
        self._open = False  # until the driver is connected, accepted commands wait
        self._lock = threading.Lock()
        self._first: dict[str, tuple[float, int]] = {}  # command id -> first try (monotonic), tries
        self._outages: Counter[str] = Counter()  # command id -> how many it has met
        self._waiting: dict[str, list[Future[rpc.Outcome]]] = {}  # command id -> who waits for its end

    def accept(self, method: Method[Any, Any], message: Any) -> rpc.Accepted:
        """Write a command down and queue it.

        The same command id again changes nothing, but that its words are newer: tickets expire.
        """
        server_id = message.spec.id if isinstance(message, rpc.EnsureServer) else message.server_id
        accepted_at = self._clock.now()
        answer = rpc.Accepted(host=self._host, server_id=server_id, command_id=message.command_id)
        new = False

        def take(record: Record | None) -> Record | None:
            nonlocal answer, new
            record, answer, new = self._take(record, method, message, answer)
            if not new:
                return record
            assert record is not None
            return record.with_pending(
                Pending(
                    command_id=message.command_id,
                    verb=method.name,
                    body=_body(message),
                    revision=_revision(message),
                    accepted_at=accepted_at,
                )
            )

        self._records.change(server_id, take)
        if new:
            self._queue(server_id, message.command_id)
            if method is rpc.REMOVE_SERVER:
                self._lanes.kick(server_id)  # whatever waits there gives up
        return msgspec.structs.replace(answer, change=self._watch.log.change)

    def _take(
        self, record: Record | None, method: Method[Any, Any], message: Any, answer: rpc.Accepted
    ) -> tuple[Record | None, rpc.Accepted, bool]:
        """Decide what a command that arrives means for a record: nothing, or one more thing to do."""
        if record is not None:
            if finished := record.outcome(message.command_id):
                return record, msgspec.structs.replace(answer, finished=finished), False
            if any(pending.command_id == message.command_id for pending in record.pending):
                return record.with_body(message.command_id, _body(message), _revision(message)), answer, False
        if method is rpc.ENSURE_SERVER:
            if record is None or record.spec is None:
                before = record or Record(server_id=message.spec.id)
                return msgspec.structs.replace(before, spec=message.spec), answer, True
            if message.spec.revision < record.newest_revision:
                return record, msgspec.structs.replace(answer, stale=True), False
            return record, answer, True
        if record is None:
            if method not in (rpc.REMOVE_SERVER, rpc.EXPECT_SERVER):
                raise NotFound(f"Server {message.server_id} is not on host {self._host}.")
            record = Record(server_id=message.server_id)
        return record, answer, True

    def accept_and_wait(
        self, method: Method[Any, Any], message: Any, timeout_seconds: float
    ) -> rpc.ServerStatus:
        """Accept a command and wait for its end; raise what went wrong with it."""
        future: Future[rpc.Outcome] = Future()
        with self._lock:
            self._waiting.setdefault(message.command_id, []).append(future)
        try:
            accepted = self.accept(method, message)
            with blocking():
                outcome = accepted.finished or future.result(timeout_seconds)
        except TimeoutError:
            raise Unavailable(
                f"Host {self._host} still works on it.", detail=f"{method.name} {message.command_id}"
            ) from None
        finally:
            with self._lock:
                self._waiting.get(message.command_id, []).remove(future)
                if not self._waiting[message.command_id]:
                    del self._waiting[message.command_id]
        if outcome.fault is not None:
            raise error_of(outcome.fault)
        status = self._watch.log.get(message.server_id)
        if status is None:
            raise NotFound(f"Server {message.server_id} is not on host {self._host}.")
        return status

    def run_once(self, server_id: str, function: Callable[[], None], timeout_seconds: float) -> None:
        """Do something in a server's turn that must not be written down, and wait for it."""
        self._watch.known(server_id)
        future: Future[None] = Future()

        def job() -> None:
            try:
                function()
            except Exception as error:  # noqa: BLE001 - raised again where it is waited for
                future.set_exception(error)
            else:
                future.set_result(None)

        self._lanes.submit(server_id, job)
        try:
            with blocking():
                future.result(timeout_seconds)
        except TimeoutError:
            raise Unavailable(f"Host {self._host} is busy with server {server_id}.") from None

    def resume(self) -> None:
        """Queue what an earlier agent accepted and did not finish."""
        for record in self._records.all():
            for pending in record.pending:
                log.info("Resuming %s of server %s", pending.verb, record.server_id)
                self._queue(record.server_id, pending.command_id)

    def open(self) -> None:
        """Begin to work: the driver is connected."""
        self._open = True
        for record in self._records.all():
            self._lanes.kick(record.server_id)

    # --- in the server's lane ---

    def _queue(self, server_id: str, command_id: str) -> None:
        self._lanes.submit(server_id, lambda: self._turn(server_id, command_id))

    def _turn(self, server_id: str, command_id: str) -> float | None:
        """Work on one command; return the seconds to wait when it is not done."""
        if not self._open:
            return CLOSED_SECONDS
        record = self._records.get(server_id)
        pending = next((p for p in record.pending if p.command_id == command_id), None) if record else None
        if record is None or pending is None:
            return None
        now = time.monotonic()
        since, tries = self._first.get(command_id, (now, 0))
        self._first[command_id] = (since, tries + 1)
        fault: rpc.Fault | None = None
        result: dict[str, Any] = {}
        try:
            self._give_way(server_id, pending)
            if not tries:  # later it shows what the try before said
                self._watch.begin(server_id, pending.verb)
            attempt = Attempt(now - since, tries + 1, lambda words: self._tell(server_id, pending, words))
            later, result = self._verbs.perform(record, pending, attempt)
            if later is not None:
                self._tell(server_id, pending, later.progress, later.move)
                return max(0.01, later.seconds)
        except NacreError as error:
            fault = fault_of(error)
            self._outages[command_id] += fault.retry
            if fault.retry and self._outages[command_id] < OUTAGES:
                self._watch.begin(server_id, pending.verb, f"will be tried again: {fault.message}")
                log.info("%s of server %s will be tried again: %s", pending.verb, server_id, error.detail)
                return min(LONGEST_PAUSE_SECONDS, 2.0 ** (self._outages[command_id] - 1))
            log.warning("%s of server %s failed: %s (%s)", pending.verb, server_id, error, error.detail)
        except Exception as error:
            log.exception("%s of server %s failed", pending.verb, server_id)
            fault = rpc.Fault(
                message="The compute host failed in a way that it did not foresee.",
                detail=f"{type(error).__name__}: {error}",
                meaning="RemoteFailure",
            )
        self._first.pop(command_id, None)
        self._outages.pop(command_id, None)
        self._finish(server_id, pending, fault, result)
        return None

    def _give_way(self, server_id: str, pending: Pending) -> None:
        """Raise `Superseded` when a removal waits behind this command."""
        record = self._records.get(server_id)
        if record is None or pending.verb == rpc.REMOVE_SERVER.name:
            return
        behind = record.pending[record.pending.index(pending) + 1 :] if pending in record.pending else ()
        if any(other.verb == rpc.REMOVE_SERVER.name for other in behind):
            raise Superseded

    def _tell(
        self, server_id: str, pending: Pending, words: str, move: rpc.MoveProgress | None = None
    ) -> None:
        self._give_way(server_id, pending)
        self._watch.begin(server_id, pending.verb, words, move)

    def _finish(
        self, server_id: str, pending: Pending, fault: rpc.Fault | None, result: dict[str, Any]
    ) -> None:
        outcome = rpc.Outcome(
            command_id=pending.command_id,
            verb=pending.verb,
            finished_at=self._clock.now(),
            fault=fault,
            result=result,
        )

        record: Record | None = None

        def note(before: Record | None) -> Record | None:
            nonlocal record
            record = None if before is None else VERBS[pending.verb].note(before, pending, outcome)
            removed = pending.verb == rpc.REMOVE_SERVER.name and fault is None
            return None if record is None or (removed and not record.pending) else record

        self._records.change(server_id, note)
        status = self._watch.end(server_id, record)
        with self._lock:
            futures = list(self._waiting.get(pending.command_id, ()))
        for future in futures:
            future.set_result(outcome)
        log.info(
            "%s of server %s %s: %s", pending.verb, server_id, "failed" if fault else "done", status.state
        )


def _body(message: Any) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(message))


def _revision(message: Any) -> int:
    return message.spec.revision if isinstance(message, rpc.EnsureServer) else message.revision


def fault_of(error: NacreError) -> rpc.Fault:
    """Write an error down, by the nearest meaning that the other side knows."""
    known = next(kind for kind in type(error).__mro__ if kind.__module__ == errors.__name__)
    return rpc.Fault(
        message=error.message,
        detail=error.detail or "",
        meaning=known.__name__,
        retry=isinstance(error, Unavailable),
    )


def error_of(fault: rpc.Fault) -> NacreError:
    """Make the error again that was written down."""
    kind = getattr(errors, fault.meaning, None)
    if not (isinstance(kind, type) and issubclass(kind, NacreError)) or issubclass(kind, errors.Invalid):
        kind = errors.BadRequest if fault.meaning == "Invalid" else errors.RemoteFailure
    return kind(fault.message, detail=fault.detail)
