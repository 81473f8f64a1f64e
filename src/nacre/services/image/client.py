"""What other services ask of images: what one is, a new one for a snapshot, tickets for hosts.

`get`, `create` and `delete` are done with whatever rights the context has: the user's own, or the
service's after `ctx.as_service()`.  Tickets are issued to services only, so check with `get` and the
user's context first that the user may use the image.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from nacre.kernel import errors
from nacre.kernel.context import Context

SERVICE = "image"
ATTRIBUTES = frozenset(
    (
        "id", "name", "status", "visibility", "os_hidden", "protected", "owner", "size", "virtual_size",
        "checksum", "os_hash_algo", "os_hash_value", "container_format", "disk_format", "min_disk", "min_ram",
        "tags", "created_at", "updated_at", "stores", "self", "file", "schema", "locations", "direct_url",
    )
)  # fmt: skip


class Image(msgspec.Struct, frozen=True, kw_only=True):
    """An image as other services know it; sizes in bytes, min_disk in GiB, min_ram in MiB."""

    id: str
    name: str | None = None
    status: str = "queued"
    visibility: str = "shared"
    owner: str | None = None
    protected: bool = False
    os_hidden: bool = False
    size: int | None = None
    virtual_size: int | None = None
    checksum: str | None = None
    os_hash_algo: str | None = None
    os_hash_value: str | None = None
    container_format: str | None = None
    disk_format: str | None = None
    min_disk: int = 0
    min_ram: int = 0
    tags: tuple[str, ...] = ()
    created_at: datetime | None = None
    updated_at: datetime | None = None
    properties: dict[str, str] = {}


class Ticket(msgspec.Struct, frozen=True):
    """Where a host fetches (GET) or sends (PUT) an image's bytes, and the headers that open the door."""

    url: str
    headers: dict[str, str]

    def __repr__(self) -> str:  # a ticket is a secret and never in a log
        return f"Ticket(url={self.url!r})"


def get(ctx: Context, image_id: str) -> Image:
    """Return an image that the context may see; NotFound otherwise."""
    return _image(ctx.call(SERVICE, "GET", f"/v2/images/{_safe(image_id)}").json())


def index(ctx: Context, query: Mapping[str, Any]) -> list[Image]:
    """Return one page of the images that the context may see; the query is the image API's own."""
    return [_image(row) for row in ctx.call(SERVICE, "GET", "/v2/images", query=dict(query)).json()["images"]]


def set_properties(ctx: Context, image: Image, wanted: Mapping[str, str]) -> Image:
    """Make these an image's only properties; what the image service keeps itself is not among them."""
    gone = [{"op": "remove", "path": _pointer(key)} for key in image.properties if key not in wanted]
    set_ = [
        {"op": "add", "path": _pointer(key), "value": value}
        for key, value in wanted.items()
        if image.properties.get(key) != value
    ]
    if not gone and not set_:
        return image
    headers = {"content-type": "application/openstack-images-v2.1-json-patch"}
    path = f"/v2/images/{_safe(image.id)}"
    return _image(ctx.call(SERVICE, "PATCH", path, body=[*gone, *set_], headers=headers).json())


def create(
    ctx: Context,
    *,
    name: str,
    disk_format: str | None = None,
    container_format: str | None = "bare",
    visibility: str = "private",
    owner: str | None = None,
    id: str | None = None,
    min_disk: int = 0,
    min_ram: int = 0,
    protected: bool = False,
    tags: tuple[str, ...] = (),
    properties: Mapping[str, str] | None = None,
) -> Image:
    """Add an image without data: its bytes are sent with an upload ticket.

    With an `id` of the caller's choice this may be repeated: the image that is there is returned.
    """
    body: dict[str, Any] = {
        **(properties or {}),
        "name": name,
        "visibility": visibility,
        "min_disk": min_disk,
        "min_ram": min_ram,
        "protected": protected,
        "tags": list(tags),
    }
    given = {"id": id, "owner": owner, "disk_format": disk_format, "container_format": container_format}
    body |= {key: value for key, value in given.items() if value is not None}
    try:
        return _image(ctx.call(SERVICE, "POST", "/v2/images", body=body).json())
    except errors.Conflict:
        if id is None:
            raise
        return get(ctx, id)


def delete(ctx: Context, image_id: str) -> None:
    """Delete an image; one that is not there is no error."""
    try:
        ctx.call(SERVICE, "DELETE", f"/v2/images/{_safe(image_id)}")
    except errors.NotFound:
        return


def download_ticket(ctx: Context, image_id: str) -> Ticket:
    """Return a ticket with which a host fetches an image's bytes, issued to the service itself."""
    return _ticket(ctx, image_id, "download")


def upload_ticket(ctx: Context, image_id: str) -> Ticket:
    """Return a ticket with which a host sends the bytes of a queued image."""
    return _ticket(ctx, image_id, "upload")


def _ticket(ctx: Context, image_id: str, operation: str) -> Ticket:
    path = f"/v2/images/{_safe(image_id)}/nacre-tickets"
    found = ctx.as_service().call(SERVICE, "POST", path, body={"operation": operation}).json()
    return Ticket(found["url"], found["headers"])


def _image(body: dict[str, Any]) -> Image:
    properties = {key: value for key, value in body.items() if key not in ATTRIBUTES}
    return msgspec.convert({**body, "properties": properties}, Image)


def _pointer(key: str) -> str:
    """Name a property as JSON Pointer does (RFC 6901)."""
    return "/" + key.replace("~", "~0").replace("/", "~1")


def _safe(image_id: str) -> str:
    """Return an id that can stand in a path; what cannot be an id names no image."""
    if not image_id or not all(char.isalnum() or char in "-_" for char in image_id):
        raise errors.NotFound(f"Failed to find image {image_id[:80]}")
    return image_id
