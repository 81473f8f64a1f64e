"""Servers that come to this host and leave it: the driver's part and the door, brought together."""

from typing import Any

import msgspec

from nacre.kernel.errors import Conflict, Unavailable
from nacre.services.compute import rpc
from nacre.services.compute.agent.drivers.base import Attempt, Done, Driver, Later
from nacre.services.compute.agent.passages import Doors, Way


class Movements:
    """What the agent does for servers that move."""

    def __init__(self, driver: Driver, doors: Doors) -> None:
        self._driver, self._doors = driver, doors

    def departure(self, message: rpc.DepartureRequest) -> rpc.Departure:
        """Say what the other host must know."""
        passport = self._driver.moves.depart(message.server_id, message.manner)
        return rpc.Departure(certificate=self._doors.identity.certificate, passport=passport)

    def expect(self, message: rpc.ExpectServer, attempt: Attempt) -> Later | dict[str, Any]:
        """Make a server's coming possible; the result tells where it is expected."""
        ready = self._driver.moves.expect(message.spec, message.manner, message.passport, attempt)
        if isinstance(ready, Later):
            return ready
        address, port = self._doors.open(message.server_id, message.certificate, ready.channels)
        arrival = rpc.Arrival(
            address=address,
            port=port,
            certificate=self._doors.identity.certificate,
            passport=ready.passport,
        )
        result: dict[str, Any] = msgspec.to_builtins(arrival)
        return result

    def send(self, message: rpc.SendServer, attempt: Attempt) -> Done:
        """Send a server to where it is expected.

        An outage ends it: where the server is then, only who can ask both hosts can tell.
        """
        try:
            way = Way(self._doors.identity, message.arrival)
            return self._driver.moves.send(message.server_id, message.manner, way, attempt)
        except Unavailable as error:
            raise Conflict(error.message, detail=error.detail) from error

    def force(self, message: rpc.MoveRequest) -> rpc.Nothing:
        """Have a server that is being sent arrive soon."""
        self._driver.moves.force(message.server_id)
        return rpc.Nothing()

    def abort(self, message: rpc.MoveRequest) -> rpc.Nothing:
        """Keep a server that is being sent."""
        self._driver.moves.abort(message.server_id)
        return rpc.Nothing()

    def is_over(self, server_id: str) -> None:
        """Expect a server no more: it is here, or will never be."""
        self._doors.close(server_id)

    def close(self) -> None:
        """Expect nobody any more."""
        self._doors.close_all()
