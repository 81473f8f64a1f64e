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
from queue import Empty, SimpleQueue
from typing import Any

from nacre.kernel.bus import envelope
from nacre.kernel.bus.interface import (
    DEFAULT_CONCURRENCY,
    DEFAULT_DEADLINE_SECONDS,
    Handlers,
    unavailable,
)
from nacre.kernel.bus.method import Message, Method, Reply
from nacre.kernel.bus.server import RUNNABLE, Delivery, Roster, Server
from nacre.kernel.pool import CompensatingPool, blocking

log = logging.getLogger(__name__)


class MemorySubscription:
    """A server's place on a topic of this process."""

    def __init__(self, server: Server, roster: Roster) -> None:
        self._server, self._roster = server, roster

    def close(self, timeout_seconds: float = 10.0) -> bool:
        """Leave the topic, then wait until what was queued has been handled."""
        self._roster.remove(self._server)
        return self._server.finish(timeout_seconds)


class MemoryBus:
    """See `nacre.kernel.bus.interface.Bus` for what each method promises."""

    between_processes = False
    outages = 0

    def __init__(self, pool: CompensatingPool | None = None) -> None:
        """Run handlers on this pool, which stays the caller's to close; without one, on a pool of its own."""
        self.pool = pool or CompensatingPool(runnable=RUNNABLE, name="bus")
        self._owns_pool = pool is None
        self._lock = threading.Lock()
        self._roster = Roster()
        self._turns = itertools.count()
        self._open = True

    def call(
        self,
        topic: str,
        method: Method[Message, Reply],
        message: Message,
        deadline_seconds: float = DEFAULT_DEADLINE_SECONDS,
    ) -> Reply:
        answers: SimpleQueue[bytes | None] = SimpleQueue()
        expires_at = time.monotonic() + deadline_seconds
        frame = envelope.encode_request(method, message)
        if not self._deliver(topic, Delivery(frame, awaited=True, done=answers.put, expires_at=expires_at)):
            raise unavailable(f"nobody answers {method.name} on {topic}, or its queue is full")
        try:
            with blocking():
                answer = answers.get(timeout=max(0.0, deadline_seconds))
        except Empty:
            answer = None
        if answer is None:
            raise unavailable(f"{topic} did not answer {method.name} within {deadline_seconds:g} seconds")
        return envelope.decode_answer(topic, method, answer)

    def cast(self, topic: str, method: Method[Message, Any], message: Message) -> None:
        if not self._deliver(topic, Delivery(envelope.encode_request(method, message))):
            log.debug("Nobody listens on %s; %s is dropped", topic, method.name)

    def fanout(self, topic: str, method: Method[Message, Any], message: Message) -> None:
        delivery = Delivery(envelope.encode_request(method, message))
        groups: dict[object, list[Server]] = {}
        for server in self._roster.of(topic):
            groups.setdefault(server.group or server, []).append(server)
        if not groups:
            log.debug("Nobody listens on %s; %s is dropped", topic, method.name)
        for members in groups.values():
            if not self._offer_to_one(members, delivery):
                log.warning("%s takes no more messages; %s is dropped", topic, method.name)

    def notify(self, exchange: str, topic: str, method: Method[Message, Any], message: Message) -> None:
        """Whoever serves the topic in this process hears it; there is no outside to tell."""
        self.fanout(topic, method, message)

    def serve(
        self,
        topic: str,
        handlers: Handlers,
        *,
        concurrency: int = DEFAULT_CONCURRENCY,
        group: str | None = None,
    ) -> MemorySubscription:
        server = Server(self.pool, topic, handlers, concurrency=concurrency, group=group)
        with self._lock:
            if not self._open:
                raise unavailable("the bus is closed")
            self._roster.add(server)
        return MemorySubscription(server, self._roster)

    def close(self, timeout_seconds: float = 10.0) -> bool:
        with self._lock:
            self._open = False
            servers = self._roster.all()
        ends_at = time.monotonic() + timeout_seconds
        # Servers go one after another, so that a handler can still call those that are left.
        finished = []
        for server in servers:
            self._roster.remove(server)
            finished.append(server.finish(max(0.0, ends_at - time.monotonic())))
        if self._owns_pool:
            self.pool.close(timeout_seconds=max(0.0, ends_at - time.monotonic()))
        return all(finished)

    def _deliver(self, topic: str, delivery: Delivery) -> bool:
        return self._offer_to_one(self._roster.of(topic), delivery)

    def _offer_to_one(self, servers: "tuple[Server, ...] | list[Server]", delivery: Delivery) -> bool:
        """Give the message to the next server that takes it; they take turns."""
        start = next(self._turns) if len(servers) > 1 else 0
        return any(servers[(start + i) % len(servers)].offer(delivery) for i in range(len(servers)))
