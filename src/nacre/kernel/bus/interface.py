"""What every bus offers, whether it lives in this process or on a broker."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from nacre.kernel import errors
from nacre.kernel.bus.method import Message, Method, Reply

#: What a server answers to: for each method a function from its message to its reply.
Handlers = Mapping[Method[Any, Any], Callable[[Any], Any]]

#: How long a caller waits when it does not say.
DEFAULT_DEADLINE_SECONDS = 30.0

#: How many messages one server handles at a time when it does not say.
DEFAULT_CONCURRENCY = 8


class Subscription(Protocol):
    """One server's place on a topic."""

    def close(self, timeout_seconds: float = 10.0) -> bool:
        """Take no new messages and finish those already taken.  True when all were finished in time."""


class Bus(Protocol):
    """Ask, tell, tell everybody, and listen.  Any thread may use it.

    All servers of one topic answer the same methods, since a broker hands each message to whichever is free.
    """

    between_processes: bool
    """Whether other processes can be heard and told."""

    def call(
        self,
        topic: str,
        method: Method[Message, Reply],
        message: Message,
        deadline_seconds: float = DEFAULT_DEADLINE_SECONDS,
    ) -> Reply:
        """Ask one server of the topic and wait for its reply.

        A NacreError that the handler raises is raised here with the same meaning; any other failure
        there is `RemoteFailure` here.  No server, no answer in time, or a full queue is `Unavailable`:
        then the handler may or may not have run, or may still be running.
        """

    def cast(self, topic: str, method: Method[Message, Any], message: Message) -> None:
        """Tell one server of the topic and do not wait.  When nobody listens the message is gone."""

    def fanout(self, topic: str, method: Method[Message, Any], message: Message) -> None:
        """Tell every server of the topic, once per group, and do not wait."""

    def notify(self, exchange: str, topic: str, method: Method[Message, Any], message: Message) -> None:
        """Tell programs outside nacre, which know nothing of methods: they get the bare message.

        `exchange` is the name under which they expect it ("nova").  Nobody there: the message is gone.
        """

    @property
    def outages(self) -> int:
        """How often this process was cut off from all others, and found them again."""

    def serve(
        self,
        topic: str,
        handlers: Handlers,
        *,
        concurrency: int = DEFAULT_CONCURRENCY,
        group: str | None = None,
    ) -> Subscription:
        """Answer these methods on the topic until the subscription is closed.

        With ``concurrency=1`` messages are handled in the order in which they were sent.  Servers that
        name the same `group` stand in for each other: a fanout reaches one of them.
        """

    def close(self, timeout_seconds: float = 10.0) -> bool:
        """Stop: accept nothing more, finish what was accepted.  True when all was finished in time."""


def unavailable(detail: str) -> errors.Unavailable:
    """Make the error for a call that has no answer."""
    return errors.Unavailable("Another part of the cloud does not answer at the moment.", detail=detail)
