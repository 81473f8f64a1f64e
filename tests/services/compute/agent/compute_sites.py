"""Places where a compute driver can be tried: a simulated host, and a real one with guests of 512 bytes.

The real host's guests boot from an image that is one boot sector.  It writes a line to the serial port and
sleeps, so a test has a real process, a real console and a real disk at once, for no processor time.  It
obeys no power button: that is what the tests with real operating systems are for (tests/system/compute).
"""

import contextlib
import ctypes
import hashlib
import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from control_of_compute import make_spec

from nacre.kernel import ids
from nacre.kernel.errors import BadReference
from nacre.services.compute import rpc
from nacre.services.compute.agent.drivers.base import Attempt, Driver, Later, Observed
from nacre.services.compute.agent.drivers.simulated import SimulatedDriver, SimulatedOptions

PATIENCE_SECONDS = 60.0
GREETING = "nacre: a guest of 512 bytes"

#: xor ax,ax; mov ds,ax; mov si,text; mov dx,0x3f8; next: lodsb; test al,al; jz sleep; out dx,al; jmp next;
#: sleep: sti; hlt; jmp sleep; text:
_CODE = bytes.fromhex("31c0 8ed8 be167c baf803 ac 84c0 7403 ee ebf8 fb f4 ebfc")
BOOT_SECTOR = (_CODE + GREETING.encode() + b"\r\n\0").ljust(510, b"\0") + b"\x55\xaa"
IMAGE = BOOT_SECTOR.ljust(1 << 20, b"\0")


class Shelf:
    """Holds images, counts who fetches them, and asks for their ticket."""

    def __init__(self) -> None:
        self.images: dict[str, bytes] = {}
        self.fetched: list[str] = []
        self.chunk_bytes = 1 << 18

    def put(self, content: bytes, **fields: Any) -> rpc.ImageSource:
        image_id = ids.new_id()
        self.images[image_id] = content
        described = {
            "image_id": image_id,
            "disk_format": "raw",
            "size_bytes": len(content),
            "hash_value": hashlib.sha512(content).hexdigest(),
            "download": rpc.Download(url=f"http://shelf/{image_id}", headers={"X-Ticket": image_id}),
        }
        return rpc.ImageSource(**{**described, **fields})

    def fetch(self, source: rpc.Download) -> Iterator[bytes]:
        image_id = source.url.rpartition("/")[2]
        if source.headers.get("X-Ticket") != image_id:
            raise BadReference("no ticket")
        self.fetched.append(image_id)
        content = self.images[image_id]
        for start in range(0, len(content), self.chunk_bytes):
            yield content[start : start + self.chunk_bytes]

    def send(self, path: Path, target: rpc.Upload) -> None:
        self.images[target.url] = path.read_bytes()


class Recorder:
    """The events that a driver sent."""

    def __init__(self) -> None:
        self._heard = threading.Condition()
        self.servers: list[tuple[str, str]] = []
        self.hosts = 0

    def server_changed(self, server_id: str, reason: str = "") -> None:
        with self._heard:
            self.servers.append((server_id, reason))
            self._heard.notify_all()

    def host_changed(self) -> None:
        with self._heard:
            self.hosts += 1
            self._heard.notify_all()

    def wait(self, truth: Callable[[], bool]) -> None:
        with self._heard:
            assert self._heard.wait_for(truth, PATIENCE_SECONDS), self.servers


class Site:
    """A host with a driver on it."""

    real = False
    greeting = "login:"

    def __init__(self, state_dir: Path) -> None:
        self.state_dir = state_dir
        self.shelf = Shelf()
        self.image = self.shelf.put(IMAGE)
        self.events = Recorder()
        self.driver = self.make_driver()
        self.driver.open(self.events)

    def make_driver(self) -> Driver:
        return SimulatedDriver(self.state_dir, SimulatedOptions(boot_seconds=0.0))

    def reopen(self) -> None:
        """End the driver and make another on the same host."""
        self.driver.close()
        self.driver = self.make_driver()
        self.driver.open(self.events)

    def close(self) -> None:
        for server_id in self.driver.inspect():
            self.driver.remove(server_id)
        self.driver.close()

    def make_spec(self, **fields: Any) -> rpc.ServerSpec:
        return make_spec(**{"image": self.image, "memory_mb": 32, **fields})

    def make_nic(self) -> rpc.NicSpec:
        """A port with a tap device that exists."""
        port_id = ids.new_id()
        nic = rpc.NicSpec(
            port_id=port_id,
            tap_device=f"tap{port_id[:8]}",
            mac_address=f"fa:16:3e:00:{port_id[:2]}:{port_id[2:4]}",
        )
        self.make_tap(nic.tap_device)
        return nic

    def make_tap(self, name: str) -> None:
        pass

    def make_volume(self, **fields: Any) -> rpc.VolumeSpec:
        path = self.state_dir / f"volume-{ids.new_id()}.raw"
        path.write_bytes(b"\0" * (1 << 20))
        connection = {"type": "file", "path": str(path), "format": "raw"}
        return rpc.VolumeSpec(volume_id=ids.new_id(), connection=connection, **fields)

    def do(self, function: Callable[..., Any], *arguments: Any) -> None:
        """Make a call until it is done, as the agent does."""
        began = time.monotonic()
        number = 1
        while True:
            waited = time.monotonic() - began
            assert waited < PATIENCE_SECONDS
            attempt = Attempt(waited, number)
            later = function(*arguments, attempt)
            if not isinstance(later, Later):
                assert later is None
                return
            time.sleep(min(0.05, later.seconds))
            number += 1

    def build(self, **fields: Any) -> rpc.ServerSpec:
        spec = self.make_spec(**fields)
        self.do(self.driver.ensure, spec)
        return spec

    def look(self, server_id: str) -> Observed:
        return self.driver.inspect([server_id])[server_id]

    def console(self, server_id: str, text: str) -> str:
        """Wait until the console shows a text."""
        ends_at = time.monotonic() + PATIENCE_SECONDS
        while text not in (log := self.driver.console_log(server_id, None)):
            assert time.monotonic() < ends_at, log
            time.sleep(0.05)
        return log

    def needs_an_operating_system_to_unplug(self, power: rpc.Power) -> bool:
        """A running guest must take part in it, and 512 bytes do not (see tests/system/compute)."""
        return self.real and power is rpc.Power.RUNNING

    def leftovers(self, server_id: str) -> list[str]:
        """Name the files and processes that have to do with a server."""
        files = [str(path) for path in self.state_dir.rglob(f"*{server_id}*")]
        groups = [str(path) for path in Path("/sys/fs/cgroup").glob(f"*/machine/*{server_id}*")]
        return files + groups + processes(server_id)


class Reaper(threading.Thread):
    """Takes the place of an init that is slow to take leave of the dead.

    libvirt waits until a guest's process is gone for good.  On a machine whose init looks only every two
    seconds each guest would cost that long, so this process adopts the guests and sees them off itself.
    It stops adopting at the end: one that adopts and does not reap is worse than any init.
    """

    PR_SET_CHILD_SUBREAPER = 36
    DAEMONS = ("libvirtd", "virtlogd")
    _open = 0

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._over = threading.Event()
        self._adopt(1)

    def run(self) -> None:
        while not self._over.wait(0.02):
            self._see_off("qemu-")

    def end(self) -> None:
        self._over.set()
        self.join()
        self._adopt(-1)
        self._see_off("qemu-", *self.DAEMONS)

    @classmethod
    def _adopt(cls, change: int) -> None:
        cls._open += change
        ctypes.CDLL(None).prctl(cls.PR_SET_CHILD_SUBREAPER, int(cls._open > 0), 0, 0, 0)

    @staticmethod
    def _see_off(*names: str) -> None:
        """Reap the dead children of such names; they are nobody's `Popen`."""
        for children in Path("/proc/self/task").glob("*/children"):
            with contextlib.suppress(OSError):
                for child in children.read_text().split():
                    name, _, rest = Path(f"/proc/{child}/stat").read_text().partition("(")[2].rpartition(")")
                    if rest.split()[0] == "Z" and name.startswith(names):
                        os.waitpid(int(child), os.WNOHANG)


class RealSite(Site):
    """This machine, with a network namespace of its own."""

    real = True
    greeting = GREETING

    def __init__(self, state_dir: Path) -> None:
        self.netns = f"nacre-t-{ids.new_id()[:8]}"
        self._reaper = Reaper()
        self._reaper.start()
        run("ip", "netns", "add", self.netns)
        try:
            run("ip", "-n", self.netns, "link", "set", "lo", "up")
            super().__init__(state_dir)
        except BaseException:
            run("ip", "netns", "del", self.netns)
            raise

    def make_driver(self) -> Driver:
        from nacre.services.compute.agent.drivers.libvirt import LibvirtDriver, LibvirtOptions

        options = LibvirtOptions(netns=self.netns, tap_wait_seconds=1.0, detach_wait_seconds=5.0)
        return LibvirtDriver(self.state_dir, options, transfers=self.shelf)

    def make_tap(self, name: str) -> None:
        run("ip", "-n", self.netns, "tuntap", "add", name, "mode", "tap")
        run("ip", "-n", self.netns, "link", "set", name, "up")

    def processes(self) -> list[str]:
        """List the processes in the site's network namespace: daemons, and guests."""
        return run("ip", "netns", "pids", self.netns).split()

    def close(self) -> None:
        try:
            super().close()
            assert processes(str(self.state_dir)) == []
        finally:
            self._reaper.end()
            run("ip", "netns", "del", self.netns)


def run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def processes(word: str) -> list[str]:
    """List the command lines of processes in which a word occurs."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if word in line and "pytest" not in line:
                found.append(line)
    return found


def why_not_real() -> str | None:
    """Say what this machine lacks for real guests."""
    if os.geteuid() != 0:
        return "real guests and network namespaces need root"
    for program in ("libvirtd", "virtlogd", "qemu-system-x86_64", "qemu-img", "genisoimage", "ip"):
        if shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin:/sbin") is None:
            return f"{program} is not installed"
    try:
        import libvirt  # noqa: F401
    except ImportError:
        return "libvirt-python is not installed"
    return None


@contextlib.contextmanager
def open_site(kind: str) -> Iterator[Site]:
    """Make a site of a kind, and leave nothing of it."""
    if kind == "libvirt" and (reason := why_not_real()):
        pytest.skip(reason)
    # Not pytest's own directory: its path is too long for sockets.
    state_dir = Path(tempfile.mkdtemp(prefix="nacre-site-"))
    try:
        site = RealSite(state_dir) if kind == "libvirt" else Site(state_dir)
        try:
            yield site
        finally:
            site.close()
    finally:
        shutil.rmtree(state_dir)
