"""Towns to test in: on SQLite for most tests, on each engine for some."""

from collections.abc import Callable, Iterator

import pytest

from .town import Town


@pytest.fixture
def town(sqlite_url: str) -> Iterator[Town]:
    town = Town(sqlite_url)
    yield town
    town.close()


@pytest.fixture
def make_town(database_url: str) -> Iterator[Callable[[], Town]]:
    """Towns that share one database, on each engine in turn; each stands for a process."""
    made: list[Town] = []

    def make() -> Town:
        made.append(Town(database_url))
        return made[-1]

    yield make
    for town in made:
        town.close()
