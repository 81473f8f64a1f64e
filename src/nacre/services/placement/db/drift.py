"""Where placement's own tables disagree: the sums that it keeps, and what they are sums of."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import func, select

from nacre.kernel.db import Transaction
from nacre.services.placement.db.tables import allocations, consumers, inventories, providers


class Sum(msgspec.Struct, frozen=True):
    """How much of a class of a provider is said to be used, and how much is."""

    resource_class: str
    said: int
    real: int


def providers_after(tx: Transaction, uuid: str, limit: int) -> list[str]:
    """Return the next providers in the order of their ids; also those of which only allocations are left."""
    known = select(providers.c.uuid).where(providers.c.uuid > uuid).order_by(providers.c.uuid).limit(limit)
    lost = (
        select(allocations.c.provider_uuid)
        .where(
            allocations.c.provider_uuid > uuid,
            allocations.c.provider_uuid.not_in(select(providers.c.uuid)),
        )
        .distinct()
        .order_by(allocations.c.provider_uuid)
        .limit(limit)
    )
    return sorted({*tx.scalars(known), *tx.scalars(lost)})[:limit]


def exists(tx: Transaction, uuid: str) -> bool:
    """Tell whether there is such a provider."""
    return tx.exists(select(providers.c.uuid).where(providers.c.uuid == uuid))


def wrong_sums(tx: Transaction, uuid: str) -> list[Sum]:
    """Return the classes of a provider whose sum is not that of its allocations."""
    held: Any = tx.execute(
        select(allocations.c.resource_class, func.sum(allocations.c.used))
        .where(allocations.c.provider_uuid == uuid)
        .group_by(allocations.c.resource_class)
    )
    real = {name: int(used) for name, used in held}
    said: Any = tx.execute(
        select(inventories.c.resource_class, inventories.c.used).where(inventories.c.provider_uuid == uuid)
    )
    sums = [Sum(name, used, real.get(name, 0)) for name, used in said]
    return [each for each in sums if each.said != each.real]


def mend_sums(tx: Transaction, uuid: str) -> list[Sum]:
    """Put right the sums of a provider; return those that were wrong."""
    tx.lock(inventories, inventories.c.provider_uuid == uuid)
    wrong = wrong_sums(tx, uuid)
    for each in wrong:
        tx.update(inventories, (uuid, each.resource_class), {"used": each.real})
    return wrong


def consumers_of(tx: Transaction, uuid: str) -> list[str]:
    """Return who holds something of a provider."""
    query = select(allocations.c.consumer_uuid).where(allocations.c.provider_uuid == uuid).distinct()
    return tx.scalars(query.order_by(allocations.c.consumer_uuid))


def drop_allocations(tx: Transaction, uuid: str) -> None:
    """Forget what is held of a provider that does not exist, and consumers that hold nothing then."""
    holders = consumers_of(tx, uuid)
    tx.delete(allocations, allocations.c.provider_uuid == uuid)
    still = set(
        tx.scalars(select(allocations.c.consumer_uuid).where(allocations.c.consumer_uuid.in_(holders)))
    )
    gone = [each for each in holders if each not in still]
    tx.delete(consumers, consumers.c.uuid.in_(gone))
