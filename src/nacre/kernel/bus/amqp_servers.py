"""A server of this process on a broker: it takes messages from its queues, and leaves without losing one.

A server takes from the queue that it shares with the other servers of its topic, and from one for what all
servers, or all groups of them, are told.  A message is confirmed to the broker once it is handled;
when this process dies in the middle, the broker gives the message to another.  The broker hands out as many
messages at a time as the server handles at a time, so none waits here while another process is idle.

A broker checks whether an account may send to the exchange and the key that a message names, but (RabbitMQ
before 4) not the further keys that its headers CC and BCC may name.  So a server takes only what was sent
to itself by name.  And it takes only messages whose sender the broker vouches for (the property user-id), so
that a host speaks for itself alone: see `Method.speaks_for`.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from functools import partial
from typing import cast

from aiormq import Channel
from aiormq.abc import AbstractConnection, DeliveredMessage
from aiormq.exceptions import AMQPError
from pamqp.commands import Basic

from nacre.kernel import errors
from nacre.kernel.bus.amqp_link import Link, count_consumers, is_refusal, open_channel
from nacre.kernel.bus.amqp_names import Names, own_queue_arguments, queue_arguments
from nacre.kernel.bus.server import QUEUE_LIMIT, Delivery, Server

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.02


class BrokerServer:
    """One server's place on a topic of a broker.  Lives on the bus's event loop, its handlers on threads."""

    def __init__(self, server: Server, names: Names, link: Link) -> None:
        self.server, self._names, self._link = server, names, link
        self.opened: Future[None] = Future()
        self._shared = names.shared_queue(server.topic)
        self._group = names.group_queue(server.topic, server.group) if server.group else None
        self._own = names.own_queue(server.topic)
        self._channel: Channel | None = None
        self._tags: dict[str, str] = {}  # queue → consumer tag
        self._unsettled = 0
        self._settled = asyncio.Event()
        self._settled.set()
        self._loop = asyncio.get_running_loop()
        self._keeping = self._loop.create_task(link.keep(f"the server of {server.topic}", self._open))
        self._leaving: asyncio.Task[None] | None = None
        self.left: Future[None] = Future()

    # -- opening -------------------------------------------------------------------------------

    async def _open(self, connection: AbstractConnection) -> Channel:
        """Declare, take, and only then let messages come: what is bound is served."""
        names, topic = self._names, self.server.topic
        channel = await open_channel(connection)
        try:
            await channel.basic_qos(prefetch_count=self.server.concurrency)
            self._tags = {}
            self._channel = channel
            shared = queue_arguments(QUEUE_LIMIT)
            await channel.queue_declare(self._shared, durable=True, arguments=shared)
            await self._consume(channel, self._shared, names.calls)
            await channel.queue_bind(self._shared, names.calls, topic)
            told = self._group or self._own
            if self._group:
                await channel.queue_declare(told, durable=True, arguments=shared)
            else:
                await channel.queue_declare(told, exclusive=True, arguments=own_queue_arguments(QUEUE_LIMIT))
            await self._consume(channel, told, names.fanout)
            await channel.queue_bind(told, names.fanout, topic)
        except AMQPError as error:
            if is_refusal(error) and not self.opened.done():
                self.opened.set_exception(
                    errors.Forbidden("The broker does not allow this.", detail=str(error))
                )
            raise
        if not self.opened.done():
            self.opened.set_result(None)
        return channel

    async def _consume(self, channel: Channel, queue: str, exchange: str) -> None:
        consuming = await channel.basic_consume(queue, partial(self._take, exchange))
        self._tags[queue] = consuming.consumer_tag or ""

    # -- messages ------------------------------------------------------------------------------

    async def _take(self, exchange: str, message: DeliveredMessage) -> None:
        if (message.exchange, message.routing_key) != (exchange, self.server.topic):
            log.warning("%s drops what was sent to %s", self.server.topic, message.routing_key)
            await message.channel.basic_ack(message.delivery_tag or 0, wait=False)
            return
        properties = message.header.properties
        if not properties.user_id:  # all of ours say who they are, and the broker sees to it that it is true
            log.warning("%s drops a message without a sender", self.server.topic)
            await message.channel.basic_ack(message.delivery_tag or 0, wait=False)
            return
        expires_at = float("inf")
        if properties.reply_to and properties.expiration:
            # The broker has dropped what grew too old there; this bounds what may wait for a thread here.
            expires_at = time.monotonic() + int(properties.expiration) / 1000
        delivery = Delivery(
            message.body,
            awaited=bool(properties.reply_to),
            host=self._names.host_of(properties.user_id),
            done=partial(self._done, message),
            expires_at=expires_at,
        )
        self._unsettled += 1
        self._settled.clear()
        if not self.server.offer(delivery):  # it is closing; the broker finds another or keeps it
            await self._settle(message, None, taken=False)

    def _done(self, message: DeliveredMessage, answer: bytes | None) -> None:
        """Go on with a message that was handled; called in the handler's thread."""
        try:
            asyncio.run_coroutine_threadsafe(self._settle(message, answer), self._loop)
        except RuntimeError:  # the bus was closed while the handler went on
            log.warning("The bus was closed before %s had finished", self.server.topic)

    async def _settle(self, message: DeliveredMessage, answer: bytes | None, *, taken: bool = True) -> None:
        """Answer, then confirm: who dies in between is asked twice rather than never."""
        channel, tag = cast(Channel, message.channel), message.delivery_tag or 0
        try:
            if answer is not None and message.header.properties.reply_to:
                await self._reply(channel, message, answer)
            if taken:
                await channel.basic_ack(tag, wait=False)
            else:
                await channel.basic_nack(tag, wait=False)
        except (AMQPError, OSError, RuntimeError, asyncio.CancelledError):
            # The connection is gone, and with it the caller's mailbox or our claim on the message.
            log.debug("%s could not answer", self.server.topic)
        finally:
            self._unsettled -= 1
            if self._unsettled == 0:
                self._settled.set()

    async def _reply(self, channel: Channel, message: DeliveredMessage, answer: bytes) -> None:
        asked = message.header.properties
        await channel.basic_publish(
            answer,
            exchange=self._names.replies,
            routing_key=asked.reply_to or "",
            properties=Basic.Properties(
                content_type="application/json", correlation_id=asked.correlation_id, delivery_mode=1
            ),
            wait=False,
        )

    # -- leaving -------------------------------------------------------------------------------

    def leave(self, flush: Callable[[], Awaitable[None]], *, drain: bool) -> "asyncio.Task[None]":
        """Let no more messages come, and handle those that nobody else would.  May be called twice.

        The task that is returned ends when every message has been answered and confirmed.
        """
        if self._leaving is None:
            self._leaving = self._loop.create_task(self._leave(flush, drain=drain))
        return self._leaving

    async def _leave(self, flush: Callable[[], Awaitable[None]], *, drain: bool) -> None:
        self._keeping.cancel()
        channel = self._channel
        if channel is not None and not channel.is_closed:
            try:
                await flush()  # what this process said before it left is heard
                await self._leave_queues(channel, drain=drain)
            except (AMQPError, OSError, RuntimeError) as error:
                log.debug("%s left without saying so: %s", self.server.topic, error)
        self.left.set_result(None)
        await self._settled.wait()
        if channel is not None:
            await channel.close()

    async def _leave_queues(self, channel: Channel, *, drain: bool) -> None:
        names = self._names
        await self._leave_queue(channel, self._shared, names.calls, drain=drain)
        if self._group:
            await self._leave_queue(channel, self._group, names.fanout, drain=drain)
        else:
            await self._leave_queue(channel, self._own, names.fanout, drain=drain)
            await channel.queue_delete(self._own)

    async def _leave_queue(self, channel: Channel, queue: str, exchange: str, *, drain: bool) -> None:
        """The last server of a queue unbinds it, so that callers find nobody, and empties it.

        Another may begin at any moment: it takes first and binds then, so whoever unbinds looks again.
        """
        topic, connection = self.server.topic, channel.connection
        consumers, _ = await count_consumers(connection, queue)
        if consumers == 1:
            await channel.queue_unbind(queue, exchange, topic)
            consumers, waiting = await count_consumers(connection, queue)
            while drain and waiting and consumers == 1:
                await asyncio.sleep(LOOK_SECONDS)
                consumers, waiting = await count_consumers(connection, queue)
        if queue in self._tags:
            await channel.basic_cancel(self._tags[queue])
        consumers, _ = await count_consumers(connection, queue)
        if consumers == 0:
            await channel.queue_unbind(queue, exchange, topic)
            consumers, _ = await count_consumers(connection, queue)
        if consumers:
            await channel.queue_bind(queue, exchange, topic)
