"""A host with real packets: the Linux driver in a cloud of its own, and namespaces in the place of guests."""

import socket
import subprocess
from pathlib import Path

from nacre.services.network import rpc
from nacre.services.network.agent.drivers.linux import LinuxDriver, LinuxSettings, namespaces
from nacre.services.network.agent.drivers.linux.names import tap_name

UDHCPC_SCRIPT = """#!/bin/sh
[ "$1" = bound ] || exit 0
ip addr add "$ip/$mask" dev "$interface"
env > "$LEASE"
set -- $staticroutes
while [ $# -ge 2 ]; do
  if [ "$2" = 0.0.0.0 ]; then ip route add "$1" dev "$interface"; else ip route add "$1" via "$2"; fi
  shift 2
done
"""


class Guest:
    """A namespace that is plugged in where a server would be: it has the port's MAC address and no more."""

    def __init__(self, namespace: str, plane: str, port: rpc.PortSpec, directory: Path) -> None:
        self.namespace, self.port, self._directory = namespace, port, directory
        namespaces.ensure(namespace)
        namespaces.command(
            ["ip", "link", "add", tap_name(port.id), "netns", plane, "type", "veth",
             "peer", "name", "eth0", "netns", namespace]
        )  # fmt: skip
        namespaces.sysctl(namespace, {"ipv6/conf/eth0/accept_dad": 0})
        self.ip("link", "set", "eth0", "address", port.mac, "mtu", str(port.mtu), "up")

    def run(self, *arguments: str, timeout: float = 20) -> subprocess.CompletedProcess[str]:
        """Run a program inside; its failure is an answer, not an error."""
        return namespaces.run_in(self.namespace, _run, arguments, timeout)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return namespaces.run_in(self.namespace, _start, arguments)

    def ip(self, *arguments: str) -> str:
        return namespaces.command(["ip", *arguments], inside=self.namespace)

    def configure(self, *addresses: str, gateway: str = "") -> "Guest":
        """Give the guest addresses by hand, for tests that are not about DHCP."""
        for address in addresses:
            self.ip("addr", "add", address, "dev", "eth0", *(["nodad"] if ":" in address else []))
        if gateway:
            self.ip("route", "add", "default", "via", gateway)
        return self

    def lease(self) -> dict[str, str]:
        """Ask for a lease and configure the interface by it; return what was offered, or nothing."""
        script, out = self._directory / "udhcpc", self._directory / f"lease-{self.namespace}"
        script.write_text(UDHCPC_SCRIPT)
        script.chmod(0o755)
        out.unlink(missing_ok=True)
        options = [part for number in (3, 6, 26, 121) for part in ("-O", str(number))]
        self.run(
            "env", f"LEASE={out}", "busybox", "udhcpc", "-i", "eth0", "-n", "-q", "-f", "-t", "4", "-T", "1",
            *options, "-s", str(script), timeout=30,
        )  # fmt: skip
        if not out.exists():
            return {}
        return dict(line.split("=", 1) for line in out.read_text().splitlines() if "=" in line)

    def listen(self, number: int) -> socket.socket:
        """Open a listening TCP socket inside; accepting from it does not wait."""
        listener = namespaces.run_in(self.namespace, socket.create_server, ("0.0.0.0", number))
        listener.setblocking(False)
        return listener

    def connects(self, address: str, number: int, *, timeout: float = 2) -> bool:
        """Open a TCP connection from inside, and close it."""
        try:
            namespaces.run_in(self.namespace, socket.create_connection, (address, number), timeout).close()
        except OSError:
            return False
        return True

    def pings(self, address: str, *, count: int = 1, wait_seconds: int = 2, size: int = 56) -> bool:
        options = ["-c", str(count), "-W", str(wait_seconds), "-s", str(size)]
        return self.run("ping", "-n", "-i", "0.2", *options, address).returncode == 0


class Plane:
    """One host: a started driver, and the guests on it."""

    def __init__(self, namespace: str, directory: Path, **settings: object) -> None:
        self.namespace, self.directory = namespace, directory
        self.settings = LinuxSettings(
            namespace=namespace,
            state_dir=directory,
            **{"physical_networks": {"public": ""}, **settings},  # type: ignore[arg-type]
        )
        self.driver = LinuxDriver(self.settings)
        self.guests: list[Guest] = []

    def plug(self, port: rpc.PortSpec, *, wired: bool = True) -> Guest:
        """Put a guest in place of a tap, and wire it."""
        guest = Guest(f"{self.namespace}-g{len(self.guests)}", self.namespace, port, self.directory)
        self.guests.append(guest)
        if wired:
            self.driver.ensure_port(port)
        return guest

    def restart(self) -> LinuxDriver:
        """Stand a new process's driver on what the old one left."""
        self.driver.stop()
        self.driver = LinuxDriver(self.settings)
        self.driver.start()
        return self.driver

    def close(self) -> None:
        self.driver.purge()
        self.driver.stop()
        for guest in self.guests:
            namespaces.remove(guest.namespace)


def traces(prefix: str) -> list[str]:
    """Return what is left on the machine of namespaces that begin with a prefix."""
    links = namespaces.command(["ip", "-o", "link"]) + namespaces.command(["nft", "list", "tables"])
    processes = namespaces.command(["ps", "-ww", "-eo", "args"])
    return [
        *(name for name in namespaces.present() if name.startswith(prefix)),
        *(line for line in links.splitlines() if prefix in line or "nacre" in line or ": nx-" in line),
        *(line for line in processes.splitlines() if prefix in line and "dnsmasq" in line),
    ]


def _run(arguments: tuple[str, ...], timeout: float) -> subprocess.CompletedProcess[str]:
    return subprocess.run(arguments, capture_output=True, text=True, timeout=timeout, check=False)


def _start(arguments: tuple[str, ...]) -> subprocess.Popen[str]:
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
