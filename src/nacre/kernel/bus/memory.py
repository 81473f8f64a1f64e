"""A bus within one process: queues in memory, handlers on a pool of threads.

It is the real bus of a cloud that runs as one process, not a stand-in for tests, and it keeps a
broker's rules: messages are encoded both ways, a call has a deadline, a server that lags behind loses
messages rather than memory.  Nothing is stored, so a process that stops takes its queues with it (see
the package's docstring for why that is allowed).
"""

import itertools
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any

from nacre.kernel import errors
from nacre.kernel.bus import envelope
from nacre.kernel.bus.interface import DEFAULT_CONCURRENCY, DEFAULT_DEADLINE_SECONDS, Handlers
from nacre.kernel.bus.method import Message, Method, Reply
from nacre.kernel.pool import CompensatingPool, blocking

log = logging.getLogger(__name__)

#: How many messages may wait for one server.  Beyond that, calls are refused and casts are dropped.
QUEUE_LIMIT = 10_000

#: How many messages a server handles before it lets other servers have the thread.
TURN = 64

#: How many handlers run at a time where the bus has a pool of its own.
RUNNABLE = 8


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message in a queue; `answer` and `expires_at` (monotonic) are those of a call that waits for it."""

    frame: bytes
    answer: Callable[[bytes], object] | None = None
    expires_at: float = float("inf")


class Server:
    """One server of a topic: its queue, and how many of its handlers run."""

    def __init__(
        self, bus: "MemoryBus", topic: str, handlers: Handlers, concurrency: int, group: str | None
    ) -> None:
        self.topic = topic
        self.group = group
        self.methods = frozenset(handlers)
        self._bus = bus
        self._handlers = envelope.by_name(handlers)
        self._concurrency = concurrency
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
            if self._running >= self._concurrency:
                return True
            self._running += 1
        self._bus.pool.submit(self._take_turn)
        return True

    def close(self, timeout_seconds: float = 10.0) -> bool:
        """Leave the topic, then wait until what was queued has been handled.

        A handler may close its own server; it does not wait for itself.
        """
        self._bus.forget(self)
        own = 1 if getattr(self._here, "handling", False) else 0
        with blocking(), self._finished:
            self._open = False
            self._finished.wait_for(lambda: self._running <= own, timeout_seconds)
            return self._running <= own and not self._queue

    def _take_turn(self) -> None:
        for _ in range(TURN):
            with self._lock:
                if not self._queue:
                    self._running -= 1
                    self._finished.notify_all()
                    return
                delivery = self._queue.popleft()
            self._deliver(delivery)
        self._bus.pool.submit(self._take_turn)

    def _deliver(self, delivery: Delivery) -> None:
        if time.monotonic() >= delivery.expires_at:
            log.debug("%s skips a call that nobody waits for any more", self.topic)
            return
        self._here.handling = True
        try:
            awaited = delivery.answer is not None
            answer = envelope.handle(self.topic, self._handlers, delivery.frame, awaited=awaited)
        finally:
            self._here.handling = False
        if delivery.answer is not None:
            delivery.answer(answer)


class MemoryBus:
    """See `nacre.kernel.bus.interface.Bus` for what each method promises."""

    def __init__(self, pool: CompensatingPool | None = None) -> None:
        """Run handlers on this pool, which stays the caller's to close; without one, on a pool of its own."""
        self.pool = pool or CompensatingPool(runnable=RUNNABLE, name="bus")
        self._owns_pool = pool is None
        self._lock = threading.Lock()
        self._topics: dict[str, tuple[Server, ...]] = {}  # values are replaced, never changed
        self._turns = itertools.count()
        self._open = True

    def call(
        self,
        topic: str,
        method: Method[Message, Reply],
        message: Message,
        deadline_seconds: float = DEFAULT_DEADLINE_SECONDS,
    ) -> Reply:
        answers: SimpleQueue[bytes] = SimpleQueue()
        expires_at = time.monotonic() + deadline_seconds
        delivery = Delivery(envelope.encode_request(method, message), answers.put, expires_at)
        if not self._deliver(topic, delivery):
            raise _unavailable(f"nobody answers {method.name} on {topic}, or its queue is full")
        try:
            with blocking():
                answer = answers.get(timeout=max(0.0, deadline_seconds))
        except Empty:
            raise _unavailable(
                f"{topic} did not answer {method.name} within {deadline_seconds:g} seconds"
            ) from None
        return envelope.decode_answer(topic, method, answer)

    def cast(self, topic: str, method: Method[Message, Any], message: Message) -> None:
        if not self._deliver(topic, Delivery(envelope.encode_request(method, message))):
            log.debug("Nobody listens on %s; %s is dropped", topic, method.name)

    def fanout(self, topic: str, method: Method[Message, Any], message: Message) -> None:
        delivery = Delivery(envelope.encode_request(method, message))
        groups: dict[object, list[Server]] = {}
        for server in self._topics.get(topic, ()):
            groups.setdefault(server.group or server, []).append(server)
        if not groups:
            log.debug("Nobody listens on %s; %s is dropped", topic, method.name)
        for members in groups.values():
            if not self._offer_to_one(members, delivery):
                log.warning("%s takes no more messages; %s is dropped", topic, method.name)

    def serve(
        self,
        topic: str,
        handlers: Handlers,
        *,
        concurrency: int = DEFAULT_CONCURRENCY,
        group: str | None = None,
    ) -> Server:
        if concurrency < 1:
            raise ValueError("concurrency is at least 1")
        server = Server(self, topic, handlers, concurrency, group)
        with self._lock:
            if not self._open:
                raise _unavailable("the bus is closed")
            present = self._topics.get(topic, ())
            if present and present[0].methods != server.methods:
                raise ValueError(f"all servers of {topic} must answer the same methods")
            self._topics[topic] = (*present, server)
        return server

    def forget(self, server: Server) -> None:
        """Send nothing more to this server.  May be called twice."""
        with self._lock:
            remaining = tuple(other for other in self._topics.get(server.topic, ()) if other is not server)
            if remaining:
                self._topics[server.topic] = remaining
            else:
                self._topics.pop(server.topic, None)

    def close(self, timeout_seconds: float = 10.0) -> bool:
        with self._lock:
            self._open = False
            servers = [server for present in self._topics.values() for server in present]
        ends_at = time.monotonic() + timeout_seconds
        # Servers go one after another, so that a handler can still call those that are left.
        finished = [server.close(max(0.0, ends_at - time.monotonic())) for server in servers]
        if self._owns_pool:
            self.pool.close(timeout_seconds=max(0.0, ends_at - time.monotonic()))
        return all(finished)

    def _deliver(self, topic: str, delivery: Delivery) -> bool:
        return self._offer_to_one(self._topics.get(topic, ()), delivery)

    def _offer_to_one(self, servers: "tuple[Server, ...] | list[Server]", delivery: Delivery) -> bool:
        """Give the message to the next server that takes it; they take turns."""
        start = next(self._turns) if len(servers) > 1 else 0
        return any(servers[(start + i) % len(servers)].offer(delivery) for i in range(len(servers)))


def _unavailable(detail: str) -> errors.Unavailable:
    return errors.Unavailable("Another part of the cloud does not answer at the moment.", detail=detail)
