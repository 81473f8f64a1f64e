"""Queries on consumers and what they hold.

Writing an allocation changes `inventories.used` by a guarded UPDATE: where there is no room, no row
matches and the whole transaction is refused.  So two claims at once can never exceed a capacity.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from sqlalchemy import func, literal, select

from nacre.kernel.db import Transaction
from nacre.services.placement.db.providers import Inventory
from nacre.services.placement.db.tables import allocations, consumers, inventories, providers
from nacre.services.placement.errors import CannotAllocate, ConcurrentUpdate, UnknownProvider

#: provider → resource class → amount
Amounts = Mapping[str, Mapping[str, int]]


class Consumer(msgspec.Struct, frozen=True):
    """Somebody who holds allocations."""

    uuid: str
    project_id: str
    user_id: str
    generation: int
    type: str | None = None


class Allocation(msgspec.Struct, frozen=True):
    """How much of one class of one provider a consumer holds."""

    consumer_uuid: str
    provider_uuid: str
    resource_class: str
    used: int


def find_consumer(tx: Transaction, uuid: str) -> Consumer | None:
    """Return a consumer that holds allocations, or None."""
    return tx.find(select(consumers).where(consumers.c.uuid == uuid), Consumer)


def of_consumer(tx: Transaction, uuid: str) -> list[Allocation]:
    """Return what a consumer holds."""
    query = select(allocations).where(allocations.c.consumer_uuid == uuid)
    return tx.all(query.order_by(allocations.c.provider_uuid, allocations.c.resource_class), Allocation)


def on_provider(tx: Transaction, uuid: str) -> list[Allocation]:
    """Return what is held of a provider."""
    return tx.all(select(allocations).where(allocations.c.provider_uuid == uuid), Allocation)


def consumers_on_provider(tx: Transaction, uuid: str) -> dict[str, Consumer]:
    """Return who holds something of a provider."""
    query = select(consumers).where(
        consumers.c.uuid.in_(select(allocations.c.consumer_uuid).where(allocations.c.provider_uuid == uuid))
    )
    return {consumer.uuid: consumer for consumer in tx.all(query, Consumer)}


def usage_of_project(
    tx: Transaction, project_id: str, user_id: str | None, consumer_type: str | None
) -> list[tuple[str | None, str, int, int]]:
    """Return (consumer type, class, amount, number of consumers) for a project."""
    query = (
        select(
            consumers.c.type,
            allocations.c.resource_class,
            func.sum(allocations.c.used),
            func.count(consumers.c.uuid.distinct()),
        )
        .join(allocations, allocations.c.consumer_uuid == consumers.c.uuid)
        .where(consumers.c.project_id == project_id)
        .group_by(consumers.c.type, allocations.c.resource_class)
    )
    if user_id is not None:
        query = query.where(consumers.c.user_id == user_id)
    if consumer_type is not None:
        wanted = consumers.c.type
        query = query.where(wanted.is_(None) if consumer_type == "unknown" else wanted == consumer_type)
    rows: Iterable[Any] = tx.execute(query)
    return [(kind, name, int(used), int(count)) for kind, name, used, count in rows]


def put_consumer(tx: Transaction, consumer: Consumer, seen: int | None, *, guarded: bool) -> None:
    """Write who the consumer is, one generation on.

    With `guarded`, `seen` must be its present generation (None: it must hold nothing yet).
    """
    tx.lock(consumers, consumer.uuid)
    present = find_consumer(tx, consumer.uuid)
    expected = present.generation if present else None
    if guarded and expected != seen:
        raise ConcurrentUpdate(f"consumer generation conflict - expected {expected} but got {seen}")
    now = tx.now()
    if present is None:
        row = msgspec.structs.asdict(consumer) | {"generation": 1, "created_at": now, "updated_at": now}
        if not tx.insert_if_absent(consumers, row):
            raise ConcurrentUpdate(f"consumer {consumer.uuid}")
        return
    values = {
        "project_id": consumer.project_id,
        "user_id": consumer.user_id,
        "type": consumer.type or present.type,
        "generation": present.generation + 1,
        "updated_at": now,
    }
    tx.update(consumers, consumer.uuid, values)


def replace(tx: Transaction, consumer_uuid: str, wanted: Amounts) -> None:
    """Let a consumer hold exactly this; raises CannotAllocate, and then nothing has changed."""
    held: dict[tuple[str, str], int] = {
        (one.provider_uuid, one.resource_class): one.used for one in of_consumer(tx, consumer_uuid)
    }
    asked = {(uuid, name): amount for uuid, amounts in wanted.items() for name, amount in amounts.items()}
    for key in sorted(held.keys() | asked.keys()):  # in one order for everybody: no deadlocks
        before, after = held.get(key, 0), asked.get(key, 0)
        if after:
            _take(tx, *key, before, after)
            if before:
                tx.update(allocations, (consumer_uuid, *key), {"used": after})
            else:
                tx.insert(allocations, Allocation(consumer_uuid, *key, after))
        else:
            _give_back(tx, *key, before)
            tx.delete(allocations, (consumer_uuid, *key))
    if not asked:
        tx.delete(consumers, consumer_uuid)


def lock_inventories(tx: Transaction, wanted: Mapping[str, Amounts]) -> None:
    """Hold what several consumers have or will have, in the order in which `replace` takes it: no deadlocks."""
    touched = {
        (one.provider_uuid, one.resource_class) for consumer in wanted for one in of_consumer(tx, consumer)
    }
    touched |= {(uuid, name) for amounts in wanted.values() for uuid in amounts for name in amounts[uuid]}
    for key in sorted(touched):
        tx.lock(inventories, key)


def _give_back(tx: Transaction, provider_uuid: str, resource_class: str, amount: int) -> None:
    table = inventories
    tx.execute(
        table.update()
        .where(table.c.provider_uuid == provider_uuid, table.c.resource_class == resource_class)
        .values(used=table.c.used - amount)
    )


def _take(tx: Transaction, provider_uuid: str, resource_class: str, before: int, after: int) -> None:
    table = inventories
    taken = tx.execute(
        table.update()
        .where(
            table.c.provider_uuid == provider_uuid,
            table.c.resource_class == resource_class,
            table.c.min_unit <= after,
            table.c.max_unit >= after,
            literal(after) % table.c.step_size == 0,
            table.c.used + (after - before) <= (table.c.total - table.c.reserved) * table.c.allocation_ratio,
        )
        .values(used=table.c.used + (after - before))
    )
    if not taken.rowcount:
        raise _why_not(tx, provider_uuid, resource_class, before, after)


def _why_not(
    tx: Transaction, provider_uuid: str, resource_class: str, before: int, after: int
) -> UnknownProvider | CannotAllocate:
    """Find out why nothing could be taken."""
    if not tx.exists(select(providers.c.uuid).where(providers.c.uuid == provider_uuid)):
        return UnknownProvider(provider_uuid)
    query = select(inventories).where(
        inventories.c.provider_uuid == provider_uuid, inventories.c.resource_class == resource_class
    )
    found = tx.find(query, Inventory)
    if found is None:
        why = "It has no inventory of that class."
    elif found.used - before + after > found.capacity:
        why = (
            "The requested amount would exceed the capacity: "
            f"{after} asked, {found.used - before} of {found.capacity} used."
        )
    else:
        why = (
            f"The requested amount would violate inventory constraints: {after} asked, "
            f"min_unit {found.min_unit}, max_unit {found.max_unit}, step_size {found.step_size}."
        )
    return CannotAllocate(resource_class, provider_uuid, why)


def by_provider(held: list[Allocation]) -> dict[str, dict[str, int]]:
    """Group allocations: provider → class → amount."""
    grouped: dict[str, dict[str, int]] = defaultdict(dict)
    for one in held:
        grouped[one.provider_uuid][one.resource_class] = one.used
    return dict(grouped)
