"""A machine of the lab: a name, an address, and the way by which programs come to run on it.

Where machines stand is a *ground*: loopback addresses of this computer (`loopback`), or network namespaces
on a switch (`switch`).  Whoever lays out a cloud does not see which.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from nacre.services.network.agent.drivers.linux import namespaces

T = TypeVar("T")

#: The last byte of a machine's address: the proxy, the database and the broker, control nodes, all others.
PROXY, DATA = "proxy", "data"
FIRST_CONTROL, FIRST_OTHER = 11, 21

#: Takes a host name of its own and becomes another program.
NAMED = 'hostname "$0" && exec "$@"'


@dataclass(frozen=True)
class Machine:
    """One machine; without a namespace it is this computer under another address."""

    name: str
    address: str
    namespace: str | None = None

    def command(self, words: Sequence[str]) -> list[str]:
        """Return the command by which a program runs there, as the same process as the program."""
        if self.namespace is None:
            return [*words]
        # Not `ip netns exec`, which would hide the control groups.
        enter = ["nsenter", f"--net={namespaces.path(self.namespace)}"]
        return ["unshare", "--uts", "sh", "-c", NAMED, self.name, *enter, *words]

    def run(self, function: Callable[..., T], *arguments: object) -> T:
        """Call a function there: what it opens and starts belongs to that machine."""
        return namespaces.run_in(self.namespace, function, *arguments)


class Ground(Protocol):
    """Where machines stand."""

    def machine(self, name: str) -> Machine:
        """Return a machine, made when it is first asked for."""

    def remove(self) -> None:
        """Remove all machines; nothing may run on them any more."""


class Addresses:
    """Which machine has which address of a network that all share."""

    def __init__(self, net: str) -> None:
        """`net` is the network without its last byte."""
        self.net = net
        self._given: dict[str, int] = {PROXY: 1, DATA: 2}

    def of(self, name: str) -> str:
        """Return a machine's address, the same whenever it is asked for."""
        if name not in self._given:
            first = FIRST_CONTROL if name.startswith("control-") else FIRST_OTHER
            used = set(self._given.values())
            self._given[name] = next(number for number in range(first, 250) if number not in used)
        return f"{self.net}.{self._given[name]}"
