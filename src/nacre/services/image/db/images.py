"""Queries on images, with their properties and tags."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Select, and_, case, false, func, or_, select, true

from nacre.kernel.db import Page, Transaction, among, conditions
from nacre.kernel.db import page as kernel_page
from nacre.services.image.db.tables import (
    MemberStatus,
    Status,
    Visibility,
    image_members,
    image_properties,
    image_tags,
    images,
)
from nacre.services.image.errors import ImageExists, ImageNotFound

SORT_KEYS = ("name", "status", "container_format", "disk_format", "size", "id", "created_at", "updated_at")
BATCH = 500


class Image(msgspec.Struct, frozen=True):
    """One image; `member_id` is the caller's project where that is why the caller sees it."""

    id: str
    name: str | None
    owner: str | None
    status: Status
    visibility: Visibility
    os_hidden: bool
    protected: bool
    container_format: str | None
    disk_format: str | None
    min_disk: int
    min_ram: int
    size: int | None
    virtual_size: int | None
    checksum: str | None
    os_hash_algo: str | None
    os_hash_value: str | None
    location: str | None
    staged: str | None
    upload: str | None
    upload_seen_at: datetime | None
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None = None
    properties: dict[str, str] = {}
    tags: tuple[str, ...] = ()
    member_id: str = ""

    @property
    def project_id(self) -> str:
        """The owner, under the name that policies use; what nobody owns matches no project."""
        return self.owner or ""


class Viewer(msgspec.Struct, frozen=True):
    """Who looks: a project, or an administrator, who sees everything."""

    project_id: str | None
    sees_all: bool = False


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which images a list asks for; `columns` as `conditions` takes them.

    visibility     one of Visibility, "all", or None for the default: all but other people's community images
    member_status  which shared images: "accepted", "pending", "rejected" or "all"
    """

    columns: Mapping[str, object] = {}
    properties: Mapping[str, str] = {}
    tags: Sequence[str] = ()
    visibility: str | None = None
    member_status: str = MemberStatus.ACCEPTED


class Usage(msgspec.Struct, frozen=True):
    """What a project's images amount to."""

    count: int
    size: int
    staged_size: int
    arriving: int


EXISTS = images.c.status != Status.DELETED
_KEYS = {name: images.c[name] for name in SORT_KEYS}


def get(tx: Transaction, image_id: str, viewer: Viewer) -> Image:
    """Return an image that the viewer may see; raises ImageNotFound."""
    query = select(images).where(images.c.id == image_id, EXISTS)
    found = complete(tx, tx.all(query, Image))
    if not found:
        raise ImageNotFound(image_id)
    (image,) = found
    if viewer.sees_all or (viewer.project_id and image.owner == viewer.project_id):
        return image
    if image.visibility in (Visibility.PUBLIC, Visibility.COMMUNITY):
        return image
    if image.visibility == Visibility.SHARED and viewer.project_id:
        mine = and_(image_members.c.image_id == image_id, image_members.c.member_id == viewer.project_id)
        if tx.exists(select(image_members.c.image_id).where(mine)):
            return msgspec.structs.replace(image, member_id=viewer.project_id)
    raise ImageNotFound(image_id)


def page(tx: Transaction, viewer: Viewer, wanted: Wanted, part: Page) -> list[Image]:
    """Return one page of the images that the viewer may see and asks for."""
    query = _listed(viewer, wanted.visibility, wanted.member_status)
    if wanted.columns:
        query = query.where(*conditions(images.c, wanted.columns))
    for tag in wanted.tags:
        query = query.where(_has(image_tags, image_tags.c.tag == tag))
    for name, value in wanted.properties.items():
        table = image_properties
        query = query.where(_has(table, and_(table.c.name == name, table.c.value == value)))
    visible = None if part.marker is None else _seen(viewer)
    return complete(tx, kernel_page(tx, query, Image, images, part, keys=_KEYS, visible=visible))


def _has(table: Any, condition: ColumnElement[bool]) -> ColumnElement[bool]:
    return select(table.c.image_id).where(table.c.image_id == images.c.id, condition).exists()


def _owned(viewer: Viewer) -> ColumnElement[bool]:
    return images.c.owner == viewer.project_id if viewer.project_id else false()


def _shared(viewer: Viewer, status: str) -> ColumnElement[bool]:
    if not viewer.project_id:
        return false()
    mine = image_members.c.member_id == viewer.project_id
    if status != "all":
        mine = and_(mine, image_members.c.status == status)
    return and_(
        images.c.visibility == Visibility.SHARED,
        images.c.id.in_(select(image_members.c.image_id).where(mine)),
    )


def _seen(viewer: Viewer) -> ColumnElement[bool]:
    """Return the condition that the viewer may know of an image."""
    if viewer.sees_all:
        return EXISTS
    open_to_all = images.c.visibility.in_([Visibility.PUBLIC, Visibility.COMMUNITY])
    return and_(EXISTS, or_(open_to_all, _owned(viewer), _shared(viewer, "all")))


@lru_cache(maxsize=1024)
def _listed(viewer: Viewer, visibility: str | None, member_status: str) -> Select[Any]:
    """Return the query for the images that belong into a viewer's list; it is built once for each viewer."""
    if visibility is None:
        unasked = or_(images.c.visibility != Visibility.COMMUNITY, _owned(viewer))
    elif visibility == "all":
        unasked = true()
    else:
        unasked = images.c.visibility == visibility
    query = select(images).where(EXISTS, unasked)
    if viewer.sees_all:
        return query
    open_to_all = images.c.visibility.in_([Visibility.PUBLIC, Visibility.COMMUNITY])
    return query.where(or_(open_to_all, _owned(viewer), _shared(viewer, member_status)))


_PROPERTIES = (
    select(image_properties.c.image_id, image_properties.c.name, image_properties.c.value)
    .where(among(image_properties.c.image_id))
    .order_by(image_properties.c.name)
)
_TAGS = (
    select(image_tags.c.image_id, image_tags.c.tag)
    .where(among(image_tags.c.image_id))
    .order_by(image_tags.c.tag)
)


def complete(tx: Transaction, found: list[Image]) -> list[Image]:
    """Return images with their properties and tags, which two queries fetch for all of them."""
    properties: dict[str, dict[str, str]] = defaultdict(dict)
    tags: dict[str, list[str]] = defaultdict(list)
    ids = [image.id for image in found]
    for start in range(0, len(ids), BATCH):
        some = {"ids": ids[start : start + BATCH]}
        rows: Iterable[Any] = tx.execute(_PROPERTIES, some)
        for image_id, name, value in rows:
            properties[image_id][name] = value
        labels: Iterable[Any] = tx.execute(_TAGS, some)
        for image_id, tag in labels:
            tags[image_id].append(tag)
    return [
        msgspec.structs.replace(
            image, properties=properties.get(image.id, {}), tags=tuple(tags.get(image.id, ()))
        )
        if image.id in properties or image.id in tags
        else image
        for image in found
    ]


def find_any(tx: Transaction, image_id: str) -> Image | None:
    """Return an image whoever may see it, or None; without its properties and tags."""
    return tx.find(select(images).where(images.c.id == image_id, EXISTS), Image)


def insert(tx: Transaction, image: Image) -> None:
    """Add an image; raises ImageExists when the id is, or was recently, another's."""
    if tx.exists(select(images.c.id).where(images.c.id == image.id)):
        raise ImageExists(image.id)
    values = msgspec.structs.asdict(image)
    for name in ("properties", "tags", "member_id"):
        del values[name]
    tx.insert(images, values)
    replace_properties(tx, image.id, image.properties)
    replace_tags(tx, image.id, image.tags)


def hold(tx: Transaction, image_id: str) -> None:
    """Let nobody else change an image until this transaction ends."""
    tx.lock(images, image_id)


def update(tx: Transaction, image_id: str, values: Mapping[str, Any]) -> None:
    """Change columns of an image, and with them the moment of its last change."""
    if not tx.update(images, and_(images.c.id == image_id, EXISTS), {**values, "updated_at": tx.now()}):
        raise ImageNotFound(image_id)


def replace_properties(tx: Transaction, image_id: str, properties: Mapping[str, str]) -> None:
    """Give an image exactly these properties."""
    tx.delete(image_properties, image_properties.c.image_id == image_id)
    rows = [{"image_id": image_id, "name": name, "value": value} for name, value in properties.items()]
    tx.insert_all(image_properties, rows)


def replace_tags(tx: Transaction, image_id: str, tags: Iterable[str]) -> None:
    """Give an image exactly these tags."""
    tx.delete(image_tags, image_tags.c.image_id == image_id)
    tx.insert_all(image_tags, [{"image_id": image_id, "tag": tag} for tag in sorted(set(tags))])


def move(
    tx: Transaction,
    image_id: str,
    *,
    present: Status,
    new: Status,
    upload: str | None,
    values: Mapping[str, Any],
) -> bool:
    """Take an image from one status to another if it is there, held by that upload; tell whether."""
    here = and_(images.c.id == image_id, images.c.status == present)
    here = and_(here, images.c.upload == upload if upload else images.c.upload.is_(None))
    return bool(tx.update(images, here, {**values, "status": new, "updated_at": tx.now()}))


def touch_upload(tx: Transaction, image_id: str, upload: str) -> bool:
    """Note that an upload lives; tell whether it is still the one that counts."""
    mine = and_(images.c.id == image_id, images.c.upload == upload)
    return bool(tx.update(images, mine, {"upload_seen_at": tx.now()}))


def claim_name(tx: Transaction, image_id: str, name: str) -> None:
    """Note the object that an import is about to write; may be repeated."""
    here = and_(images.c.id == image_id, images.c.status == Status.IMPORTING)
    tx.update(images, here, {"upload": name})


def finish_import(tx: Transaction, image_id: str, name: str, facts: Mapping[str, Any]) -> bool:
    """Make an imported image active; tell whether it is.  May be repeated."""
    image = find_any(tx, image_id)
    if image is not None and image.location == name:
        return True
    if image is None or image.status is not Status.IMPORTING or image.upload != name:
        return False
    update(tx, image_id, {**facts, "status": Status.ACTIVE, "upload": None})
    return True


def undo_import(tx: Transaction, image_id: str, name: str) -> None:
    """Take an import's data from an image again."""
    here = and_(images.c.id == image_id, images.c.location == name)
    nothing = dict.fromkeys(("location", "virtual_size", "checksum", "os_hash_algo", "os_hash_value"))
    tx.update(images, here, {**nothing, "status": Status.IMPORTING, "upload": name})


def fail_import(tx: Transaction, image_id: str) -> str | None:
    """Queue an image again whose import came to nothing; returns where its bytes were staged."""
    image = find_any(tx, image_id)
    if image is None or image.status is not Status.IMPORTING:
        return None
    nothing = {"upload": None, "staged": None, "size": None}
    update(tx, image_id, {**nothing, "status": Status.QUEUED})
    return image.staged


def delete(tx: Transaction, image_id: str) -> None:
    """Mark an image as deleted and drop all that belongs to it but its row."""
    now = tx.now()
    gone = {"status": Status.DELETED, "deleted_at": now, "updated_at": now, "location": None, "staged": None}
    if not tx.update(images, and_(images.c.id == image_id, EXISTS), {**gone, "upload": None}):
        raise ImageNotFound(image_id)
    for table in (image_properties, image_tags, image_members):
        tx.delete(table, table.c.image_id == image_id)


def stored_bytes(tx: Transaction, owner: str, *, besides: str) -> int:
    """Return how many bytes a project's images hold, not counting one of them."""
    others = and_(images.c.owner == owner, images.c.id != besides, EXISTS)
    return int(tx.scalar(select(func.coalesce(func.sum(images.c.size), 0)).where(others)))


def usage(tx: Transaction, owner: str) -> Usage:
    """Return what a project's images amount to."""
    arriving = images.c.status.in_([Status.SAVING, Status.UPLOADING, Status.IMPORTING])
    query = select(
        func.count(),
        func.coalesce(func.sum(images.c.size), 0),
        func.coalesce(func.sum(case((images.c.staged.is_not(None), images.c.size), else_=0)), 0),
        func.coalesce(func.sum(case((arriving, 1), else_=0)), 0),
    ).where(images.c.owner == owner, EXISTS)
    row = tx.execute(query).one()
    return Usage(*(int(value) for value in row))


def named(tx: Transaction, names: Sequence[str]) -> set[str]:
    """Return which of these objects belong to an image, as its data, staged, or on their way."""
    found: set[str] = set()
    for column in (images.c.location, images.c.staged, images.c.upload):
        found.update(tx.scalars(select(column).where(column.in_(names))))
    return found


def doubt_silent_uploads(tx: Transaction, seen_before: datetime) -> int:
    """Doubt uploads that have shown no sign of life since a moment; return how many that are new."""
    silent = and_(_ARRIVING, images.c.upload_seen_at < seen_before)
    new = or_(images.c.upload_doubted_at.is_(None), images.c.upload_doubted_at <= images.c.upload_seen_at)
    return tx.update(images, and_(silent, new), {"upload_doubted_at": tx.now()})


def dead_uploads(tx: Transaction, doubted_before: datetime, limit: int) -> list[Image]:
    """Return images whose upload was doubted before a moment and has shown no sign of life since."""
    silent = images.c.upload_doubted_at > images.c.upload_seen_at
    query = select(images).where(_ARRIVING, silent, images.c.upload_doubted_at <= doubted_before)
    return tx.all(query.limit(limit), Image)


def arriving(tx: Transaction) -> int:
    """Count the uploads that are under way."""
    return tx.count(images, _ARRIVING)


_ARRIVING = and_(images.c.status.in_([Status.SAVING, Status.UPLOADING]), images.c.upload.is_not(None))


def purge(tx: Transaction, deleted_before: datetime) -> int:
    """Forget the rows of images that were deleted before a moment."""
    return tx.delete(images, and_(images.c.status == Status.DELETED, images.c.deleted_at < deleted_before))
