"""/v2/metadefs/namespaces: definitions of what can be said about images, flavors, volumes, by namespace."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

from nacre.kernel.http.request import Request, Response
from nacre.kernel.http.routing import Routes
from nacre.kernel.wire import ANY, Bool, Check, Each, Enum, FreeMap, Int, Nullable, Number, Object, Str
from nacre.services.image import policy
from nacre.services.image.api import queries
from nacre.services.image.app import namespaces
from nacre.services.image.app.namespaces import Whole
from nacre.services.image.db.definitions import Definition
from nacre.services.image.db.namespaces import SORT_KEYS, Namespace
from nacre.services.image.db.resource_types import Association

ROOT = "/v2/metadefs/namespaces"
NAME = Str(1, 80, pattern=r"[^/]+")
LONG = Str(0, 65535)
FLAG = Bool(strings=False)
COUNT = Int(0, strings=False)
TYPE = Enum("array", "boolean", "integer", "number", "object", "string", None)
VISIBILITY = Enum("public", "private")
#: What may be said of a property, in the words of JSON Schema.
PROPERTY_MEMBERS: dict[str, Check] = {
    "title": LONG,
    "description": LONG,
    "operators": Each(LONG),
    "type": TYPE,
    "required": Each(LONG, minimum=1, unique=True),
    "minimum": Number(strings=False),
    "maximum": Number(strings=False),
    "maxLength": COUNT,
    "minLength": COUNT,
    "pattern": LONG,
    "enum": Each(ANY),
    "readonly": FLAG,
    "default": ANY,
    "items": Object({"type": TYPE, "enum": Each(ANY)}),
    "maxItems": COUNT,
    "minItems": COUNT,
    "uniqueItems": FLAG,
    "additionalItems": FLAG,
}
PROPERTY = Object(PROPERTY_MEMBERS, required=("title", "type"))
PROPERTIES = FreeMap(PROPERTY, key=NAME, maximum=namespaces.MOST_DEFINITIONS)
OBJECT = Object(
    {"name": NAME, "description": LONG, "required": Each(LONG), "properties": PROPERTIES}, required=("name",)
)
#: What clients send back of what they were shown; it is not believed.
SHOWN: dict[str, Check] = {"self": ANY, "schema": ANY, "created_at": ANY, "updated_at": ANY}
ASSOCIATION_MEMBERS: dict[str, Check] = {
    "name": NAME,
    "prefix": Nullable(Str(0, 80)),
    "properties_target": Nullable(Str(0, 80)),
}
ASSOCIATION = Object({**ASSOCIATION_MEMBERS, **SHOWN}, required=("name",))
TAG = Object({"name": NAME, **SHOWN}, required=("name",))
OWN: dict[str, Check] = {
    "namespace": NAME,
    "display_name": Str(0, 80),
    "description": Str(0, 500),
    "visibility": VISIBILITY,
    "protected": FLAG,
    "owner": Str(1, 191),
    **SHOWN,
}
CREATE = Object(
    {
        **OWN,
        "resource_type_associations": Each(ASSOCIATION),
        "objects": Each(OBJECT),
        "properties": PROPERTIES,
        "tags": Each(TAG),
    },
    required=("namespace",),
)
UPDATE = Object({**OWN, "resource_type_associations": ANY}, required=("namespace",))

routes = Routes(ROOT)


def moments(thing: Any) -> dict[str, str]:
    """Render when something was created and last changed."""
    names: Sequence[str] = ("created_at", "updated_at")
    values: list[datetime] = [getattr(thing, name) for name in names]
    return {name: f"{value:%Y-%m-%dT%H:%M:%SZ}" for name, value in zip(names, values, strict=True)}


def path(namespace: Namespace, *more: str) -> str:
    """Return the path of a namespace, or of something in it."""
    return "/".join((ROOT, *(quote(segment, safe="") for segment in (namespace.name, *more))))


def show_namespace(namespace: Namespace) -> dict[str, Any]:
    """Render a namespace alone."""
    said = {"display_name": namespace.display_name, "description": namespace.description}
    return {
        "namespace": namespace.name,
        **{name: value for name, value in said.items() if value is not None},
        "visibility": namespace.visibility,
        "protected": namespace.protected,
        "owner": namespace.owner,
        **moments(namespace),
        "self": path(namespace),
        "schema": "/v2/schemas/metadefs/namespace",
    }


def show_association(association: Association) -> dict[str, Any]:
    """Render that a namespace is for a type of resources."""
    said = {"prefix": association.prefix, "properties_target": association.properties_target}
    return {
        "name": association.name,
        **{name: value for name, value in said.items() if value is not None},
        **moments(association),
    }


def show_object(namespace: Namespace, definition: Definition) -> dict[str, Any]:
    """Render the definition of an object."""
    return {
        "name": definition.name,
        "required": [],
        "properties": {},
        **definition.body,
        **moments(definition),
        "self": path(namespace, "objects", definition.name),
        "schema": "/v2/schemas/metadefs/object",
    }


def _show_whole(whole: Whole) -> dict[str, Any]:
    shown = show_namespace(whole.namespace)
    if whole.associations:
        shown["resource_type_associations"] = [show_association(one) for one in whole.associations]
    if whole.objects:
        shown["objects"] = [show_object(whole.namespace, one) for one in whole.objects]
    if whole.properties:
        shown["properties"] = {one.name: one.body for one in whole.properties}
    if whole.tags:
        shown["tags"] = [{"name": one.name} for one in whole.tags]
    return shown


@routes.get(policy=policy.GET_NAMESPACES)
def index(req: Request) -> dict[str, Any]:
    part = queries.part(req, tuple(SORT_KEYS))
    types = [name for text in req.query.get("resource_types", ()) for name in text.split(",") if name]
    found = namespaces.page(req.ctx, visibility=req.arg("visibility", VISIBILITY), types=types, part=part)
    return {
        "namespaces": [_show_whole(one) for one in found],
        **queries.links(req, part, [one.namespace.name for one in found]),
        "schema": "/v2/schemas/metadefs/namespaces",
    }


@routes.post(policy=policy.ADD_NAMESPACE, body=CREATE, status=201, creates="namespaces.name")
def create(req: Request, body: dict[str, Any]) -> Response:
    whole = namespaces.create(req.ctx, body)
    location = req.url("v2", "metadefs", "namespaces", whole.namespace.name)
    return Response(201, _show_whole(whole), headers=[("Location", location)])


@routes.get("/{namespace_name}", policy=policy.GET_NAMESPACE, load=namespaces.get)
def show(req: Request, namespace: Namespace) -> dict[str, Any]:
    return _show_whole(namespaces.whole(req.ctx, namespace))


@routes.put("/{namespace_name}", policy=policy.MODIFY_NAMESPACE, load=namespaces.get, body=UPDATE)
def update(req: Request, namespace: Namespace, body: dict[str, Any]) -> dict[str, Any]:
    return show_namespace(namespaces.update(req.ctx, namespace, body))


@routes.delete("/{namespace_name}", policy=policy.DELETE_NAMESPACE, load=namespaces.get)
def delete(req: Request, namespace: Namespace) -> None:
    namespaces.delete(req.ctx, namespace)
