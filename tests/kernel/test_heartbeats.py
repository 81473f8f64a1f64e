"""Heartbeats that say nothing new are written together; whatever is new is written at once."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest

from nacre.kernel.clock import TurnedClock
from nacre.kernel.errors import Unavailable
from nacre.kernel.heartbeats import LATELY_SECONDS, PAUSE_SECONDS, Heard, Heartbeats

WELL, ILL = "well", "ill"


class StoppedClock(TurnedClock):
    """A clock that moves only when it is turned."""

    def __init__(self) -> None:
        super().__init__()
        self._at = 0.0

    def monotonic(self) -> float:
        return self._at

    def turn(self, **duration: float) -> None:
        super().turn(**duration)
        self._at += duration["seconds"]


class Book:
    """What was written, one list for each transaction."""

    def __init__(self) -> None:
        self.clock = StoppedClock()
        self.heartbeats: Heartbeats[int] = Heartbeats(self.clock)
        self.pages: list[list[int]] = []
        self.broken = False

    def write(self, heard: Sequence[Heard[int]]) -> None:
        if self.broken:
            raise Unavailable("The database is not available.")
        self.pages.append([each.report for each in heard])

    def hear(self, host: str, number: int, gist: str = WELL) -> None:
        self.heartbeats.add(host, number, gist, self.write)


@pytest.fixture
def book() -> Book:
    return Book()


def test_a_host_that_was_unknown_is_written_at_once(book: Book) -> None:
    book.hear("a", 1)
    book.hear("b", 2)
    assert book.pages == [[1], [2]]


def test_what_is_expected_waits_and_is_written_with_the_next_after_the_pause(book: Book) -> None:
    for number, host in enumerate("abc"):
        book.hear(host, number)
    del book.pages[:]
    book.hear("b", 11)
    book.hear("a", 10)
    assert book.pages == []
    book.clock.turn(seconds=PAUSE_SECONDS)
    book.hear("c", 12)
    assert book.pages == [[10, 11, 12]]


def test_of_one_host_only_the_newest_is_written(book: Book) -> None:
    book.hear("a", 1)
    book.hear("a", 2)
    book.hear("a", 3)
    book.clock.turn(seconds=PAUSE_SECONDS)
    book.hear("a", 4)
    assert book.pages == [[1], [4]]


def test_news_do_not_wait_and_take_along_what_waits(book: Book) -> None:
    book.hear("a", 1)
    book.hear("b", 2)
    book.hear("a", 3)
    book.hear("b", 4, ILL)
    assert book.pages == [[1], [2], [3, 4]]


def test_a_host_that_was_silent_is_written_at_once(book: Book) -> None:
    book.hear("a", 1)
    book.clock.turn(seconds=LATELY_SECONDS + 1)
    book.hear("b", 2)
    book.hear("a", 3)
    assert book.pages == [[1], [2], [3]]


def test_what_could_not_be_written_is_news_when_it_comes_again(book: Book) -> None:
    book.broken = True
    with pytest.raises(Unavailable):
        book.hear("a", 1)
    book.broken = False
    book.hear("a", 2)
    assert book.pages == [[2]]


def test_many_at_once_are_all_written_when_they_return(book: Book) -> None:
    def hear(number: int) -> None:
        book.hear(f"host-{number}", number)
        assert any(number in page for page in book.pages)
        heard.append(number)

    heard: list[int] = []
    threads = [threading.Thread(target=hear, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(heard) == list(range(20))
    assert sorted(number for page in book.pages for number in page) == list(range(20))
