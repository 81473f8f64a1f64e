"""What is measured: works, each a small function, made of phases.

A work sets up what it needs on a cloud (and finds it there the next time), yields its phases, and cleans up:

    @work("port-create")
    def port_create(cloud, scale):
        network = networks.make(cloud.session)
        yield [Phase("create a port", lambda number: ...)]
        networks.remove(cloud.session, network)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from clouds import Cloud


@dataclass(frozen=True, kw_only=True)
class Phase:
    """Something that is measured by itself.

    run         one operation; it is given a number of its own
    clients     how many threads run it at a time
    operations  how often in a round; as often as fits into the round's seconds where None
    things      what one operation counts for: 50 servers, 512 MiB
    unit        what a thing is
    before, after  what is not measured
    drain       whether the cloud's work after the last answer counts
    """

    title: str
    run: Callable[[int], object]
    clients: int = 1
    operations: int | None = None
    things: int = 1
    unit: str = "request"
    before: Callable[[], object] | None = None
    after: Callable[[], object] | None = None
    drain: bool = True


@dataclass(frozen=True, kw_only=True)
class Scale:
    """How much there is of everything: as much as the work says, or a little in the smoke form."""

    most: int | None = None
    seconds: float | None = None

    def of(self, number: int) -> int:
        """Return how many to make."""
        return number if self.most is None else min(number, self.most)

    def wait(self, seconds: float) -> float:
        """Return how long to sit still."""
        return seconds if self.seconds is None else min(seconds, self.seconds)


Work = Callable[["Cloud", Scale], AbstractContextManager[Sequence[Phase]]]
DECLARED: dict[str, Work] = {}


def work(name: str) -> Callable[[Callable[[Cloud, Scale], Iterator[Sequence[Phase]]]], Work]:
    """Declare a work under a name."""

    def declare(function: Callable[[Cloud, Scale], Iterator[Sequence[Phase]]]) -> Work:
        DECLARED[name] = contextmanager(function)
        return DECLARED[name]

    return declare


def with_clients(title: str, run: Callable[[int], object], *clients: int) -> list[Phase]:
    """Return a phase for each number of clients."""
    return [
        Phase(title=title if number == 1 else f"{title}, {number} clients", run=run, clients=number)
        for number in clients
    ]
