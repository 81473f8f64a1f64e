"""What both drivers of the bus promise: who hears what, in which order, how an absent or broken server looks."""

import logging
import threading
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from kernel.bus.bus_notes import NOTE, PATIENCE, SAY, Echo, Heard, MakeBus, Note, echo
from nacre.kernel import errors
from nacre.kernel.bus import Bus, Method
from nacre.kernel.log import request_id
from nacre.kernel.pool import CompensatingPool


def test_call_returns_the_reply(bus: Bus) -> None:
    bus.serve("compute.one", {SAY: echo})
    assert bus.call("compute.one", SAY, Note(text="hello")) == Echo(text="HELLO")


def test_a_method_without_reply_returns_none(bus: Bus) -> None:
    heard = Heard()
    bus.serve("compute", {NOTE: heard})
    assert bus.call("compute", NOTE, Note(text="a")) is None
    assert heard.texts == ["a"]


def test_nothing_is_shared_by_reference(bus: Bus) -> None:
    kept: list[Note] = []
    bus.serve("compute", {NOTE: kept.append})
    note = Note(text="a", tags=["x"])
    bus.call("compute", NOTE, note)
    assert kept == [note]
    assert kept[0] is not note
    assert kept[0].tags is not note.tags


def test_nobody_there_is_unavailable(bus: Bus) -> None:
    with pytest.raises(errors.Unavailable) as caught:
        bus.call("compute.gone", SAY, Note(text="a"))
    assert "compute.gone" not in caught.value.message
    assert "compute.gone" in (caught.value.detail or "")


def test_no_answer_in_time_is_unavailable(bus: Bus) -> None:
    release = threading.Event()
    bus.serve("slow", {SAY: lambda note: Echo(text=str(release.wait(PATIENCE)))})
    with pytest.raises(errors.Unavailable):
        bus.call("slow", SAY, Note(text="a"), deadline_seconds=0.01)
    release.set()


def test_a_call_that_nobody_waits_for_any_more_is_skipped(bus: Bus) -> None:
    heard, started, release = Heard(), threading.Event(), threading.Event()

    def block(note: Note) -> None:
        if note.text == "first":
            started.set()
            release.wait(PATIENCE)
        heard(note)

    bus.serve("slow", {NOTE: block}, concurrency=1)
    bus.cast("slow", NOTE, Note(text="first"))
    assert started.wait(PATIENCE)
    with pytest.raises(errors.Unavailable):
        bus.call("slow", NOTE, Note(text="late"), deadline_seconds=0.01)
    bus.cast("slow", NOTE, Note(text="last"))
    release.set()
    assert heard.wait_for(2) == ["first", "last"]


def test_a_cast_to_nobody_is_dropped(bus: Bus, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger="nacre"):
        bus.cast("nobody", NOTE, Note(text="a"))
        bus.fanout("nobody", NOTE, Note(text="a"))
        assert bus.close(PATIENCE)
    dropped = [record for record in caplog.records if "is dropped" in record.getMessage()]
    assert [record.levelno for record in dropped] == [logging.DEBUG] * 2


def test_casts_to_a_server_with_one_handler_keep_their_order(bus: Bus) -> None:
    heard = Heard()
    bus.serve("compute", {NOTE: heard}, concurrency=1)
    sent = [str(number) for number in range(500)]
    for text in sent:
        bus.cast("compute", NOTE, Note(text=text))
    assert heard.wait_for(500) == sent


def test_a_server_runs_at_most_so_many_handlers(bus: Bus) -> None:
    lock, now, most = threading.Lock(), 0, 0
    together = threading.Barrier(3)

    def handler(note: Note) -> None:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        together.wait(PATIENCE)
        with lock:
            now -= 1

    subscription = bus.serve("compute", {NOTE: handler}, concurrency=3)
    for _ in range(9):
        bus.cast("compute", NOTE, Note(text="a"))
    assert subscription.close(PATIENCE)
    assert most == 3


def test_servers_of_a_topic_take_turns(bus: Bus) -> None:
    one, two = Heard(), Heard()
    bus.serve("compute", {NOTE: one})
    bus.serve("compute", {NOTE: two})
    for _ in range(10):
        bus.call("compute", NOTE, Note(text="a"))
    assert (len(one.texts), len(two.texts)) == (5, 5)


def test_fanout_reaches_every_server_but_one_of_a_group(bus: Bus) -> None:
    alone, other, first, second = Heard(), Heard(), Heard(), Heard()
    subscriptions = [
        bus.serve("agents", {NOTE: alone}),
        bus.serve("agents", {NOTE: other}),
        bus.serve("agents", {NOTE: first}, group="network"),
        bus.serve("agents", {NOTE: second}, group="network"),
    ]
    for _ in range(10):
        bus.fanout("agents", NOTE, Note(text="a"))
    for subscription in subscriptions:
        assert subscription.close(PATIENCE)
    assert len(alone.texts) == len(other.texts) == 10
    assert len(first.texts) + len(second.texts) == 10


def test_servers_of_a_topic_must_answer_the_same_methods(bus: Bus) -> None:
    bus.serve("compute", {SAY: echo})
    with pytest.raises(ValueError, match="same methods"):
        bus.serve("compute", {SAY: echo, NOTE: Heard()})


def test_two_methods_may_not_share_a_name(bus: Bus) -> None:
    with pytest.raises(ValueError, match="'say'"):
        bus.serve("compute", {SAY: echo, Method("say", Note): Heard()})


class NoValidHost(errors.Conflict):
    message = "No host fits."


def raiser(error: Exception) -> Callable[[Any], Any]:
    def handler(message: Any) -> Any:
        raise error

    return handler


@pytest.mark.parametrize(
    ("raised", "arrives"),
    [
        (errors.NotFound("Server a does not exist.", detail="host 7"), errors.NotFound),
        (NoValidHost(detail="all full"), errors.Conflict),
        (errors.PolicyForbidden("compute:create"), errors.Forbidden),
        (errors.Invalid("server.name", 3, "not a string"), errors.BadRequest),
        (errors.NacreError("Odd."), errors.NacreError),
    ],
)
def test_a_refusal_arrives_with_its_meaning(
    bus: Bus, raised: errors.NacreError, arrives: type[errors.NacreError]
) -> None:
    bus.serve("compute", {SAY: raiser(raised)})
    with pytest.raises(errors.NacreError) as caught:
        bus.call("compute", SAY, Note(text="a"))
    assert type(caught.value) is arrives
    assert (caught.value.message, caught.value.detail) == (raised.message, raised.detail)


def test_a_bug_arrives_without_its_text_and_is_logged_where_it_happened(
    bus: Bus, caplog: pytest.LogCaptureFixture
) -> None:
    bus.serve("compute", {SAY: raiser(RuntimeError("password=hunter2"))})
    with pytest.raises(errors.RemoteFailure) as caught:
        bus.call("compute", SAY, Note(text="a"))
    assert "hunter2" not in f"{caught.value} {caught.value.detail}"
    assert [record.exc_info is not None for record in caplog.records] == [True]


def test_a_refusal_that_nobody_awaits_is_logged(bus: Bus, caplog: pytest.LogCaptureFixture) -> None:
    subscription = bus.serve("compute", {NOTE: raiser(errors.Conflict("The server is busy."))})
    bus.cast("compute", NOTE, Note(text="a"))
    assert subscription.close(PATIENCE)
    assert [(record.levelno, "The server is busy." in record.getMessage()) for record in caplog.records] == [
        (logging.WARNING, True)
    ]


def test_a_message_of_another_shape_is_a_remote_failure(bus: Bus) -> None:
    wrong = Method("say", Echo, Echo)

    class Other(msgspec.Struct, frozen=True):
        number: int

    bus.serve("compute", {Method("say", Other, Echo): echo})
    with pytest.raises(errors.RemoteFailure):
        bus.call("compute", wrong, Echo(text="a"))


def test_a_reply_of_another_shape_is_a_remote_failure(bus: Bus) -> None:
    bus.serve("compute", {SAY: lambda note: {"number": 1}})
    with pytest.raises(errors.RemoteFailure):
        bus.call("compute", SAY, Note(text="a"))


def test_an_unknown_method_is_not_implemented(bus: Bus) -> None:
    bus.serve("compute", {SAY: echo})
    with pytest.raises(errors.NotImplementedHere):
        bus.call("compute", NOTE, Note(text="a"))


def test_a_newer_message_may_hold_more_fields(bus: Bus) -> None:
    class NewerNote(msgspec.Struct, frozen=True, kw_only=True):
        text: str
        colour: str = "blue"

    bus.serve("compute", {SAY: echo})
    newer = Method("say", NewerNote, Echo)
    assert bus.call("compute", newer, NewerNote(text="a")) == Echo(text="A")


def test_the_request_id_travels_with_the_message(bus: Bus) -> None:
    bus.serve("compute", {SAY: lambda note: Echo(text=str(request_id.get()))})
    token = request_id.set("req-1")
    try:
        assert bus.call("compute", SAY, Note(text="a")).text == "req-1"
    finally:
        request_id.reset(token)
    assert bus.call("compute", SAY, Note(text="a")).text == "None"


def test_a_long_chain_of_calls_does_not_wait_for_itself(make_bus: MakeBus) -> None:
    """Each link holds a handler while it waits for the next; the pool lets one thread run."""
    bus = make_bus(pool=CompensatingPool(runnable=1))
    length = 20

    def link(number: int) -> Callable[[Note], Echo]:
        def handler(note: Note) -> Echo:
            if number == length:
                return echo(note)
            return bus.call(f"link.{number + 1}", SAY, note, PATIENCE)

        return handler

    for number in range(length + 1):
        bus.serve(f"link.{number}", {SAY: link(number)})
    assert bus.call("link.0", SAY, Note(text="a"), PATIENCE) == Echo(text="A")
    assert bus.close(PATIENCE)


def test_many_callers_at_once(bus: Bus) -> None:
    bus.serve("compute", {SAY: echo})
    right: list[str] = []

    def ask(name: str) -> None:
        for number in range(50):
            text = f"{name}{number}"
            if bus.call("compute", SAY, Note(text=text), PATIENCE).text == text.upper():
                right.append(text)

    threads = [threading.Thread(target=ask, args=(name,)) for name in "abcdefgh"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert len(right) == 8 * 50


def test_closing_a_subscription_finishes_what_was_queued(bus: Bus) -> None:
    heard = Heard()
    subscription = bus.serve("compute", {NOTE: heard}, concurrency=2)
    for number in range(300):
        bus.cast("compute", NOTE, Note(text=str(number)))
    assert subscription.close(PATIENCE)
    assert len(heard.texts) == 300
    with pytest.raises(errors.Unavailable):
        bus.call("compute", NOTE, Note(text="late"))
    assert subscription.close(PATIENCE)


def test_closing_says_when_a_handler_did_not_finish(bus: Bus) -> None:
    started, release = threading.Event(), threading.Event()

    def handler(note: Note) -> None:
        started.set()
        release.wait(PATIENCE)

    subscription = bus.serve("compute", {NOTE: handler})
    bus.cast("compute", NOTE, Note(text="a"))
    assert started.wait(PATIENCE)
    assert not subscription.close(0.01)
    release.set()
    assert subscription.close(PATIENCE)


def test_a_handler_may_close_its_own_subscription(bus: Bus) -> None:
    closed: list[bool] = []
    subscription = bus.serve("compute", {NOTE: lambda note: closed.append(subscription.close(PATIENCE))})
    bus.call("compute", NOTE, Note(text="a"), PATIENCE)
    assert closed == [True]


def test_a_closed_bus_serves_and_carries_nothing(make_bus: MakeBus) -> None:
    bus = make_bus()
    bus.serve("compute", {SAY: echo})
    assert bus.close(PATIENCE)
    with pytest.raises(errors.Unavailable):
        bus.call("compute", SAY, Note(text="a"))
    with pytest.raises(errors.Unavailable):
        bus.serve("compute", {SAY: echo})


def test_a_busy_server_lets_others_have_the_thread(make_bus: MakeBus) -> None:
    """One runnable thread, and a topic whose queue is never empty."""
    bus = make_bus(pool=CompensatingPool(runnable=1))
    done = threading.Event()

    def again(note: Note) -> None:
        if not done.is_set():
            bus.cast("busy", NOTE, note)

    bus.serve("busy", {NOTE: again}, concurrency=1)
    bus.serve("other", {NOTE: lambda note: done.set()})
    bus.cast("busy", NOTE, Note(text="a"))
    bus.cast("other", NOTE, Note(text="a"))
    assert done.wait(PATIENCE)
    assert bus.close(PATIENCE)
