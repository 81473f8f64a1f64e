"""The connection to the broker: made, watched over, and made again when it breaks.

Everything here happens on the bus's own event loop.  Whoever uses the connection (the outboxes, the servers,
the mailbox) runs a small loop of its own: wait for a connection, set up what it needs on it, wait
until that breaks, begin anew.  So nothing is "restored": it is declared again each time.
"""

import asyncio
import logging
import random
import ssl
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import aiormq
from aiormq import Channel
from aiormq.abc import AbstractConnection
from aiormq.exceptions import ChannelAccessRefused, ChannelNotFoundEntity
from yarl import URL

log = logging.getLogger(__name__)

CONNECT_SECONDS = 10.0
SET_UP_SECONDS = 20.0
SHORTEST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 5.0

# The library tells of every broken connection at the level of errors, with tracebacks; we do so ourselves, once.
logging.getLogger("aiormq").setLevel(logging.CRITICAL)


class Link:
    """A connection that comes back."""

    def __init__(
        self, urls: Sequence[str], *, tls: ssl.SSLContext | None, name: str, heartbeat_seconds: int
    ) -> None:
        self._urls = [_with_query(url, name, heartbeat_seconds) for url in urls]
        self._tls = tls
        self._name = name
        self._connection: AbstractConnection | None = None
        self._up = asyncio.Event()
        self._closing = asyncio.Event()

    @property
    def is_up(self) -> bool:
        """Tell whether there is a connection at present."""
        return self._up.is_set()

    async def connection(self) -> AbstractConnection:
        """Return the connection, once there is one."""
        while self._connection is None:
            await self._up.wait()
        return self._connection

    async def run(self) -> None:
        """Keep a connection until `close`."""
        failures = 0
        while not self._closing.is_set():
            url = self._urls[failures % len(self._urls)]
            try:
                connection = await self._connect(url)
            except Exception as error:  # noqa: BLE001 - the network, TLS, the protocol, the account
                if failures == 0:
                    log.warning("The broker at %s cannot be reached: %s", _place(url), _reason(error))
                await self._pause(failures)
                failures += 1
                continue
            log.info("Connected to the broker at %s", _place(url))
            failures = 0
            await self._use(connection, url)

    async def close(self) -> None:
        """End the connection for good."""
        self._closing.set()
        if self._connection is not None:
            await self._connection.close()

    async def keep(self, purpose: str, set_up: Callable[[AbstractConnection], Awaitable[Channel]]) -> None:
        """Set up a channel on every connection, and again whenever only that channel breaks; until cancelled."""
        failures = 0
        while not self._closing.is_set():
            connection = await self.connection()
            try:
                async with asyncio.timeout(SET_UP_SECONDS):  # a replicated queue may wait for its leader
                    channel = await set_up(connection)
            except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - it must go on
                if _is_cancelled():
                    raise
                if not connection.is_closed:
                    log.warning("The broker refuses %s: %s", purpose, _reason(error))
                await self._pause(failures)
                failures += 1
                continue
            failures = 0
            reason = await _broken(channel)
            if reason is not None and not (connection.is_closed or self._closing.is_set()):
                log.warning("The broker closed the channel of %s: %s", purpose, _reason(reason))
                await self._pause(0)

    async def _connect(self, url: URL) -> AbstractConnection:
        async with asyncio.timeout(CONNECT_SECONDS):
            return await aiormq.connect(
                url, context=self._tls, client_properties={"product": "nacre", "connection_name": self._name}
            )

    async def _use(self, connection: AbstractConnection, url: URL) -> None:
        self._connection = connection
        self._up.set()
        reason = await _broken(connection)
        self._up.clear()
        self._connection = None
        if not self._closing.is_set():
            log.warning("The connection to the broker at %s broke: %s", _place(url), _reason(reason))

    async def _pause(self, failures: int) -> None:
        """Wait before the next attempt, longer after each failure, and not all clients at the same moment."""
        longest = min(LONGEST_PAUSE_SECONDS, SHORTEST_PAUSE_SECONDS * 2 ** min(failures, 10))
        try:
            async with asyncio.timeout(longest * random.uniform(0.5, 1.0)):
                await self._closing.wait()
        except TimeoutError:
            pass


async def open_channel(connection: AbstractConnection, *, confirms: bool = False) -> Channel:
    """Open a channel; with `confirms` the broker says of every message what became of it."""
    if confirms:
        channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
    else:
        channel = await connection.channel(publisher_confirms=False)
    assert isinstance(channel, Channel)
    return channel


async def ensure_exchange(connection: AbstractConnection, name: str, *, durable: bool) -> None:
    """See that an exchange is there; as it is, if somebody made it another way."""
    channel = await open_channel(connection)
    try:
        await channel.exchange_declare(name, passive=True)
    except ChannelNotFoundEntity:  # which closes the channel
        channel = await open_channel(connection)
        await channel.exchange_declare(name, exchange_type="topic", durable=durable)
    await channel.close()


async def count_consumers(connection: AbstractConnection, queue: str) -> tuple[int, int]:
    """Return how many consumers a queue has, and how many messages wait in it; none and none without a queue."""
    channel = await open_channel(connection)
    try:
        found = await channel.queue_declare(queue, passive=True)
    except ChannelNotFoundEntity:
        return 0, 0
    await channel.close()
    return found.consumer_count or 0, found.message_count or 0


def is_refusal(error: BaseException) -> bool:
    """Tell whether the broker will say no again next time: the account may not do this."""
    return isinstance(error, ChannelAccessRefused)


async def _broken(thing: Any) -> BaseException | None:
    """Return when a connection or a channel is no more, and why; None when we closed it."""
    closing = thing.closing
    await asyncio.wait([closing])
    reason = None if closing.cancelled() else closing.exception()
    return None if isinstance(reason, asyncio.CancelledError) else reason


def _is_cancelled() -> bool:
    """Tell whether this task is to end, rather than that the library said "cancelled" for "closed"."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _with_query(url: str, name: str, heartbeat_seconds: int) -> URL:
    return URL(url).update_query(heartbeat=heartbeat_seconds, name=name)


def _place(url: URL) -> str:
    """Name a broker without the account."""
    return f"{url.host}:{url.port}" if url.port else str(url.host)


def _reason(error: BaseException | None) -> str:
    return "it was closed" if error is None else f"{type(error).__name__}: {error}"
