"""Resource classes and traits: the standard ones are constants, the custom ones are rows."""

from collections.abc import Iterable

import os_resource_classes
import os_traits
from sqlalchemy import select

from nacre.kernel.db import Transaction
from nacre.services.placement.db.tables import (
    allocations,
    custom_classes,
    custom_traits,
    inventories,
    provider_traits,
)
from nacre.services.placement.errors import ClassExists, ClassNotFound, InUse, TraitNotFound

STANDARD_CLASSES = frozenset(os_resource_classes.STANDARDS)
STANDARD_TRAITS = frozenset(os_traits.get_traits())
CUSTOM = "CUSTOM_"


def classes(tx: Transaction) -> list[str]:
    """Return the names of all resource classes, the standard ones first."""
    own = tx.scalars(select(custom_classes.c.name).order_by(custom_classes.c.name))
    return [*os_resource_classes.STANDARDS, *own]


def unknown_classes(tx: Transaction, names: Iterable[str]) -> set[str]:
    """Return those of the names that are no resource class."""
    return _unknown(tx, names, STANDARD_CLASSES, custom_classes)


def unknown_traits(tx: Transaction, names: Iterable[str]) -> set[str]:
    """Return those of the names that are no trait."""
    return _unknown(tx, names, STANDARD_TRAITS, custom_traits)


def _unknown(tx: Transaction, names: Iterable[str], standard: frozenset[str], table: object) -> set[str]:
    strange = {name for name in names if name not in standard}
    if strange:
        strange -= set(tx.scalars(select(table.c.name).where(table.c.name.in_(strange))))  # type: ignore[attr-defined]
    return strange


def insert_class(tx: Transaction, name: str) -> None:
    """Add a custom resource class; raises ClassExists."""
    if not ensure_class(tx, name):
        raise ClassExists(name)


def ensure_class(tx: Transaction, name: str) -> bool:
    """Add a custom resource class unless it is there; tell whether it was added."""
    return tx.insert_if_absent(custom_classes, {"name": name, "created_at": tx.now()})


def rename_class(tx: Transaction, old: str, new: str) -> None:
    """Rename a custom resource class and all that refers to it."""
    if not tx.exists(select(custom_classes).where(custom_classes.c.name == old)):
        raise ClassNotFound(old)
    if old == new:
        return
    insert_class(tx, new)
    tx.update(inventories, inventories.c.resource_class == old, {"resource_class": new})
    tx.update(allocations, allocations.c.resource_class == old, {"resource_class": new})
    tx.delete(custom_classes, old)


def delete_class(tx: Transaction, name: str) -> None:
    """Remove a custom resource class that no inventory uses."""
    if tx.exists(select(inventories.c.used).where(inventories.c.resource_class == name)):
        raise InUse(f"Resource class {name} is in use in inventory.")
    if not tx.delete(custom_classes, name):
        raise ClassNotFound(name)


def traits(tx: Transaction, *, used: bool | None = None) -> list[str]:
    """Return all traits; only those that some provider has, or none has, if asked."""
    names = STANDARD_TRAITS | set(tx.scalars(select(custom_traits.c.name)))
    if used is not None:
        present = set(tx.scalars(select(provider_traits.c.trait).distinct()))
        names = names & present if used else names - present
    return sorted(names)


def ensure_trait(tx: Transaction, name: str) -> bool:
    """Add a custom trait unless it is there; tell whether it was added."""
    return tx.insert_if_absent(custom_traits, {"name": name, "created_at": tx.now()})


def delete_trait(tx: Transaction, name: str) -> None:
    """Remove a custom trait that no provider has."""
    if tx.exists(select(provider_traits).where(provider_traits.c.trait == name)):
        raise InUse(f"The trait {name} is in use by a resource provider.")
    if not tx.delete(custom_traits, name):
        raise TraitNotFound(name)
