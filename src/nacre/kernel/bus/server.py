"""One server of a topic: messages wait here for a thread, a few at a time are handled.

Both drivers of the bus end here; what differs is how a message came and where its answer goes.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from nacre.kernel.bus import envelope
from nacre.kernel.bus.interface import Handlers
from nacre.kernel.pool import CompensatingPool, blocking

log = logging.getLogger(__name__)

#: How many messages may wait for one server.  Beyond that, calls are refused and casts are dropped.
QUEUE_LIMIT = 10_000

#: How many messages a server handles before it lets other servers have the thread.
TURN = 64

#: How many handlers run at a time where a bus has a pool of its own.
RUNNABLE = 8


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message for a server.

    awaited     whether the sender waits for the answer
    host        the host that sent it, by its account; None if it came from the control plane
    done        told the answer once the message is handled; None when it was skipped
    expires_at  monotonic: when nobody waits for the answer any more
    """

    frame: bytes
    awaited: bool = False
    host: str | None = None
    done: Callable[[bytes | None], object] | None = None
    expires_at: float = float("inf")


class Server:
    """One server of a topic: its queue, and how many of its handlers run."""

    def __init__(
        self,
        pool: CompensatingPool,
        topic: str,
        handlers: Handlers,
        *,
        concurrency: int,
        group: str | None,
    ) -> None:
        if concurrency < 1:
            raise ValueError("concurrency is at least 1")
        self.topic, self.group, self.concurrency = topic, group, concurrency
        self.methods = frozenset(handlers)
        self._pool = pool
        self._handlers = envelope.by_name(handlers)
        self._queue: deque[Delivery] = deque()
        self._running = 0
        self._open = True
        self._lock = threading.Lock()
        self._finished = threading.Condition(self._lock)
        self._here = threading.local()

    def offer(self, delivery: Delivery) -> bool:
        """Queue a message and see that it will be handled; False when this server takes no more."""
        with self._lock:
            if not self._open or len(self._queue) >= QUEUE_LIMIT:
                return False
            self._queue.append(delivery)
            if self._running >= self.concurrency:
                return True
            self._running += 1
        self._pool.submit(self._take_turn)
        return True

    def finish(self, timeout_seconds: float) -> bool:
        """Take no more, and wait until what was queued has been handled.

        A handler may say this of its own server; it does not wait for itself.
        """
        own = 1 if self.is_asking_itself else 0
        with blocking(), self._finished:
            self._open = False
            self._finished.wait_for(lambda: self._running <= own, timeout_seconds)
            return self._running <= own and not self._queue

    @property
    def is_asking_itself(self) -> bool:
        """Tell whether this thread is one of the server's handlers."""
        return getattr(self._here, "handling", False)

    def _take_turn(self) -> None:
        for _ in range(TURN):
            with self._lock:
                if not self._queue:
                    self._running -= 1
                    self._finished.notify_all()
                    return
                delivery = self._queue.popleft()
            self._deliver(delivery)
        self._pool.submit(self._take_turn)

    def _deliver(self, delivery: Delivery) -> None:
        answer = None
        if time.monotonic() < delivery.expires_at:
            self._here.handling = True
            try:
                answer = envelope.handle(
                    self.topic, self._handlers, delivery.frame, awaited=delivery.awaited, host=delivery.host
                )
            finally:
                self._here.handling = False
        else:
            log.debug("%s skips a call that nobody waits for any more", self.topic)
        if delivery.done is not None:
            delivery.done(answer)


class Roster:
    """The servers of this process by topic; all servers of a topic answer the same methods."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._topics: dict[str, tuple[Server, ...]] = {}  # values are replaced, never changed

    def add(self, server: Server) -> None:
        """Let a server be found."""
        with self._lock:
            present = self._topics.get(server.topic, ())
            if present and present[0].methods != server.methods:
                raise ValueError(f"all servers of {server.topic} must answer the same methods")
            self._topics[server.topic] = (*present, server)

    def remove(self, server: Server) -> None:
        """Let it be found no more.  May be called twice."""
        with self._lock:
            remaining = tuple(other for other in self._topics.get(server.topic, ()) if other is not server)
            if remaining:
                self._topics[server.topic] = remaining
            else:
                self._topics.pop(server.topic, None)

    def of(self, topic: str) -> tuple[Server, ...]:
        """Return the servers of a topic."""
        return self._topics.get(topic, ())

    def all(self) -> list[Server]:
        """Return every server, topic by topic."""
        return [server for present in self._topics.values() for server in present]
