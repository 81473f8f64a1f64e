"""The keys of tokens and of stored secrets, each sealed; their meaning is in app/keys.py."""

from collections.abc import Collection

from sqlalchemy import and_, select

from nacre.kernel.db import Transaction
from nacre.services.identity.db.tables import sealed_keys as keys


def numbers(tx: Transaction, repository: str, *, lock: bool = False) -> Collection[int]:
    """Return the numbers of a repository's keys; with `lock` nobody else rotates until the end."""
    query = select(keys.c.number).where(keys.c.repository == repository).order_by(keys.c.number)
    return tx.scalars(query.with_for_update() if lock else query)


def newest_first(tx: Transaction, repository: str) -> list[str]:
    """Return a repository's keys: the primary first, the staged one last."""
    query = select(keys.c.sealed).where(keys.c.repository == repository)
    return list(tx.scalars(query.order_by(keys.c.number.desc())))


def insert(tx: Transaction, repository: str, number: int, sealed: str) -> None:
    """Add a key; raises Duplicate where there is one of that number."""
    tx.insert(keys, {"repository": repository, "number": number, "sealed": sealed, "created_at": tx.now()})


def renumber(tx: Transaction, repository: str, number: int, becomes: int) -> None:
    """Give a key another number."""
    tx.update(keys, and_(keys.c.repository == repository, keys.c.number == number), {"number": becomes})


def delete(tx: Transaction, repository: str, number: int) -> None:
    """Remove a key."""
    tx.delete(keys, and_(keys.c.repository == repository, keys.c.number == number))
