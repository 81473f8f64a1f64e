"""The bus between processes: what a broker adds to the promises of every bus."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kernel.bus.bus_notes import NOTE, PATIENCE, SAY, Echo, Heard, Note, echo
from nacre.kernel import errors
from nacre.kernel.bus import amqp_servers
from nacre.kernel.bus.amqp import AmqpBus
from nacre.kernel.pool import CompensatingPool
from nacre.kernel.testing.brokers import Broker

MakeAmqpBus = Callable[..., AmqpBus]
HERE = Path(__file__).parent


@contextmanager
def server_process(broker: Broker, realm: str, topic: str) -> Iterator[subprocess.Popen[str]]:
    """Run a server that never answers, as a process that can be killed."""
    process = subprocess.Popen(
        [sys.executable, str(HERE / "server_process.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(HERE.parents[1])},
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(f"{broker.url}\n{realm}\n{topic}\n")
        process.stdin.flush()
        assert process.stdout.readline() == "ready\n"
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


def test_processes_speak_with_each_other(make_amqp_bus: MakeAmqpBus) -> None:
    here, there = make_amqp_bus(), make_amqp_bus()
    there.serve("compute.h", {SAY: echo})
    assert here.call("compute.h", SAY, Note(text="a"), PATIENCE) == Echo(text="A")


def test_servers_in_several_processes_share_the_work(make_amqp_bus: MakeAmqpBus) -> None:
    one, two = Heard(), Heard()
    make_amqp_bus().serve("compute", {NOTE: one})
    make_amqp_bus().serve("compute", {NOTE: two})
    here = make_amqp_bus()
    for _ in range(10):
        here.call("compute", NOTE, Note(text="a"), PATIENCE)
    assert len(one.texts) + len(two.texts) == 10
    assert one.texts
    assert two.texts


def test_a_group_is_told_once_in_all_its_processes(make_amqp_bus: MakeAmqpBus) -> None:
    heard, alone = Heard(), Heard()
    for _ in range(2):
        make_amqp_bus().serve("event.x", {NOTE: heard}, group="compute")
    make_amqp_bus().serve("event.x", {NOTE: alone})
    here = make_amqp_bus()
    for number in range(20):
        here.fanout("event.x", NOTE, Note(text=str(number)))
    assert alone.wait_for(20) == [str(number) for number in range(20)]
    assert sorted(heard.wait_for(20), key=int) == [str(number) for number in range(20)]


def test_realms_do_not_hear_each_other(make_amqp_bus: MakeAmqpBus, broker: Broker) -> None:
    make_amqp_bus().serve("compute", {SAY: echo})
    other = make_amqp_bus(realm=broker.new_realm())
    with pytest.raises(errors.Unavailable):
        other.call("compute", SAY, Note(text="a"))


def test_a_topic_whose_servers_leave_together_has_none(make_amqp_bus: MakeAmqpBus) -> None:
    buses = [make_amqp_bus() for _ in range(3)]
    subscriptions = [bus.serve("compute", {SAY: echo}) for bus in buses]
    threads = [threading.Thread(target=each.close, args=(PATIENCE,)) for each in subscriptions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with pytest.raises(errors.Unavailable) as caught:
        buses[0].call("compute", SAY, Note(text="a"), PATIENCE)
    assert "nobody listens" in str(caught.value.detail)


def test_a_server_that_comes_while_the_last_one_goes_is_found(make_amqp_bus: MakeAmqpBus) -> None:
    one, two, asking = make_amqp_bus(), make_amqp_bus(), make_amqp_bus()
    present = one.serve("compute", {SAY: echo})
    for turn in range(10):
        leaving = threading.Thread(target=present.close, args=(PATIENCE,))
        leaving.start()
        present = (two, one)[turn % 2].serve("compute", {SAY: echo})
        leaving.join()
        assert asking.call("compute", SAY, Note(text="a"), PATIENCE) == Echo(text="A")


def test_a_call_to_a_server_that_died_does_not_wait_for_its_deadline(
    make_amqp_bus: MakeAmqpBus, broker: Broker, realm: str
) -> None:
    here = make_amqp_bus()
    with server_process(broker, realm, "compute.h") as victim:
        victim.kill()
        victim.wait()
        with pytest.raises(errors.Unavailable) as caught:
            here.call("compute.h", NOTE, Note(text="a"), deadline_seconds=600)
    assert "gone" in str(caught.value.detail)


def test_a_call_that_grew_too_old_on_the_broker_is_not_executed(
    make_amqp_bus: MakeAmqpBus, broker: Broker, realm: str
) -> None:
    here, heard = make_amqp_bus(), Heard()
    with server_process(broker, realm, "compute.h") as victim:
        here.cast("compute.h", NOTE, Note(text="first"))
        assert victim.stdout is not None
        assert victim.stdout.readline() == "first\n"
        with pytest.raises(errors.Unavailable):
            here.call("compute.h", NOTE, Note(text="late"), deadline_seconds=0.05)
        here.cast("compute.h", NOTE, Note(text="last"))
    here.serve("compute.h", {NOTE: heard}, concurrency=1)
    # What the dead process had in hand is handled by the next one, as soon as the broker knows; the call is not.
    assert sorted(heard.wait_for(2)) == ["first", "last"]


def test_a_message_that_a_process_died_of_is_handled_by_another(
    make_amqp_bus: MakeAmqpBus, broker: Broker, realm: str
) -> None:
    here = make_amqp_bus()
    answers: list[object] = []
    with server_process(broker, realm, "compute") as victim:
        asking = threading.Thread(
            target=lambda: answers.append(here.call("compute", NOTE, Note(text="a"), PATIENCE))
        )
        asking.start()
        assert victim.stdout is not None
        assert victim.stdout.readline() == "a\n"
        heard = Heard()
        make_amqp_bus().serve("compute", {NOTE: heard})
    asking.join(PATIENCE)
    assert heard.texts == ["a"]
    assert answers == [None]


def test_a_full_queue_refuses_calls_and_drops_casts(
    make_amqp_bus: MakeAmqpBus, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(amqp_servers, "QUEUE_LIMIT", 5)
    heard, release = Heard(), threading.Event()

    def handler(note: Note) -> None:
        release.wait(PATIENCE)
        heard(note)

    bus = make_amqp_bus()
    subscription = bus.serve("compute", {NOTE: handler}, concurrency=1)
    sent = 0
    while (
        "its queue is full" not in caplog.text
    ):  # the broker counts with a delay, so that more than five fit
        bus.cast("compute", NOTE, Note(text=str(sent)))
        sent += 1
        heard.wait_a_little()
    with pytest.raises(errors.Unavailable) as caught:
        bus.call("compute", NOTE, Note(text="refused"), PATIENCE)
    assert "full" in str(caught.value.detail)
    release.set()
    assert subscription.close(PATIENCE)
    assert heard.texts[:5] == list("01234")
    assert len(heard.texts) < sent


def test_the_loop_of_somebody_else_can_be_used(make_amqp_bus: MakeAmqpBus) -> None:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    bus = make_amqp_bus(loop=loop)
    bus.serve("compute", {SAY: echo})
    assert bus.call("compute", SAY, Note(text="a"), PATIENCE) == Echo(text="A")
    assert bus.close(PATIENCE)
    assert loop.is_running()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def test_a_process_that_has_one_thread_can_ask_itself(make_amqp_bus: MakeAmqpBus) -> None:
    bus = make_amqp_bus(pool=CompensatingPool(runnable=1))
    bus.serve("inner", {SAY: echo})
    bus.serve("outer", {SAY: lambda note: bus.call("inner", SAY, note, PATIENCE)})
    assert bus.call("outer", SAY, Note(text="a"), PATIENCE) == Echo(text="A")


@pytest.mark.parametrize("topic", ["", "compute.#", "*", "a:b", "a..b", "a b", "x" * 151])
def test_a_topic_that_would_be_a_pattern_is_refused(make_amqp_bus: MakeAmqpBus, topic: str) -> None:
    bus = make_amqp_bus(connected=False)
    with pytest.raises(ValueError, match="name on the bus"):
        bus.serve(topic, {SAY: echo})
    with pytest.raises(ValueError, match="name on the bus"):
        bus.call(topic, SAY, Note(text="a"))
    with pytest.raises(ValueError, match="name on the bus"):
        bus.cast(topic, SAY, Note(text="a"))
