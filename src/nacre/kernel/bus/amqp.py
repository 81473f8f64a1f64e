"""A bus between processes and machines, over RabbitMQ (AMQP 0.9.1).

Service threads call it; what touches the network is asynchronous and runs on an event loop of the bus's own,
so that heartbeats never wait for a busy thread.  The parts:

    amqp_names    what exchanges and queues are called, and who may touch which
    amqp_link     the connection, and how it comes back
    amqp_outbox   what is on its way to the broker
    amqp_calls    what waits for an answer
    amqp_servers  what takes messages and answers

It promises what `nacre.kernel.bus.interface.Bus` says.  Differences to the bus in memory that can be seen: a cast
or fanout whose broker is away waits for it for a while (`TOLD_FOR_SECONDS`), so it may be heard late; a
message may be heard twice, when a connection broke at the wrong moment; casts keep their order, and so
do fanouts, but not one with the other.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import TimeoutError as FutureTimeout
from functools import partial
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

import uvloop
from aiormq import Channel
from aiormq.abc import AbstractConnection

from nacre.kernel.bus import envelope
from nacre.kernel.bus.amqp_calls import Call, Calls
from nacre.kernel.bus.amqp_link import SET_UP_SECONDS, Link, ensure_exchange, open_channel
from nacre.kernel.bus.amqp_names import Names, check_name
from nacre.kernel.bus.amqp_outbox import NOBODY, Letter, Outbox
from nacre.kernel.bus.amqp_servers import BrokerServer
from nacre.kernel.bus.interface import (
    DEFAULT_CONCURRENCY,
    DEFAULT_DEADLINE_SECONDS,
    Handlers,
    unavailable,
)
from nacre.kernel.bus.method import Message, Method, Reply
from nacre.kernel.bus.options import BusOptions
from nacre.kernel.bus.server import QUEUE_LIMIT, RUNNABLE, Roster, Server
from nacre.kernel.pool import CompensatingPool, blocking

log = logging.getLogger(__name__)
T = TypeVar("T")

#: How long a cast, a fanout or a notification is worth delivering to the broker or hearing.
TOLD_FOR_SECONDS = 60.0

#: How often what waits is looked at.
TICK_SECONDS = 1.0

#: As whom a URL without an account logs in (AMQP's usual default, which RabbitMQ lets in from its own machine).
DEFAULT_ACCOUNT = "guest"


class AmqpSubscription:
    """A server's place on a topic of the broker."""

    def __init__(self, bus: "AmqpBus", server: Server, there: BrokerServer) -> None:
        self._bus, self._server, self._there = bus, server, there

    def close(self, timeout_seconds: float = 10.0) -> bool:
        """Leave the topic; if nobody else serves it, handle what waits there; finish what was taken."""
        return self._bus.leave(self._server, self._there, timeout_seconds)


class AmqpBus:
    """See `nacre.kernel.bus.interface.Bus` for what each method promises."""

    between_processes = True

    def __init__(
        self,
        options: BusOptions,
        *,
        name: str,
        pool: CompensatingPool | None = None,
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        """Begin to connect; a broker that is away now is tried again for ever.

        name   as whom this process gets its replies: a host's name for its agents
        pool   runs the handlers and stays the caller's to close; by default a pool of its own
        loop   runs in another thread and stays the caller's; by default a loop and a thread of its own
        """
        self.pool = pool or CompensatingPool(runnable=RUNNABLE, name="bus")
        self._owns_pool = pool is None
        self._options = options
        self._names = Names(options.realm)
        self._roster = Roster()
        self._subscriptions: dict[Server, AmqpSubscription] = {}
        self._lock = threading.Lock()
        self._open = True
        self._made_at = time.monotonic()
        urls = options.urls()
        self._account = unquote(urlsplit(urls[0]).username or DEFAULT_ACCOUNT)
        check_name(name)
        self._loop = loop or uvloop.new_event_loop()
        self._thread: threading.Thread | None = None
        if loop is None:
            self._thread = threading.Thread(target=self._loop.run_forever, name="bus", daemon=True)
            self._thread.start()
        self._connected = threading.Event()
        self._connections = 0
        self._run(self._begin(urls, name))

    # -- talking -------------------------------------------------------------------------------

    def call(
        self,
        topic: str,
        method: Method[Message, Reply],
        message: Message,
        deadline_seconds: float = DEFAULT_DEADLINE_SECONDS,
    ) -> Reply:
        call = Call(check_name(topic), envelope.encode_request(method, message), deadline_seconds)
        with blocking():
            self._on_loop(self._ask, call)
            answer = call.wait(deadline_seconds)
        if isinstance(answer, str):
            self._on_loop(self._calls.forget, call)
            raise unavailable(f"{topic} cannot be asked {method.name}: {answer}")
        return envelope.decode_answer(topic, method, answer)

    def cast(self, topic: str, method: Method[Message, Any], message: Message) -> None:
        self._tell(self._names.calls, check_name(topic), method, message)

    def fanout(self, topic: str, method: Method[Message, Any], message: Message) -> None:
        self._tell(self._names.fanout, check_name(topic), method, message)

    def notify(self, exchange: str, topic: str, method: Method[Message, Any], message: Message) -> None:
        letter = Letter(
            exchange=exchange,
            routing_key=topic,
            body=envelope.encode_bare(message),
            expires_at=time.monotonic() + TOLD_FOR_SECONDS,
            stays=True,
            refused=partial(_dropped, topic, method),
        )
        self._on_loop(self._notify, letter)

    def _tell(self, exchange: str, topic: str, method: Method[Message, Any], message: Message) -> None:
        letter = Letter(
            exchange=exchange,
            routing_key=topic,
            body=envelope.encode_request(method, message),
            expires_at=time.monotonic() + TOLD_FOR_SECONDS,
            sender=self._account,
            refused=partial(_dropped, topic, method),
        )
        self._on_loop(self._outbox.post, letter)

    # -- listening -----------------------------------------------------------------------------

    def serve(
        self,
        topic: str,
        handlers: Handlers,
        *,
        concurrency: int = DEFAULT_CONCURRENCY,
        group: str | None = None,
    ) -> AmqpSubscription:
        """Also raises Forbidden: the account may not listen there."""
        check_name(topic)
        server = Server(self.pool, topic, handlers, concurrency=concurrency, group=group)
        with self._lock:
            if not self._open:
                raise unavailable("the bus is closed")
            self._roster.add(server)
        there = self._run(self._begin_server(server))
        subscription = AmqpSubscription(self, server, there)
        self._subscriptions[server] = subscription
        try:
            with blocking():
                there.opened.result(self._patience())
        except FutureTimeout:
            log.warning("The broker is away; %s will be served when it is back", topic)
        except BaseException:
            subscription.close(0.0)
            raise
        return subscription

    def leave(self, server: Server, there: BrokerServer, timeout_seconds: float) -> bool:
        """Take a server off its topic.  May be called twice."""
        ends_at = time.monotonic() + timeout_seconds
        self._roster.remove(server)
        self._subscriptions.pop(server, None)
        asks_itself = server.is_asking_itself  # then neither we nor the queue can wait for that handler
        if self._loop.is_closed():
            return server.finish(timeout_seconds)
        gone = asyncio.run_coroutine_threadsafe(self._leave(there, drain=not asks_itself), self._loop)
        try:
            with blocking():
                there.left.result(max(0.0, ends_at - time.monotonic()))
                finished = server.finish(max(0.0, ends_at - time.monotonic()))
                if not asks_itself:
                    gone.result(max(0.0, ends_at - time.monotonic()))
        except FutureTimeout:
            return False
        return finished

    def close(self, timeout_seconds: float = 10.0) -> bool:
        with self._lock:
            self._open = False
        ends_at = time.monotonic() + timeout_seconds
        # Servers go one after another, so that a handler can still call those that are left.
        finished = [
            subscription.close(max(0.0, ends_at - time.monotonic()))
            for subscription in list(self._subscriptions.values())
        ]
        if not self._loop.is_closed():
            finished.append(self._run(self._end(max(0.1, ends_at - time.monotonic()))))
        if self._thread is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()
        if self._owns_pool:
            self.pool.close(timeout_seconds=max(0.0, ends_at - time.monotonic()))
        return all(finished)

    @property
    def outages(self) -> int:
        """How often the connection broke and was made again."""
        return max(0, self._connections - 1)

    def wait_until_connected(self, timeout_seconds: float) -> bool:
        """Tell whether messages leave this process, waiting for it so long."""
        with blocking():
            return self._connected.wait(timeout_seconds)

    # -- on the loop ---------------------------------------------------------------------------

    async def _begin(self, urls: list[str], name: str) -> None:
        options = self._options
        self._outbox, self._outside = Outbox(QUEUE_LIMIT), Outbox(QUEUE_LIMIT)
        self._calls = Calls(self._names, name, self._account)
        self._mailbox: Channel | None = None
        self._exchanges: set[str] = set()  # those of the outside that were needed so far
        self._link = Link(urls, tls=options.tls(), name=name, heartbeat_seconds=options.heartbeat_seconds)
        self._tasks = [
            self._loop.create_task(self._link.run()),
            self._loop.create_task(self._link.keep("messages", self._open_inside)),
            self._loop.create_task(self._tick()),
        ]

    async def _end(self, seconds: float) -> bool:
        """Send what waits, then hang up."""
        try:
            async with asyncio.timeout(seconds):
                if self._link.is_up:
                    await self._outbox.until_empty()
                    await self._outside.until_empty()
        except TimeoutError:
            pass
        finished = not (len(self._outbox) or len(self._outside))
        self._outbox.close()
        self._outside.close()
        self._calls.fail_all("the bus is closed")
        self._connected.clear()
        await self._link.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        return finished

    async def _open_inside(self, connection: AbstractConnection) -> Channel:
        """Set up what nacre's parts say to each other: first the mailbox for replies, then the outbox."""
        for exchange in self._names.exchanges:
            await ensure_exchange(connection, exchange, durable=True)
        if self._mailbox is None or self._mailbox.is_closed:
            self._mailbox = await self._calls.open_mailbox(connection)
            self._mailbox.closing.add_done_callback(self._lose_mailbox)
        channel = await open_channel(connection, confirms=True)
        channel.closing.add_done_callback(lambda _: self._connected.clear())
        self._outbox.attach(channel)
        self._connections += 1
        self._connected.set()
        return channel

    def _lose_mailbox(self, _: object) -> None:
        self._calls.lose_mailbox()
        if self._outbox.channel is not None:  # a call that is sent now would never hear its answer
            self._loop.create_task(self._outbox.channel.close())

    async def _open_outside(self, connection: AbstractConnection) -> Channel:
        """Set up what is told to programs outside nacre, apart, so that their trouble is not ours."""
        known: set[str] = set()
        while known != self._exchanges:  # more may come while we wait
            exchange = (self._exchanges - known).pop()
            await ensure_exchange(connection, exchange, durable=self._options.notification_exchanges_durable)
            known.add(exchange)
        channel = await open_channel(connection, confirms=True)
        if known != self._exchanges:
            raise RuntimeError("another exchange is needed")
        self._outside.attach(channel)
        return channel

    def _ask(self, call: Call) -> None:
        self._outbox.post(self._calls.letter(call, self._options.patience_seconds))

    def _notify(self, letter: Letter) -> None:
        if letter.exchange not in self._exchanges:
            if not self._exchanges:
                keeping = self._link.keep("notifications", self._open_outside)
                self._tasks.append(self._loop.create_task(keeping))
            self._exchanges.add(letter.exchange)
            self._outside.renew()  # for it must be there before anything is sent to it
        self._outside.post(letter)

    def _patience(self) -> float:
        """How long to wait for a server's place: together only once for a broker that was never there."""
        if self._connected.is_set():
            return SET_UP_SECONDS
        return max(0.0, self._made_at + self._options.patience_seconds - time.monotonic())

    async def _begin_server(self, server: Server) -> BrokerServer:
        return BrokerServer(server, self._names, self._link)

    async def _leave(self, there: BrokerServer, *, drain: bool) -> None:
        await asyncio.shield(there.leave(self._outbox.flush, drain=drain))

    async def _tick(self) -> None:
        """Look once a second after what waits for something that may never come."""
        while True:
            await asyncio.sleep(TICK_SECONDS)
            self._outbox.drop_expired()
            self._outside.drop_expired()
            if self._link.is_up:
                await self._calls.doubt(self._link)

    # -- between threads and the loop ----------------------------------------------------------

    def _on_loop(self, function: Callable[[T], object], argument: T) -> None:
        try:
            self._loop.call_soon_threadsafe(function, argument)
        except RuntimeError:
            raise unavailable("the bus is closed") from None

    def _run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        if threading.current_thread() is self._thread:
            coroutine.close()
            raise RuntimeError("the bus cannot be used from its own event loop")
        with blocking():
            return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()


def _dropped(topic: str, method: Method[Any, Any], reason: str) -> None:
    level = logging.DEBUG if reason == NOBODY else logging.WARNING
    log.log(level, "%s for %s is dropped: %s", method.name, topic, reason)
