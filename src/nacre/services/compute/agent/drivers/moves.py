"""What a driver must be able to do for servers to come and go: the second half of ``base.py``.

The rules of ``base.py`` hold here too: a call may run twice, and answers `Later` rather than wait.

* A live server is here until it is *there*: if anything goes wrong before the other host has all of it and lets
  it run, it goes on here.  Afterwards this host has no such server any more, only files that `remove` removes.
* A cold server is copied: what is here stays until `remove`.
* Where both hosts died in the middle, the one that runs the server has it.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nacre.services.compute import rpc
from nacre.services.compute.agent.drivers.base import Attempt, Done, Later
from nacre.services.compute.agent.passages import Channel, Way

Passport = dict[str, Any]


@dataclass(frozen=True)
class Readiness:
    """A server can come: through which channels, and what its present host must know."""

    channels: Mapping[str, Channel]
    passport: Passport = field(default_factory=dict)


class Moves(ABC):
    """Servers that come and go.  `Conflict` and `BadRequest` say why one cannot."""

    @abstractmethod
    def depart(self, server_id: str, manner: rpc.Manner) -> Passport:
        """Say what the host that is to take the server must know to tell whether it can."""

    @abstractmethod
    def expect(
        self, spec: rpc.ServerSpec, manner: rpc.Manner, passport: Passport, attempt: Attempt
    ) -> Later | Readiness:
        """Check whether a server can come here, and make ready what it needs; `remove` undoes it."""

    @abstractmethod
    def send(self, server_id: str, manner: rpc.Manner, way: Way, attempt: Attempt) -> Done:
        """Send a server.  `Later.move` tells how far it is.  `Conflict` when it was aborted."""

    @abstractmethod
    def force(self, server_id: str) -> None:
        """Have a server that is being sent arrive, whatever that costs its guest; `Conflict` when none is."""

    @abstractmethod
    def abort(self, server_id: str) -> None:
        """Send a server no further; it stays.  Nothing happens when it is not being sent."""
