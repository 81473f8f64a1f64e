"""OAuth consumers: programs that are known by a key and a secret."""

from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import select

from nacre.kernel.db import Page, Transaction, conditions, page
from nacre.services.identity.db.tables import consumers
from nacre.services.identity.errors import ConsumerNotFound


class Consumer(msgspec.Struct, frozen=True):
    """A program; `sealed_secret` is its secret, encrypted."""

    id: str
    description: str | None
    sealed_secret: str
    extra: dict[str, Any]

    def __repr__(self) -> str:
        return f"Consumer(id={self.id!r})"


def get(tx: Transaction, consumer_id: str) -> Consumer:
    """Return a consumer."""
    query = select(consumers).where(consumers.c.id == consumer_id)
    return tx.one(query, Consumer, otherwise=ConsumerNotFound(consumer_id))


def index(tx: Transaction, wanted: Mapping[str, object], asked: Page) -> list[Consumer]:
    """Return a page of consumers."""
    return page(tx, select(consumers).where(*conditions(consumers.c, wanted)), Consumer, consumers, asked)


def insert(tx: Transaction, consumer: Consumer) -> None:
    """Add a consumer."""
    tx.insert(consumers, consumer)


def update(tx: Transaction, consumer_id: str, changes: Mapping[str, Any]) -> None:
    """Change columns of a consumer."""
    if changes:
        tx.update(consumers, consumer_id, changes)


def delete(tx: Transaction, consumer_id: str) -> None:
    """Remove a consumer."""
    tx.delete(consumers, consumer_id)
