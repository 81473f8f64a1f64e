"""/v2/schemas: what images, members, tasks and their lists look like, as JSON Schema for programs to read."""

from __future__ import annotations

from typing import Any

from nacre.kernel.errors import NotFound
from nacre.kernel.http.request import Request
from nacre.kernel.http.routing import AUTHENTICATED, Routes
from nacre.kernel.wire import CREATE
from nacre.kernel.wire.fields import schema
from nacre.services.image.api import definitions, namespaces
from nacre.services.image.api.images import ImageBody
from nacre.services.image.db.tables import MemberStatus, Status, TaskStatus

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
MAYBE_TEXT: Schema = {"type": ["null", "string"]}
MAYBE_NUMBER: Schema = {"type": ["null", "integer"]}
MOMENT: Schema = {"type": "string"}
LINKS = [
    {"rel": "self", "href": "{self}"},
    {"rel": "enclosure", "href": "{file}"},
    {"rel": "describedby", "href": "{schema}"},
]


def _read_only(declared: Schema, description: str) -> Schema:
    return {**declared, "readOnly": True, "description": description}


def _image() -> Schema:
    written = schema(ImageBody, CREATE, None)["properties"]
    return {
        "name": "image",
        "properties": {
            **{name: _simple(declared) for name, declared in written.items()},
            "status": _read_only(
                {"type": "string", "enum": [str(one) for one in Status]}, "Where in its life"
            ),
            "size": _read_only(MAYBE_NUMBER, "Size of the data in bytes"),
            "virtual_size": _read_only(MAYBE_NUMBER, "Size of the disk that the data describes, in bytes"),
            "checksum": _read_only(MAYBE_TEXT, "MD5 of the data"),
            "os_hash_algo": _read_only(MAYBE_TEXT, "Which hash os_hash_value is"),
            "os_hash_value": _read_only(MAYBE_TEXT, "Hash of the data"),
            "created_at": _read_only(MOMENT, "When the image was created"),
            "updated_at": _read_only(MOMENT, "When the image was last changed"),
            "self": _read_only(TEXT, "Path of the image"),
            "file": _read_only(TEXT, "Path of the image's data"),
            "schema": _read_only(TEXT, "Path of this schema"),
            "stores": _read_only(TEXT, "Where the data is kept"),
        },
        "additionalProperties": {"type": "string"},
        "links": LINKS,
    }


def _simple(declared: Schema) -> Schema:
    """Write "this or null" as clients of the Image API read it: in the type and the enumeration."""
    alternatives = declared.get("anyOf")
    if not alternatives:
        return declared
    inner = {**alternatives[0]}
    if "enum" in inner:
        return {"type": ["null", "string"], "enum": [None, *inner["enum"]]}
    return {**inner, "type": ["null", inner["type"]]}


def _object(name: str, properties: dict[str, Schema]) -> Schema:
    return {"name": name, "properties": properties}


MEMBER = _object(
    "member",
    {
        "created_at": MOMENT,
        "image_id": TEXT,
        "member_id": TEXT,
        "schema": {**TEXT, "readOnly": True},
        "status": {**TEXT, "enum": [str(one) for one in MemberStatus]},
        "updated_at": MOMENT,
    },
)
TASK = _object(
    "task",
    {
        "id": TEXT,
        "type": TEXT,
        "status": {**TEXT, "enum": [str(one) for one in TaskStatus]},
        "image_id": MAYBE_TEXT,
        "user_id": MAYBE_TEXT,
        "request_id": MAYBE_TEXT,
        "input": {"type": ["null", "object"]},
        "result": {"type": ["null", "object"]},
        "owner": MAYBE_TEXT,
        "message": TEXT,
        "expires_at": MAYBE_TEXT,
        "created_at": MOMENT,
        "updated_at": MOMENT,
        "self": TEXT,
        "schema": TEXT,
    },
)


def many(name: str, one: Schema, *, paged: bool = True) -> Schema:
    """Return the schema of a list."""
    properties = {name: {"type": "array", "items": one}, "schema": TEXT}
    links = [{"rel": "describedby", "href": "{schema}"}]
    if paged:
        properties |= {"first": TEXT, "next": TEXT}
        links = [{"rel": "first", "href": "{first}"}, {"rel": "next", "href": "{next}"}, *links]
    return {"name": name, "properties": properties, "links": links}


IMAGE = _image()
SCHEMAS: dict[str, Schema] = {
    "image": IMAGE,
    "images": many("images", IMAGE),
    "member": MEMBER,
    "members": many("members", MEMBER, paged=False),
    "task": TASK,
    "tasks": many("tasks", TASK),
}

routes = Routes("/v2/schemas")


def _metadefs() -> dict[str, Schema]:
    """Return the schemas of definitions, from the checks that read them."""
    properties = namespaces.PROPERTIES.schema()
    known = {
        "namespace": namespaces.CREATE.schema(),
        "object": definitions.CHANGED_OBJECT.schema(),
        "property": definitions.PROPERTY.schema(),
        "tag": namespaces.TAG.schema(),
        "resource_type_association": namespaces.ASSOCIATION.schema(),
    }
    found: dict[str, Schema] = {name: {"name": name, **schema} for name, schema in known.items()}
    for name in ("namespace", "object", "tag"):
        found[f"{name}s"] = many(f"{name}s", found[name])
    found["properties"] = {"name": "properties", "properties": {"properties": properties, "schema": TEXT}}
    # compat: the path says resource_type, the name says association (Image API v2, metadefs schemas)
    association = found.pop("resource_type_association")
    associations = many("resource_type_associations", association, paged=False)
    return {**found, "resource_type": association, "resource_types": associations}


METADEFS = _metadefs()


@routes.get("/{name}", policy=AUTHENTICATED)
def show(req: Request, name: str) -> dict[str, Any]:
    if name not in SCHEMAS:
        raise NotFound(f"There is no schema {name[:80]}.")
    return SCHEMAS[name]


@routes.get("/metadefs/{name}", policy=AUTHENTICATED)
def show_metadef(req: Request, name: str) -> dict[str, Any]:
    if name not in METADEFS:
        raise NotFound(f"There is no schema {name[:80]}.")
    return METADEFS[name]
