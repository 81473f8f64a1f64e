"""What only the bus within one process does."""

import threading

import pytest

from kernel.bus.bus_notes import NOTE, PATIENCE, Heard, Note
from nacre.kernel import errors
from nacre.kernel.bus import MemoryBus
from nacre.kernel.bus import server as bus_server


def test_a_full_queue_refuses_calls_and_drops_casts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bus_server, "QUEUE_LIMIT", 2)
    bus = MemoryBus()
    heard, started, release = Heard(), threading.Event(), threading.Event()

    def handler(note: Note) -> None:
        started.set()
        release.wait(PATIENCE)
        heard(note)

    subscription = bus.serve("compute", {NOTE: handler}, concurrency=1)
    bus.cast("compute", NOTE, Note(text="running"))
    assert started.wait(PATIENCE)
    for text in ("second", "third", "dropped"):
        bus.cast("compute", NOTE, Note(text=text))
    with pytest.raises(errors.Unavailable):
        bus.call("compute", NOTE, Note(text="refused"))
    release.set()
    assert subscription.close(PATIENCE)
    assert heard.texts == ["running", "second", "third"]
    assert bus.close(PATIENCE)
