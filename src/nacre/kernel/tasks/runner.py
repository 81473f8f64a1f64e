"""Find the jobs of one service that are due, and have each carried on by one worker at a time.

Several runners, in one process or in many, may serve the same database; the table of jobs keeps them
apart.  A runner that is idle sleeps until the next job is due or somebody announces one, and looks by
itself every few seconds, in case the announcement was made in another process and got lost.
"""

import contextvars
import fcntl
import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from nacre.kernel.clock import Clock
from nacre.kernel.db import Database
from nacre.kernel.db.engines import sqlite_path
from nacre.kernel.errors import Unavailable
from nacre.kernel.ids import new_hex_id
from nacre.kernel.tasks import leases, wakeups
from nacre.kernel.tasks.crew import JOBS_AT_ONCE, Crew
from nacre.kernel.tasks.execution import OUTAGES, Execution, Pace, in_words
from nacre.kernel.tasks.jobs import make_up_for_outage
from nacre.kernel.tasks.reconciler import Reconciler, enlist, take_turn
from nacre.kernel.tasks.tables import ClaimedJob, Report
from nacre.kernel.tasks.workflow import Run, Workflow

log = logging.getLogger(__name__)

LOOK_EVERY_SECONDS = 5.0
PRUNE_EVERY_SECONDS = 3600.0
OUTAGE_LOOK_SECONDS = 1.0
STOP_SECONDS = 30.0


class Runner:
    """Carries on the jobs of one database.

    make_context   job → what its steps get as `ctx`
    owner          a name for this process that stays the same over restarts ("host:state directory"); it
                   stands with each lease, for people, and for taking over from oneself
    lock_file      proves that a former process of that name is dead: whoever holds its lock may take
                   over the leases of the name at once, instead of waiting for their end.  SQLite
                   databases have one beside them by default.
    crew           the workers; a crew of its own unless given
    outages        tells how many outages there were so far of what this service hears from others by; after each
                   one every reconciler takes a turn, since nobody knows what was lost, and what was to be
                   tried again is tried at once
    """

    def __init__(
        self,
        db: Database,
        *,
        workflows: Sequence[Workflow[Any]] = (),
        reconcilers: Sequence[Reconciler] = (),
        make_context: Callable[[ClaimedJob], Any],
        owner: str = "nacre",
        lock_file: Path | None = None,
        crew: Crew | None = None,
        outages: Callable[[], int] | None = None,
        threads: int = JOBS_AT_ONCE,
        pace: Pace | None = None,
        look_every_seconds: float = LOOK_EVERY_SECONDS,
        clock: Clock | None = None,
    ) -> None:
        self.db = db
        self.workflows = tuple(workflows)
        self.make_context = make_context
        self.pace = pace or Pace()
        prune = Reconciler("jobs_prune", PRUNE_EVERY_SECONDS, self._prune)
        self._reconcilers = {each.name: each for each in (*reconcilers, prune)}
        self._workflows = {each.name: each for each in workflows}
        if len(self._workflows) + len(self._reconcilers) != len(workflows) + len(reconcilers) + 1:
            raise ValueError("two kinds of jobs have the same name")
        for workflow in workflows:
            _ = workflow.first_step  # or its jobs would be done by doing nothing
        self._name, self._lock_file = owner, lock_file
        if lock_file is None and db.kind == "sqlite":
            self._lock_file = sqlite_path(db.url).with_name(sqlite_path(db.url).name + "-runner")
        self._lock: int | None = None
        self.owner = ""
        self._since = db.clock.now()
        self._own_crew = crew is None
        self._crew = crew or Crew(jobs_at_once=threads)
        self._look_every_seconds = look_every_seconds
        self._outages = outages or (lambda: db.outages)
        self._outages_made_up_for = self._outages()
        self._held: set[int] = set()
        self._unnoted: list[ClaimedJob] = []
        self._guard = threading.Condition()
        self._worker_is_coming = False
        self._workers = 0
        self._stopping = False
        self._started = False
        self.turned_away = False
        self.look_at = self.renew_at = float("inf")

    # Life

    def start(self) -> None:
        """Take over what former selves left, and work until `stop`."""
        self.prepare()
        self._started = True
        self._stop_listening = wakeups.listen(self.db, self.wake)
        self.look_at = time.monotonic()
        self._crew.join(self)
        self.wake()

    def stop(self, *, timeout_seconds: float = STOP_SECONDS) -> None:
        """Let the steps that run come to their ends, put the jobs back, and work no more.

        A step that takes longer than `timeout_seconds` is left to whoever leases its job next.
        """
        with self._guard:
            self._stopping = True
            if self._started:
                self._stop_listening()
                self._crew.leave(self)
                self._started = False
            drained = self._guard.wait_for(lambda: not (self._held or self._workers), timeout=timeout_seconds)
        if not drained:
            self._hand_over()
        if self._own_crew:
            self._crew.close()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _hand_over(self) -> None:
        """Let others take up at once what does not end here; a step's last writes are refused then."""
        with self._guard:
            held = sorted(self._held)
        log.warning("stopping while jobs %s are in the middle of a step; others may take them up", held)
        try:
            leases.renew(self.db, self.owner, held, 0.0)
        except Unavailable as error:  # their leases end by themselves
            log.warning("jobs of %s cannot be handed over: %s", self._name, error.detail or error)

    def prepare(self) -> None:
        """Get a name, take over from one's former selves, give the reconcilers their rows; only once."""
        if self.owner:
            return
        self._lock = _lock(self._lock_file) if self._lock_file else None
        # A name with "#" is only ever used under the lock, so all others of that name are dead.
        former = f"{self._name}#"
        self._since = self.db.clock.now()
        self.owner = f"{former if self._lock is not None else self._name + '+'}{new_hex_id()[:12]}"
        if self._lock is not None:
            count = leases.release_leases_of_the_dead(self.db, former, self.owner)
            if count:
                log.info("%s goes on with %d jobs that were interrupted", self._name, count)
        for reconciler in self._reconcilers.values():
            self.db.run(enlist, reconciler)

    def run_due(self) -> int:
        """Work on everything that is due, in this thread, until nothing is; return how many claims.

        For tests, which turn the clock and call this; with or without `start`.  What the workers have
        in hand by then is waited for.
        """
        self.prepare()
        count = 0
        while True:
            while (job := self._claim()) is not None:
                self._work_on(job)
                count += 1
            with self._guard:
                if not (self._held or self._workers or self._worker_is_coming):
                    return count
                self._guard.wait()

    # Being told

    def wake(self) -> None:
        """Have a worker look for due jobs, soon."""
        with self._guard:
            self.look_at = time.monotonic() + self._look_every_seconds
            if self._worker_is_coming or self._stopping or not self._started:
                return
            self._worker_is_coming = True
            self.turned_away = False
        self._crew.send(self)

    def look(self) -> None:
        """Take one due job and carry it on, while another worker looks for the next; runs on the pool."""
        with self._guard:
            self._worker_is_coming = False  # before looking, so that no wake-up from now on is lost
            self._workers += 1
        try:
            self.turned_away = True  # said before asking, so that no vacancy is missed in between
            if self._crew.hire():
                self.turned_away = False
                try:
                    self._carry_on_one()
                finally:
                    self._crew.dismiss()
        except Unavailable as error:
            log.warning("jobs of %s cannot be reached: %s", self._name, error.detail or error)
            self._look_again_in(OUTAGE_LOOK_SECONDS)
        finally:
            with self._guard:
                self._workers -= 1
                self._guard.notify_all()

    def _carry_on_one(self) -> None:
        job = self._claim()
        if job is not None:
            self.wake()
            self._work_on(job)
            self.wake()

    def renew(self) -> None:
        """Put off the end of the leases that are held."""
        with self._guard:
            held = list(self._held)
            self._set_renewal()
        if not held:
            return
        try:
            leases.renew(self.db, self.owner, held, self._crew.lease_seconds)
        except Unavailable as error:
            log.warning("leases of %s cannot be renewed: %s", self._name, error.detail or error)

    # Working

    def _claim(self) -> ClaimedJob | None:
        """Take a due job; when there is none, see to it that somebody looks again in time."""
        if self._stopping:
            return None
        self._give_back()
        self._make_up_for_outages()
        kinds = [*self._workflows, *self._reconcilers]
        while True:
            due, next_at = leases.look(self.db, kinds, frozenset(self._held))
            for candidate in due:
                job = leases.claim(self.db, candidate, self.owner, self._crew.lease_seconds)
                if job is not None:
                    with self._guard:
                        self._held.add(job.id)
                        self._set_renewal()
                    return job
            if not due:
                break
        if next_at is not None:
            pause = (next_at - self.db.clock.now()).total_seconds()
            self._look_again_in(min(max(pause, 0.0), self._look_every_seconds))
        return None

    def _give_back(self) -> None:
        """Have the jobs go on that were let go of while the database was away, before their leases end.

        Where another has one by now, what was done for it last is looked at.
        """
        with self._guard:
            jobs, self._unnoted = self._unnoted, []
        left = list(jobs)
        try:
            for job in jobs:
                if self.db.run(leases.give_back, job) or self._make_up_for_loss(job):
                    left.remove(job)
        finally:
            with self._guard:
                self._unnoted += left

    def _make_up_for_loss(self, job: ClaimedJob) -> bool:
        """Put right what a step did while others had its job; tell whether that is over."""
        workflow = self._workflows.get(job.kind)
        if workflow is None or workflow.loss is None:
            return True
        run = Run(job, workflow, self.db.clock.now(), self._since)
        try:
            self.call(workflow.loss, self.make_context(job), run)
        except OUTAGES as error:
            log.warning("what %s did too late is still there: %s", job.kind, in_words(error))
            return False
        except Exception as error:  # noqa: BLE001 - the sweeps will find it
            log.error("what %s did too late stays there", job.kind, exc_info=error)
        return True

    def _make_up_for_outages(self) -> None:
        """After an outage nobody waits any more: what would have told of changes may be lost."""
        outages = self._outages()
        if outages != self._outages_made_up_for:
            self.db.run(make_up_for_outage, list(self._reconcilers))
            self._outages_made_up_for = outages

    def _look_again_in(self, seconds: float) -> None:
        moment = time.monotonic() + seconds
        with self._guard:
            self.look_at = min(self.look_at, moment)
        self._crew.look_again_at(moment)

    def _set_renewal(self) -> None:
        pause = self._crew.lease_seconds / 3
        self.renew_at = time.monotonic() + pause if self._held else float("inf")
        self._crew.look_again_at(self.renew_at)

    def _work_on(self, job: ClaimedJob) -> None:
        try:
            contextvars.copy_context().run(self._carry_on, job)
        except leases.LeaseLost:
            log.warning("job %s (%s) has been taken over by another worker", job.id, job.kind)
            with self._guard:
                self._unnoted.append(job)
        except Unavailable as error:
            log.warning("job %s (%s) could not be noted: %s", job.id, job.kind, error.detail or error)
            with self._guard:
                self._unnoted.append(job)
        finally:
            with self._guard:
                self._held.discard(job.id)
                self._guard.notify_all()

    def _carry_on(self, job: ClaimedJob) -> None:
        reconciler = self._reconcilers.get(job.kind)
        if reconciler is not None:
            take_turn(self.db, reconciler, job, self.make_context, self.call)
            return
        Execution(
            self.db,
            self._workflows[job.kind],
            job,
            self.make_context,
            pace=self.pace,
            call=self.call,
            draining=lambda: self._stopping,
            since=self._since,
        ).carry_on()

    def call(self, function: Callable[..., Any], *args: Any) -> Any:
        """Call a step, an undo or a reconciler; a rehearsal puts itself in between here."""
        return function(*args)

    def _prune(self, ctx: Any) -> Report:
        return Report(healed=leases.prune(self.db))


def _lock(path: Path) -> int | None:
    """Return the locked file, or None while another living process has it."""
    file = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        return None
    return file
