"""Letters on their way to the broker: sent in order, confirmed by it, sent again when it went away.

Everything here happens on the bus's own event loop.  A letter leaves the outbox in one of three ways: the
broker confirms that it has it, refuses it (nobody listens there, the queue is full), or the letter gets
too old.  A letter that was sent when the connection broke is sent again over the next one, since
nobody can know whether it arrived; whoever receives it must stand hearing it twice.

A broker answers a letter that this account may not send by closing the channel, without a word on which
letter it was.  Then those that were under way go one at a time, until it is found and refused.
"""

import asyncio
import itertools
import logging
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from aiormq import Channel
from aiormq.exceptions import AMQPChannelError, DeliveryError, PublishError
from pamqp.commands import Basic

log = logging.getLogger(__name__)

#: Why a letter is refused that no queue is bound for.
NOBODY = "nobody listens there"

#: Over how many connections that break a letter is sent.
MOST_ATTEMPTS = 5
LONGEST_TTL_SECONDS = 1_000_000.0


def _ignore(reason: str = "") -> None:
    pass


@dataclass(slots=True, eq=False, kw_only=True)
class Letter:
    """A message, where it goes, and who wants to know what became of it.

    expires_at   monotonic: when it is of no use any more; the broker drops it then, too, unless it `stays`
    patient_until   monotonic: how long it may wait for a connection
    sender       the account that sends it; the broker checks that, and refuses a name that is not ours
    confirmed    called when the broker has it
    refused      called with the reason when the broker does not have it and never will
    """

    exchange: str
    routing_key: str
    body: bytes
    expires_at: float = float("inf")
    patient_until: float = float("inf")
    correlation_id: str | None = None
    reply_to: str | None = None
    sender: str | None = None
    persistent: bool = True
    stays: bool = False
    confirmed: Callable[[], object] = _ignore
    refused: Callable[[str], object] = _ignore
    attempts: int = 0
    number: int = field(default=0, repr=False)

    def properties(self, seconds: float) -> Basic.Properties:
        """Return the message's properties when it has so long to live."""
        expiration = None
        if not self.stays:
            expiration = str(int(1000 * min(max(seconds, 0.001), LONGEST_TTL_SECONDS)))
        return Basic.Properties(
            content_type="application/json",
            content_encoding="utf-8",
            delivery_mode=2 if self.persistent else 1,
            correlation_id=self.correlation_id,
            reply_to=self.reply_to,
            user_id=self.sender,
            expiration=expiration,
        )


class Outbox:
    """Letters that the broker does not have yet."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._channel: Channel | None = None
        self._numbers = itertools.count()
        self._waiting: dict[int, Letter] = {}
        self._sending: set[asyncio.Task[None]] = set()
        self._attached = asyncio.Event()
        self._careful = False
        self._closed = False

    def __len__(self) -> int:
        return len(self._waiting) + len(self._sending)

    @property
    def channel(self) -> Channel | None:
        """The channel over which letters leave at present."""
        return self._channel

    def post(self, letter: Letter) -> None:
        """Take a letter."""
        if self._closed:
            letter.refused("the bus is closed")
        elif len(self) >= self._limit:
            letter.refused("too many messages wait for the broker")
        else:
            letter.number = next(self._numbers)
            self._forward(letter)

    def attach(self, channel: Channel) -> None:
        """Send over this channel, first of all what waited for it, in order."""
        self._channel = channel
        self._attached.set()
        channel.closing.add_done_callback(lambda _: self._detach(channel))
        if self._careful:
            self._keep_task(self._send_one_by_one(channel))
            return
        waiting, self._waiting = self._waiting, {}
        for number in sorted(waiting):
            self._forward(waiting[number])

    def renew(self) -> None:
        """Have letters wait for another channel; this one is closed when those under way have arrived."""
        channel = self._channel
        if channel is not None:
            self._detach(channel)
            self._renewing = asyncio.get_running_loop().create_task(self._close_after(channel))

    def drop_expired(self) -> None:
        """Give up what waited too long for a channel."""
        now = time.monotonic()
        for number, letter in list(self._waiting.items()):
            if min(letter.expires_at, letter.patient_until) <= now:
                del self._waiting[number]
                letter.refused("the broker cannot be reached")

    async def flush(self) -> None:
        """Return when no letter is under way; those that wait for a channel are not."""
        while self._sending:
            await asyncio.wait(self._sending)

    async def until_empty(self) -> None:
        """Return when no letter is left; those that wait for a channel are waited for."""
        while self._waiting or self._sending:
            if self._sending:
                await self.flush()
            else:
                await self._attached.wait()

    def close(self) -> None:
        """Refuse what waits, and all that still comes."""
        self._closed, self._channel = True, None
        waiting, self._waiting = self._waiting, {}
        for letter in waiting.values():
            letter.refused("the bus is closed")

    async def _close_after(self, channel: Channel) -> None:
        await self.flush()
        await channel.close()

    def _forward(self, letter: Letter) -> None:
        if self._channel is None or self._careful:
            self._waiting[letter.number] = letter
        else:
            self._keep_task(self._send(self._channel, letter))

    def _keep_task(self, sending: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(sending)
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _send_one_by_one(self, channel: Channel) -> None:
        while self._waiting and self._channel is channel:
            await self._send(channel, self._waiting.pop(min(self._waiting)), alone=True)
        if self._channel is channel:
            self._careful = False

    async def _send(self, channel: Channel, letter: Letter, *, alone: bool = False) -> None:
        seconds = letter.expires_at - time.monotonic()
        if seconds <= 0:
            letter.refused("it was too old to be sent")
            return
        letter.attempts += 1
        try:
            await channel.basic_publish(
                letter.body,
                exchange=letter.exchange,
                routing_key=letter.routing_key,
                properties=letter.properties(seconds),
                mandatory=True,
                wait=False,
            )
        except PublishError:
            letter.refused(NOBODY)
        except DeliveryError:
            letter.refused("its queue is full")
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - however a connection breaks
            self._detach(channel)
            self._consider(letter, error, alone=alone)
        else:
            letter.confirmed()

    def _consider(self, letter: Letter, error: BaseException, *, alone: bool) -> None:
        """Decide what becomes of a letter that was under way when its channel broke."""
        is_refusal = isinstance(error, AMQPChannelError)
        if self._closed or letter.attempts >= MOST_ATTEMPTS or (is_refusal and alone):
            letter.refused(f"the broker does not take it: {type(error).__name__}: {error}")
            return
        self._careful = self._careful or is_refusal
        self._forward(letter)

    def _detach(self, channel: Channel) -> None:
        """Stop using a channel that broke; whoever watches over it attaches another."""
        if channel is self._channel:
            self._channel = None
            self._attached.clear()
