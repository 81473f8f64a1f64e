"""The image service's tables.

`images.location` names the bytes in the store, and is set in the same transaction that makes the image
active; `staged` names bytes that wait for their import.  `upload` names the object that is being written,
and so which of several tries is the one that counts; `upload_seen_at` is its last sign of life, and
`upload_doubted_at` when that was found to be long ago.  Whatever the store holds that no row names is nobody's and
is swept.
The row of a deleted image stays for a while, so that its id is not used again.
"""

from enum import StrEnum
from pathlib import Path
from typing import Any

from sqlalchemy import Boolean, Index, Integer, Table

from nacre.kernel import drift
from nacre.kernel import tasks as kernel_tasks
from nacre.kernel.db import (
    Big,
    Id,
    Json,
    LongText,
    Name,
    OneOf,
    Schema,
    UtcDateTime,
    column,
    new_metadata,
    sized,
)


class Status(StrEnum):
    """Where an image is in its life."""

    QUEUED = "queued"
    SAVING = "saving"
    UPLOADING = "uploading"
    IMPORTING = "importing"
    ACTIVE = "active"
    DEACTIVATED = "deactivated"
    DELETED = "deleted"


class Visibility(StrEnum):
    """Who may see an image."""

    PUBLIC = "public"
    COMMUNITY = "community"
    SHARED = "shared"
    PRIVATE = "private"


class TaskStatus(StrEnum):
    """How far a task is."""

    PENDING = "pending"
    PROCESSING = "processing"
    SUCCESS = "success"
    FAILURE = "failure"


class Kind(StrEnum):
    """What a namespace of definitions may define."""

    OBJECT = "object"
    PROPERTY = "property"
    TAG = "tag"


class MemberStatus(StrEnum):
    """What a project says to an image that is shared with it."""

    PENDING = "pending"
    ACCEPTED = "accepted"
    REJECTED = "rejected"


metadata = new_metadata()
jobs = kernel_tasks.tables(metadata)

images = Table(
    "images",
    metadata,
    column("id", Id, key=True),
    column("name", Name, null=True),
    column("owner", sized(191), null=True),
    column("status", OneOf(Status)),
    column("visibility", OneOf(Visibility)),
    column("os_hidden", Boolean),
    column("protected", Boolean),
    column("container_format", sized(20), null=True),
    column("disk_format", sized(20), null=True),
    column("min_disk", Integer),
    column("min_ram", Integer),
    column("size", Big, null=True),
    column("virtual_size", Big, null=True),
    column("checksum", sized(32), null=True),
    column("os_hash_algo", sized(64), null=True),
    column("os_hash_value", sized(128), null=True),
    column("location", sized(191), null=True),
    column("staged", sized(191), null=True),
    column("upload", sized(191), null=True),
    column("upload_seen_at", UtcDateTime, null=True),
    column("upload_doubted_at", UtcDateTime, null=True),
    column("created_at", UtcDateTime),
    column("updated_at", UtcDateTime),
    column("deleted_at", UtcDateTime, null=True),
    Index("images_by_owner", "owner", "created_at", "id"),
    Index("images_by_visibility", "visibility", "created_at", "id"),
    Index("images_by_created_at", "created_at", "id"),
    Index("images_by_status", "status", "upload_seen_at"),
    Index("images_by_location", "location"),
    Index("images_by_staged", "staged"),
    Index("images_by_upload", "upload"),
)

image_properties = Table(
    "image_properties",
    metadata,
    column("image_id", Id, key=True),
    column("name", sized(255), key=True),
    column("value", LongText),
)

image_tags = Table(
    "image_tags",
    metadata,
    column("image_id", Id, key=True),
    column("tag", sized(255), key=True),
)

image_members = Table(
    "image_members",
    metadata,
    column("image_id", Id, key=True),
    column("member_id", sized(191), key=True),
    column("status", OneOf(MemberStatus)),
    column("created_at", UtcDateTime),
    column("updated_at", UtcDateTime),
    Index("image_members_by_member", "member_id", "status"),
)

image_tasks = Table(
    "image_tasks",
    metadata,
    column("id", Id, key=True),
    column("image_id", Id, null=True),
    column("type", sized(30)),
    column("status", OneOf(TaskStatus)),
    column("owner", sized(191), null=True),
    column("user_id", sized(64), null=True),
    column("request_id", sized(64), null=True),
    column("input", Json(dict[str, Any])),
    column("result", Json(dict[str, Any]), null=True),
    column("message", LongText),
    column("created_at", UtcDateTime),
    column("updated_at", UtcDateTime),
    column("expires_at", UtcDateTime, null=True),
    Index("image_tasks_by_image", "image_id", "created_at"),
    Index("image_tasks_by_owner", "owner", "created_at", "id"),
    Index("image_tasks_by_expiry", "expires_at"),
)

namespaces = Table(
    "namespaces",
    metadata,
    column("id", Id, key=True),
    column("name", sized(80), unique=True),
    column("display_name", sized(80), null=True),
    column("description", sized(500), null=True),
    column("visibility", OneOf(Visibility)),
    column("protected", Boolean),
    column("owner", sized(191)),
    column("created_at", UtcDateTime),
    column("updated_at", UtcDateTime),
    Index("namespaces_by_created_at", "created_at", "id"),
)

definitions = Table(
    "definitions",
    metadata,
    column("namespace_id", Id, key=True),
    column("kind", OneOf(Kind, 16), key=True),
    column("name", sized(80), key=True),
    column("body", Json(dict[str, Any])),
    column("created_at", UtcDateTime),
    column("updated_at", UtcDateTime),
)

resource_types = Table(
    "resource_types",
    metadata,
    column("name", sized(80), key=True),
    column("created_at", UtcDateTime),
    column("updated_at", UtcDateTime),
)

namespace_resource_types = Table(
    "namespace_resource_types",
    metadata,
    column("namespace_id", Id, key=True),
    column("name", sized(80), key=True),
    column("prefix", sized(80), null=True),
    column("properties_target", sized(80), null=True),
    column("created_at", UtcDateTime),
    column("updated_at", UtcDateTime),
    Index("namespace_resource_types_by_name", "name", "namespace_id"),
)

drift.tables(metadata)
SCHEMA = Schema(metadata, revision="0002", migrations=Path(__file__).parent / "migrations")
