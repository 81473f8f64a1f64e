"""News between services, and what the outside is told."""

import logging
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from nacre.kernel import errors, events
from nacre.kernel.bus import MemoryBus
from nacre.kernel.clock import TurnedClock
from nacre.kernel.context import Context
from nacre.kernel.log import request_id
from nacre.kernel.process import Process
from nacre.kernel.service import Manifest, Service
from nacre.kernel.testing.cloud import NoPorts

PATIENCE = 20.0

Hear = Callable[[Context, Any], None]


@pytest.fixture
def bus() -> Iterator[MemoryBus]:
    bus = MemoryBus()
    yield bus
    assert bus.close(PATIENCE)


@pytest.fixture
def make_service(bus: MemoryBus, tmp_path: Path) -> Callable[..., Service]:
    """A service of the given name and subscriptions; every one is a process of its own on one bus."""

    def make(name: str, **subscriptions: Hear) -> Service:
        heard = {event.replace("_", "."): function for event, function in subscriptions.items()}
        manifest = Manifest(name=name, apis=(), policies=(), subscriptions=heard)
        return Process([manifest], state=tmp_path, ports=NoPorts(), bus=bus, clock=TurnedClock()).services[
            name
        ]

    return make


def test_each_subscribed_service_hears_an_event_once(
    make_service: Callable[..., Service], bus: MemoryBus
) -> None:
    heard: list[tuple[str, Any]] = []
    lock = threading.Lock()

    def hear(name: str) -> Hear:
        def function(ctx: Context, payload: Any) -> None:
            with lock:
                heard.append((name, payload["port_id"]))

        return function

    services = [
        make_service("compute", network_port_up=hear("compute")),
        make_service("compute", network_port_up=hear("compute")),
        make_service("dns", network_port_up=hear("dns")),
        make_service("image", network_port_down=hear("image")),
    ]
    subscriptions = [subscription for service in services for subscription in events.subscribe(service)]
    ctx = make_service("network").background_context()
    for number in range(5):
        events.publish(ctx, "network.port.up", {"port_id": number})
    for subscription in subscriptions:
        assert subscription.close(PATIENCE)
    assert sorted(heard) == sorted((name, number) for name in ("compute", "dns") for number in range(5))


def test_an_event_is_handled_by_the_hearing_service_under_the_same_request_id(
    make_service: Callable[..., Service],
) -> None:
    seen: list[tuple[str, str]] = []
    compute = make_service(
        "compute", network_port_up=lambda ctx, payload: seen.append((ctx.service.name, ctx.request_id))
    )
    subscriptions = events.subscribe(compute)
    ctx = make_service("network").background_context()
    token = request_id.set("req-7")
    events.publish(ctx, "network.port.up")
    request_id.reset(token)
    for subscription in subscriptions:
        assert subscription.close(PATIENCE)
    assert seen == [("compute", "req-7")]


def test_an_event_that_nobody_wants_and_one_whose_hearer_fails_hurt_nobody(
    make_service: Callable[..., Service], caplog: pytest.LogCaptureFixture
) -> None:
    def fail(ctx: Context, payload: Any) -> None:
        raise RuntimeError("broken")

    subscriptions = events.subscribe(make_service("compute", network_port_up=fail))
    ctx = make_service("network").background_context()
    events.publish(ctx, "network.port.gone")
    events.publish(ctx, "network.port.up")
    for subscription in subscriptions:
        assert subscription.close(PATIENCE)
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


def test_an_outage_where_an_event_is_heard_does_not_lose_it(make_service: Callable[..., Service]) -> None:
    outages = [errors.Unavailable("The database is away."), errors.Unavailable("It is away still.")]
    heard: list[Any] = []

    def look(ctx: Context, payload: Any) -> None:
        if outages:
            raise outages.pop()
        heard.append(payload)

    subscriptions = events.subscribe(make_service("compute", network_port_up=look))
    events.publish(make_service("network").background_context(), "network.port.up", {"id": "p"})
    for subscription in subscriptions:
        assert subscription.close(PATIENCE)
    assert heard == [{"id": "p"}]


def test_a_notification_has_the_format_of_oslo_messaging(
    make_service: Callable[..., Service], bus: MemoryBus
) -> None:
    received: list[events.Notification] = []
    watcher = bus.serve(f"{events.NOTIFICATIONS}.audit", {events.NOTIFY: received.append})
    ctx = make_service("compute").background_context(request_id="req-9", project_id="p", user_id="u")
    before = ctx.clock.now()
    events.notify(ctx, "compute.instance.create.end", {"instance_id": "i"}, priority="AUDIT")
    assert watcher.close(PATIENCE)

    outer = msgspec.json.decode(msgspec.json.encode(received[0]))
    assert sorted(outer) == ["oslo.message", "oslo.version"]
    assert outer["oslo.version"] == "2.0"
    inner = msgspec.json.decode(outer["oslo.message"])
    assert inner["event_type"] == "compute.instance.create.end"
    assert inner["publisher_id"].startswith("compute.")
    assert inner["priority"] == "AUDIT"
    assert inner["payload"] == {"instance_id": "i"}
    assert (inner["_context_request_id"], inner["_context_project_id"]) == ("req-9", "p")
    assert "T" not in inner["timestamp"]
    sent_at = datetime.fromisoformat(inner["timestamp"]).replace(tzinfo=UTC)
    assert before <= sent_at <= ctx.clock.now()
    assert inner["message_id"]
