"""What consumers hold, and how that is changed: all or nothing, for one consumer or many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from nacre.kernel.context import Context
from nacre.kernel.db import Transaction
from nacre.services.placement.db import allocations, names, providers
from nacre.services.placement.db.allocations import Allocation, Consumer
from nacre.services.placement.db.providers import Inventory
from nacre.services.placement.errors import (
    AllocationsNotFound,
    ConcurrentUpdate,
    UnknownClass,
    UnknownProvider,
)


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """What one consumer shall hold, in place of what it holds now; nothing at all ends it."""

    consumer: Consumer
    wanted: dict[str, dict[str, int]]
    seen_generation: int | None = None
    guarded: bool = False
    provider_generations: dict[str, int] = {}


class Held(msgspec.Struct, frozen=True):
    """A consumer and what it holds, with the generations of the providers."""

    consumer: Consumer | None
    allocations: list[Allocation]
    generations: dict[str, int]


def of_consumer(ctx: Context, uuid: str) -> Held:
    """Return what a consumer holds; nothing is no error."""

    def read(tx: Transaction) -> Held:
        held = allocations.of_consumer(tx, uuid)
        known = providers.trees(tx, {one.provider_uuid for one in held})
        generations = {one.provider_uuid: known[one.provider_uuid].generation for one in held}
        return Held(allocations.find_consumer(tx, uuid), held, generations)

    return ctx.db.read(read)


def on_provider(ctx: Context, uuid: str) -> tuple[list[Allocation], dict[str, Consumer]]:
    """Return what is held of a provider and by whom."""

    def read(tx: Transaction) -> tuple[list[Allocation], dict[str, Consumer]]:
        return allocations.on_provider(tx, uuid), allocations.consumers_on_provider(tx, uuid)

    return ctx.db.read(read)


def claim(ctx: Context, claims: Sequence[Claim]) -> None:
    """Make all of it so, or none."""
    ctx.db.run(_write, claims)


def _write(tx: Transaction, claims: Sequence[Claim]) -> None:
    classes = {name for one in claims for amounts in one.wanted.values() for name in amounts}
    for name in sorted(names.unknown_classes(tx, classes)):
        raise UnknownClass(name)
    if len(claims) > 1:
        allocations.lock_inventories(tx, {one.consumer.uuid: one.wanted for one in claims})
    # What is given up makes room for what is taken, whichever order the caller wrote them in.
    for one in sorted(claims, key=lambda one: bool(one.wanted)):
        for uuid, generation in one.provider_generations.items():
            known = providers.trees(tx, [uuid]).get(uuid)
            if known is None:
                raise UnknownProvider(uuid)
            if known.generation != generation:
                raise ConcurrentUpdate(f"resource provider {uuid}")
        allocations.put_consumer(tx, one.consumer, one.seen_generation, guarded=one.guarded)
        allocations.replace(tx, one.consumer.uuid, one.wanted)


def release(ctx: Context, consumer_uuid: str) -> None:
    """Let a consumer hold nothing; raises AllocationsNotFound if it held nothing."""

    def write(tx: Transaction) -> None:
        if not allocations.of_consumer(tx, consumer_uuid):
            raise AllocationsNotFound(consumer_uuid)
        allocations.replace(tx, consumer_uuid, {})

    ctx.db.run(write)


def reshape(
    ctx: Context,
    inventories: Mapping[str, tuple[int, Mapping[str, Inventory]]],
    claims: Sequence[Claim],
) -> None:
    """Change inventories (provider → seen generation, inventories) and allocations at once.

    New inventories are added first and old ones removed last, so that allocations can move over.
    """

    def write(tx: Transaction) -> None:
        for uuid, (generation, wanted) in inventories.items():
            providers.advance(tx, uuid, generation)
            for name in sorted(names.unknown_classes(tx, wanted)):
                raise UnknownClass(name)
            for inventory in wanted.values():
                providers.put_inventory(tx, uuid, inventory)
        _write(tx, claims)
        for uuid, (_, wanted) in inventories.items():
            present = providers.inventories_of(tx, [uuid])[uuid]
            providers.drop_inventories(tx, uuid, present.keys() - wanted.keys())

    ctx.db.run(write)


def usage_of_project(
    ctx: Context, project_id: str, user_id: str | None, consumer_type: str | None
) -> list[tuple[str | None, str, int, int]]:
    """Return (consumer type, class, amount, number of consumers) for a project."""
    return ctx.db.read(allocations.usage_of_project, project_id, user_id, consumer_type)
