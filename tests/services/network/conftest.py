"""What the network service's tests share: short words for the API, and hosts that report."""

from __future__ import annotations

import itertools
import threading
from typing import Any

import pytest

from nacre.kernel.testing.cloud import Answer, TestCloud, User
from nacre.services.network import rpc

CAPABILITIES = (
    "dhcp",
    "flat",
    "floating-ips",
    "local",
    "metadata",
    "routers",
    "security-groups",
    "vlan",
    "vxlan",
)
_numbers = itertools.count(1)


class Api:
    """The network API as one user speaks it: `api.make("networks", name="a")` returns the new network."""

    def __init__(self, user: User) -> None:
        self.user = user

    def ask(self, method: str, path: str, body: Any = None, **options: Any) -> Answer:
        return self.user.request(method, "network", f"/v2.0/{path}", body, **options)

    def make(self, collection: str, **members: Any) -> dict[str, Any]:
        key = singular(collection)
        members = {name.replace("__", ":"): value for name, value in members.items()}
        answer = self.ask("POST", collection, {key: members})
        assert answer.status == 201, answer
        return answer.json[key]

    def refused(self, collection: str, **members: Any) -> tuple[int, str, str]:
        """Try to make something; return the status, type and message of the refusal."""
        members = {name.replace("__", ":"): value for name, value in members.items()}
        return refusal(self.ask("POST", collection, {singular(collection): members}))

    def show(self, collection: str, id: str) -> dict[str, Any]:
        answer = self.ask("GET", f"{collection}/{id}")
        assert answer.status == 200, answer
        return answer.json[singular(collection)]

    def list(self, collection: str, **query: Any) -> list[dict[str, Any]]:
        answer = self.ask("GET", collection, query=query)
        assert answer.status == 200, answer
        return answer.json[collection.replace("-", "_")]

    def change(self, collection: str, id: str, **members: Any) -> dict[str, Any]:
        members = {name.replace("__", ":"): value for name, value in members.items()}
        answer = self.ask("PUT", f"{collection}/{id}", {singular(collection): members})
        assert answer.status == 200, answer
        return answer.json[singular(collection)]

    def refuse_change(self, collection: str, id: str, **members: Any) -> tuple[int, str, str]:
        members = {name.replace("__", ":"): value for name, value in members.items()}
        return refusal(self.ask("PUT", f"{collection}/{id}", {singular(collection): members}))

    def remove(self, collection: str, id: str) -> None:
        answer = self.ask("DELETE", f"{collection}/{id}")
        assert answer.status == 204, answer

    def refuse_removal(self, collection: str, id: str) -> tuple[int, str, str]:
        return refusal(self.ask("DELETE", f"{collection}/{id}"))


def singular(collection: str) -> str:
    word = collection.replace("-", "_")
    return word[:-3] + "y" if word.endswith("ies") else word.removesuffix("s")


def refusal(answer: Answer) -> tuple[int, str, str]:
    assert answer.status >= 400, answer
    error = answer.json["NeutronError"]
    assert error["detail"] == ""
    return answer.status, error["type"], error["message"]


class Host:
    """A host whose agent reports, and that remembers its view as an agent would."""

    def __init__(self, cloud: TestCloud, name: str, **facts: Any) -> None:
        self.bus, self.name = cloud.process.bus, name
        self.facts = {
            "tunnel_ip": "127.0.0.9",
            "physical_networks": ("public",),
            "capabilities": CAPABILITIES,
        }
        self.facts |= facts
        self.revision = 0
        self.wakes, self._woken = 0, threading.Event()
        self.rows: dict[str, dict[str, Any]] = {}
        self._subscription = self.bus.serve(rpc.host_topic(name), {rpc.WAKE: self._wake})
        self.beat()

    def _wake(self, wake: rpc.Wake) -> None:
        self.wakes += 1
        self._woken.set()

    def await_wake(self) -> None:
        """Return when a wake has come since the last call."""
        assert self._woken.wait(10), f"{self.name} was not woken"
        self._woken.clear()

    def beat(self) -> None:
        report = rpc.HostReport(
            host=self.name, revision=self.revision, driver="simulated", started_at="2026-11-21T00:00:00+00:00",
            **self.facts,
        )  # fmt: skip
        self.bus.call(rpc.TOPIC, rpc.HOST_REPORT, report)

    def ask(self, since: int | None = None) -> rpc.HostChanges:
        request = rpc.HostChangesRequest(
            host=self.name, since_revision=self.revision if since is None else since
        )
        return self.bus.call(rpc.TOPIC, rpc.HOST_CHANGES, request)

    def sync(self) -> rpc.HostChanges:
        """Ask what changed and apply it, as an agent does."""
        changes = self.ask()
        if changes.full:
            self.rows = {}
        for kind in ("networks", "ports", "routers", "security_groups", "neighbours"):
            known = self.rows.setdefault(kind, {})
            known.update((row.id, row) for row in getattr(changes, kind))
            for id in getattr(changes.removed, kind):
                known.pop(id, None)
        self.revision = changes.revision
        return changes

    def report(self, *ports: str, up: bool = True, **options: Any) -> None:
        statuses = tuple(rpc.PortStatus(id=port, up=up) for port in ports)
        report = rpc.PortReport(host=self.name, revision=self.revision, ports=statuses, **options)
        self.bus.call(rpc.TOPIC, rpc.PORT_REPORT, report)

    def assert_whole(self) -> None:
        """The view that was put together from changes is the one that a newcomer is told."""
        whole = self.ask(since=0)
        assert whole.full
        for kind in ("networks", "ports", "routers", "security_groups", "neighbours"):
            assert self.rows.get(kind, {}) == {row.id: row for row in getattr(whole, kind)}, kind


@pytest.fixture
def make_host(cloud):
    """Return the function that makes a host with an agent that reports."""

    def make(name: str | None = None, **facts: Any) -> Host:
        return Host(cloud, name or f"host-{next(_numbers)}", **facts)

    return make


@pytest.fixture
def api(member):
    """The network API as a member of a project speaks it."""
    return Api(member)


@pytest.fixture
def admin_api(admin):
    """The network API as the administrator speaks it."""
    return Api(admin)


@pytest.fixture
def stranger_api(stranger):
    """The network API as a member of another project speaks it."""
    return Api(stranger)


@pytest.fixture
def network(api):
    """A network with one IPv4 subnet."""
    network = api.make("networks", name="net")
    api.make("subnets", network_id=network["id"], ip_version=4, cidr="10.0.0.0/24")
    return api.show("networks", network["id"])
