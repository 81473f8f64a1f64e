"""A broker that dies and comes back: what is waited for, what is refused, and that everything goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from kernel.bus.bus_notes import NOTE, PATIENCE, SAY, Echo, Heard, Note, echo
from nacre.kernel import errors
from nacre.kernel.bus.amqp import AmqpBus
from nacre.kernel.bus.options import BusOptions
from nacre.kernel.testing import daemons
from nacre.kernel.testing.brokers import Broker, running_broker

LONG = 600.0  # a deadline that is never waited for


@pytest.fixture(scope="module")
def mortal_broker() -> Iterator[Broker]:
    """A broker that these tests may kill."""
    with running_broker() as broker:
        yield broker


class Asking(threading.Thread):
    """A call under way, and how it ended."""

    def __init__(self, bus: AmqpBus, topic: str, text: str) -> None:
        super().__init__()
        self.outcome: Any = None
        self._call: Callable[[], Any] = lambda: bus.call(topic, SAY, Note(text=text), LONG)
        self.start()

    def run(self) -> None:
        try:
            self.outcome = self._call()
        except errors.NacreError as error:
            self.outcome = error

    def end(self) -> Any:
        self.join(PATIENCE)
        assert not self.is_alive()
        return self.outcome


def test_everything_goes_on_after_the_broker_was_restarted_or_killed(
    mortal_broker: Broker, caplog: pytest.LogCaptureFixture
) -> None:
    options = BusOptions(url=mortal_broker.url, realm="outage", patience_seconds=PATIENCE)
    here, there = AmqpBus(options, name="here"), AmqpBus(options, name="there")
    heard, all_heard, started, release = Heard(), Heard(), threading.Event(), threading.Event()

    def slow(note: Note) -> Echo:
        started.set()
        release.wait(PATIENCE)
        return echo(note)

    there.serve("slow", {SAY: slow})
    there.serve("quick", {SAY: echo, NOTE: heard}, concurrency=1)
    there.serve("event", {NOTE: all_heard}, group="network")
    here.call("quick", SAY, Note(text="a"), PATIENCE)
    assert here.outages == 0

    in_flight = Asking(here, "slow", "lost")
    assert started.wait(PATIENCE)
    mortal_broker.stop()
    # The broker had the call; its answer can come no more, and the caller hears so now, not at the deadline.
    assert isinstance(in_flight.end(), errors.Unavailable)
    release.set()

    # While the broker is away: what is told waits, and a call waits for its patience.
    for number in range(20):
        here.cast("quick", NOTE, Note(text=str(number)))
    here.fanout("event", NOTE, Note(text="e"))
    asking = Asking(here, "quick", "b")
    mortal_broker.start()
    assert heard.wait_for(20) == [str(number) for number in range(20)]
    assert all_heard.wait_for(1) == ["e"]
    assert asking.end() == Echo(text="B")
    assert here.outages == 1

    # A broker that is killed may forget even what was durable; then it is declared again.
    mortal_broker.kill()
    mortal_broker.start()
    assert here.call("slow", SAY, Note(text="c"), PATIENCE) == Echo(text="C")
    for topic, listener, send in (("quick", heard, here.cast), ("event", all_heard, here.fanout)):
        before = len(listener.texts)
        while len(listener.texts) == before:
            send(topic, NOTE, Note(text="d"))
            listener.wait_a_little()
    assert here.close(PATIENCE)
    assert there.close(PATIENCE)
    assert mortal_broker.url.split(":")[2].split("@")[0] not in caplog.text


def test_a_broker_that_is_away_is_unavailable(mortal_broker: Broker) -> None:
    mortal_broker.kill()
    bus = AmqpBus(BusOptions(url=mortal_broker.url, patience_seconds=0.1), name="early")
    heard = Heard()
    bus.serve("early", {NOTE: heard})
    with pytest.raises(errors.Unavailable) as caught:
        bus.call("early", NOTE, Note(text="a"), LONG)
    assert "cannot be reached" in str(caught.value.detail)
    mortal_broker.start()
    while not heard.texts:
        bus.cast("early", NOTE, Note(text="b"))
        heard.wait_a_little()
    assert bus.close(PATIENCE)


def test_the_next_broker_is_tried(mortal_broker: Broker) -> None:
    nobody = daemons.free_ports(1)[0]
    account, _, place = mortal_broker.url.rpartition("@")
    bus = AmqpBus(BusOptions(url=f"{account}@127.0.0.1:{nobody},{place}"), name="two")
    assert bus.wait_until_connected(PATIENCE)
    bus.serve("compute", {SAY: echo})
    assert bus.call("compute", SAY, Note(text="a"), PATIENCE) == Echo(text="A")
    assert bus.close(PATIENCE)


def test_a_wrong_password_is_said_in_the_log_without_the_password(
    mortal_broker: Broker, caplog: pytest.LogCaptureFixture
) -> None:
    options = BusOptions(url=mortal_broker.url, password="hunter2-hunter2", patience_seconds=0.1)
    bus = AmqpBus(options, name="stranger")
    with pytest.raises(errors.Unavailable):
        bus.call("compute", SAY, Note(text="a"), LONG)
    bus.close(PATIENCE)
    assert "ACCESS_REFUSED" in caplog.text
    assert "hunter2" not in caplog.text
    assert "hunter2" not in repr(options)
