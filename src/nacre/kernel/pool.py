"""A thread pool that bounds the threads that *run*, not those that wait.

sqlite3 gives up the interpreter lock at every row, so many runnable threads fight over it and
a service gets slower with each; but a handler that waits for an agent or another cloud must not
keep the others from running.  So few threads run at a time, and a thread that is about
to wait says so with `with blocking():`, which lets a spare take its place.  When it comes back it
may briefly be one too many; surplus threads park once their job is done.

What runs for long must not keep the others waiting either: after a while it does not count any
more, and another may run beside it, up to so many `beside`.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

log = logging.getLogger(__name__)
_worker = threading.local()

Job = Callable[[], None]

#: After how long a job that keeps others waiting gets company; it may take twice that.
PATIENCE_SECONDS = 0.05


class _Turn:
    """What one thread does: whether it counts as running, and since when it has been at its job."""

    __slots__ = ("counts", "since", "slow")

    def __init__(self) -> None:
        self.counts, self.slow, self.since = True, False, time.monotonic()


class CompensatingPool:
    """Run jobs on at most `runnable` threads at once, not counting those that wait, or `beside` that take long."""

    def __init__(
        self, *, runnable: int = 4, beside: int = 0, maximum: int = 128, name: str = "handler"
    ) -> None:
        self._runnable, self._beside, self._maximum, self._name = runnable, beside, maximum, name
        self._jobs: deque[Job] = deque()
        lock = threading.Lock()
        self._ready, self._crowded = threading.Condition(lock), threading.Condition(lock)
        self._running = self._slow = self._parked = self._threads = 0
        self._turns: set[_Turn] = set()
        self._overseer: threading.Thread | None = None
        self._overseer_sleeps = False
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
            self._crowded.notify()

    def _let_one_in(self) -> None:
        """With the lock held: give a waiting job a thread if one more may run."""
        if not self._jobs:
            return
        if self._running >= self._runnable:
            self._call_overseer()
        elif self._parked:
            self._ready.notify()
        elif self._threads < self._maximum:
            self._threads += 1
            self._running += 1  # the new thread counts from now on, so that a burst spawns no crowd
            turn = _Turn()
            self._turns.add(turn)
            name = f"{self._name}-{self._threads}"
            threading.Thread(target=self._work, args=(turn,), name=name, daemon=True).start()

    def _work(self, turn: _Turn) -> None:
        _worker.pool, _worker.turn = self, turn
        while job := self._next_job(turn):
            try:
                job()
            except BaseException:  # a pool thread must outlive any job
                log.exception("a job of the %s pool failed", self._name)

    def _next_job(self, turn: _Turn) -> Job | None:
        with self._ready:
            self._end(turn)
            if self._jobs and self._running >= self._runnable:
                self._call_overseer()  # who runs may have company now, if this one was it
            while not self._jobs or self._running >= self._runnable:
                if self._closed and not self._jobs:
                    self._threads -= 1
                    self._turns.discard(turn)
                    self._ready.notify_all()
                    return None
                self._parked += 1
                self._ready.wait()
                self._parked -= 1
            self._begin(turn)
            job = self._jobs.popleft()
            self._let_one_in()  # one wake-up may have been spent on two jobs
            return job

    def _begin(self, turn: _Turn) -> None:
        turn.counts, turn.since = True, time.monotonic()
        self._running += 1

    def _end(self, turn: _Turn) -> None:
        self._running -= turn.counts
        self._slow -= turn.slow
        turn.counts = turn.slow = False

    def leave(self, turn: _Turn) -> None:
        """Count a thread that is about to wait no more."""
        with self._ready:
            self._end(turn)
            self._let_one_in()

    def come_back(self, turn: _Turn) -> None:
        """Count a thread again."""
        with self._ready:
            self._begin(turn)

    # -- those that take long ------------------------------------------------------------------

    def _call_overseer(self) -> None:
        """With the lock held: have somebody look in a moment who keeps the others waiting."""
        if not self._beside:
            return
        if self._overseer is None:
            self._overseer = threading.Thread(target=self._oversee, name=f"{self._name}s", daemon=True)
            self._overseer.start()
        elif self._overseer_sleeps:
            self._crowded.notify()

    def _oversee(self) -> None:
        while True:
            time.sleep(PATIENCE_SECONDS)
            with self._ready:
                self._excuse_the_slow()
                while not self._jobs or self._slow >= self._beside:
                    if self._closed and not self._threads:
                        return
                    self._overseer_sleeps = True
                    self._crowded.wait()
                    self._overseer_sleeps = False

    def _excuse_the_slow(self) -> None:
        before = time.monotonic() - PATIENCE_SECONDS
        for turn in list(self._turns) if self._jobs else ():
            if turn.counts and turn.since < before and self._slow < self._beside:
                turn.counts, turn.slow = False, True
                self._running -= 1
                self._slow += 1
                self._let_one_in()


@contextmanager
def blocking() -> Iterator[None]:
    """Say that this thread is about to wait, so that the pool lets another run meanwhile.

    Outside a pool's thread, and inside another `blocking()`, it does nothing.
    """
    pool: CompensatingPool | None = getattr(_worker, "pool", None)
    if pool is None or getattr(_worker, "waiting", False):
        yield
        return
    turn: _Turn = _worker.turn
    _worker.waiting = True
    pool.leave(turn)
    try:
        yield
    finally:
        pool.come_back(turn)
        _worker.waiting = False
