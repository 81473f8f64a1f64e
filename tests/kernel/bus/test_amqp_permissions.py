"""What the account of a host may do on the broker, tried with all that the protocol offers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import aiormq
import pytest
from aiormq.abc import AbstractChannel, AbstractConnection
from aiormq.exceptions import ChannelAccessRefused, ChannelPreconditionFailed
from pamqp.commands import Basic

from kernel.bus.bus_notes import NOTE, PATIENCE, REPORT, SAY, Echo, Heard, Note, Report, echo, echo_report
from nacre.kernel import errors
from nacre.kernel.bus.amqp import AmqpBus
from nacre.kernel.bus.amqp_names import Names, host_permissions, new_address, queue_arguments
from nacre.kernel.bus.envelope import encode_request
from nacre.kernel.bus.server import QUEUE_LIMIT
from nacre.kernel.testing.brokers import HOSTS, HOSTS_REALM, Broker

ONE, TWO = HOSTS
NAMES = Names(HOSTS_REALM)
MakeAmqpBus = Callable[..., AmqpBus]


@pytest.fixture
def control_plane(make_amqp_bus: MakeAmqpBus) -> AmqpBus:
    """The control plane, which may do anything."""
    return make_amqp_bus(realm=HOSTS_REALM, name="control")


@pytest.fixture
def host_buses(make_amqp_bus: MakeAmqpBus, broker: Broker, control_plane: AmqpBus) -> list[AmqpBus]:
    """The buses of two hosts, each with its own account."""
    return [make_amqp_bus(realm=HOSTS_REALM, name=host, url=broker.host_url(host)) for host in HOSTS]


def test_a_host_serves_its_topics_and_speaks_with_the_control_plane(
    control_plane: AmqpBus, host_buses: list[AmqpBus]
) -> None:
    one, two = host_buses
    heard, told = Heard(), Heard()
    control_plane.serve("compute", {REPORT: lambda report: heard(report) or Echo(text="heard")})
    one.serve(f"compute.{ONE}", {SAY: echo, NOTE: told})
    one.serve(f"network.{ONE}", {SAY: echo})
    two.serve(f"compute.{TWO}", {SAY: echo})
    assert one.call("compute", REPORT, Report(host=ONE, text="a"), PATIENCE) == Echo(text="heard")
    one.cast("compute", REPORT, Report(host=ONE, text="b"))
    assert heard.wait_for(2) == ["a", "b"]
    for topic in (f"compute.{ONE}", f"network.{ONE}", f"compute.{TWO}"):
        assert control_plane.call(topic, SAY, Note(text="a"), PATIENCE) == Echo(text="A")
    control_plane.cast(f"compute.{ONE}", NOTE, Note(text="wake"))
    control_plane.fanout(f"compute.{ONE}", NOTE, Note(text="all"))
    assert sorted(told.wait_for(2)) == ["all", "wake"]


@pytest.mark.parametrize("topic", [f"compute.{TWO}", "compute", "network", "event.x", f"compute.{ONE}.x"])
def test_a_host_cannot_serve_what_is_not_its_own(
    host_buses: list[AmqpBus], control_plane: AmqpBus, topic: str
) -> None:
    control_plane.serve("compute", {SAY: echo})
    with pytest.raises(errors.Forbidden):
        host_buses[0].serve(topic, {SAY: echo})


def test_a_host_cannot_speak_to_another(host_buses: list[AmqpBus], control_plane: AmqpBus) -> None:
    one, two = host_buses
    heard = Heard()
    two.serve(f"compute.{TWO}", {NOTE: heard})
    control_plane.serve("compute", {REPORT: echo_report})
    with pytest.raises(errors.Unavailable) as caught:
        one.call(f"compute.{TWO}", NOTE, Note(text="bad"), PATIENCE)
    assert "ACCESS_REFUSED" in str(caught.value.detail)
    one.cast(f"compute.{TWO}", NOTE, Note(text="bad"))
    one.fanout(f"compute.{TWO}", NOTE, Note(text="bad"))
    # It goes on with what it may do, and the other host has heard nothing but the control plane.
    assert one.call("compute", REPORT, Report(host=ONE, text="a"), PATIENCE) == Echo(text="A")
    control_plane.call(f"compute.{TWO}", NOTE, Note(text="good"), PATIENCE)
    assert heard.texts == ["good"]


def test_a_host_does_not_speak_for_another(host_buses: list[AmqpBus], control_plane: AmqpBus) -> None:
    one, heard = host_buses[0], Heard()
    control_plane.serve("compute", {REPORT: lambda report: heard(report) or Echo(text="heard")})
    with pytest.raises(errors.Forbidden):
        one.call("compute", REPORT, Report(host=TWO, text="lie"), PATIENCE)
    one.cast("compute", REPORT, Report(host=TWO, text="lie"))
    one.call("compute", REPORT, Report(host=ONE, text="truth"), PATIENCE)
    control_plane.call("compute", REPORT, Report(host=TWO, text="said by the control plane"), PATIENCE)
    assert heard.texts == ["truth", "said by the control plane"]


def test_a_host_cannot_ask_what_is_not_for_hosts(host_buses: list[AmqpBus], control_plane: AmqpBus) -> None:
    control_plane.serve("compute", {SAY: echo})
    with pytest.raises(errors.Forbidden):
        host_buses[0].call("compute", SAY, Note(text="a"), PATIENCE)


@pytest.mark.parametrize("sender", [None, "nacre", NAMES.host_account(TWO)])
def test_a_host_cannot_hide_who_it_is(sender: str | None, broker: Broker, control_plane: AmqpBus) -> None:
    """Without a name nobody listens; with another's the broker refuses."""
    heard = Heard()
    control_plane.serve(
        "compute", {REPORT: lambda report: heard(report) or Echo(text="heard")}, concurrency=1
    )

    async def try_it() -> None:
        connection: AbstractConnection = await aiormq.connect(broker.host_url(ONE))
        channel = await connection.channel(publisher_confirms=True)
        await channel.basic_publish(
            encode_request(REPORT, Report(host=TWO, text="lie")),
            exchange=NAMES.calls,
            routing_key="compute",
            properties=Basic.Properties(user_id=sender),
        )
        await connection.close()

    if sender is None:
        asyncio.run(try_it())
    else:
        with pytest.raises(ChannelPreconditionFailed):
            asyncio.run(try_it())
    control_plane.call("compute", REPORT, Report(host=TWO, text="truth"), PATIENCE)
    assert heard.texts == ["truth"]


Attempt = Callable[[AbstractChannel], Awaitable[object]]

OTHERS_REPLIES = NAMES.reply_queue(new_address(TWO))
OWN_TOPIC, OTHERS_TOPIC = f"compute.{ONE}", f"compute.{TWO}"
OWN, OTHERS = NAMES.shared_queue(OWN_TOPIC), NAMES.shared_queue(OTHERS_TOPIC)

FORBIDDEN: dict[str, Attempt] = {
    "take another's messages": lambda channel: channel.basic_consume(OTHERS, print),
    "peek at another's messages": lambda channel: channel.basic_get(OTHERS),
    "take the control plane's messages": lambda channel: channel.basic_consume(
        NAMES.shared_queue("compute"), print
    ),
    "be copied on what another is asked": lambda channel: channel.queue_bind(OWN, NAMES.calls, OTHERS_TOPIC),
    "be copied on what all are asked": lambda channel: channel.queue_bind(OWN, NAMES.calls, "compute.#"),
    "be copied on what another is told": lambda channel: channel.queue_bind(OWN, NAMES.fanout, OTHERS_TOPIC),
    "be copied on what another is answered": lambda channel: channel.queue_bind(
        OWN, NAMES.replies, f"{TWO}.{'0' * 32}"
    ),
    "be copied on all answers": lambda channel: channel.queue_bind(OWN, NAMES.replies, "#"),
    "divert another's queue": lambda channel: channel.queue_bind(OTHERS, NAMES.calls, OWN_TOPIC),
    "make a queue of another's": lambda channel: channel.queue_declare(
        f"{OTHERS}:@0", durable=True, arguments=queue_arguments(1)
    ),
    "listen to another's mailbox": lambda channel: channel.queue_declare(OTHERS_REPLIES, exclusive=True),
    "delete another's queue": lambda channel: channel.queue_delete(OTHERS),
    "empty another's queue": lambda channel: channel.queue_purge(OTHERS),
    "make an exchange": lambda channel: channel.exchange_declare(f"{HOSTS_REALM}:x", exchange_type="topic"),
    "delete an exchange": lambda channel: channel.exchange_delete(NAMES.calls),
    "reach a queue past the exchanges": lambda channel: channel.basic_publish(b"", routing_key=OTHERS),
    "tell everybody": lambda channel: channel.basic_publish(
        b"", exchange=NAMES.fanout, routing_key="compute"
    ),
    "ask another host": lambda channel: channel.basic_publish(
        b"", exchange=NAMES.calls, routing_key=OTHERS_TOPIC
    ),
}


@pytest.mark.parametrize("attempt", FORBIDDEN)
def test_a_host_cannot(
    attempt: str, broker: Broker, control_plane: AmqpBus, host_buses: list[AmqpBus]
) -> None:
    control_plane.serve("compute", {SAY: echo})
    for bus, host in zip(host_buses, HOSTS, strict=True):
        bus.serve(f"compute.{host}", {SAY: echo})

    async def try_it() -> None:
        connection: AbstractConnection = await aiormq.connect(broker.host_url(ONE))
        try:
            await FORBIDDEN[attempt](await connection.channel())
        finally:
            await connection.close()

    with pytest.raises(ChannelAccessRefused):
        asyncio.run(try_it())
    assert control_plane.call(OTHERS_TOPIC, SAY, Note(text="a"), PATIENCE) == Echo(text="A")


async def send_copies(url: str, header: str) -> None:
    """Name another host's topic in the headers of a message that one may send."""
    connection: AbstractConnection = await aiormq.connect(url)
    channel = await connection.channel()
    await channel.basic_publish(
        encode_request(NOTE, Note(text="bad")),
        exchange=NAMES.calls,
        routing_key="compute",
        properties=Basic.Properties(headers={header: [OTHERS_TOPIC]}),
    )
    await connection.close()


async def send_around_the_corner(url: str, header: str) -> None:
    """Send as if to a mailbox, where any key may be used, and have the one exchange feed the other."""
    connection: AbstractConnection = await aiormq.connect(url)
    channel = await connection.channel()
    address = new_address(ONE)
    await channel.exchange_bind(NAMES.calls, NAMES.replies, address)
    await channel.basic_publish(
        encode_request(NOTE, Note(text="bad")),
        exchange=NAMES.replies,
        routing_key=OTHERS_TOPIC,
        properties=Basic.Properties(headers={header: [address]}),
    )
    await channel.exchange_unbind(NAMES.calls, NAMES.replies, address)
    await connection.close()


@pytest.mark.parametrize("header", ["CC", "BCC"])
@pytest.mark.parametrize("send", [send_copies, send_around_the_corner])
def test_a_host_does_not_reach_another_by_copies(
    send: Callable[[str, str], Coroutine[Any, Any, None]],
    header: str,
    broker: Broker,
    control_plane: AmqpBus,
    host_buses: list[AmqpBus],
    caplog: pytest.LogCaptureFixture,
) -> None:
    one, heard = host_buses[1], Heard()
    control_plane.serve("compute", {NOTE: Heard()})
    one.serve(OTHERS_TOPIC, {NOTE: heard}, concurrency=1)
    asyncio.run(send(broker.host_url(ONE), header))
    control_plane.call(OTHERS_TOPIC, NOTE, Note(text="good"), PATIENCE)
    assert heard.texts == ["good"]
    assert f"{OTHERS_TOPIC} drops what was sent to" in caplog.text


def test_an_account_that_may_do_what_is_forbidden_here_can(broker: Broker, control_plane: AmqpBus) -> None:
    """So that the test above is not passed by attempts that nobody could make."""
    control_plane.serve(OTHERS_TOPIC, {SAY: echo})

    async def try_all() -> None:
        connection: AbstractConnection = await aiormq.connect(broker.url)
        channel = await connection.channel()
        await channel.queue_declare(OWN, durable=True, arguments=queue_arguments(QUEUE_LIMIT))
        allowed = [name for name in FORBIDDEN if not name.startswith(("delete", "empty", "take", "peek"))]
        for name in allowed:
            await FORBIDDEN[name](channel)
        await connection.close()

    asyncio.run(try_all())


def test_a_hosts_name_stands_for_itself_alone() -> None:
    """A dot in a name is a dot, so that one host's account does not fit another's."""
    assert host_permissions("nacre", "a.b", ("compute",)).topics["nacre"] == (
        "^(compute)$",
        r"^(compute)\.a\.b$",
    )
    with pytest.raises(ValueError, match="name on the bus"):
        host_permissions("nacre", "h.*", ("compute",))
