"""Compare three clouds of which one does not start and one falls over in the middle; run by test_comparison.

Prints as JSON how many errors there were, what was kept, and which clouds were asked when it is done once more.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence

from clouds import Cloud
from drive.session import Login
from figures import results
from figures.comparison import Plan, compare, prepare
from figures.measure import Care
from work import WORKS, Phase, Scale, Work
from work.phase import work

ASKED: list[str] = []


class Pretended(Cloud):
    """A cloud without processes of its own; `fails(what, number)` raises where it is to fail."""

    def __init__(self, name: str, fails: Callable[[str, int], bool] = lambda what, number: False) -> None:
        self.name = self.title = name
        self._fails, self._count = fails, 0

    def do(self, what: str) -> None:
        self._count += 1
        if self._fails(what, self._count):
            raise OSError(f"{self.name} cannot {what}")

    def prepare(self) -> None:
        self.do("start")

    def ask(self) -> None:
        ASKED.append(self.name)

    def prepare_to_be_asked(self) -> None:
        self.do("be ready")

    def close(self) -> None: ...

    def stop_services(self) -> None: ...

    def start_services(self) -> None: ...

    def answers_at(self) -> list[str]:
        return []

    def leaders(self) -> list[int]:
        return [os.getpid()]

    def login(self) -> Login:
        raise NotImplementedError

    def versions(self) -> str:
        return f"{self.name} 1"


@work("ask")
def ask(cloud: Cloud, scale: Scale) -> Iterator[Sequence[Phase]]:
    """Ask twice."""
    assert isinstance(cloud, Pretended)
    yield [
        Phase(
            title="ask",
            run=lambda number: cloud.ask(),
            operations=2,
            before=cloud.prepare_to_be_asked,
        )
    ]


def main() -> None:
    """Compare, and compare again."""
    declared: dict[str, Work] = {"ask": ask}
    WORKS.update(declared)
    clouds = [
        Pretended("sound"),
        Pretended("absent", lambda what, number: what == "start"),
        Pretended("frail", lambda what, number: number > 3),
    ]
    plan = Plan(rounds=3, care=Care(seconds=0.01), scale=Scale())
    running = prepare(clouds)
    errors = compare(["ask"], running, plan)
    kept = {name: record["figure"]["rounds"] for name, record in results.read()["phases"]["ask"].items()}
    ASKED.clear()
    again = Plan(rounds=3, care=Care(seconds=0.01), scale=Scale(), resume=True)
    compare(["ask"], [clouds[0]], again)
    late = Plan(rounds=3, care=Care(seconds=0.01), scale=Scale(), ends_at=time.monotonic() - 1)
    compare(["ask"], running, late)
    said = {"running": [cloud.name for cloud in running], "errors": errors, "kept": kept, "asked": ASKED}
    sys.stdout.write("\n" + json.dumps(said) + "\n")


if __name__ == "__main__":
    main()
