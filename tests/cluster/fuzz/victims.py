"""What is broken while clients use the cloud: killed and started again, hung and woken, cut off and joined again.

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
from functools import partial

from nacre.cloud.lab import switch
from nacre.cloud.lab.lab import Lab
from nacre.cloud.lab.programs import Program
from nacre.cloud.lab.switch import Switch

AWAY_SECONDS = (0.0, 2.0)
HANG_SECONDS = (1.0, 8.0)
CALM_SECONDS = (0.2, 1.5)
REAPERS = 2  # what is broken at the same time


@dataclass(frozen=True)
class Blow:
    """One way to break something: `fall` begins it, `rise` ends it."""

    kind: str
    name: str
    deed: str
    seconds: tuple[float, float]
    fall: Callable[[], object]
    rise: Callable[[], object]


class Reapers:
    """Threads that break one thing after the other, as the seed has it, until they are told to end."""

    def __init__(self, blows: list[Blow], seed: int) -> None:
        self._blows = blows
        self._over, self._guard = threading.Event(), threading.Lock()
        self._struck: set[str] = set()
        self._threads = [
            threading.Thread(target=self._work, args=(random.Random(f"{seed}/reaper {number}"),))
            for number in range(REAPERS)
        ]
        self.count: Counter[str] = Counter()
        self.story: list[str] = []
        self.troubles: list[BaseException] = []

    def __enter__(self) -> Reapers:
        self._began_at = time.monotonic()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Break nothing more; returns when everything is back."""
        self._over.set()
        for thread in self._threads:
            thread.join()
        if self.troubles:
            raise self.troubles[0]

    def _work(self, chance: random.Random) -> None:
        try:
            while not self._over.wait(chance.uniform(*CALM_SECONDS)):
                self._strike(chance)
        except Exception as trouble:  # noqa: BLE001 - raised by whoever waits for the threads
            self.troubles.append(trouble)

    def _strike(self, chance: random.Random) -> None:
        kind = chance.choice(sorted({each.kind for each in self._blows}))
        blow = chance.choice([each for each in self._blows if each.kind == kind])
        seconds = chance.uniform(*blow.seconds)
        with self._guard:
            if blow.name in self._struck:
                return
            self._struck.add(blow.name)
            at = time.monotonic() - self._began_at
            self.story.append(f"after {at:.1f} s {blow.name} {blow.deed} for {seconds:.1f} s")
            self.count[f"{blow.kind} {blow.deed}"] += 1
        try:
            blow.fall()
            time.sleep(seconds)
        finally:
            blow.rise()
            with self._guard:
                self._struck.discard(blow.name)


def blows(lab: Lab) -> list[Blow]:
    """Return all that can be done to everything of which a cloud consists."""
    below = lab.infrastructure
    database, broker, data = below.database, below.broker, below.machine
    found = [
        *_ends(
            "database",
            "the database",
            database.kill,
            partial(data.run, database.start),
            lambda: database.pids,
        ),
        *_ends("broker", "the broker", broker.kill, partial(data.run, broker.start), lambda: broker.pids),
    ]
    for name, program in lab.bed.programs.items():
        machine, _, role = name.partition("/")
        kind = "proxy" if name == "proxy" else "service" if machine.startswith("control") else f"{role} agent"
        found += _ends(kind, name, program.kill, program.start, partial(_pid_of, program))
    if isinstance(lab.ground, Switch):
        for machine in (
            data.name,
            *lab.bed.hosts,
            *(f"control-{n + 1}" for n in range(len(lab.bed.control))),
        ):
            cut, mend = (partial(act, lab.ground.name, machine) for act in (switch.cut, switch.mend))
            found.append(Blow("machine", machine, "is cut off", HANG_SECONDS, cut, mend))
    return found


def _ends(
    kind: str, name: str, kill: Callable[[], None], start: Callable[[], object], pids: Callable[[], list[int]]
) -> list[Blow]:
    stop, go_on = (partial(_signal, pids, number) for number in (signal.SIGSTOP, signal.SIGCONT))
    return [
        Blow(kind, name, "is killed", AWAY_SECONDS, kill, start),
        Blow(kind, name, "hangs", HANG_SECONDS, stop, go_on),
    ]


def _pid_of(program: Program) -> list[int]:
    return [program.pid]


def _signal(pids: Callable[[], list[int]], number: signal.Signals) -> None:
    for pid in pids():
        with suppress(ProcessLookupError):  # a database server's children come and go
            os.kill(pid, number)
