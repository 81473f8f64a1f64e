"""What a service keeps of drift: its findings, and how far each of its sweeps is."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec
from sqlalchemy import Index, Integer, MetaData, Table, UniqueConstraint

from nacre.kernel.db import Json, LongText, OneOf, Serial, UtcDateTime, column, new_metadata, sized


class State(StrEnum):
    """What became of a difference."""

    FOUND = "found"  # it is being put right, or looked at again first
    HEALED = "healed"  # it is over
    LEFT = "left"  # a person has to decide


class Drift(msgspec.Struct, frozen=True, kw_only=True):
    """A difference as a check sees it; `command` is what a person types to heal it."""

    kind: str
    resource_id: str
    state: State
    text: str
    host: str = ""
    command: str = ""


def healed(kind: str, resource_id: str, text: str, *, host: str = "") -> Drift:
    """Return a difference that was put right just now."""
    return Drift(kind=kind, resource_id=resource_id, state=State.HEALED, text=text, host=host)


def pending(kind: str, resource_id: str, text: str, *, host: str = "") -> Drift:
    """Return a difference that somebody is putting right."""
    return Drift(kind=kind, resource_id=resource_id, state=State.FOUND, text=text, host=host)


def left(kind: str, resource_id: str, text: str, *, host: str = "", command: str | None = None) -> Drift:
    """Return a difference that a person has to decide about.

    Without a command nacre itself heals it when it is told to; an empty command: nothing is to be typed.
    """
    if command is None:
        command = f"nacre doctor --heal {kind} {resource_id}"
    return Drift(kind=kind, resource_id=resource_id, state=State.LEFT, text=text, host=host, command=command)


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """A difference as it is remembered."""

    id: int
    kind: str
    resource_id: str
    host: str
    state: State
    text: str
    command: str
    first_seen_at: datetime
    last_seen_at: datetime


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a sweep is.

    `begun_at` is None while it rests; `missed` are hosts that did not answer.  Requests for it are
    counted: those that were made, those that it heard when it began, those that it has answered.
    """

    name: str
    cursor: str
    begun_at: datetime | None
    ended_at: datetime | None
    asked: int
    heard: int
    answered: int
    missed: list[str]

    @property
    def is_asked_for(self) -> bool:
        """Tell whether somebody waits for it to come to its end."""
        return self.answered < self.asked


_metadata = new_metadata()

findings = Table(
    "findings",
    _metadata,
    column("id", Serial, key=True),
    column("kind", sized(48)),
    column("resource_id", sized(100)),
    column("host", sized(100)),
    column("state", OneOf(State, 16)),
    column("text", LongText),
    column("command", sized(255)),
    column("first_seen_at", UtcDateTime),
    column("last_seen_at", UtcDateTime),
    UniqueConstraint("kind", "resource_id", "host", name="findings_one_for_each_thing"),
    Index("findings_by_state", "state", "kind", "last_seen_at"),
)

sweeps = Table(
    "sweeps",
    _metadata,
    column("name", sized(64), key=True),
    column("cursor", sized(191)),
    column("begun_at", UtcDateTime, null=True),
    column("ended_at", UtcDateTime, null=True),
    column("asked", Integer),
    column("heard", Integer),
    column("answered", Integer),
    column("missed", Json(list[str])),
)


def tables(metadata: MetaData) -> None:
    """Add both to a service's tables."""
    findings.to_metadata(metadata)
    sweeps.to_metadata(metadata)
