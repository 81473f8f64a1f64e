"""Calls that wait for their answers, and the mailbox to which these come.

A process has one queue for replies, which lives as long as its connection.  So when the connection breaks, the
answer to a call that the broker had taken can never come, and the call fails at once; one that the
broker had not taken stays in the outbox and is sent over the next connection.

Everything here but `Call.wait` happens on the bus's own event loop.
"""

import logging
import secrets
import time
from queue import Empty, SimpleQueue

from aiormq import Channel
from aiormq.abc import AbstractConnection, DeliveredMessage
from aiormq.exceptions import AMQPError

from nacre.kernel.bus.amqp_link import Link, count_consumers, open_channel
from nacre.kernel.bus.amqp_names import Names, new_address, own_queue_arguments
from nacre.kernel.bus.amqp_outbox import Letter

log = logging.getLogger(__name__)

#: From which age a call without an answer is doubted: does anybody serve it?
DOUBT_SECONDS = 1.0

#: How long after the broker came back servers have for coming back, too.
RETURN_SECONDS = 10.0

REPLY_LIMIT = 100_000


class Call:
    """One question, and the thread that waits for its answer."""

    def __init__(self, topic: str, body: bytes, seconds: float) -> None:
        self.id = secrets.token_hex(16)
        self.topic, self.body = topic, body
        self.asked_at = time.monotonic()
        self.expires_at = self.asked_at + seconds
        self.confirmed_at: float | None = None
        self._answers: SimpleQueue[bytes | str] = SimpleQueue()

    def wait(self, seconds: float) -> bytes | str:
        """Return the answer, or the reason why there will be none."""
        try:
            return self._answers.get(timeout=max(0.0, seconds))
        except Empty:
            return f"no answer within {seconds:g} seconds"

    def answer(self, answer: bytes | str) -> None:
        """End the wait."""
        self._answers.put(answer)


class Calls:
    """All calls of this process that wait."""

    def __init__(self, names: Names, name: str, account: str) -> None:
        self._names, self._account = names, account
        self._waiting: dict[str, Call] = {}
        self._opened_at = float("inf")  # when the present mailbox began
        self._doubt_from: float | None = None
        self.address = new_address(name)

    def letter(self, call: Call, patience_seconds: float) -> Letter:
        """Write the letter for a call, and wait for the answer from now on."""
        self._waiting[call.id] = call

        def confirmed() -> None:
            call.confirmed_at = time.monotonic()

        return Letter(
            exchange=self._names.calls,
            routing_key=call.topic,
            body=call.body,
            correlation_id=call.id,
            reply_to=self.address,
            sender=self._account,
            expires_at=call.expires_at,
            patient_until=call.asked_at + patience_seconds,
            confirmed=confirmed,
            refused=lambda reason: self._fail(call, reason),
        )

    def forget(self, call: Call) -> None:
        """Expect no answer any more."""
        self._waiting.pop(call.id, None)

    def lose_mailbox(self) -> None:
        """Give up the calls whose answers would have come over the connection that broke."""
        self._opened_at = float("inf")
        self._fail_unheard()

    def fail_all(self, reason: str) -> None:
        """Give up every call."""
        for call in list(self._waiting.values()):
            self._fail(call, reason)

    async def open_mailbox(self, connection: AbstractConnection) -> Channel:
        """Listen for replies."""
        channel = await open_channel(connection)
        queue = self._names.reply_queue(self.address)
        await channel.queue_declare(queue, exclusive=True, arguments=own_queue_arguments(REPLY_LIMIT))
        await channel.queue_bind(queue, self._names.replies, self.address)
        await channel.basic_consume(queue, self._hear, no_ack=True)
        self._doubt_from = 0.0 if self._doubt_from is None else time.monotonic() + RETURN_SECONDS
        self._opened_at = time.monotonic()
        return channel

    async def doubt(self, link: Link) -> None:
        """Fail calls that wait at a topic which nobody serves any more.

        A server that ended in order took its topic's binding with it, so that calls find nobody at once.
        One that died left it, and for a while the queue takes calls that nobody will hear.
        """
        self._fail_unheard()
        late = self._late() if time.monotonic() >= (self._doubt_from or 0.0) else []
        for topic in {call.topic for call in late}:
            try:
                connection = await link.connection()
                consumers, _ = await count_consumers(connection, self._names.shared_queue(topic))
            except (AMQPError, OSError, RuntimeError, TimeoutError) as error:
                log.debug("Cannot see who serves %s: %s", topic, error)
                continue
            for call in late:
                if call.topic == topic and consumers == 0:
                    self._fail(call, "whoever listened there is gone")

    def _late(self) -> list[Call]:
        """Return the calls that have been without an answer for some time."""
        oldest = time.monotonic() - DOUBT_SECONDS
        return [call for call in self._waiting.values() if (call.confirmed_at or float("inf")) < oldest]

    def _fail_unheard(self) -> None:
        """Give up the calls that the broker took before there was the present mailbox."""
        for call in list(self._waiting.values()):
            if call.confirmed_at is not None and call.confirmed_at < self._opened_at:
                self._fail(call, "the connection to the broker broke")

    async def _hear(self, message: DeliveredMessage) -> None:
        call = self._waiting.pop(message.header.properties.correlation_id or "", None)
        if call is not None:
            call.answer(message.body)

    def _fail(self, call: Call, reason: str) -> None:
        if self._waiting.pop(call.id, None) is not None:
            call.answer(reason)
