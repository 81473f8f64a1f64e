"""What a network driver promises: say what should be on this host, and it is.

Every `ensure_…` means "make it so": it may be called for something that is already there, half there
after a crash, or there in an older form, and it changes only what differs, so that no packet is lost
by calling it again.  Every `remove_…` leaves no trace and is content when there is nothing.  A failure is
a `DriverError` that names the cause; what was done until then is finished by the next call.

The order that the agent keeps, and on which a driver may rely:

    1. remove routers and ports
    2. ensure neighbours, security groups, networks, ports, routers
    3. remove networks, security groups, neighbours

A driver remembers the rows of this process's life only.  After a start it is told all of them again
and may find that all of it already exists; `inspect` says what does.  Calls come from one thread
at a time.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from nacre.kernel.errors import NacreError
from nacre.services.network import rpc


class DriverError(NacreError):
    """The host could not be brought into the wanted state; the message names what stands in the way."""

    message = "The network driver failed."


class Kind(StrEnum):
    """The kinds of rows that leave something on a host which `inspect` can find."""

    NETWORK = "network"
    PORT = "port"
    ROUTER = "router"
    SECURITY_GROUP = "security_group"


@dataclass(frozen=True)
class Capabilities:
    """What this machine can do, in words, and what it cannot for want of something."""

    words: tuple[str, ...]
    missing: tuple[rpc.MissingFacility, ...] = ()
    tunnel_ip: str | None = None
    physical_networks: tuple[str, ...] = ()


@dataclass
class Inspection:
    """What is on the host.

    `found` has the id of everything of which there is any trace, wanted or not.  `broken` names, for rows
    that this driver was told to ensure, what is wrong with them now.
    """

    found: dict[Kind, set[str]] = field(default_factory=lambda: {kind: set() for kind in Kind})
    broken: dict[tuple[Kind, str], str] = field(default_factory=dict)


class Driver(ABC):
    """The only thing that touches a host's network.  See the module's docstring for the contract."""

    name: str

    @abstractmethod
    def start(self) -> None:
        """Make ready what all rows stand on.  May find it ready, with guests running on it."""

    @abstractmethod
    def stop(self) -> None:
        """Let go of what belongs to this process (sockets, threads).  Touches no packet."""

    @abstractmethod
    def capabilities(self) -> Capabilities:
        """Say what works here, after `start`."""

    @abstractmethod
    def ensure_neighbours(self, rows: Iterable[rpc.NeighbourSpec]) -> None:
        """Know these ports' addresses: for DHCP, for metadata, for tunnels, and as members of groups.

        The first call after `start` must name all neighbours of the view.
        """

    @abstractmethod
    def remove_neighbours(self, ids: Iterable[str]) -> None:
        """Forget these ports' addresses."""

    @abstractmethod
    def ensure_security_groups(self, rows: Sequence[rpc.SecurityGroupSpec]) -> None:
        """Let the ports of these groups talk by these rules from now on.

        What a rule no longer lets pass is refused at once, connections under way included.
        """

    @abstractmethod
    def remove_security_groups(self, ids: Iterable[str]) -> None:
        """Forget these groups; no ensured port is in them any more."""

    @abstractmethod
    def ensure_network(self, row: rpc.NetworkSpec) -> None:
        """Carry this network on the host, with its tunnels and its DHCP server if it is ours."""

    @abstractmethod
    def remove_network(self, network_id: str) -> None:
        """Stop carrying the network; its ports and routers' legs are gone already."""

    @abstractmethod
    def ensure_port(self, row: rpc.PortSpec) -> None:
        """Plug the interface `rpc.tap_name(row.id)` into its network, filtered before its first packet.

        With `admin_state_up` false the interface exists and carries nothing.
        """

    @abstractmethod
    def remove_port(self, port_id: str) -> None:
        """Unplug a port and delete its interface, filters and open connections."""

    @abstractmethod
    def ensure_router(self, row: rpc.RouterSpec) -> None:
        """Route between these networks, translate these addresses, announce these prefixes."""

    @abstractmethod
    def remove_router(self, router_id: str) -> None:
        """Stop routing."""

    @abstractmethod
    def inspect(self) -> Inspection:
        """Look at what is really there, quickly and without changing anything."""

    @abstractmethod
    def purge(self) -> None:
        """Remove everything that this driver ever made for this cloud on this host, found by its own names.

        Needs no rows and no `start`; a second call finds nothing.
        """
