"""What may be done with images as rows: list, create, change, delete, put in and out of use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from nacre.kernel import errors
from nacre.kernel.context import Context
from nacre.kernel.db import Page, Transaction
from nacre.kernel.ids import new_id
from nacre.kernel.tasks import cancel
from nacre.services.image import policy
from nacre.services.image.app import jobs, stores
from nacre.services.image.db import images
from nacre.services.image.db.images import Image, Viewer, Wanted
from nacre.services.image.db.tables import Status, Visibility
from nacre.services.image.errors import (
    ImageDeactivated,
    ImageExists,
    ImageProtected,
    LimitExceeded,
    NotOwner,
    ReadOnlyAttribute,
    ReservedAttribute,
)

#: What the service sets itself, and what it keeps for itself; neither can be a property's name.
READ_ONLY = frozenset(
    (
        "id", "status", "size", "virtual_size", "checksum", "os_hash_algo", "os_hash_value",
        "created_at", "updated_at", "direct_url", "self", "file", "schema", "stores",
    )
)  # fmt: skip
RESERVED = frozenset(("location", "locations", "deleted", "deleted_at"))
RESERVED_PREFIX = "os_glance"


def viewer(ctx: Context) -> Viewer:
    """Return who looks at images in this context."""
    return Viewer(ctx.project_id, ctx.is_admin)


def get(ctx: Context, image_id: str) -> Image:
    """Return an image that the caller may see."""
    return ctx.db.read(images.get, image_id, viewer(ctx))


def page(ctx: Context, wanted: Wanted, part: Page) -> list[Image]:
    """Return one page of the images that the caller may see."""
    return ctx.db.read(images.page, viewer(ctx), wanted, part)


def create(
    ctx: Context,
    *,
    id: str | None = None,
    owner: str | None = None,
    visibility: str = Visibility.SHARED,
    properties: Mapping[str, str] | None = None,
    tags: Iterable[str] = (),
    name: str | None = None,
    os_hidden: bool = False,
    protected: bool = False,
    container_format: str | None = None,
    disk_format: str | None = None,
    min_disk: int = 0,
    min_ram: int = 0,
) -> Image:
    """Add an image without data, owned by the caller's project unless an administrator says otherwise."""
    if owner is None:
        owner = ctx.project_id
    if owner != ctx.project_id and not ctx.is_admin or (owner is None and not ctx.is_admin):
        raise NotOwner(owner)
    check_visibility(ctx, visibility, owner)
    properties = dict(properties or {})
    check_properties(ctx, properties)
    tags = check_tags(ctx, tags)
    now = ctx.clock.now()
    image = Image(
        id=id or new_id(),
        name=name,
        owner=owner,
        status=Status.QUEUED,
        visibility=Visibility(visibility),
        os_hidden=os_hidden,
        protected=protected,
        container_format=container_format,
        disk_format=disk_format,
        min_disk=min_disk,
        min_ram=min_ram,
        size=None,
        virtual_size=None,
        checksum=None,
        os_hash_algo=None,
        os_hash_value=None,
        location=None,
        staged=None,
        upload=None,
        upload_seen_at=None,
        created_at=now,
        updated_at=now,
        properties=properties,
        tags=tags,
    )
    try:
        ctx.db.run(images.insert, image)
    except errors.Conflict:
        raise ImageExists(image.id) from None
    return image


def delete(ctx: Context, image: Image) -> None:
    """Delete an image; its bytes follow, now or when the sweeper finds them."""

    def write(tx: Transaction) -> Image:
        now = images.get(tx, image.id, viewer(ctx))
        if now.protected:
            raise ImageProtected(image.id)
        images.delete(tx, image.id)
        cancel(tx, jobs.of(image.id))
        return now

    gone = ctx.db.run(write)
    if gone.location:
        stores.store(ctx).remove(gone.location)
    if gone.staged:
        stores.staging(ctx).remove(gone.staged)


def deactivate(ctx: Context, image: Image) -> None:
    """Take an image's data out of use; repeating it changes nothing."""
    _switch(ctx, image, Status.ACTIVE, Status.DEACTIVATED)


def reactivate(ctx: Context, image: Image) -> None:
    """Put an image's data back into use; repeating it changes nothing."""
    _switch(ctx, image, Status.DEACTIVATED, Status.ACTIVE)


def _switch(ctx: Context, image: Image, present: Status, new: Status) -> None:
    def write(tx: Transaction) -> None:
        if images.move(tx, image.id, present=present, new=new, upload=None, values={}):
            return
        now = images.get(tx, image.id, viewer(ctx))
        if now.status != new:
            raise errors.Forbidden(
                f"Not allowed to {'deactivate' if new is Status.DEACTIVATED else 'reactivate'}"
                f" image in status '{now.status}'"
            )

    ctx.db.run(write)


def check_usable(ctx: Context, image: Image) -> None:
    """Raise unless the caller may have the image's data in its present status."""
    if image.status is Status.DEACTIVATED and not ctx.is_admin:
        raise ImageDeactivated(image.id)


# -- what an image may be told -----------------------------------------------------------------


def check_visibility(ctx: Context, visibility: str, owner: str | None) -> None:
    """Raise Forbidden unless the caller may give an image that visibility."""
    target = {"project_id": owner, "owner": owner, "visibility": visibility}
    rule = {"public": policy.PUBLICIZE_IMAGE, "community": policy.COMMUNITIZE_IMAGE}.get(visibility)
    if rule is not None and not ctx.can(rule, target):
        raise errors.PolicyForbidden(rule.name)


def check_name(name: str) -> None:
    """Raise unless users may set an attribute of that name."""
    if name in READ_ONLY:
        raise ReadOnlyAttribute(name)
    if name in RESERVED or name.startswith(RESERVED_PREFIX):
        raise ReservedAttribute(name)


def check_properties(ctx: Context, properties: Mapping[str, Any]) -> None:
    """Raise unless an image may have these properties of the user's own."""
    for name, value in properties.items():
        check_name(name)
        if not 0 < len(name) <= 255 or "\x00" in name or "/" in name:
            raise errors.BadRequest(f"Invalid property name: {name[:80]!r}")
        if not isinstance(value, str) or "\x00" in value or len(value) > 65535:
            raise errors.Invalid(name, value, f"{value!r} is not of type 'string'"[:300])
    if len(properties) > ctx.config.maximum_properties:
        raise LimitExceeded("properties", len(properties), ctx.config.maximum_properties)


def check_tags(ctx: Context, tags: Iterable[str]) -> tuple[str, ...]:
    """Return tags in order and without repetition; raises when an image cannot have that many."""
    tags = tuple(sorted(set(tags)))
    if len(tags) > ctx.config.maximum_tags:
        raise LimitExceeded("tags", len(tags), ctx.config.maximum_tags)
    return tags
