"""Stands in the control plane's place in tests of the compute agent: asks, and hears the reports."""

import threading
from collections.abc import Callable
from typing import Any

from nacre.kernel import ids
from nacre.kernel.bus import MemoryBus, Method
from nacre.services.compute import rpc

HOST = "host-1"
PATIENCE_SECONDS = 30.0


def make_spec(**fields: Any) -> rpc.ServerSpec:
    """A small server that boots an image."""
    server_id = fields.pop("id", None) or ids.new_id()
    defaults: dict[str, Any] = {
        "id": server_id,
        "name": "web",
        "hostname": "web",
        "owner": rpc.Owner(project_id="p1", project_name="demo", user_id="u1", user_name="ann"),
        "revision": 1,
        "flavor_name": "m1.tiny",
        "vcpus": 1,
        "memory_mb": 128,
        "root_gb": 1,
        "image": rpc.ImageSource(
            image_id="img-1",
            download=rpc.Download(url="http://198.51.100.1/img-1", headers={"X-Ticket": "s3cret"}),
        ),
    }
    return rpc.ServerSpec(**{**defaults, **fields})


class ControlPlane:
    """Hears what agents report, and asks them."""

    def __init__(self, bus: MemoryBus) -> None:
        self.bus = bus
        self.reports: list[rpc.ServerReport] = []
        self.hosts: list[rpc.HostStatus] = []
        self.moved_away: set[str] = set()
        self._heard = threading.Condition()
        bus.serve(
            rpc.CONTROL_TOPIC,
            {
                rpc.SERVER_REPORT: self._server_report,
                rpc.HOST_REPORT: self._host_report,
                rpc.OWNED_SERVERS: self._owned_servers,
            },
            concurrency=1,
        )

    def _server_report(self, report: rpc.ServerReport) -> rpc.Nothing:
        with self._heard:
            self.reports.append(report)
            self._heard.notify_all()
        return rpc.Nothing()

    def _host_report(self, report: rpc.HostReport) -> rpc.Nothing:
        with self._heard:
            self.hosts.append(report.status)
            self._heard.notify_all()
        return rpc.Nothing()

    def _owned_servers(self, asked: rpc.OwnedServers) -> rpc.OwnedServers:
        owned = tuple(each for each in asked.server_ids if each not in self.moved_away)
        return rpc.OwnedServers(host=asked.host, server_ids=owned)

    def wait(self, truth: Callable[[], Any]) -> Any:
        """Wait until something is heard that makes it true."""
        with self._heard:
            assert self._heard.wait_for(truth, PATIENCE_SECONDS), [r.status for r in self.reports[-5:]]
            return truth()

    def outcome(self, command_id: str) -> rpc.Outcome:
        """Wait for the reported end of a command."""
        return self.wait(
            lambda: next(
                (o for r in self.reports for o in r.status.outcomes if o.command_id == command_id), None
            )
        )

    def send(self, method: Method[Any, Any], message: Any) -> Any:
        return self.bus.call(rpc.host_topic(HOST), method, message)

    def ensure(self, spec: rpc.ServerSpec, command_id: str | None = None) -> rpc.Outcome:
        """Have a server made so and wait for the end of it."""
        command_id = command_id or ids.new_id()
        self.send(rpc.ENSURE_SERVER, rpc.EnsureServer(command_id=command_id, spec=spec))
        return self.outcome(command_id)

    def do(self, method: Method[Any, Any], server_id: str, **fields: Any) -> rpc.Outcome:
        """Give a command and wait for the end of it."""
        command_id = fields.pop("command_id", None) or ids.new_id()
        accepted = self.send(method, method.message(command_id=command_id, server_id=server_id, **fields))
        return accepted.finished or self.outcome(command_id)

    def inspect(self, server_id: str) -> rpc.ServerStatus:
        return self.send(rpc.INSPECT, rpc.Inspect(server_ids=(server_id,))).servers[0]
