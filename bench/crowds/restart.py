"""Kill a cloud and start it again; what goes over the bus and into the databases in the minute after."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from clouds.crowd import Crowd, Tally
from figures import processes
from figures.processes import Processes


@dataclass(frozen=True, kw_only=True)
class Second:
    """What happened up to a moment after the start, since the one before."""

    after_seconds: float
    messages: Counter[str]
    writes: int
    cpu_seconds: float


@dataclass(frozen=True, kw_only=True)
class Restart:
    """The start, and the time after it."""

    ready_seconds: float
    cpu_seconds: float
    seconds: Sequence[Second]


def restart(cloud: Crowd, watch_seconds: int) -> Restart:
    """Kill it, start it, watch it."""
    cloud.kill()
    began, clock = time.time(), time.perf_counter()
    cloud.start_services()
    ready = time.perf_counter() - clock
    found = Processes(cloud.leaders())
    used = [processes.used({}, found.cpu_seconds())]
    for number in range(1, watch_seconds + 1):
        time.sleep(max(0.0, clock + ready + number - time.perf_counter()))
        used.append(processes.used({}, found.cpu_seconds()))
    time.sleep(1.0)  # the last line of the tally
    tallies = list(cloud.tallies())
    seconds = []
    for number in range(watch_seconds + 1):
        upto = began + ready + number
        now, before = _at(tallies, upto), _at(tallies, upto - 1) if number else None
        seconds.append(
            Second(
                after_seconds=number,
                messages=Counter(now["messages"]) - Counter(before["messages"] if before else {}),
                writes=sum(now["writes"].values()) - (sum(before["writes"].values()) if before else 0),
                cpu_seconds=used[number] - (used[number - 1] if number else 0.0),
            )
        )
    return Restart(ready_seconds=ready, cpu_seconds=used[0], seconds=seconds)


def _at(tallies: Sequence[Tally], moment: float) -> Tally:
    """Return the numbers as of a moment."""
    return max(
        (each for each in tallies if each["at"] <= moment), key=lambda each: each["at"], default=tallies[0]
    )
