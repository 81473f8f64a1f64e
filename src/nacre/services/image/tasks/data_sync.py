"""Compare the data of images with what was written down of it: is it there, is it as long, is it the same.

Nothing of this can be healed from here, for the bytes are gone; but it is said before a host asks for them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

from nacre.kernel import errors
from nacre.kernel.context import Context
from nacre.kernel.drift import Drift, Sweep, left
from nacre.kernel.pool import blocking
from nacre.services.image.app import stores
from nacre.services.image.db import drift
from nacre.services.image.db.drift import Kept

MISSING, SHORTENED, DAMAGED = "image_missing", "image_cut", "image_damaged"
COMMAND = "openstack image delete {id}"


def _page(ctx: Context, after: str, limit: int) -> Sequence[Kept]:
    return ctx.db.read(drift.after, after, limit)


def check(ctx: Context, image: Kept) -> Iterator[Drift]:
    """Look whether an image's data is there, and as long as it was."""
    try:
        path = stores.store(ctx).local_path(image.location or "-")
        size = path.stat().st_size if path is not None else image.size
    except (errors.NotFound, ValueError, FileNotFoundError):
        yield from _left(ctx, image, MISSING, "Its data is gone from the store.")
        return
    if size != image.size:
        text = f"Its data has {size} bytes; {image.size} were written."
        yield from _left(ctx, image, SHORTENED, text)


def scrub(ctx: Context, image: Kept) -> Iterator[Drift]:
    """Look whether an image's data is what was sent, byte by byte."""
    algorithm = image.os_hash_algo or ""
    if algorithm not in hashlib.algorithms_available or not image.os_hash_value or not image.location:
        return
    digest = hashlib.new(algorithm)
    try:
        with blocking():
            for data in stores.store(ctx).read(image.location):
                digest.update(data)
    except errors.NotFound:
        return  # that is said by `check`
    if digest.hexdigest() != image.os_hash_value:
        text = f"Its data is not what was sent: its {algorithm} has changed."
        yield from _left(ctx, image, DAMAGED, text)


def _left(ctx: Context, image: Kept, kind: str, text: str) -> Iterator[Drift]:
    """Name it, unless the image was deleted or given other data meanwhile."""
    if ctx.db.read(drift.is_as_it_was, image):
        text += " No server can be made from it; make the image anew."
        yield left(kind, image.id, text, command=COMMAND.format(id=image.id))


SWEEP = Sweep(
    "image_data_sync",
    kinds=(MISSING, SHORTENED),
    page=_page,
    key=lambda image: image.id,
    check=check,
    at_once=200,
)
SCRUB = Sweep(
    "image_data_scrub",
    kinds=(DAMAGED,),
    page=_page,
    key=lambda image: image.id,
    check=scrub,
    at_once=1,
    rest_seconds=7 * 24 * 3600.0,
    is_long=True,
)
