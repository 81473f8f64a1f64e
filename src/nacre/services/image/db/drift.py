"""What the sweep over images asks: which should have data, and what that data should be."""

from __future__ import annotations

import msgspec
from sqlalchemy import select

from nacre.kernel.db import Transaction
from nacre.services.image.db.tables import Status, images


class Kept(msgspec.Struct, frozen=True):
    """An image with data: where, how many bytes, and their hash."""

    id: str
    location: str | None
    size: int | None
    os_hash_algo: str | None
    os_hash_value: str | None


_ALL = select(*[images.c[name] for name in Kept.__struct_fields__])
_WITH_DATA = images.c.status.in_([Status.ACTIVE, Status.DEACTIVATED])


def after(tx: Transaction, image_id: str, limit: int) -> list[Kept]:
    """Return the next images with data in the order of their ids."""
    query = _ALL.where(_WITH_DATA, images.c.id > image_id).order_by(images.c.id).limit(limit)
    return tx.all(query, Kept)


def is_as_it_was(tx: Transaction, image: Kept) -> bool:
    """Tell whether an image still has the data that was looked at."""
    return tx.find(_ALL.where(_WITH_DATA, images.c.id == image.id), Kept) == image
