"""A method is one thing that can be asked over the bus: a name, a message and a reply."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Generic

import msgspec
from typing_extensions import TypeVar

Message = TypeVar("Message")
Reply = TypeVar("Reply", default=None)


@dataclass(frozen=True)
class Method(Generic[Message, Reply]):
    """A name and two types; `reply` is None when there is nothing to say but "done".

    Message and reply are frozen msgspec structs, or anything that msgspec can encode.  They may gain optional
    fields and lose none: a cloud is upgraded one machine at a time, and unknown fields are ignored.

    `speaks_for` names the host that a message is about, where hosts may say it: then each only for itself.
    Without it a method is not for hosts to ask.
    """

    name: str
    message: type[Message]
    reply: type[Reply] | None = None
    speaks_for: Callable[[Message], str] | None = field(default=None, compare=False)

    @cached_property
    def message_decoder(self) -> msgspec.json.Decoder[Message]:
        """Made at first use, when the message's own forward references can be resolved."""
        return msgspec.json.Decoder(self.message)

    @cached_property
    def reply_decoder(self) -> msgspec.json.Decoder[Reply]:
        """The same for the answer."""
        return msgspec.json.Decoder(type(None) if self.reply is None else self.reply)

    def __repr__(self) -> str:
        return f"Method({self.name!r})"
