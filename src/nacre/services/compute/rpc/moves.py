"""What two hosts must know of each other for a server to go from the one to the other.

Hosts never speak to each other but for the time of one move.  The control plane introduces them:

    control plane                                source            target
        | -- departure (question) -------------> |                   |      its certificate, what it would send
        | -- expect_server (command) ------------|-----------------> |      opens a door for just that certificate
        | -- send_server (command) ------------> | ===== TLS =====>  |      goes through the door
        | -- remove_server / ensure_server ----> |                   |      as for any server

`passport` is what the drivers of both hosts tell each other; nobody in between looks into it.
"""

from enum import StrEnum
from typing import Any

import msgspec

from nacre.services.compute.rpc.commands import ServerCommand
from nacre.services.compute.rpc.spec import Message, ServerSpec


class Manner(StrEnum):
    """How a server moves."""

    LIVE = "live"  # it runs (or is paused) on the way; when it is there it is no longer here
    COLD = "cold"  # it is off; its disks are copied, and stay here until they are removed


class DepartureRequest(Message, frozen=True, kw_only=True):
    server_id: str
    manner: Manner = Manner.LIVE


class Departure(Message, frozen=True, kw_only=True):
    """What the host of a server tells the one that is to take it."""

    certificate: str  # PEM; whoever comes with another one is not let in
    passport: dict[str, Any] = {}


class ExpectServer(ServerCommand, frozen=True, kw_only=True):
    """Check whether the server can come, make its files ready, and open a door.

    The outcome's result is an `Arrival`.  To call it off, remove the server.
    """

    spec: ServerSpec
    certificate: str
    manner: Manner = Manner.LIVE
    passport: dict[str, Any] = {}


class Arrival(Message, frozen=True, kw_only=True):
    """Where a host waits for a server, and how one knows that it is that host."""

    address: str
    port: int
    certificate: str
    passport: dict[str, Any] = {}


def arrival(result: dict[str, Any]) -> Arrival:
    """Read the outcome of `expect_server`."""
    return msgspec.convert(result, Arrival)


class SendServer(ServerCommand, frozen=True, kw_only=True):
    """Send the server to where it is expected."""

    arrival: Arrival
    manner: Manner = Manner.LIVE


class MoveRequest(Message, frozen=True, kw_only=True):
    server_id: str


class OwnedServers(Message, frozen=True, kw_only=True):
    """Asked by a host that was away, and answered with those of them that are its own still."""

    host: str
    server_ids: tuple[str, ...]
