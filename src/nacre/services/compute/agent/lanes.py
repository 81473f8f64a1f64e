"""Do jobs in order per lane, many lanes side by side, on a few threads; and wait without a thread.

A lane is a name (here: a server's id).  Jobs of one lane run one after another in the order in which they
came; jobs of different lanes run at the same time on at most `workers` threads.  A job that has to wait for
the world returns the number of seconds after which it wants to be called again, and gives its thread to
another lane meanwhile; `kick` calls it sooner.  Nothing is polled, and a lane without jobs costs nothing.
"""

import heapq
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

log = logging.getLogger(__name__)

Job = Callable[[], float | None]
"""Returns `None` when it is done, or the seconds after which to call it again."""


@dataclass(slots=True)
class Lane:
    name: str
    jobs: deque[Job] = field(default_factory=deque)
    awake: bool = False  # queued for a worker, or run by one
    kicked: bool = False
    nap: int = 0  # which of its entries among the sleepers counts


class Lanes:
    """A bounded pool of worker threads that keeps the order within each lane."""

    def __init__(self, *, workers: int = 8, name: str = "agent") -> None:
        self._workers, self._name = workers, name
        self._lanes: dict[str, Lane] = {}
        self._ready: deque[Lane] = deque()
        self._sleepers: list[
            tuple[float, int, Lane]
        ] = []  # a heap; entries whose nap is over stay and are skipped
        self._change = threading.Condition()
        self._threads: set[threading.Thread] = set()
        self._idle = self._naps = 0
        self._closed = False

    def submit(self, lane: str, job: Job) -> None:
        """Do a job after those that the lane already has.  After `close` it is dropped."""
        with self._change:
            if self._closed:
                return
            at = self._lanes.setdefault(lane, Lane(lane))
            at.jobs.append(job)
            if len(at.jobs) == 1:
                self._wake(at)

    def kick(self, lane: str) -> None:
        """Call the lane's waiting job now."""
        with self._change:
            if (at := self._lanes.get(lane)) is not None:
                at.kicked = True
                if not at.awake:
                    self._wake(at)

    def length(self) -> int:
        """Count the jobs that run or wait."""
        with self._change:
            return sum(len(lane.jobs) for lane in self._lanes.values())

    def close(self, timeout_seconds: float = 10.0) -> bool:
        """Begin no further job; wait for those that run.  True when they ended in time."""
        with self._change:
            self._closed = True
            self._change.notify_all()
            threads = self._threads - {threading.current_thread()}
        ends_at = time.monotonic() + timeout_seconds
        for thread in threads:
            thread.join(max(0.0, ends_at - time.monotonic()))
        return not any(thread.is_alive() for thread in threads)

    def _wake(self, lane: Lane) -> None:
        """With the lock held: queue the lane for a worker."""
        lane.awake = True
        lane.nap = 0
        self._ready.append(lane)
        if self._idle:
            self._change.notify()
        else:
            self._add_worker()

    def _add_worker(self) -> None:
        """With the lock held: have one more thread, if there may be one."""
        if len(self._threads) < self._workers:
            thread = threading.Thread(
                target=self._work, name=f"{self._name}-{len(self._threads)}", daemon=True
            )
            self._threads.add(thread)
            thread.start()

    def _work(self) -> None:
        while (lane := self._next()) is not None:
            again: float | None = None
            try:
                again = lane.jobs[0]()
            except BaseException:  # a worker must outlive any job
                log.exception("a job of %s in lane %s failed", self._name, lane.name)
            self._settle(lane, again)

    def _next(self) -> Lane | None:
        with self._change:
            while not self._closed:
                self._rouse()
                if self._ready:
                    lane = self._ready.popleft()
                    lane.kicked = False
                    if (self._ready or self._sleepers) and not self._idle:
                        self._add_worker()  # or they would wait for the end of what this thread does now
                    return lane
                self._idle += 1
                self._change.wait(self._sleepers[0][0] - time.monotonic() if self._sleepers else None)
                self._idle -= 1
            return None

    def _rouse(self) -> None:
        """With the lock held: queue the lanes whose time has come."""
        now = time.monotonic()
        while self._sleepers and self._sleepers[0][0] <= now:
            _at, nap, lane = heapq.heappop(self._sleepers)
            if nap == lane.nap:
                self._wake(lane)

    def _settle(self, lane: Lane, again: float | None) -> None:
        """Put a lane away after a turn: asleep, back in the queue, or gone."""
        with self._change:
            lane.awake = False
            if again is None:
                lane.jobs.popleft()
                if not lane.jobs:
                    del self._lanes[lane.name]
                    return
            if again is None or again <= 0 or lane.kicked:
                self._wake(lane)
                return
            self._naps += 1
            lane.nap = self._naps
            heapq.heappush(self._sleepers, (time.monotonic() + again, lane.nap, lane))
            self._change.notify()  # this may be the nearest time now
