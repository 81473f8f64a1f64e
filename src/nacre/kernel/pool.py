"""A thread pool that bounds the threads that *run*, not those that wait.

sqlite3 gives up the interpreter lock at every row, so many runnable threads fight over it and
a service gets slower with each; but a handler that waits for an agent or another cloud must not
keep the others from running.  So about four threads run at a time, and a thread that is about
to wait says so with `with blocking():`, which lets a spare take its place.  When it comes back it
may briefly be one too many; surplus threads park once their job is done.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

log = logging.getLogger(__name__)
_worker = threading.local()

Job = Callable[[], None]


class CompensatingPool:
    """Run jobs on at most `runnable` threads at once, not counting those that wait."""

    def __init__(self, *, runnable: int = 4, maximum: int = 128, name: str = "handler") -> None:
        self._runnable, self._maximum, self._name = runnable, maximum, name
        self._jobs: deque[Job] = deque()
        self._ready = threading.Condition()
        self._running = self._parked = self._threads = 0
        self._closed = False

    def submit(self, job: Job) -> None:
        """Queue a job; it must not raise (an exception is logged and dropped)."""
        with self._ready:
            if self._closed:
                raise RuntimeError("the pool is closed")
            self._jobs.append(job)
            self._let_one_in()

    def close(self, *, timeout_seconds: float = 10.0) -> None:
        """Finish what is queued and running, then end the threads."""
        with self._ready:
            self._closed = True
            self._ready.notify_all()
            self._ready.wait_for(lambda: self._threads == 0, timeout=timeout_seconds)

    def _let_one_in(self) -> None:
        """With the lock held: give a waiting job a thread if one more may run."""
        if not self._jobs or self._running >= self._runnable:
            return
        if self._parked:
            self._ready.notify()
        elif self._threads < self._maximum:
            self._threads += 1
            self._running += 1  # the new thread counts from now on, so that a burst spawns no crowd
            threading.Thread(target=self._work, name=f"{self._name}-{self._threads}", daemon=True).start()

    def _work(self) -> None:
        _worker.pool = self
        while job := self._next_job():
            try:
                job()
            except BaseException:  # a pool thread must outlive any job
                log.exception("a job of the %s pool failed", self._name)

    def _next_job(self) -> Job | None:
        with self._ready:
            self._running -= 1
            while not self._jobs or self._running >= self._runnable:
                if self._closed and not self._jobs:
                    self._threads -= 1
                    self._ready.notify_all()
                    return None
                self._parked += 1
                self._ready.wait()
                self._parked -= 1
            self._running += 1
            job = self._jobs.popleft()
            self._let_one_in()  # one wake-up may have been spent on two jobs
            return job

    def _leave(self) -> None:
        with self._ready:
            self._running -= 1
            self._let_one_in()

    def _return(self) -> None:
        with self._ready:
            self._running += 1


@contextmanager
def blocking() -> Iterator[None]:
    """Say that this thread is about to wait, so that the pool lets another run meanwhile.

    Outside a pool's thread, and inside another `blocking()`, it does nothing.
    """
    pool: CompensatingPool | None = getattr(_worker, "pool", None)
    if pool is None or getattr(_worker, "waiting", False):
        yield
        return
    _worker.waiting = True
    pool._leave()
    try:
        yield
    finally:
        pool._return()
        _worker.waiting = False
