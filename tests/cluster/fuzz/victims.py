"""What is broken while clients use the cloud: killed and started again, or stopped for some seconds and woken.

A process that hangs is worse than one that is dead.  Its leases run out, others take its work over, and then it wakes
up in the middle of a step and goes on as if nothing had been.
"""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from nacre.cloud.lab.bed import Bed
from nacre.kernel.testing.brokers import Broker
from nacre.kernel.testing.databases import Server

AWAY_SECONDS = (0.0, 2.0)
HANG_SECONDS = (1.0, 8.0)
CALM_SECONDS = (0.2, 1.5)
HANG_SHARE = 0.35


@dataclass(frozen=True)
class Victim:
    """Something that can be broken."""

    kind: str
    name: str
    kill: Callable[[], None]
    start: Callable[[], None]
    pids: Callable[[], list[int]]


class Reaper:
    """A thread that breaks one thing after the other, as the seed has it, until it is told to end."""

    def __init__(self, victims: list[Victim], seed: int | str) -> None:
        self._victims, self._random = victims, random.Random(f"{seed}/victims")
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work, name="reaper")
        self.deaths: Counter[str] = Counter()
        self.story: list[str] = []
        self.troubles: list[BaseException] = []

    def __enter__(self) -> Reaper:
        self._began_at = time.monotonic()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Break nothing more; returns when everything is back."""
        self._over.set()
        self._thread.join()
        if self.troubles:
            raise self.troubles[0]

    def _work(self) -> None:
        try:
            while not self._over.wait(self._random.uniform(*CALM_SECONDS)):
                self._strike()
        except Exception as trouble:  # noqa: BLE001 - raised by whoever waits for the thread
            self.troubles.append(trouble)

    def _strike(self) -> None:
        kinds = sorted({each.kind for each in self._victims})
        kind = self._random.choice(kinds)
        victim = self._random.choice([each for each in self._victims if each.kind == kind])
        hangs = self._random.random() < HANG_SHARE
        seconds = self._random.uniform(*(HANG_SECONDS if hangs else AWAY_SECONDS))
        at = time.monotonic() - self._began_at
        deed = "hangs" if hangs else "is killed"
        self.story.append(f"after {at:.1f} s {victim.name} {deed} for {seconds:.1f} s")
        self.deaths[f"{victim.kind} {deed}"] += 1
        if hangs:
            _hang(victim, seconds)
        else:
            victim.kill()
            time.sleep(seconds)
            victim.start()


def _hang(victim: Victim, seconds: float) -> None:
    pids = victim.pids()
    try:
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        time.sleep(seconds)
    finally:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def all_of(bed: Bed, broker: Broker, database: Server) -> list[Victim]:
    """Return everything of which a cloud consists."""
    found = [
        Victim("broker", "the broker", broker.kill, broker.start, lambda: broker.pids),
        Victim("database", "the database", database.kill, database.start, lambda: database.pids),
    ]
    for name, program in bed.programs.items():
        machine, _, role = name.partition("/")
        kind = "proxy" if name == "proxy" else "service" if machine.startswith("control") else f"{role} agent"
        found.append(Victim(kind, name, program.kill, program.start, lambda program=program: [program.pid]))
    return found
