"""What a probe asks for and what it answers.

A probe is a function that gets the first bytes of a stream.  It returns None where they are not of its
format.  Where more must be seen it is a generator: it yields the `Part` that it wants and is sent the
bytes (fewer than asked for, where the stream ends before).  It believes no number that it reads: whatever
a header says, no more than `LARGEST_PART` is ever kept.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Protocol

import msgspec

HEAD_BYTES = 64 * 1024
LARGEST_PART = 128 * 1024
LARGEST_DISK = 2**63 - 1


class Part(msgspec.Struct, frozen=True):
    """A piece of the stream; a negative offset counts from its end."""

    offset: int
    length: int


class Finding(msgspec.Struct, frozen=True):
    """The stream is of this format; `danger` says why it must not be used all the same."""

    format: str
    virtual_size: int | None = None
    danger: str | None = None


Inquiry = Generator[Part, bytes, Finding | None]


class Probe(Protocol):
    """Looks at a stream's first bytes, and asks for more where they are not enough."""

    def __call__(self, head: bytes) -> Finding | Inquiry | None: ...


def number(data: bytes, offset: int, size: int, *, big: bool = False) -> int:
    """Read an unsigned number of so many bytes; 0 where the data ends before."""
    piece = data[offset : offset + size]
    return int.from_bytes(piece, "big" if big else "little") if len(piece) == size else 0
