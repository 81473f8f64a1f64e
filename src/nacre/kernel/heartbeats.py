"""Heartbeats of many hosts, written down together: a thousand hosts cost a transaction a second, not a hundred.

A heartbeat that says what is known already may wait for others: until the pause since the last writing is over
and the next one comes, whoever sends that.  So there is no clock to wait for, and a host's row is behind by one of
its own intervals at the most.  A heartbeat that says something new, or comes from a host that was not heard
of lately, is written at once, and takes along all that wait.

What is remembered here decides only when something is written, never what: the writer compares with the rows.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Generic, NamedTuple, TypeVar

import msgspec

from nacre.kernel.clock import Clock
from nacre.kernel.pool import blocking

T = TypeVar("T")

PAUSE_SECONDS = 1.0
LATELY_SECONDS = 30.0


class Heard(msgspec.Struct, Generic[T], frozen=True):
    """What a host said, and when."""

    report: T
    at: datetime


class _Known(NamedTuple):
    gist: object
    at: float


class Heartbeats(Generic[T]):
    """The heartbeats that one process hears; any thread may add to them."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._writer = threading.Lock()
        self._waiting: dict[str, Heard[T]] = {}
        self._known: dict[str, _Known] = {}
        self._written_at = float("-inf")

    def add(self, host: str, report: T, gist: object, write: Callable[[Sequence[Heard[T]]], object]) -> None:
        """Take in a heartbeat; `gist` is what of it must not wait when it differs from the one before.

        Calls `write` with all that wait if it is time; otherwise a later call does.  If `write` raises, what it
        was given is lost, as a message on its way may be: hosts repeat themselves.
        """
        now = self._clock.monotonic()
        heard = Heard(report, self._clock.now())
        with self._lock:
            known = self._known.get(host)
            self._waiting[host] = heard
            expected = known is not None and known.gist == gist and now - known.at <= LATELY_SECONDS
            if expected and now - self._written_at < PAUSE_SECONDS:
                self._known[host] = _Known(gist, now)
                return
            self._written_at = now
        self._write(host, write)
        with self._lock:  # only now: what could not be written is news when it comes again
            self._known[host] = _Known(gist, now)

    def _write(self, host: str, write: Callable[[Sequence[Heard[T]]], object]) -> None:
        """Write all that wait, this host's among them; where another writes it already, return when that is done."""
        with blocking():
            self._writer.acquire()
        try:
            with self._lock:
                if host not in self._waiting:
                    return
                waiting, self._waiting = self._waiting, {}
            write([waiting[name] for name in sorted(waiting)])  # in one order everywhere, against deadlocks
        finally:
            self._writer.release()
