"""Machines of their own on one: each is a network namespace with a host name, on a wire to the others.

                  world: people, 198.51.100.254 and 203.0.113.1
                 /            |
    (underlay)  /             |  (the external network)
      one 198.51.100.1        +---- pub0 in the data plane of one
      two 198.51.100.2        +---- pub0 in the data plane of two

What nacre does on them is what it would do on two computers: the API, the broker and the tunnels are reached
through the underlay, and floating IPs through the external network, which has a wire on each host.
"""

import os
import signal
import socket
import subprocess
import sys

from nacre.services.network.agent.drivers.linux import namespaces
from real_guests import wait_for

UNDERLAY, PUBLIC = "198.51.100", "203.0.113"
WIRE = "pub0"
STOP_SECONDS = 120
ALL_FRAMES, IPV4 = 0x0003, 0x0800  # if_ether.h
ENTER = 'hostname "$0" && exec "$@"'


def ip(*words, inside):
    namespaces.command(["ip", *words], inside=inside)


class World:
    """Everything that is not a host: whoever uses the cloud is here."""

    def __init__(self):
        self.namespace = f"nxh{os.getpid()}-world"
        namespaces.ensure(self.namespace)
        for bridge, address in (("under", f"{UNDERLAY}.254"), ("public", f"{PUBLIC}.1")):
            ip("link", "add", bridge, "type", "bridge", inside=self.namespace)
            ip("addr", "add", f"{address}/24", "dev", bridge, inside=self.namespace)
            ip("link", "set", bridge, "up", inside=self.namespace)
        # Its bridges carry foreign frames; its firewall, of which there is none, has no business with them.
        namespaces.sysctl(self.namespace, {"bridge/bridge-nf-call-iptables": 0})

    def connect(self, bridge, namespace, device):
        """Lay a wire from a bridge to an interface in another namespace."""
        near = f"{bridge[:3]}-{namespace.rpartition('-')[2]}"
        peer = ("peer", "name", device, "netns", namespace)
        ip("link", "add", near, "type", "veth", *peer, inside=self.namespace)
        ip("link", "set", near, "master", bridge, "up", inside=self.namespace)
        ip("link", "set", device, "up", inside=namespace)

    def remove(self):
        namespaces.remove(self.namespace)


class Machine:
    """A computer: its wires, its directory, and nacre's processes on it."""

    def __init__(self, number, name, directory):
        self.name, self.address = name, f"{UNDERLAY}.{number}"
        self.namespace = f"nxh{os.getpid()}-m{number}"
        self.plane = f"nxh{os.getpid()}-{number}"  # its data plane: the cloud's name on this machine
        self.state, self.config = directory / "state", directory / "nacre.toml"
        self._directory, self.processes = directory, {}

    def build(self, world):
        """Make it, with nothing on it yet."""
        self._directory.mkdir()
        namespaces.ensure(self.namespace)
        world.connect("under", self.namespace, "eth0")
        ip("addr", "add", f"{self.address}/24", "dev", "eth0", inside=self.namespace)
        namespaces.ensure(self.plane)  # so that an interface can be lent to it
        world.connect("public", self.plane, WIRE)

    def configure(self, **sections):
        """Write the configuration: what all hosts have, and what is given."""
        settings = {
            "cloud": {"name": self.plane, "mode": "real", "external_cidr": f"{PUBLIC}.0/24"},
            "linux": {"tunnel_ip": self.address, "physical_networks": {"public": WIRE}},
        }
        lines = []
        for name in settings.keys() | sections.keys():
            values = {**settings.get(name, {}), **sections.get(name, {})}
            lines += [f"[{name}]", *(f"{key} = {toml(value)}" for key, value in values.items())]
        self.config.touch(mode=0o600)
        self.config.write_text("\n".join([*lines, ""]))

    def start(self, *words, ready):
        """Start a command of nacre here; returns when it has said that it is ready."""
        output = self._directory / f"{'-'.join(words)}.log"
        with output.open("ab") as log:
            process = subprocess.Popen(
                self._command(*words), stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )
        self.processes[words] = process

        def look():
            said = output.read_text()
            assert process.poll() is None, f"nacre {' '.join(words)} on {self.name} ended:\n{said}"
            return ready in said

        wait_for(look, f"nacre {' '.join(words)} on {self.name}", every=0.05)

    def stop(self):
        """End what runs here, in order; guests and packets go on."""
        for process in reversed(self.processes.values()):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self.processes.values():
            process.wait(STOP_SECONDS)

    def purge(self):
        """Remove what nacre made here, then the machine."""
        self.stop()
        if self.state.exists():
            done = subprocess.run(
                self._command("down", "--purge"), capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stdout + done.stderr
        assert not self.state.exists()
        left = [*pids(self.namespace), *pids(self.plane)]
        names = [name for name in namespaces.present() if name.startswith(self.plane)]
        for name in (*names, self.namespace):
            namespaces.remove(name)
        assert (left, names) == ([], [])

    def run(self, function, *arguments):
        """Call a function on this machine."""
        return namespaces.run_in(self.namespace, function, *arguments)

    def _command(self, *words):
        nacre = [sys.executable, "-P", "-m", "nacre", *words]
        nacre += ["--state", str(self.state), "--config", str(self.config)]
        # Not `ip netns exec`, which would hide the control groups.
        enter = ["unshare", "--uts", "sh", "-c", ENTER, self.name]
        return [*enter, "nsenter", f"--net={namespaces.path(self.namespace)}", *nacre]


class Capture:
    """Counts the tunnel's datagrams on a machine's wire, to and from each other machine."""

    def __init__(self, machine, port=4789):
        self._port = port
        self._socket = machine.run(
            socket.socket, socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ALL_FRAMES)
        )
        self._socket.bind(("eth0", ALL_FRAMES))
        self._socket.setblocking(False)

    def seen(self):
        """Return the sources of the tunnelled packets since the last call."""
        sources = set()
        while True:
            try:
                packet, (_, protocol, *_) = self._socket.recvfrom(65536)
            except BlockingIOError:
                return sources
            header = 4 * (packet[0] & 15)
            if (
                packet[9] == socket.IPPROTO_UDP
                and int.from_bytes(packet[header + 2 : header + 4]) == self._port
            ):
                sources.add(socket.inet_ntoa(packet[12:16]))

    def close(self):
        self._socket.close()


def pids(namespace):
    """Return who runs in a namespace."""
    if namespace not in namespaces.present():
        return []
    return namespaces.command(["ip", "netns", "pids", namespace]).split()


def toml(value):
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {toml(each)}" for key, each in value.items()) + "}"
    return str(value) if isinstance(value, int) else f'"{value}"'
