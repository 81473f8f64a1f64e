"""A switch with machines on it: network namespaces, each with a wire to a bridge in a namespace of its own.

                       people: this computer, .254
                         |
    proxy --- data --- switch --- control-1 --- control-2
                         |
            host-1 --- host-2 --- host-3

Of all that, this computer's own namespace sees the one wire by which people reach the APIs, with the address .254 of
a private network that nobody else here uses.  A lab of real hosts has a second bridge, the external network:
every host's data plane has a wire to it, and people are its gateway.

A machine's port on the switch has the machine's name, so anybody who knows the lab's name can pull a cable.
"""

from __future__ import annotations

import secrets
from pathlib import Path

from nacre.cloud import free_networks
from nacre.cloud.lab.machines import Addresses, Machine
from nacre.kernel.errors import BadRequest, NotFound, Unavailable
from nacre.services.network.agent.drivers.base import DriverError
from nacre.services.network.agent.drivers.linux import namespaces

MANAGEMENT = tuple(f"10.204.{n}.0/24" for n in range(256))
EXTERNAL = tuple(f"10.205.{n}.0/24" for n in range(256))
INSIDE, OUTSIDE = "inside", "outside"  # the two bridges
WIRE, PUBLIC_WIRE = "eth0", "pub0"  # the same, as machines and data planes see them
PEOPLE = 254
LONGEST_NAME = 13  # of a machine: its port's name has two characters more at most (IFNAMSIZ)


class Switch:
    """A ground of network namespaces.  Needs root."""

    def __init__(self) -> None:
        """Make the switch, with nobody on it but this computer."""
        self.name = f"lab-{secrets.token_hex(3)}"
        self._addresses = Addresses(_take(MANAGEMENT).removesuffix(".0/24"))
        self._machines: dict[str, Machine] = {}
        self.external: str | None = None
        """The network of floating IPs, once a data plane was wired to it."""
        try:
            self._bridge(INSIDE, f"{self._addresses.net}.{PEOPLE}/24")
        except BaseException:
            self.remove()
            raise

    def machine(self, name: str) -> Machine:
        """Return a machine on the switch."""
        if name not in self._machines:
            if not 0 < len(name) <= LONGEST_NAME:
                raise BadRequest(f"The machine's name {name!r} is not of 1 to {LONGEST_NAME} characters.")
            made = Machine(name, self._addresses.of(name), f"{self.name}-{name}")
            assert made.namespace is not None
            namespaces.ensure(made.namespace)
            self._plug(INSIDE, name, made.namespace, WIRE)
            _ip("addr", "add", f"{made.address}/24", "dev", WIRE, inside=made.namespace)
            self._machines[name] = made
        return self._machines[name]

    def data_plane(self, name: str) -> str:
        """Return the namespace of a host's data plane, on the external network; made when it is first asked for."""
        plane = f"{self.name}-{name}-plane"
        if self.external is None:
            self.external = _take(EXTERNAL)
            self._bridge(OUTSIDE, self.external.replace(".0/", ".1/"))
        if namespaces.ensure(plane):
            self._plug(OUTSIDE, f"x-{name}", plane, PUBLIC_WIRE)
        return plane

    def remove(self) -> None:
        """Remove everything whose name is the lab's."""
        remove(self.name)

    def _bridge(self, bridge: str, address: str) -> None:
        """Make a bridge of the switch, and this computer's wire to it."""
        space = _space(self.name)
        namespaces.ensure(space)
        # Its bridges carry foreign frames; its firewall, of which there is none, has no business with them.
        namespaces.sysctl(space, {"bridge/bridge-nf-call-iptables": 0, "bridge/bridge-nf-call-ip6tables": 0})
        _ip("link", "add", bridge, "type", "bridge", inside=space)
        _ip("link", "set", bridge, "up", inside=space)
        leg = _leg(self.name, bridge)
        _ip("link", "add", leg, "type", "veth", "peer", "name", f"people-{bridge[0]}", "netns", space)
        _ip("link", "set", f"people-{bridge[0]}", "master", bridge, "up", inside=space)
        _ip("addr", "add", address, "dev", leg)
        _ip("link", "set", leg, "up")

    def _plug(self, bridge: str, port: str, namespace: str, device: str) -> None:
        """Lay a wire from the switch to an interface in another namespace."""
        space = _space(self.name)
        _ip("link", "add", port, "type", "veth", "peer", "name", device, "netns", namespace, inside=space)
        _ip("link", "set", port, "master", bridge, "up", inside=space)
        _ip("link", "set", device, "up", inside=namespace)


# -- what needs only the lab's name: another process may do it ---------------------------------------


def cut(lab: str, machine: str) -> None:
    """Pull a machine's cables: nothing comes or goes, and neither side is told."""
    for port in _ports(lab, machine):
        _ip("link", "set", port, "down", inside=_space(lab))


def mend(lab: str, machine: str) -> None:
    """Put a machine's cables back."""
    for port in _ports(lab, machine):
        _ip("link", "set", port, "up", inside=_space(lab))


def remove(lab: str) -> None:
    """Remove every namespace of a lab, and the wires with them."""
    for leg in (_leg(lab, INSIDE), _leg(lab, OUTSIDE)):
        if Path("/sys/class/net", leg).exists():
            _ip("link", "delete", leg)
    for name in present(lab):
        namespaces.remove(name)


def processes(lab: str) -> list[int]:
    """Return who runs on the machines of a lab."""
    found: set[str] = set()
    for name in present(lab):
        if namespaces.exists(name):
            found.update(namespaces.command(["ip", "netns", "pids", name]).split())
    return sorted(map(int, found))


def present(lab: str) -> list[str]:
    """Return the namespaces of a lab."""
    return [name for name in namespaces.present() if name.startswith(f"{lab}-")]


def _space(lab: str) -> str:
    return f"{lab}-switch"


def _leg(lab: str, bridge: str) -> str:
    """Return this computer's end of its wire to a bridge."""
    return f"{lab}{bridge[0]}"


def _ports(lab: str, machine: str) -> list[str]:
    try:
        listed = namespaces.command(["ip", "-o", "link"], inside=_space(lab)).splitlines()
    except (DriverError, OSError):
        raise NotFound("That lab has no switch: its machines are addresses of the loopback.") from None
    present = [line.split()[1].partition("@")[0].rstrip(":") for line in listed]
    found = [port for port in (machine, f"x-{machine}") if port in present]
    if not found:
        raise NotFound(f"There is no machine {machine} in that lab.")
    return found


def _take(candidates: tuple[str, ...]) -> str:
    found = free_networks.take(candidates)
    if found is None:
        raise Unavailable("No private network is free on this machine.")
    return found


def _ip(*words: str, inside: str | None = None) -> None:
    namespaces.command(["ip", *words], inside=inside)
