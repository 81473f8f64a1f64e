"""/v2/metadefs/namespaces/{name}/objects, /properties and /tags: what a namespace defines."""

from __future__ import annotations

from typing import Any

from nacre.kernel.db import Page
from nacre.kernel.http.request import Request
from nacre.kernel.http.routing import DO_AGAIN, Routes
from nacre.kernel.wire import Each, Object
from nacre.kernel.wire.fields import check_value
from nacre.services.image import policy
from nacre.services.image.api import queries
from nacre.services.image.api.namespaces import (
    NAME,
    OBJECT,
    PROPERTY_MEMBERS,
    ROOT,
    SHOWN,
    TAG,
    moments,
    show_object,
)
from nacre.services.image.app import namespaces
from nacre.services.image.db.definitions import SORT_KEYS, Definition
from nacre.services.image.db.namespaces import Namespace
from nacre.services.image.db.tables import Kind

PROPERTY = Object({"name": NAME, **PROPERTY_MEMBERS}, required=("name", "title", "type"))
CHANGED_OBJECT = Object({**OBJECT.members, **SHOWN}, required=("name",))
TAGS = Object({"tags": Each(TAG)}, required=("tags",))

objects = Routes(ROOT + "/{namespace_name}/objects")
properties = Routes(ROOT + "/{namespace_name}/properties")
tags = Routes(ROOT + "/{namespace_name}/tags")


def _said(body: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in body.items() if key != "name" and key not in SHOWN}


# -- objects -------------------------------------------------------------------------------------


@objects.get(policy=policy.GET_OBJECTS, load=namespaces.get)
def list_objects(req: Request, namespace: Namespace) -> dict[str, Any]:
    part = queries.part(req, SORT_KEYS)
    found = namespaces.page_of_definitions(req.ctx, namespace, Kind.OBJECT, part)
    return {
        "objects": [show_object(namespace, one) for one in found],
        **queries.links(req, part, [one.name for one in found]),
        "schema": "/v2/schemas/metadefs/objects",
    }


@objects.post(
    policy=policy.ADD_OBJECT, load=namespaces.get, body=OBJECT, status=201, creates="definitions.name"
)
def create_object(req: Request, namespace: Namespace, body: dict[str, Any]) -> dict[str, Any]:
    added = namespaces.define(req.ctx, namespace, Kind.OBJECT, body["name"], _said(body))
    return show_object(namespace, added)


@objects.delete(policy=policy.DELETE_OBJECT, load=namespaces.get)
def delete_objects(req: Request, namespace: Namespace) -> None:
    namespaces.undefine_all(req.ctx, namespace, Kind.OBJECT)


@objects.get("/{name}", policy=policy.GET_OBJECT, load=namespaces.get)
def get_object(req: Request, namespace: Namespace, name: str) -> dict[str, Any]:
    return show_object(namespace, namespaces.definition(req.ctx, namespace, Kind.OBJECT, name))


@objects.put("/{name}", policy=policy.MODIFY_OBJECT, load=namespaces.get, body=CHANGED_OBJECT)
def update_object(req: Request, namespace: Namespace, name: str, body: dict[str, Any]) -> dict[str, Any]:
    changed = namespaces.redefine(req.ctx, namespace, Kind.OBJECT, name, body["name"], _said(body))
    return show_object(namespace, changed)


@objects.delete("/{name}", policy=policy.DELETE_OBJECT, load=namespaces.get)
def delete_object(req: Request, namespace: Namespace, name: str) -> None:
    namespaces.undefine(req.ctx, namespace, Kind.OBJECT, name)


# -- properties ----------------------------------------------------------------------------------


def _show_property(definition: Definition) -> dict[str, Any]:
    return {"name": definition.name, **definition.body}


@properties.get(policy=policy.GET_PROPERTIES, load=namespaces.get)
def list_properties(req: Request, namespace: Namespace) -> dict[str, Any]:
    found = namespaces.page_of_definitions(req.ctx, namespace, Kind.PROPERTY, Page())
    return {"properties": {one.name: one.body for one in found}, "schema": "/v2/schemas/metadefs/properties"}


@properties.post(
    policy=policy.ADD_PROPERTY, load=namespaces.get, body=PROPERTY, status=201, creates="definitions.name"
)
def create_property(req: Request, namespace: Namespace, body: dict[str, Any]) -> dict[str, Any]:
    return _show_property(namespaces.define(req.ctx, namespace, Kind.PROPERTY, body["name"], _said(body)))


@properties.delete(policy=policy.DELETE_PROPERTY, load=namespaces.get)
def delete_properties(req: Request, namespace: Namespace) -> None:
    namespaces.undefine_all(req.ctx, namespace, Kind.PROPERTY)


@properties.get("/{name}", policy=policy.GET_PROPERTY, load=namespaces.get)
def get_property(req: Request, namespace: Namespace, name: str) -> dict[str, Any]:
    return _show_property(namespaces.definition(req.ctx, namespace, Kind.PROPERTY, name))


@properties.put("/{name}", policy=policy.MODIFY_PROPERTY, load=namespaces.get, body=PROPERTY)
def update_property(req: Request, namespace: Namespace, name: str, body: dict[str, Any]) -> dict[str, Any]:
    return _show_property(
        namespaces.redefine(req.ctx, namespace, Kind.PROPERTY, name, body["name"], _said(body))
    )


@properties.delete("/{name}", policy=policy.DELETE_PROPERTY, load=namespaces.get)
def delete_property(req: Request, namespace: Namespace, name: str) -> None:
    namespaces.undefine(req.ctx, namespace, Kind.PROPERTY, name)


# -- tags ----------------------------------------------------------------------------------------


def _show_tag(definition: Definition) -> dict[str, Any]:
    return {"name": definition.name, **moments(definition)}


@tags.get(policy=policy.GET_TAGS, load=namespaces.get)
def list_tags(req: Request, namespace: Namespace) -> dict[str, Any]:
    part = queries.part(req, SORT_KEYS)
    found = namespaces.page_of_definitions(req.ctx, namespace, Kind.TAG, part)
    return {
        "tags": [{"name": one.name} for one in found],
        **queries.links(req, part, [one.name for one in found]),
        "schema": "/v2/schemas/metadefs/tags",
    }


@tags.post(policy=policy.ADD_TAGS, load=namespaces.get, body=TAGS, status=201, tell_again=DO_AGAIN)
def create_tags(req: Request, namespace: Namespace, body: dict[str, Any]) -> dict[str, Any]:
    keep = req.headers.get("x-openstack-append", "").lower() == "true"
    names = [one["name"] for one in body["tags"]]
    found = namespaces.replace_tags(req.ctx, namespace, names, keep=keep)
    return {"tags": [{"name": one.name} for one in found], "schema": "/v2/schemas/metadefs/tags"}


@tags.delete(policy=policy.DELETE_TAGS, load=namespaces.get)
def delete_tags(req: Request, namespace: Namespace) -> None:
    namespaces.undefine_all(req.ctx, namespace, Kind.TAG)


@tags.post("/{name}", policy=policy.ADD_TAG, load=namespaces.get, status=201)
def create_tag(req: Request, namespace: Namespace, name: str) -> dict[str, Any]:
    return _show_tag(namespaces.define(req.ctx, namespace, Kind.TAG, check_value("name", NAME, name), {}))


@tags.get("/{name}", policy=policy.GET_TAG, load=namespaces.get)
def get_tag(req: Request, namespace: Namespace, name: str) -> dict[str, Any]:
    return _show_tag(namespaces.definition(req.ctx, namespace, Kind.TAG, name))


@tags.put("/{name}", policy=policy.MODIFY_TAG, load=namespaces.get, body=TAG)
def update_tag(req: Request, namespace: Namespace, name: str, body: dict[str, Any]) -> dict[str, Any]:
    return _show_tag(namespaces.redefine(req.ctx, namespace, Kind.TAG, name, body["name"], {}))


@tags.delete("/{name}", policy=policy.DELETE_TAG, load=namespaces.get)
def delete_tag(req: Request, namespace: Namespace, name: str) -> None:
    namespaces.undefine(req.ctx, namespace, Kind.TAG, name)
