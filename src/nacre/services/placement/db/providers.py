"""Queries on resource providers: their trees, inventories, traits and aggregates."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Column, Select, bindparam, select

from nacre.kernel.db import Big, Duplicate, Transaction, among
from nacre.services.placement.db.tables import (
    allocations,
    inventories,
    provider_aggregates,
    provider_traits,
    providers,
)
from nacre.services.placement.errors import (
    ConcurrentUpdate,
    InventoryInUse,
    NameTaken,
    ProviderHasChildren,
    ProviderInUse,
    ProviderNotFound,
)

BATCH = 5000


class Provider(msgspec.Struct, frozen=True):
    """One resource provider."""

    uuid: str
    name: str
    generation: int
    parent_uuid: str | None
    root_uuid: str
    created_at: datetime
    updated_at: datetime


class Inventory(msgspec.Struct, frozen=True):
    """How much of one class a provider has."""

    resource_class: str
    total: int
    reserved: int = 0
    min_unit: int = 1
    max_unit: int = 0x7FFFFFFF
    step_size: int = 1
    allocation_ratio: float = 1.0
    used: int = 0
    provider_uuid: str = ""

    @property
    def capacity(self) -> int:
        """How much may be allocated in all."""
        return capacity_of(self.total, self.reserved, self.allocation_ratio)


def capacity_of(total: int, reserved: int, allocation_ratio: float) -> int:
    """Return how much of an inventory may be allocated in all."""
    return int((total - reserved) * allocation_ratio)


class Place(msgspec.Struct, frozen=True):
    """Where a provider stands in its tree."""

    uuid: str
    parent_uuid: str | None
    root_uuid: str


class Room(msgspec.Struct, frozen=True):
    """How much of one class a provider could give in all, and how much of that is taken."""

    capacity: int
    used: int


def get(tx: Transaction, uuid: str) -> Provider:
    """Return a provider; raises ProviderNotFound."""
    query = select(providers).where(providers.c.uuid == uuid)
    return tx.one(query, Provider, otherwise=ProviderNotFound(uuid))


def page(
    tx: Transaction, *, name: str | None, uuid: str | None, tree_of: str | None, among: set[str] | None
) -> list[Provider]:
    """Return the providers that match, by name."""
    query = select(providers).order_by(providers.c.name)
    if name is not None:
        query = query.where(providers.c.name == name)
    if uuid is not None:
        query = query.where(providers.c.uuid == uuid)
    if tree_of is not None:
        root = select(providers.c.root_uuid).where(providers.c.uuid == tree_of).scalar_subquery()
        query = query.where(providers.c.root_uuid == root)
    found = tx.all(query, Provider)
    return found if among is None else [provider for provider in found if provider.uuid in among]


def insert(tx: Transaction, uuid: str, name: str, parent_uuid: str | None) -> Provider:
    """Add a provider; raises NameTaken when its name or id is there already."""
    root = get(tx, parent_uuid).root_uuid if parent_uuid else uuid
    now = tx.now()
    provider = Provider(uuid, name, 0, parent_uuid, root, now, now)
    try:
        tx.insert(providers, provider)
    except Duplicate:
        raise NameTaken(name) from None
    return provider


def update(tx: Transaction, uuid: str, values: Mapping[str, Any]) -> None:
    """Change a provider's name."""
    try:
        tx.update(providers, uuid, {**values, "updated_at": tx.now()})
    except Duplicate:
        raise NameTaken(str(values.get("name"))) from None


def move(tx: Transaction, provider: Provider, parent_uuid: str | None) -> None:
    """Hang a provider, with all below it, under another parent or under none."""
    below = descendants(tx, provider)
    root = get(tx, parent_uuid).root_uuid if parent_uuid else provider.uuid
    tx.update(providers, provider.uuid, {"parent_uuid": parent_uuid, "updated_at": tx.now()})
    tx.update(providers, providers.c.uuid.in_(below), {"root_uuid": root})


def descendants(tx: Transaction, provider: Provider) -> set[str]:
    """Return a provider's id and those of all below it."""
    rows: Iterable[Any] = tx.execute(
        select(providers.c.uuid, providers.c.parent_uuid).where(providers.c.root_uuid == provider.root_uuid)
    )
    children: dict[str, list[str]] = defaultdict(list)
    for uuid, parent in rows:
        children[parent].append(uuid)
    found, todo = set(), [provider.uuid]
    while todo:
        uuid = todo.pop()
        found.add(uuid)
        todo += children[uuid]
    return found


def delete(tx: Transaction, uuid: str) -> None:
    """Remove a provider with its inventories; raises where something still depends on it."""
    tx.lock(providers, uuid)
    get(tx, uuid)
    if tx.exists(select(providers.c.uuid).where(providers.c.parent_uuid == uuid)):
        raise ProviderHasChildren(uuid)
    if tx.exists(select(allocations.c.used).where(allocations.c.provider_uuid == uuid)):
        raise ProviderInUse(uuid)
    for table in (inventories, provider_traits, provider_aggregates):
        tx.delete(table, table.c.provider_uuid == uuid)
    tx.delete(providers, uuid)


def advance(tx: Transaction, uuid: str, seen: int | None) -> int:
    """Raise a provider's generation by one, if it is still the one that the caller saw."""
    condition = providers.c.uuid == uuid
    if seen is not None:
        condition &= providers.c.generation == seen
    changed = tx.execute(
        providers.update().where(condition).values(generation=providers.c.generation + 1, updated_at=tx.now())
    )
    if not changed.rowcount:
        get(tx, uuid)
        raise ConcurrentUpdate(f"resource provider {uuid}")
    return get(tx, uuid).generation


# -- inventories -------------------------------------------------------------------------------


_INVENTORIES = (
    select(inventories).where(among(inventories.c.provider_uuid)).order_by(inventories.c.resource_class)
)


def inventories_of(tx: Transaction, uuids: Iterable[str]) -> dict[str, dict[str, Inventory]]:
    """Return the inventories of providers: provider → class → inventory."""
    found: dict[str, dict[str, Inventory]] = {uuid: {} for uuid in uuids}
    for batch in _batches(found):
        for inventory in tx.all(_INVENTORIES, Inventory, {"ids": batch}):
            found[inventory.provider_uuid][inventory.resource_class] = inventory
    return found


_ROOM = select(
    inventories.c.provider_uuid,
    inventories.c.resource_class,
    inventories.c.total,
    inventories.c.reserved,
    inventories.c.allocation_ratio,
    inventories.c.used,
).where(among(inventories.c.provider_uuid))


def room_of(tx: Transaction, uuids: Iterable[str]) -> dict[str, dict[str, Room]]:
    """Return how much providers have: provider → class → room."""
    found: dict[str, dict[str, Room]] = {uuid: {} for uuid in uuids}
    for batch in _batches(found):
        rows: Sequence[Any] = tx.execute(_ROOM, {"ids": batch}).all()
        for uuid, name, total, reserved, ratio, used in rows:
            found[uuid][name] = Room(capacity_of(total, reserved, ratio), used)
    return found


def put_inventory(tx: Transaction, uuid: str, inventory: Inventory) -> None:
    """Write one inventory; what is used of it stays."""
    values = msgspec.structs.asdict(inventory)
    del values["used"], values["provider_uuid"]
    if not tx.update(inventories, (uuid, inventory.resource_class), values):
        tx.insert(inventories, {**values, "provider_uuid": uuid, "used": 0})


def drop_inventories(tx: Transaction, uuid: str, classes: Iterable[str]) -> None:
    """Remove inventories; raises InventoryInUse where allocations exist."""
    classes = sorted(classes)
    if not classes:
        return
    mine = (inventories.c.provider_uuid == uuid) & inventories.c.resource_class.in_(classes)
    if used := tx.scalars(select(inventories.c.resource_class).where(mine, inventories.c.used > 0)):
        raise InventoryInUse(", ".join(sorted(used)), uuid)
    tx.delete(inventories, mine)


# -- traits and aggregates ---------------------------------------------------------------------


def traits_of(tx: Transaction, uuids: Iterable[str]) -> dict[str, list[str]]:
    """Return the traits of providers."""
    return _names_of(tx, uuids, _TRAITS)


def aggregates_of(tx: Transaction, uuids: Iterable[str]) -> dict[str, list[str]]:
    """Return the aggregates of providers."""
    return _names_of(tx, uuids, _AGGREGATES)


def _named(name: Column[Any]) -> Select[Any]:
    """Return the query for what some providers are marked with."""
    provider_uuid = name.table.c.provider_uuid
    return select(provider_uuid, name).where(among(provider_uuid)).order_by(name)


_TRAITS = _named(provider_traits.c.trait)
_AGGREGATES = _named(provider_aggregates.c.aggregate_uuid)


def _names_of(tx: Transaction, uuids: Iterable[str], query: Select[Any]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {uuid: [] for uuid in uuids}
    for batch in _batches(found):
        rows: Iterable[Any] = tx.execute(query, {"ids": batch})
        for uuid, value in rows:
            found[uuid].append(value)
    return found


def replace_traits(tx: Transaction, uuid: str, names: Iterable[str]) -> None:
    """Give a provider exactly these traits."""
    tx.delete(provider_traits, provider_traits.c.provider_uuid == uuid)
    tx.insert_all(provider_traits, [{"provider_uuid": uuid, "trait": name} for name in sorted(set(names))])


def replace_aggregates(tx: Transaction, uuid: str, aggregates: Iterable[str]) -> None:
    """Put a provider into exactly these aggregates."""
    tx.delete(provider_aggregates, provider_aggregates.c.provider_uuid == uuid)
    rows = [{"provider_uuid": uuid, "aggregate_uuid": one} for one in sorted(set(aggregates))]
    tx.insert_all(provider_aggregates, rows)


def with_trait(tx: Transaction, names: Iterable[str]) -> set[str]:
    """Return the providers that have at least one of the traits."""
    query = select(provider_traits.c.provider_uuid).where(provider_traits.c.trait.in_(sorted(names)))
    return set(tx.scalars(query))


def in_aggregate(tx: Transaction, aggregates: Iterable[str]) -> set[str]:
    """Return the providers that are in at least one of the aggregates."""
    table = provider_aggregates
    return set(
        tx.scalars(select(table.c.provider_uuid).where(table.c.aggregate_uuid.in_(sorted(aggregates))))
    )


def _with_room() -> Select[Any]:
    table, amount = inventories, bindparam("amount", type_=Big)
    return select(table.c.provider_uuid).where(
        table.c.resource_class == bindparam("class_name"),
        table.c.min_unit <= amount,
        table.c.max_unit >= amount,
        amount % table.c.step_size == 0,
        table.c.used + amount <= (table.c.total - table.c.reserved) * table.c.allocation_ratio,
    )


_WITH_ROOM = _with_room()


def with_room(tx: Transaction, resource_class: str, amount: int) -> set[str]:
    """Return the providers that could give this much of a class."""
    return set(tx.scalars(_WITH_ROOM, {"class_name": resource_class, "amount": amount}))


def _whole_trees(*columns: Any) -> Select[Any]:
    """Return the query for all of the trees that some providers belong to."""
    roots = select(providers.c.root_uuid).where(among(providers.c.uuid)).distinct()
    return select(*columns).where(providers.c.root_uuid.in_(roots))


_TREES = _whole_trees(providers)
_PLACES = _whole_trees(providers.c.uuid, providers.c.parent_uuid, providers.c.root_uuid)


def trees(tx: Transaction, uuids: Iterable[str]) -> dict[str, Provider]:
    """Return all providers of the trees that the given ones belong to."""
    found: dict[str, Provider] = {}
    for batch in _batches(uuids):
        for provider in tx.all(_TREES, Provider, {"ids": batch}):
            found[provider.uuid] = provider
    return found


def places(tx: Transaction, uuids: Iterable[str]) -> list[Place]:
    """Return where everybody stands in the trees that the given providers belong to."""
    found = {
        place.uuid: place for batch in _batches(uuids) for place in tx.all(_PLACES, Place, {"ids": batch})
    }
    return list(found.values())


def _batches(uuids: Iterable[str]) -> Iterable[list[str]]:
    """Cut a long list into what engines take as parameters."""
    every = list(uuids)
    return (every[start : start + BATCH] for start in range(0, len(every), BATCH))
