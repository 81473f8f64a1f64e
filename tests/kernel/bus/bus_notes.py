"""What the tests of the bus say to each other."""

import threading
from collections.abc import Callable
from typing import Any

import msgspec

from nacre.kernel.bus import Method

PATIENCE = 20.0  # seconds after which a test gives up; never an expectation

MakeBus = Callable[..., Any]


class Note(msgspec.Struct, frozen=True, kw_only=True):
    text: str
    tags: list[str] = []


class Echo(msgspec.Struct, frozen=True, kw_only=True):
    text: str


SAY = Method("say", Note, Echo)
NOTE: Method[Note, None] = Method("note", Note)


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a host says of itself."""

    host: str
    text: str


REPORT = Method("report", Report, Echo, speaks_for=lambda report: report.host)


def echo_report(report: Report) -> Echo:
    return Echo(text=report.text.upper())


def echo(note: Note) -> Echo:
    return Echo(text=note.text.upper())


class Heard:
    """Collects notes, and lets a test wait until so many have come."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._changed = threading.Condition()

    def __call__(self, note: "Note | Report") -> None:
        with self._changed:
            self.texts.append(note.text)
            self._changed.notify_all()

    def wait_for(self, count: int) -> list[str]:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.texts) >= count, PATIENCE)
            return list(self.texts)

    def wait_a_little(self) -> None:
        """Let others work, until something new is heard or a moment has passed."""
        with self._changed:
            self._changed.wait(0.05)
