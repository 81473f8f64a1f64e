"""A sweep goes through everything, some at a turn; it closes what it does not see any more, and only that."""

from collections.abc import Iterator

import pytest

from nacre.kernel import drift, tasks
from nacre.kernel.clock import TurnedClock
from nacre.kernel.db import Database, Page, Schema, new_metadata, prepare
from nacre.kernel.drift import Drift, Finding, State, Sweep, findings, healed, left, sweeps
from nacre.kernel.errors import Unavailable

metadata = new_metadata()
tasks.tables(metadata)
drift.tables(metadata)
SCHEMA = Schema(metadata)


class Street:
    """Houses by number; some are crooked, some mend themselves, some do not open the door."""

    def __init__(self, url: str) -> None:
        self.db = Database(url, clock=TurnedClock())
        prepare(self.db, SCHEMA)
        self.houses = [f"house-{n:02}" for n in range(20)]
        self.crooked: dict[str, str] = {}
        self.silent: set[str] = set()
        self.looked_at: list[str] = []
        self.sweep = Sweep(
            "house_sync",
            kinds=("crooked",),
            page=lambda ctx, after, limit: [house for house in self.houses if house > after][:limit],
            key=str,
            check=self.check,
            host_of=str,
            at_once=8,
            rest_seconds=300,
        )

    def check(self, ctx: object, house: str) -> Iterator[Drift]:
        self.looked_at.append(house)
        if house in self.silent:
            raise Unavailable(f"{house} is away")
        if self.crooked.get(house) == "bug":
            raise ZeroDivisionError
        if house in self.crooked:
            make = healed if self.crooked[house] == "mends" else left
            yield make("crooked", house, "it leans", host=house)

    def turn(self) -> tasks.Report:
        self.looked_at.clear()
        self.db.clock.turn(seconds=60)
        return self.sweep.reconciler().run(self)

    def ask(self) -> tasks.Report:
        self.db.run(sweeps.ask, [self.sweep])
        return self.turn()

    def findings(self) -> dict[str, Finding]:
        return {each.resource_id: each for each in self.db.read(findings.page, Page(), {})}


@pytest.fixture
def street(database_url: str) -> Iterator[Street]:
    street = Street(database_url)
    yield street
    street.db.close()


def test_a_turn_goes_on_where_the_last_one_ended(street: Street) -> None:
    seen = []
    for _ in range(3):
        street.turn()
        seen.append(len(street.looked_at))
        street.sweep = Sweep(  # as after a restart: nothing is remembered in the process
            "house_sync", kinds=("crooked",), page=street.sweep.page, key=str, check=street.check, at_once=8
        )
    assert seen == [8, 8, 4]
    assert street.looked_at[-1] == "house-19"
    street.turn()
    assert street.looked_at == []  # it rests
    for _ in range(4):
        street.turn()
    assert street.looked_at[0] == "house-00"


def test_when_it_is_asked_for_it_goes_through_at_once(street: Street) -> None:
    street.turn()
    street.crooked["house-03"] = "for good"
    assert street.ask() == tasks.Report(found=1, left=1)
    assert street.looked_at == street.houses
    (way,) = street.db.read(sweeps.progress, [street.sweep])
    assert not way.is_asked_for
    assert street.ask().found == 1  # also while it rests
    assert street.findings()["house-03"].command == "nacre doctor --heal crooked house-03"


def test_what_is_not_seen_any_more_is_over(street: Street) -> None:
    street.crooked |= {"house-03": "for good", "house-04": "mends"}
    street.ask()
    first = street.findings()
    assert {house: each.state for house, each in first.items()} == {
        "house-03": State.LEFT,
        "house-04": State.HEALED,
    }
    street.ask()
    again = street.findings()["house-03"]
    assert (again.first_seen_at, again.id) == (first["house-03"].first_seen_at, first["house-03"].id)
    assert again.last_seen_at > first["house-03"].last_seen_at
    street.crooked.clear()
    street.ask()
    assert street.findings()["house-03"].state is State.HEALED
    street.crooked["house-03"] = "for good"
    street.ask()
    later = street.findings()["house-03"]
    assert later.state is State.LEFT
    assert later.first_seen_at > again.first_seen_at  # it happened anew


def test_a_sweep_that_is_half_way_closes_nothing(street: Street) -> None:
    street.crooked["house-15"] = "for good"
    street.ask()
    street.crooked.clear()
    street.db.clock.turn(seconds=600)
    street.turn()
    assert street.findings()["house-15"].state is State.LEFT
    street.turn()
    street.turn()
    assert street.findings()["house-15"].state is State.HEALED


def test_who_did_not_answer_is_not_said_to_be_well(street: Street) -> None:
    street.crooked |= {"house-03": "for good", "house-05": "for good"}
    street.ask()
    street.crooked.clear()
    street.silent.add("house-03")
    report = street.ask()
    assert report.notes == ("house-03: house-03 is away",)
    assert {house: each.state for house, each in street.findings().items()} == {
        "house-03": State.LEFT,
        "house-05": State.HEALED,
    }
    (way,) = street.db.read(sweeps.progress, [street.sweep])
    assert way.missed == ["house-03"]


def test_a_bug_at_one_thing_keeps_nobody_from_the_next(street: Street) -> None:
    street.crooked |= {"house-03": "bug", "house-05": "for good"}
    street.ask()
    assert street.looked_at == street.houses
    assert street.findings().keys() == {"house-05"}
    street.crooked["house-05"] = "mends"
    street.crooked["house-06"] = "for good"
    street.ask()
    street.crooked = {"house-03": "bug"}
    street.ask()
    assert street.findings()["house-06"].state is State.LEFT  # who knows what was not seen


def test_what_is_over_is_forgotten_after_a_week(street: Street) -> None:
    street.crooked["house-04"] = "mends"
    street.ask()
    street.crooked.clear()
    street.db.clock.turn(days=6)
    street.ask()
    assert street.findings()
    street.db.clock.turn(days=2)
    street.ask()
    assert street.findings() == {}


def test_asking_twice_while_it_is_under_way_is_heard(street: Street) -> None:
    street.db.run(sweeps.ask, [street.sweep])
    original, asked = street.check, []

    def ask_again(ctx: object, house: str) -> Iterator[Drift]:
        if house == "house-10" and not asked:
            asked.append(street.db.run(sweeps.ask, [street.sweep]))
        yield from original(ctx, house)

    street.sweep.check = ask_again
    street.turn()
    (way,) = street.db.read(sweeps.progress, [street.sweep])
    assert (way.asked, way.answered) == (2, 1)
    street.turn()
    assert street.looked_at == street.houses
    (way,) = street.db.read(sweeps.progress, [street.sweep])
    assert (way.asked, way.answered) == (2, 2)
