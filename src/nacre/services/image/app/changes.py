"""Changes to an image, one after the other as the caller lists them, all or none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from nacre.kernel import errors
from nacre.kernel.context import Context
from nacre.kernel.db import Transaction
from nacre.services.image.app.images import (
    check_name,
    check_properties,
    check_tags,
    check_visibility,
    viewer,
)
from nacre.services.image.db import images
from nacre.services.image.db.images import Image
from nacre.services.image.db.tables import Status, Visibility
from nacre.services.image.errors import FormatIsFixed, NotOwner, PropertyExists, PropertyMissing

ATTRIBUTES = frozenset(
    (
        "name", "owner", "visibility", "os_hidden", "protected", "container_format", "disk_format",
        "min_disk", "min_ram", "tags",
    )
)  # fmt: skip
FORMATS = ("container_format", "disk_format")


class Change(msgspec.Struct, frozen=True):
    """Add, replace or remove one attribute or property; `fresh` refuses to add what is there."""

    operation: Literal["add", "replace", "remove"]
    name: str
    value: Any = None
    fresh: bool = False


def apply(ctx: Context, image: Image, wanted: Sequence[Change]) -> Image:
    """Change an image."""

    def write(tx: Transaction) -> Image:
        images.hold(tx, image.id)
        present = images.get(tx, image.id, viewer(ctx))
        values: dict[str, Any] = {}
        properties = dict(present.properties)
        for change in wanted:
            check_name(change.name)
            if change.name in ATTRIBUTES:
                _check_attribute(ctx, present, change)
                values[change.name] = change.value
            else:
                _change_property(properties, change)
        check_properties(ctx, {name: properties[name] for name in properties.keys() - present.properties})
        if properties != present.properties:
            check_properties(ctx, properties)
            images.replace_properties(tx, image.id, properties)
        if "tags" in values:
            images.replace_tags(tx, image.id, check_tags(ctx, values.pop("tags")))
        if "visibility" in values:
            values["visibility"] = Visibility(values["visibility"])
        images.update(tx, image.id, values)
        return images.get(tx, image.id, viewer(ctx))

    return ctx.db.run(write)


def _check_attribute(ctx: Context, present: Image, change: Change) -> None:
    if change.operation == "remove":
        raise errors.Forbidden(f"Property {change.name} may not be removed.")
    if change.fresh and change.operation == "add":
        raise PropertyExists(change.name)
    differs = change.value != getattr(present, change.name)
    if change.name in FORMATS and differs and present.status is not Status.QUEUED:
        raise FormatIsFixed(change.name)
    if change.name == "owner" and differs and not ctx.is_admin:
        raise NotOwner(change.value)
    if change.name == "visibility" and differs:
        check_visibility(ctx, change.value, present.owner)


def _change_property(properties: dict[str, str], change: Change) -> None:
    if change.operation == "add":
        if change.fresh and change.name in properties:
            raise PropertyExists(change.name)
    elif change.name not in properties:
        raise PropertyMissing(change.name)
    if change.operation == "remove":
        del properties[change.name]
    else:
        properties[change.name] = change.value


def add_tag(ctx: Context, image: Image, tag: str) -> None:
    """Give an image one more tag; one that it has is no error."""

    def write(tx: Transaction) -> None:
        images.hold(tx, image.id)
        present = images.get(tx, image.id, viewer(ctx))
        if tag not in present.tags:
            images.replace_tags(tx, image.id, check_tags(ctx, [*present.tags, tag]))
            images.update(tx, image.id, {})

    ctx.db.run(write)


def remove_tag(ctx: Context, image: Image, tag: str) -> None:
    """Take a tag from an image; NotFound when it has no such tag."""

    def write(tx: Transaction) -> None:
        images.hold(tx, image.id)
        present = images.get(tx, image.id, viewer(ctx))
        if tag not in present.tags:
            raise errors.NotFound(f"No tag {tag!r} found on image {image.id}"[:300])
        images.replace_tags(tx, image.id, [one for one in present.tags if one != tag])
        images.update(tx, image.id, {})

    ctx.db.run(write)
