"""Carry one claimed job as far as it goes: forward through its steps, or back through their undos.

Each note in the database is written before the next thing begins, so that whoever finds the job
after a crash knows where to go on.  Nothing here sleeps over an outage: a job that must wait is
parked with the moment at which it is due again, and the worker goes free.
"""

import logging
import random
import subprocess
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

import msgspec

from nacre.kernel.db import Database, Transaction
from nacre.kernel.db.transaction import fence
from nacre.kernel.errors import NacreError, Unavailable
from nacre.kernel.tasks import leases
from nacre.kernel.tasks.tables import ClaimedJob, Failure, JobState, StepRecord
from nacre.kernel.tasks.workflow import Finish, Run, Step, Wait, Workflow

log = logging.getLogger(__name__)

#: What passes by itself.  (A timeout of Python's own is an OSError.)
OUTAGES = (Unavailable, OSError, subprocess.TimeoutExpired)

#: What a row says of a step that has not been begun.
NOT_BEGUN: dict[str, Any] = {
    "begun_at": None,
    "attempts": 0,
    "crashes": 0,
    "troubled_at": None,
    "waits_for": None,
    "error": None,
}


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """How fast and how often things are tried again, and how long they are remembered."""

    first_pause_seconds: float = 1.0
    longest_pause_seconds: float = 60.0
    #: How often a step may end in a way that nobody foresaw: a bug, or the death of the process.
    crashes: int = 5
    keep_seconds: float = 7 * 24 * 3600.0

    def pause(self, tries: int) -> timedelta:
        """Return how long to wait after so many tries: growing, and never in step with others."""
        longest = min(self.longest_pause_seconds, self.first_pause_seconds * 2 ** min(tries - 1, 30))
        return timedelta(seconds=longest * random.uniform(0.5, 1.0))


def in_words(error: BaseException) -> str:
    """Return an exception as people read it in a job's record."""
    message = error.message if isinstance(error, NacreError) else str(error)
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


class Execution:
    """One job in the hands of one worker.

    `call(function, *args)` calls a step (a rehearsal puts itself in between); `draining()` tells
    whether the worker should let go after the present step; `since` is when this process began to work.
    """

    def __init__(
        self,
        db: Database,
        workflow: Workflow[Any],
        job: ClaimedJob,
        make_context: Callable[[ClaimedJob], Any],
        *,
        pace: Pace,
        call: Callable[..., Any],
        draining: Callable[[], bool],
        since: datetime,
    ) -> None:
        self.db, self.workflow, self.job = db, workflow, job
        self._make_context, self._pace, self._call, self._draining = make_context, pace, call, draining
        self._run = Run(job, workflow, job.updated_at, since)
        self._since = since
        self._is_ours = True

    def carry_on(self) -> None:
        """Do one thing after the other until the job has ended, waits, or the worker is to stop.

        Raises LeaseLost when another worker has the job by now.
        """
        while self._is_ours:
            if self._draining():
                self._park(JobState.QUEUED, timedelta())
            elif self.job.ending is None:
                self._go_forward()
            else:
                self._go_back()

    @cached_property
    def _ctx(self) -> Any:
        return self._make_context(self.job)

    def _ask(self, function: Callable[..., Any], *more: Any) -> Any:
        """Call one of the workflow's functions."""
        self._run.job, self._run.now = self.job, self.db.clock.now()
        held = fence.set(self._hold)
        try:
            return self._call(function, self._ctx, self._run, *more)
        finally:
            fence.reset(held)

    def _hold(self, tx: Transaction) -> None:
        """Let nothing be written for the job by a worker that has it no more."""
        if tx.db is self.db:
            leases.hold(tx, self.job)

    # Forward

    def _go_forward(self) -> None:
        step = self._next_step()
        if step is None:
            self._end(JobState.DONE)
        elif self.job.cancelled:
            self._turn_back(JobState.CANCELLED, step, self._begun_before())
        elif self.job.crashes >= self._pace.crashes:
            failure = Failure(
                step.name, "Interrupted", f"The work was interrupted again and again ({step.name})."
            )
            self._turn_back(JobState.FAILED, step, self._begun_before(), failure)
        else:
            self._take(step)

    def _next_step(self, after: str | None = None) -> Step | None:
        done = {after, *[record.step for record in self.job.history]}
        return next((step for step in self.workflow.steps if step.name not in done), None)

    def _begun_before(self) -> datetime | None:
        """Return when an earlier worker began the present step, if one did."""
        return self.job.begun_at or (self.job.updated_at if self.job.attempts else None)

    def _take(self, step: Step) -> None:
        begun_at = self._begun_before() or self.db.clock.now()
        try:
            outcome = self._ask(step.function)
            if not isinstance(outcome, Wait):
                return self._finish(step, begun_at, outcome)
        except leases.LeaseLost:
            raise
        except OUTAGES as error:
            troubled_at = max(self.job.troubled_at or self.db.clock.now(), self._since)
            if (self.db.clock.now() - troubled_at).total_seconds() >= step.patience_seconds:
                self._fail(step, begun_at, error)
            else:
                self._try_again(step.name, error, begun_at=begun_at, troubled_at=troubled_at)
        except NacreError as error:
            self._fail(step, begun_at, error)
        except Exception as error:  # noqa: BLE001 - a bug of a step must end in the job's record
            log.error("%s of job %s (%s) failed", step.name, self.job.id, self.job.kind, exc_info=error)
            if self.job.crashes + 1 >= self._pace.crashes:
                self._fail(step, begun_at, error)
            else:
                self._try_again(step.name, error, begun_at=begun_at, crashes=self.job.crashes + 1)
        else:
            values = {**NOT_BEGUN, "begun_at": begun_at, "step": step.name, "waits_for": outcome.reason}
            self._park(JobState.WAITING, timedelta(seconds=outcome.seconds), **values)
        return None

    def _finish(self, step: Step, begun_at: datetime, outcome: Any) -> None:
        """Note a step's result; the last one's note ends the job."""
        finish = outcome if isinstance(outcome, Finish) else Finish(None, outcome)
        now, result = self.db.clock.now(), msgspec.to_builtins(finish.result)
        record = StepRecord(
            step=step.name, started_at=begun_at, ended_at=now, attempts=self.job.attempts + 1, result=result
        )
        following = self._next_step(after=step.name)
        done = {
            **NOT_BEGUN,
            "history": [*self.job.history, record],
            "step": following.name if following else None,
        }
        try:
            if following is None:
                self._end(JobState.DONE, done, also=finish.write, heed_cancel=True)
            else:
                self._save(done, also=finish.write, heed_cancel=True)
        except leases.CancelRequested:
            self._save({**done, "ending": JobState.CANCELLED, "cancelled": True})

    # Back

    def _fail(self, step: Step, begun_at: datetime, error: Exception) -> None:
        detail = error.detail if isinstance(error, NacreError) else in_words(error)
        message = error.message if isinstance(error, NacreError) else NacreError.message
        self._turn_back(
            JobState.FAILED, step, begun_at, Failure(step.name, type(error).__name__, message, detail)
        )

    def _turn_back(
        self, ending: JobState, step: Step, begun_at: datetime | None, failure: Failure | None = None
    ) -> None:
        """Note that the job will end so, and that a step may have been left half done."""
        history = self.job.history
        error = f"{failure.kind}: {failure.detail or failure.message}" if failure else None
        if begun_at is not None:
            attempts = self.job.attempts + (failure is not None)
            half = StepRecord(step=step.name, started_at=begun_at, attempts=attempts, error=error)
            history = [*history, half]
        self._save({**NOT_BEGUN, "ending": ending, "failure": failure, "history": history, "error": error})

    def _go_back(self) -> None:
        for place in reversed(range(len(self.job.history))):
            if self.job.history[place].undone_at is None:
                return self._undo(place)
        return self._close()

    def _undo(self, place: int) -> None:
        record = self.job.history[place]
        step = self.workflow.named(record.step)
        if step is not None and step.undo is not None:
            over, trouble = self._insist(record.step, self._ask, step.undo)
            if not over:
                return
            record = msgspec.structs.replace(record, undo_error=trouble)
        history = list(self.job.history)
        history[place] = msgspec.structs.replace(record, undone_at=self.db.clock.now())
        self._save({**NOT_BEGUN, "step": record.step, "history": history})

    def _close(self) -> None:
        """Tell the resource how it ended."""
        over, trouble = True, None
        if self.job.ending is JobState.FAILED and self.workflow.failure is not None:
            over, trouble = self._insist(
                "on_failure", self._close_with, self.workflow.failure, self.job.failure
            )
        elif self.job.ending is JobState.CANCELLED and self.workflow.cancellation is not None:
            over, trouble = self._insist("on_cancel", self._close_with, self.workflow.cancellation)
        if over and self._is_ours:
            self._end_as_turned_back(trouble)

    def _close_with(self, function: Callable[..., Any], *more: Any) -> None:
        """Call what tells the resource; if it returns a Finish, the job ends with that."""
        outcome = self._ask(function, *more)
        if isinstance(outcome, Finish):
            self._end_as_turned_back(None, also=outcome.write)

    def _end_as_turned_back(self, trouble: str | None, **more: Any) -> None:
        assert self.job.ending is not None
        failure = self.job.failure
        words = f"{failure.kind}: {failure.detail or failure.message}" if failure else None
        error = "; ".join(filter(None, [words, trouble])) or None
        self._end(self.job.ending, {"error": error}, **more)

    def _insist(self, name: str, function: Callable[..., Any], *more: Any) -> tuple[bool, str | None]:
        """Call what puts things back; return whether that is over, and what it could not put back.

        Outages are borne for ever.  Anything else that goes wrong a few times in a row is written
        down and left for people, because the rest must be put back too.
        """
        if self.job.crashes >= self._pace.crashes:
            return True, f"{name} was interrupted again and again"
        try:
            function(*more)
        except leases.LeaseLost:
            raise
        except OUTAGES as error:
            self._try_again(name, error)
        except Exception as error:  # noqa: BLE001 - as in _take
            log.error("%s of job %s (%s) failed", name, self.job.id, self.job.kind, exc_info=error)
            if self.job.crashes + 1 >= self._pace.crashes:
                return True, f"{name}: {in_words(error)}"
            self._try_again(name, error, crashes=self.job.crashes + 1)
        else:
            return True, None
        return False, None

    # Notes

    def _try_again(self, step: str, error: Exception, **values: Any) -> None:
        tries = self.job.attempts + 1
        words = in_words(error)
        self._park(
            JobState.RETRYING, self._pace.pause(tries), step=step, attempts=tries, error=words, **values
        )

    def _park(self, state: JobState, pause: timedelta, **values: Any) -> None:
        until = self.db.clock.now() + pause
        self.db.run(leases.park, self.job, until, {"state": state, **values})
        self._is_ours = False

    def _end(self, state: JobState, values: dict[str, Any] | None = None, **more: Any) -> None:
        now = self.db.clock.now()
        ended = {
            "state": state,
            "active": False,
            "due_at": now + timedelta(seconds=self._pace.keep_seconds),
            "owner": None,
            "holds": None,
            "ended_at": now,
            "waits_for": None,
        }
        self._save({**(values or {}), **ended}, **more)
        self._is_ours = False

    def _save(self, values: dict[str, Any], **more: Any) -> None:
        self.job = self.db.run(leases.save, self.job, values, **more)
