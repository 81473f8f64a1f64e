"""One compute host whole: agent, bus, libvirt, taps in a namespace, and an image service that wants
tickets."""

import contextlib
import hashlib
import http.server
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from compute_sites import Reaper, processes, run, why_not_real
from control_of_compute import HOST, ControlPlane, make_spec

from nacre.kernel import ids
from nacre.kernel.bus import MemoryBus
from nacre.services.compute import rpc
from nacre.services.compute.agent.main import ComputeAgent
from nacre.services.compute.agent.options import AgentOptions

PATIENCE_SECONDS = 240.0


class ImageService(http.server.ThreadingHTTPServer):
    """Serves files and takes uploads, each with its own ticket."""

    daemon_threads = True

    def __init__(self, directory: Path) -> None:
        super().__init__(("127.0.0.1", 0), ImageRequest)
        self.directory = directory
        self.tickets: dict[str, str] = {}
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def door(self, name: str) -> tuple[str, dict[str, str]]:
        """Return the URL of a file and the headers that open it."""
        ticket = self.tickets[f"/{name}"] = ids.new_id()
        return f"http://127.0.0.1:{self.server_address[1]}/{name}", {"X-Ticket": ticket}


class ImageRequest(http.server.BaseHTTPRequestHandler):
    server: ImageService

    def log_message(self, *_arguments: object) -> None:
        pass

    def _refuse(self) -> bool:
        if self.headers.get("X-Ticket") == self.server.tickets.get(self.path, ""):
            return False
        self.send_error(403)
        return True

    def do_GET(self) -> None:  # noqa: N802
        if self._refuse():
            return
        path = self.server.directory / self.path[1:]
        self.send_response(200)
        self.send_header("Content-Length", str(path.stat().st_size))
        self.end_headers()
        with path.open("rb") as file:
            shutil.copyfileobj(file, self.wfile)

    def do_PUT(self) -> None:  # noqa: N802
        if self._refuse():
            return
        (self.server.directory / self.path[1:]).write_bytes(
            self.rfile.read(int(self.headers["Content-Length"]))
        )
        self.send_response(204)
        self.end_headers()


class ComputeHost:
    """Everything together; the tests are its control plane."""

    def __init__(self, directory: Path, image: Path) -> None:
        self.directory = directory
        self.netns = f"nacre-c-{ids.new_id()[:8]}"
        self._reaper = Reaper()
        self._reaper.start()
        run("ip", "netns", "add", self.netns)
        run("ip", "-n", self.netns, "link", "set", "lo", "up")
        shutil.copy(image, directory / "tiny.qcow2")
        self.images = ImageService(directory)
        self.bus = MemoryBus()
        self.control = ControlPlane(self.bus)
        self.start_agent()

    def start_agent(self) -> None:
        from nacre.services.compute.agent.drivers.libvirt import LibvirtDriver, LibvirtOptions

        self.driver = LibvirtDriver(self.directory / "driver", LibvirtOptions(netns=self.netns))
        self.agent = ComputeAgent(
            HOST, self.bus, self.driver, self.directory / "agent", options=AgentOptions(heartbeat_seconds=1.0)
        )
        self.agent.start()
        assert self.agent.ready.wait(PATIENCE_SECONDS)

    def close(self) -> None:
        try:
            for server_id in self.driver.inspect():
                self.driver.remove(server_id)
            self.agent.stop()
            self.bus.close()
            self.images.shutdown()
            assert processes(str(self.directory)) == []
        finally:
            self._reaper.end()
            run("ip", "netns", "del", self.netns)

    def image(self, name: str = "tiny.qcow2") -> rpc.ImageSource:
        content = (self.directory / name).read_bytes()
        url, headers = self.images.door(name)
        return rpc.ImageSource(
            image_id=name.partition(".")[0],
            size_bytes=len(content),
            hash_value=hashlib.sha512(content).hexdigest(),
            download=rpc.Download(url=url, headers=headers),
        )

    def make_spec(self, **fields: Any) -> rpc.ServerSpec:
        drive = {"openstack/latest/meta_data.json": b'{"uuid": "u-1", "hostname": "pearl"}'}
        return make_spec(
            **{"image": self.image(), "memory_mb": 128, "root_gb": 1, "config_drive": drive, **fields}
        )

    def make_nic(self) -> rpc.NicSpec:
        port_id = ids.new_id()
        tap = f"tap{port_id[:8]}"
        run("ip", "-n", self.netns, "tuntap", "add", tap, "mode", "tap")
        run("ip", "-n", self.netns, "link", "set", tap, "up")
        return rpc.NicSpec(
            port_id=port_id, tap_device=tap, mac_address=f"fa:16:3e:01:02:{port_id[:2]}", mtu=1450
        )

    def console(self, server_id: str) -> str:
        return self.control.send(rpc.CONSOLE_LOG, rpc.ConsoleLogRequest(server_id=server_id)).output

    def await_console(self, server_id: str, text: str, times: int = 1) -> str:
        return self.wait(lambda: (log := self.console(server_id)).count(text) >= times and log)

    def wait(self, truth: Callable[[], Any]) -> Any:
        ends_at = time.monotonic() + PATIENCE_SECONDS
        while not (found := truth()):
            assert time.monotonic() < ends_at
            time.sleep(0.2)
        return found


@contextlib.contextmanager
def open_host(image: Path) -> Iterator[ComputeHost]:
    if reason := why_not_real():
        pytest.skip(reason)
    directory = Path(tempfile.mkdtemp(prefix="nacre-host-"))
    try:
        host = ComputeHost(directory, image)
        try:
            yield host
        finally:
            host.close()
    finally:
        shutil.rmtree(directory)
