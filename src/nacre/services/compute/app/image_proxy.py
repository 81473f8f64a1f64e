"""Images as compute's API showed them before the image service had one: passed on, with other names.

Not to be taken for `images`, which is about the images that servers are made of.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nacre.kernel import errors
from nacre.kernel.context import Context
from nacre.services.image import client as image
from nacre.services.image.client import Image

FILTERS = {
    "name": "name", "server": "instance_uuid", "type": "image_type", "minRam": "min_ram", "minDisk": "min_disk",
}  # fmt: skip
PROPERTY = "property-"
STATUSES = {
    "active": "ACTIVE", "queued": "SAVING", "saving": "SAVING", "uploading": "SAVING", "importing": "SAVING",
    "deleted": "DELETED", "pending_delete": "DELETED", "killed": "ERROR", "deactivated": "UNKNOWN",
}  # fmt: skip
PROGRESS = {"active": 100, "saving": 50, "queued": 25}


class ImageNotFound(errors.NotFound):
    message = "Image not found."


def index(
    ctx: Context, wanted: Mapping[str, str], *, since: str | None, marker: str | None, limit: int
) -> list[Image]:
    """Return one page of the images that the caller may see; `wanted` has the names of compute's filters."""
    query: dict[str, Any] = {"limit": limit, "sort": "created_at:desc"}
    for name, value in wanted.items():
        if name in FILTERS:
            query[FILTERS[name]] = value
        elif name.startswith(PROPERTY):
            query[name.removeprefix(PROPERTY)] = value
        elif name == "status":
            query["status"] = next((ours for ours, old in STATUSES.items() if old == value.upper()), value)
    if since is not None:
        query["updated_at"] = f"gte:{since}"
    if marker is not None:
        query["marker"] = marker
    return image.index(ctx, query)


def get(ctx: Context, image_id: str) -> Image:
    """Return an image that the caller may see; raises ImageNotFound."""
    try:
        return image.get(ctx, image_id)
    except errors.NotFound:
        raise ImageNotFound() from None


def delete(ctx: Context, found: Image) -> None:
    """Delete an image."""
    image.delete(ctx, found.id)


def set_properties(ctx: Context, found: Image, wanted: Mapping[str, str]) -> dict[str, str]:
    """Make these an image's only properties; return them as they are kept."""
    return image.set_properties(ctx, found, wanted).properties


def without(ctx: Context, found: Image, key: str) -> None:
    """Take one property from an image; raises NotFound."""
    if key not in found.properties:
        raise errors.NotFound("Invalid metadata key")
    set_properties(ctx, found, {name: value for name, value in found.properties.items() if name != key})
