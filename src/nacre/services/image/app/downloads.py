"""The bytes of an image on their way out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from nacre.kernel.context import Context
from nacre.services.image.app import stores
from nacre.services.image.db.images import Image


def local_path(ctx: Context, image: Image) -> Path | None:
    """Return the file that holds an image's bytes, where the store is made of files."""
    assert image.location is not None
    return stores.store(ctx).local_path(image.location)


def read(ctx: Context, image: Image, start: int, end: int) -> Iterator[bytes]:
    """Yield a part of an image's bytes."""
    assert image.location is not None
    return stores.store(ctx).read(image.location, start, end)
