"""What telemetry outside nacre finds on the broker: bare messages in the exchanges where it looks for them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any

import aiormq
import msgspec
import pytest
from aiormq.abc import DeliveredMessage

from kernel.bus.bus_notes import PATIENCE
from nacre.kernel import events
from nacre.kernel.bus.amqp import AmqpBus
from nacre.kernel.process import Process
from nacre.kernel.service import Manifest
from nacre.kernel.testing.brokers import Broker
from nacre.kernel.testing.cloud import NoPorts

MakeAmqpBus = Callable[..., AmqpBus]


class Listener:
    """A program outside: binds a queue as oslo.messaging's listeners do, and keeps what comes."""

    def __init__(self, url: str, exchange: str, *, durable: bool = False) -> None:
        self._url, self._exchange, self._durable = url, exchange, durable
        self._messages: list[DeliveredMessage] = []
        self._changed = threading.Condition()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._connection = asyncio.run_coroutine_threadsafe(self._open(), self._loop).result(PATIENCE)

    async def _open(self) -> aiormq.abc.AbstractConnection:
        connection = await aiormq.connect(self._url)
        channel = await connection.channel()
        await channel.exchange_declare(self._exchange, exchange_type="topic", durable=self._durable)
        await channel.queue_declare("notifications.info")
        await channel.queue_bind("notifications.info", self._exchange, "notifications.info")
        await channel.basic_consume("notifications.info", self._hear, no_ack=True)
        return connection

    async def _hear(self, message: DeliveredMessage) -> None:
        with self._changed:
            self._messages.append(message)
            self._changed.notify_all()

    def wait_for(self, count: int) -> list[DeliveredMessage]:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self._messages) >= count, PATIENCE)
            return list(self._messages)

    def wait_a_little(self) -> None:
        with self._changed:
            self._changed.wait(0.05)

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._connection.close(), self._loop).result(PATIENCE)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@pytest.fixture
def listen(broker: Broker) -> Iterator[Callable[..., Listener]]:
    """Start listeners outside nacre."""
    made: list[Listener] = []

    def make(exchange: str, **options: Any) -> Listener:
        made.append(Listener(broker.url, exchange, **options))
        return made[-1]

    yield make
    for listener in made:
        listener.close()


def notify(bus: AmqpBus, exchange: str, text: str, topic: str = "notifications.info") -> None:
    bus.notify(exchange, topic, events.NOTIFY, events.Notification(message=text))


def test_a_service_notifies_as_oslo_messaging_does(
    make_amqp_bus: MakeAmqpBus, listen: Callable[..., Listener], tmp_path: Any
) -> None:
    listener = listen("nova")
    manifest = Manifest(name="compute", apis=(), policies=(), control_exchange="nova")
    process = Process([manifest], state=tmp_path, ports=NoPorts(), bus=make_amqp_bus())
    ctx = process.services["compute"].background_context()
    events.notify(ctx, "compute.instance.create.end", {"instance_id": "i"})
    (message,) = listener.wait_for(1)
    outer = msgspec.json.decode(message.body)
    assert sorted(outer) == ["oslo.message", "oslo.version"]
    inner = msgspec.json.decode(outer["oslo.message"])
    assert (inner["event_type"], inner["payload"]) == ("compute.instance.create.end", {"instance_id": "i"})
    properties = message.header.properties
    assert (properties.content_type, properties.content_encoding) == ("application/json", "utf-8")
    assert properties.delivery_mode == 2
    assert properties.expiration is None


def test_an_exchange_is_made_where_there_is_none_and_taken_as_it_is(
    make_amqp_bus: MakeAmqpBus, listen: Callable[..., Listener]
) -> None:
    bus = make_amqp_bus()
    notify(bus, "neutron", "nobody listens yet")
    notify(bus, "neutron", "another priority", "notifications.error")
    assert bus.close(PATIENCE)
    listeners = [listen("neutron"), listen("cinder", durable=True)]  # it must find the properties it expects
    bus = make_amqp_bus()
    for exchange in ("neutron", "cinder"):
        notify(bus, exchange, exchange)
    # The two share one queue, as the listeners of several exchanges do.
    while len(heard := [text(message) for each in listeners for message in each.wait_for(0)]) < 2:
        listeners[0].wait_a_little()
    assert sorted(heard) == ["cinder", "neutron"]


def test_notifications_that_go_wrong_hurt_nothing_else(
    make_amqp_bus: MakeAmqpBus, broker: Broker, listen: Callable[..., Listener]
) -> None:
    bus = make_amqp_bus()
    listener = listen("glance")
    notify(bus, "glance", "first")
    listener.wait_for(1)

    async def delete() -> None:
        connection = await aiormq.connect(broker.url)
        channel = await connection.channel()
        await channel.exchange_delete("glance")
        await connection.close()

    asyncio.run(delete())
    notify(bus, "glance", "lost, or sent when the exchange is there again")
    again = listen("glance")
    notify(bus, "glance", "second")
    while "second" not in {text(each) for each in (*listener.wait_for(0), *again.wait_for(0))}:
        again.wait_a_little()


def text(message: DeliveredMessage) -> str:
    return str(msgspec.json.decode(message.body)["oslo.message"])
