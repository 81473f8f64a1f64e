"""Two compute hosts on one machine, each with a libvirt and a network namespace of its own, joined by a wire.

The test is their control plane, and the client that talks to the guest: it lives at one end of the wire.

    namespace one: br0 -- tap of the guest ══ libvirt one
                    | wire
    namespace two: br0 -- tap of the guest ══ libvirt two
                    | 10.77.0.1: the client
"""

import base64
import contextlib
import json
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

for _place in ("system/compute", "services/compute/agent"):
    sys.path.insert(0, str(Path(__file__).parents[2] / _place))
from compute_host import ImageService  # noqa: E402
from compute_sites import Reaper, processes, run, why_not_real  # noqa: E402
from control_of_compute import ControlPlane, make_spec  # noqa: E402

from nacre.kernel import ids  # noqa: E402
from nacre.kernel.bus import MemoryBus  # noqa: E402
from nacre.services.compute import rpc  # noqa: E402
from nacre.services.compute.agent.main import ComputeAgent  # noqa: E402
from nacre.services.compute.agent.options import AgentOptions  # noqa: E402

PATIENCE_SECONDS = 240.0
CLIENT, GUEST = "10.77.0.1", "10.77.0.2"
PATTERN_MB = 24

#: What the guest does when it boots: take an address, and fill a part of its memory with noise.
USER_DATA = f"""#!/bin/sh
ip link set eth0 up
ip addr add {GUEST}/24 dev eth0

mount -o remount,size={PATTERN_MB * 2}m /run
dd if=/dev/urandom of=/run/pattern bs=1M count={PATTERN_MB} 2>/dev/null
test -e /root/on-disk || dd if=/dev/urandom of=/root/on-disk bs=1M count=4 2>/dev/null
sync
echo "noise is ready" > /dev/console
"""


class Host:
    """One compute host whole."""

    def __init__(self, name: str, directory: Path, bus: MemoryBus) -> None:
        self.name, self.directory, self.bus = name, directory, bus
        directory.mkdir()
        self.netns = f"nacre-m-{ids.new_id()[:8]}"
        self._reaper = Reaper()
        self._reaper.start()
        run("ip", "netns", "add", self.netns)
        self.ip("link", "set", "lo", "up")
        self.ip("link", "add", "br0", "type", "bridge", "forward_delay", "0", "mcast_snooping", "0")
        self.ip("link", "set", "br0", "up")
        self.start_agent()

    def ip(self, *arguments: str) -> str:
        return run("ip", "-n", self.netns, *arguments)

    def start_agent(self) -> None:
        from nacre.services.compute.agent.drivers.libvirt import LibvirtDriver, LibvirtOptions

        self.driver = LibvirtDriver(self.directory / "driver", LibvirtOptions(netns=self.netns))
        self.agent = ComputeAgent(
            self.name,
            self.bus,
            self.driver,
            self.directory / "agent",
            options=AgentOptions(heartbeat_seconds=1.0),
        )
        self.agent.start()
        assert self.agent.ready.wait(PATIENCE_SECONDS), self.agent.trouble

    def plug(self, tap: str) -> None:
        """Make the tap of a guest, as the network agent does before a guest comes."""
        self.ip("tuntap", "add", tap, "mode", "tap")
        self.ip("link", "set", tap, "mtu", "1450", "master", "br0", "up")

    def close(self) -> None:
        try:
            for server_id in self.driver.inspect():
                self.driver.remove(server_id)
            self.agent.stop()
            assert processes(str(self.directory)) == []
        finally:
            self._reaper.end()
            run("ip", "netns", "del", self.netns)

    def ask_guest(self, server_id: str, command: dict[str, Any]) -> Any:
        """Ask the guest's own agent."""
        done = subprocess.run(
            ["virsh", "-c", self.driver.private.uri, "qemu-agent-command", f"server-{server_id}", json.dumps(command)],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
        return json.loads(done.stdout)["return"]

    def run_in_guest(self, server_id: str, script: str) -> str:
        """Run a shell script in the guest and return what it writes."""
        arguments = {"path": "/bin/sh", "arg": ["-c", script], "capture-output": True}
        pid = self.ask_guest(server_id, {"execute": "guest-exec", "arguments": arguments})["pid"]
        asked = {"execute": "guest-exec-status", "arguments": {"pid": pid}}
        answer = wait(lambda: (said := self.ask_guest(server_id, asked))["exited"] and said)
        assert answer["exitcode"] == 0, answer
        return base64.b64decode(answer.get("out-data", "")).decode().strip()


class TwoHosts:
    """Both, the wire between them, and what the control plane would do."""

    def __init__(self, directory: Path, image: Path) -> None:
        self.directory = directory
        self.bus = MemoryBus()
        self.control = ControlPlane(self.bus)
        shutil.copy(image, directory / "tiny.qcow2")
        self.images = ImageService(directory)
        self.one, self.two = (Host(name, directory / name, self.bus) for name in ("one", "two"))
        self._join()

    def _join(self) -> None:
        one, two = self.one, self.two
        one.ip(
            "link", "add", "wire", "mtu", "1450", "type", "veth", "peer", "name", "wire", "netns", two.netns
        )
        for host in (one, two):
            host.ip("link", "set", "wire", "mtu", "1450", "master", "br0", "up")
        two.ip("addr", "add", f"{CLIENT}/24", "dev", "br0")

    def close(self) -> None:
        try:
            for host in (self.one, self.two):
                host.close()
        finally:
            self.bus.close()
            self.images.shutdown()

    # --- a guest ---

    def make_spec(self, **fields: Any) -> rpc.ServerSpec:
        content = (self.directory / "tiny.qcow2").read_bytes()
        url, headers = self.images.door("tiny.qcow2")
        image = rpc.ImageSource(
            image_id="tiny", size_bytes=len(content), download=rpc.Download(url=url, headers=headers)
        )
        drive = {
            "openstack/latest/meta_data.json": b'{"uuid": "u-1", "hostname": "pearl"}',
            "openstack/latest/user_data": USER_DATA.encode(),
        }
        return make_spec(
            **{"image": image, "memory_mb": 160, "root_gb": 1, "swap_mb": 8, "config_drive": drive, **fields}
        )

    def make_nic(self) -> rpc.NicSpec:
        port_id = ids.new_id()
        nic = rpc.NicSpec(
            port_id=port_id,
            tap_device=f"tap{port_id[:8]}",
            mac_address=f"fa:16:3e:01:03:{port_id[:2]}",
            mtu=1450,
        )
        for host in (self.one, self.two):
            host.plug(nic.tap_device)
        return nic

    # --- the control plane ---

    def call(self, host: Host, method: Any, message: Any) -> Any:
        return self.bus.call(rpc.host_topic(host.name), method, message)

    def do(self, host: Host, method: Any, **fields: Any) -> rpc.Outcome:
        """Give a command and wait for its end."""
        command_id = fields.pop("command_id", ids.new_id())
        accepted = self.call(host, method, method.message(command_id=command_id, **fields))
        return accepted.finished or self.control.outcome(command_id)

    def state(self, host: Host, server_id: str) -> rpc.ServerState:
        (status,) = self.call(host, rpc.INSPECT, rpc.Inspect(server_ids=(server_id,))).servers
        return status.state

    def expect(self, source: Host, target: Host, spec: rpc.ServerSpec, manner: rpc.Manner) -> rpc.Arrival:
        """Introduce two hosts to each other."""
        asked = rpc.DepartureRequest(server_id=spec.id, manner=manner)
        departure = self.call(source, rpc.DEPARTURE, asked)
        outcome = self.do(
            target, rpc.EXPECT_SERVER, server_id=spec.id, spec=spec, certificate=departure.certificate,
            passport=departure.passport, manner=manner,
        )  # fmt: skip
        assert outcome.fault is None, outcome.fault
        return rpc.arrival(outcome.result)

    def slow_down(self, host: Host, server_id: str, megabytes: int) -> None:
        """Have a guest's migration take its time."""
        run("virsh", "-c", host.driver.private.uri, "migrate-setspeed", f"server-{server_id}", str(megabytes))

    def begin(self, source: Host, target: Host, spec: rpc.ServerSpec, command_id: str) -> None:
        """Have a live guest sent, and return when it is on its way."""
        arrival = self.expect(source, target, spec, rpc.Manner.LIVE)
        message = rpc.SendServer(command_id=command_id, server_id=spec.id, arrival=arrival)
        self.call(source, rpc.SEND_SERVER, message)
        wait(lambda: (status := source.agent.watch.log.get(spec.id)) and status.move)

    def move(self, source: Host, target: Host, spec: rpc.ServerSpec, manner: rpc.Manner) -> rpc.Outcome:
        """Have one host send a server to the other."""
        arrival = self.expect(source, target, spec, manner)
        return self.do(source, rpc.SEND_SERVER, server_id=spec.id, arrival=arrival, manner=manner)


class Pings(threading.Thread):
    """Pings the guest all the time, from the namespace of the second host."""

    EVERY_SECONDS = 0.05

    def __init__(self, netns: str) -> None:
        super().__init__(daemon=True)
        command = ["ping", "-n", "-D", "-i", str(self.EVERY_SECONDS), GUEST]
        self._process = subprocess.Popen(
            ["nsenter", f"--net=/run/netns/{netns}", *command], stdout=subprocess.PIPE, text=True
        )
        self.answers: dict[int, float] = {}
        self.twice = 0
        self.start()

    def run(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if "icmp_seq=" in line and "bytes from" in line:
                number = int(line.partition("icmp_seq=")[2].split()[0])
                self.twice += number in self.answers
                self.answers.setdefault(number, time.monotonic())

    def end(self) -> None:
        self._process.send_signal(2)
        self._process.wait(10)
        self.join(10)

    @property
    def lost(self) -> int:
        numbers = sorted(self.answers)
        return numbers[-1] - numbers[0] + 1 - len(numbers)

    @property
    def longest_silence(self) -> float:
        times = sorted(self.answers.values())
        return max(later - earlier for earlier, later in zip(times, times[1:], strict=False))


def wait(truth: Callable[[], Any]) -> Any:
    ends_at = time.monotonic() + PATIENCE_SECONDS
    while not (found := truth()):
        assert time.monotonic() < ends_at
        time.sleep(0.1)
    return found


@contextlib.contextmanager
def open_hosts(image: Path) -> Iterator[TwoHosts]:
    if reason := why_not_real():
        pytest.skip(reason)
    directory = Path(tempfile.mkdtemp(prefix="nacre-two-"))
    try:
        hosts = TwoHosts(directory, image)
        try:
            yield hosts
        finally:
            hosts.close()
    finally:
        shutil.rmtree(directory)
