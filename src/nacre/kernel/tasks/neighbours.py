"""Runners of one service in several processes tell each other over the bus that there is work.

Whoever writes a job wakes the runner of its own process, which may have its hands full while another idles.
A hint that gets lost costs a few seconds, since every runner also looks by itself; so hints that
follow each other closely become one.
"""

import threading
import time
from collections.abc import Callable

import msgspec

from nacre.kernel.bus import Bus, Method
from nacre.kernel.db import Database
from nacre.kernel.ids import new_id
from nacre.kernel.tasks.wakeups import listen

#: How often at most the others are told.
HINT_EVERY_SECONDS = 0.1


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """There is work; `origin` is the process that says so."""

    origin: str


WORK: Method[Work, None] = Method("work", Work)


def share(db: Database, bus: Bus, service_name: str, wake: Callable[[], object]) -> Callable[[], None]:
    """Wake this process's runner when another process writes a job, and others when this one does.

    Returns how to stop that.  A bus that lives in this process has nobody else to tell.
    """
    if not bus.between_processes:
        return lambda: None
    topic, origin, guard, told_at = f"{service_name}.jobs", new_id(), threading.Lock(), 0.0

    def tell() -> None:
        nonlocal told_at
        with guard:
            now = time.monotonic()
            if now - told_at < HINT_EVERY_SECONDS:
                return
            told_at = now
        bus.fanout(topic, WORK, Work(origin=origin))

    def hear(work: Work) -> None:
        if work.origin != origin:
            wake()

    subscription = bus.serve(topic, {WORK: hear}, concurrency=1)
    stop_listening = listen(db, tell)

    def stop() -> None:
        stop_listening()
        subscription.close()

    return stop
