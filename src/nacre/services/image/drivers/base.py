"""What every image store does: take bytes in as a whole or not at all, give them out, list what it holds.

An object in the store has a name that is used once and bytes that never change.  It is written through an
`Incoming`, and exists from the moment its `commit` returns; if the process dies before, there may be
a leftover, which `leftovers` names and `discard` removes, but never half an object.
All of this is plain blocking code; whoever calls it from the loop does so on a thread.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Protocol

import msgspec


class Stored(msgspec.Struct, frozen=True):
    """Something that a store holds."""

    name: str
    modified_at: datetime


class Incoming(Protocol):
    """An object on its way into the store."""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Add bytes at the end."""

    def commit(self) -> None:
        """Make the object exist, durably; Gone if somebody discarded it meanwhile."""

    def discard(self) -> None:
        """Leave nothing behind; may be called at any time and twice."""


class Store(Protocol):
    """One place for the bytes of images; `kind` is the driver's, `id` what users call this place."""

    id: str
    kind: str
    description: str

    def receive(self, name: str) -> Incoming:
        """Begin to write a new object."""

    def local_path(self, name: str) -> Path | None:
        """Return the file that holds an object, where the store is made of files; NotFound if it has none."""

    def read(self, name: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Yield a part of an object, or all of it; NotFound if it has none."""

    def remove(self, name: str) -> None:
        """Remove an object; what is not there is no error."""

    def objects(self) -> Iterator[Stored]:
        """Yield all objects."""

    def leftovers(self) -> Iterator[Stored]:
        """Yield what was begun and not committed, by whoever."""

    def discard(self, name: str) -> None:
        """Remove a leftover."""
