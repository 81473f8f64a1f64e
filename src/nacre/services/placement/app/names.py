"""What may be done with resource classes and traits: standard ones stay, custom ones come and go."""

from __future__ import annotations

from nacre.kernel.context import Context
from nacre.kernel.errors import BadRequest
from nacre.services.placement.db import names
from nacre.services.placement.errors import ClassNotFound, TraitNotFound


def classes(ctx: Context) -> list[str]:
    """Return the names of all resource classes."""
    return ctx.db.read(names.classes)


def check_class(ctx: Context, name: str) -> None:
    """Raise ClassNotFound unless there is such a class."""
    if ctx.db.read(names.unknown_classes, [name]):
        raise ClassNotFound(name)


def create_class(ctx: Context, name: str) -> None:
    """Add a custom class."""
    ctx.db.run(names.insert_class, name)


def ensure_class(ctx: Context, name: str) -> bool:
    """Add a custom class unless it is there; tell whether it was added."""
    return ctx.db.run(names.ensure_class, name)


def rename_class(ctx: Context, old: str, new: str) -> None:
    """Rename a custom class."""
    if old in names.STANDARD_CLASSES:
        raise BadRequest(f"Cannot update standard resource class {old}")
    ctx.db.run(names.rename_class, old, new)


def delete_class(ctx: Context, name: str) -> None:
    """Remove a custom class that nobody uses."""
    if name in names.STANDARD_CLASSES:
        raise BadRequest(f"Error in delete resource class: Cannot delete standard resource class {name}.")
    ctx.db.run(names.delete_class, name)


def traits(ctx: Context, *, associated: bool | None) -> list[str]:
    """Return all traits, or those that some provider has, or none has."""
    return ctx.db.read(lambda tx: names.traits(tx, used=associated))


def check_trait(ctx: Context, name: str) -> None:
    """Raise TraitNotFound unless there is such a trait."""
    if ctx.db.read(names.unknown_traits, [name]):
        raise TraitNotFound(name)


def ensure_trait(ctx: Context, name: str) -> bool:
    """Add a custom trait unless it is there; tell whether it was added."""
    return ctx.db.run(names.ensure_trait, name)


def delete_trait(ctx: Context, name: str) -> None:
    """Remove a custom trait that nobody has."""
    if name in names.STANDARD_TRAITS:
        raise BadRequest(f"Cannot delete standard trait {name}.")
    ctx.db.run(names.delete_trait, name)
