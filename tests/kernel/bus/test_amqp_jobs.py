"""Processes of one service on a broker tell each other that there is work."""

from __future__ import annotations

import threading
from collections.abc import Callable

from kernel.bus.bus_notes import PATIENCE
from nacre.kernel.bus import MemoryBus
from nacre.kernel.bus.amqp import AmqpBus
from nacre.kernel.db import Database
from nacre.kernel.tasks.neighbours import share
from nacre.kernel.tasks.wakeups import announce


def test_work_that_is_written_in_one_process_wakes_the_runners_of_the_others(
    make_amqp_bus: Callable[..., AmqpBus], sqlite_url: str
) -> None:
    databases = [Database(sqlite_url) for _ in range(3)]
    woken = [threading.Event() for _ in databases]
    stops = [
        share(db, make_amqp_bus(), "compute", event.set) for db, event in zip(databases, woken, strict=True)
    ]
    announce(databases[0])
    assert woken[1].wait(PATIENCE)
    assert woken[2].wait(PATIENCE)
    woken[1].clear()
    announce(databases[2])
    assert woken[0].wait(PATIENCE)
    assert woken[1].wait(PATIENCE)
    for stop in stops:
        stop()
    for db in databases:
        db.close()


def test_a_process_on_its_own_tells_nobody(sqlite_url: str) -> None:
    db, bus = Database(sqlite_url), MemoryBus()
    woken = threading.Event()
    stop = share(db, bus, "compute", woken.set)
    announce(db)
    assert bus.close(PATIENCE)
    assert not woken.is_set()
    stop()
    db.close()
