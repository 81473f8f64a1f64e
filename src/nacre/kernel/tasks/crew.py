"""The workers of one process, shared by all its services, and the one thread that keeps the time.

Work is done on a compensating pool: few threads that run, more that wait (see `kernel/pool.py`).
The timekeeper sleeps until the next job of any service is due, renews the leases of what is being
worked on, and otherwise does nothing; a wake-up goes straight to the pool.
"""

import logging
import threading
import time
from typing import TYPE_CHECKING

from nacre.kernel.pool import CompensatingPool

if TYPE_CHECKING:
    from nacre.kernel.tasks.runner import Runner

log = logging.getLogger(__name__)

LEASE_SECONDS = 60.0
JOBS_AT_ONCE = 16


class Crew:
    """Threads that work for runners; at most `jobs_at_once` jobs are in their hands at a time."""

    def __init__(
        self,
        pool: CompensatingPool | None = None,
        *,
        jobs_at_once: int = JOBS_AT_ONCE,
        lease_seconds: float = LEASE_SECONDS,
    ) -> None:
        self.lease_seconds = lease_seconds
        self._own_pool = pool is None
        self._pool = pool or CompensatingPool(runnable=jobs_at_once, maximum=jobs_at_once + 2, name="job")
        self._vacancies = threading.BoundedSemaphore(jobs_at_once)
        self._runners: list[Runner] = []
        self._changed = threading.Condition()
        self._sleeps_until = 0.0
        self._timekeeper: threading.Thread | None = None

    def join(self, runner: "Runner") -> None:
        """Work for a runner from now on."""
        with self._changed:
            self._runners.append(runner)
            if self._timekeeper is None:
                self._timekeeper = threading.Thread(target=self._keep_time, name="job-timer", daemon=True)
                self._timekeeper.start()
            self._changed.notify()

    def leave(self, runner: "Runner") -> None:
        """Work for a runner no more."""
        with self._changed:
            self._runners.remove(runner)
            self._changed.notify()

    def close(self) -> None:
        """End the threads; the runners have been stopped before."""
        with self._changed:
            timekeeper, self._timekeeper = self._timekeeper, None
            self._changed.notify()
        if timekeeper is not None:
            timekeeper.join()
        if self._own_pool:
            self._pool.close()

    def send(self, runner: "Runner") -> None:
        """Have a worker look what a runner has to do."""
        self._pool.submit(runner.look)

    def hire(self) -> bool:
        """Tell whether one more job may be taken on; the taker says `dismiss` when done with it."""
        return self._vacancies.acquire(blocking=False)

    def dismiss(self) -> None:
        """Give back a place, and let those look who found none."""
        self._vacancies.release()
        for runner in list(self._runners):
            if runner.turned_away:
                runner.wake()

    def look_again_at(self, moment: float) -> None:
        """Make sure that the timekeeper is awake at a moment of the monotonic clock."""
        if moment < self._sleeps_until:
            with self._changed:
                self._changed.notify()

    def _keep_time(self) -> None:
        while True:
            with self._changed:
                if self._timekeeper is not threading.current_thread():
                    return
                runners = list(self._runners)
                moments = [moment for runner in runners for moment in (runner.look_at, runner.renew_at)]
                self._sleeps_until = min(moments, default=time.monotonic() + self.lease_seconds)
                pause = self._sleeps_until - time.monotonic()
                if pause > 0:
                    self._changed.wait(pause)
            for runner in runners:
                try:
                    _attend_to(runner)
                except Exception:  # noqa: BLE001 - one service's trouble must not stop the others' clock
                    log.exception("the timekeeper could not attend to a runner")


def _attend_to(runner: "Runner") -> None:
    now = time.monotonic()
    if runner.look_at <= now:
        runner.wake()
    if runner.renew_at <= now:
        runner.renew()
