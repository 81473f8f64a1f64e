"""What may be done with resource providers, their inventories, traits and aggregates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from nacre.kernel import errors
from nacre.kernel.context import Context
from nacre.kernel.db import Transaction
from nacre.kernel.ids import new_id
from nacre.services.placement.db import names, providers
from nacre.services.placement.db.providers import Inventory, Provider
from nacre.services.placement.errors import (
    ConcurrentUpdate,
    InventoryExists,
    InventoryNotFound,
    ProviderNotFound,
    UnknownClass,
    UnknownTraits,
)


def get(ctx: Context, uuid: str) -> Provider:
    """Return a provider."""
    return ctx.db.read(providers.get, uuid)


def create(ctx: Context, name: str, uuid: str | None, parent_uuid: str | None) -> Provider:
    """Add a provider, below another if one is named."""
    try:
        return ctx.db.run(providers.insert, uuid or new_id(), name, parent_uuid)
    except ProviderNotFound:
        raise errors.BadReference(f"parent provider UUID does not exist: {parent_uuid}") from None


def update(
    ctx: Context, provider: Provider, name: str, parent: str | None, *, moves: bool, may_move: bool
) -> Provider:
    """Rename a provider; where it `moves`, hang it elsewhere (from an old parent only if it `may_move`)."""

    def write(tx: Transaction) -> Provider:
        if moves and parent != provider.parent_uuid:
            if provider.parent_uuid is not None and not may_move:
                raise errors.BadRequest(
                    f"Unable to save resource provider {provider.uuid}: "
                    "re-parenting a provider is not allowed."
                )
            if parent is not None and parent in providers.descendants(tx, provider):
                raise errors.BadRequest(
                    f"Unable to save resource provider {provider.uuid}: creating loop in the provider tree "
                    "is not allowed."
                )
            try:
                providers.move(tx, provider, parent)
            except ProviderNotFound:
                raise errors.BadReference(f"parent provider UUID does not exist: {parent}") from None
        providers.update(tx, provider.uuid, {"name": name})
        return providers.get(tx, provider.uuid)

    return ctx.db.run(write)


def delete(ctx: Context, uuid: str) -> None:
    """Remove a provider that nothing depends on."""
    ctx.db.run(providers.delete, uuid)


# -- inventories -------------------------------------------------------------------------------


def inventories(ctx: Context, provider: Provider) -> dict[str, Inventory]:
    """Return a provider's inventories."""
    return ctx.db.read(providers.inventories_of, [provider.uuid])[provider.uuid]


def replace_inventories(
    ctx: Context, provider: Provider, generation: int, wanted: Mapping[str, Inventory]
) -> int:
    """Give a provider exactly these inventories; returns its new generation."""

    def write(tx: Transaction) -> int:
        new = providers.advance(tx, provider.uuid, generation)
        _check_classes(tx, wanted)
        present = providers.inventories_of(tx, [provider.uuid])[provider.uuid]
        providers.drop_inventories(tx, provider.uuid, present.keys() - wanted.keys())
        for inventory in wanted.values():
            providers.put_inventory(tx, provider.uuid, inventory)
        return new

    return ctx.db.run(write)


def put_inventory(
    ctx: Context, provider: Provider, generation: int | None, inventory: Inventory, *, new: bool
) -> int:
    """Write one inventory; `new` refuses one that exists, otherwise one that does not is refused."""

    def write(tx: Transaction) -> int:
        advanced = providers.advance(tx, provider.uuid, generation)
        _check_classes(tx, (inventory.resource_class,))
        present = providers.inventories_of(tx, [provider.uuid])[provider.uuid]
        if new and inventory.resource_class in present:
            raise InventoryExists(inventory.resource_class, provider.uuid)
        if not new and inventory.resource_class not in present:
            raise errors.BadReference(f"No inventory record with resource class: {inventory.resource_class}")
        providers.put_inventory(tx, provider.uuid, inventory)
        return advanced

    return ctx.db.run(write)


def delete_inventories(ctx: Context, provider: Provider, classes: Iterable[str] | None) -> None:
    """Remove some inventories of a provider, or all."""

    def write(tx: Transaction) -> None:
        present = providers.inventories_of(tx, [provider.uuid])[provider.uuid]
        gone = present.keys() if classes is None else set(classes)
        for name in gone - present.keys():
            raise InventoryNotFound(name, provider.uuid)
        providers.drop_inventories(tx, provider.uuid, gone)
        providers.advance(tx, provider.uuid, None)

    ctx.db.run(write)


def _check_classes(tx: Transaction, classes: Iterable[str]) -> None:
    for name in sorted(names.unknown_classes(tx, classes)):
        raise UnknownClass(name)


# -- traits and aggregates ---------------------------------------------------------------------


def traits(ctx: Context, provider: Provider) -> list[str]:
    """Return a provider's traits."""
    return ctx.db.read(providers.traits_of, [provider.uuid])[provider.uuid]


def replace_traits(ctx: Context, provider: Provider, generation: int | None, wanted: list[str]) -> int:
    """Give a provider exactly these traits; returns its new generation."""

    def write(tx: Transaction) -> int:
        new = providers.advance(tx, provider.uuid, generation)
        if strange := names.unknown_traits(tx, wanted):
            raise UnknownTraits(sorted(strange))
        providers.replace_traits(tx, provider.uuid, wanted)
        return new

    return ctx.db.run(write)


def aggregates(ctx: Context, provider: Provider) -> list[str]:
    """Return a provider's aggregates."""
    return ctx.db.read(providers.aggregates_of, [provider.uuid])[provider.uuid]


def replace_aggregates(ctx: Context, provider: Provider, generation: int | None, wanted: list[str]) -> int:
    """Put a provider into exactly these aggregates; returns its new generation."""

    def write(tx: Transaction) -> int:
        new = providers.advance(tx, provider.uuid, generation)
        providers.replace_aggregates(tx, provider.uuid, wanted)
        return new

    return ctx.db.run(write)


def check_generation(provider: Provider, seen: int) -> None:
    """Raise ConcurrentUpdate early, where the caller saw an older provider."""
    if provider.generation != seen:
        raise ConcurrentUpdate(f"resource provider {provider.uuid}")


def describe(ctx: Context, uuid: str) -> dict[str, Any]:
    """Return all there is to know of a provider's use: class → amount used."""
    return {
        name: inventory.used
        for name, inventory in ctx.db.read(providers.inventories_of, [uuid])[uuid].items()
    }
