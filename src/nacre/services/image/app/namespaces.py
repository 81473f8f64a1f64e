"""Namespaces of definitions: what may be said about images, flavors, volumes, for people and forms to read.

Definitions are a dictionary, not a law: nothing in the cloud is checked against them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from nacre.kernel import errors
from nacre.kernel.context import Context
from nacre.kernel.db import Page, Transaction
from nacre.kernel.ids import new_id
from nacre.kernel.service import Service
from nacre.services.image.app.images import viewer
from nacre.services.image.db import definitions, namespaces, resource_types
from nacre.services.image.db.definitions import Definition
from nacre.services.image.db.namespaces import Namespace
from nacre.services.image.db.resource_types import Association, ResourceType
from nacre.services.image.db.tables import Kind, Visibility
from nacre.services.image.errors import LimitExceeded, NamespaceProtected

KNOWN_TYPES = (
    "OS::Cinder::Volume", "OS::Glance::Image", "OS::Nova::Aggregate", "OS::Nova::Flavor", "OS::Nova::Server",
)  # fmt: skip
#: A namespace is shown whole, with all that it defines.
MOST_DEFINITIONS = 5000
EVERYTHING = Page()


class Whole(msgspec.Struct, frozen=True):
    """A namespace with all that belongs to it."""

    namespace: Namespace
    associations: Sequence[Association] = ()
    objects: Sequence[Definition] = ()
    properties: Sequence[Definition] = ()
    tags: Sequence[Definition] = ()


def prepare(service: Service) -> None:
    """Make the usual types of resources known; may run twice."""
    service.db.run(resource_types.ensure, KNOWN_TYPES)


def get(ctx: Context, name: str) -> Namespace:
    """Return a namespace that the caller may see."""
    return ctx.db.read(namespaces.get, name, viewer(ctx))


def whole(ctx: Context, namespace: Namespace) -> Whole:
    """Return a namespace with all that it defines."""
    return ctx.db.read(_whole, namespace)


def _whole(tx: Transaction, namespace: Namespace) -> Whole:
    id = namespace.id
    return Whole(
        namespace,
        resource_types.of_namespaces(tx, [id]).get(id, ()),
        definitions.page(tx, id, Kind.OBJECT, EVERYTHING),
        definitions.page(tx, id, Kind.PROPERTY, EVERYTHING),
        definitions.page(tx, id, Kind.TAG, EVERYTHING),
    )


def page(ctx: Context, *, visibility: str | None, types: Sequence[str], part: Page) -> list[Whole]:
    """Return one page of namespaces, with the types of resources that they are for."""

    def read(tx: Transaction) -> list[Whole]:
        found = namespaces.page(tx, viewer(ctx), visibility=visibility, types=types, part=part)
        associations = resource_types.of_namespaces(tx, [one.id for one in found])
        return [Whole(one, associations.get(one.id, ())) for one in found]

    return ctx.db.read(read)


def create(ctx: Context, body: dict[str, Any]) -> Whole:
    """Add a namespace, with what it defines if the caller says so at once."""
    owner = body.get("owner") or ctx.project_id or ""

    def write(tx: Transaction) -> Whole:
        now = tx.now()
        namespace = Namespace(
            id=new_id(),
            name=body["namespace"],
            display_name=body.get("display_name"),
            description=body.get("description"),
            visibility=Visibility(body.get("visibility", Visibility.PRIVATE)),
            protected=body.get("protected", False),
            owner=owner,
            created_at=now,
            updated_at=now,
        )
        namespaces.insert(tx, namespace)
        for one in body.get("resource_type_associations", ()):
            resource_types.insert(
                tx, namespace.id, one["name"], one.get("prefix"), one.get("properties_target")
            )
        for one in body.get("objects", ()):
            said = {key: value for key, value in one.items() if key != "name"}
            definitions.insert(tx, namespace.id, Kind.OBJECT, one["name"], said)
        for name, said in body.get("properties", {}).items():
            definitions.insert(tx, namespace.id, Kind.PROPERTY, name, said)
        definitions.insert_all(tx, namespace.id, Kind.TAG, (one["name"] for one in body.get("tags", ())))
        _check_size(tx, namespace)
        return _whole(tx, namespace)

    return ctx.db.run(write)


def update(ctx: Context, namespace: Namespace, body: dict[str, Any]) -> Namespace:
    """Change a namespace; what the caller leaves out stays."""
    values: dict[str, Any] = {
        "name": body["namespace"],
        **{key: body[key] for key in ("display_name", "description", "protected", "owner") if key in body},
    }
    if "visibility" in body:
        values["visibility"] = Visibility(body["visibility"])

    def write(tx: Transaction) -> Namespace:
        namespaces.update(tx, namespace, values)
        return namespaces.get(tx, values["name"], viewer(ctx))

    return ctx.db.run(write)


def delete(ctx: Context, namespace: Namespace) -> None:
    """Remove a namespace with all that it defines."""
    check_unprotected(namespace)
    ctx.db.run(namespaces.delete, namespace.id)


def check_unprotected(namespace: Namespace) -> None:
    """Raise NamespaceProtected if nothing of a namespace may be deleted."""
    if namespace.protected:
        raise NamespaceProtected(namespace.name)


# -- what a namespace defines ------------------------------------------------------------------


def definition(ctx: Context, namespace: Namespace, kind: Kind, name: str) -> Definition:
    """Return a definition."""
    return ctx.db.read(definitions.get, namespace.id, kind, name)


def page_of_definitions(ctx: Context, namespace: Namespace, kind: Kind, part: Page) -> list[Definition]:
    """Return one page of a namespace's definitions of a kind."""
    return ctx.db.read(definitions.page, namespace.id, kind, part)


def define(ctx: Context, namespace: Namespace, kind: Kind, name: str, body: dict[str, Any]) -> Definition:
    """Add a definition."""

    def write(tx: Transaction) -> Definition:
        added = definitions.insert(tx, namespace.id, kind, name, body)
        _check_size(tx, namespace)
        return added

    return ctx.db.run(write)


def redefine(
    ctx: Context, namespace: Namespace, kind: Kind, present: str, name: str, body: dict[str, Any]
) -> Definition:
    """Replace a definition, perhaps under another name."""

    def write(tx: Transaction) -> Definition:
        return definitions.update(tx, definitions.get(tx, namespace.id, kind, present), name, body)

    return ctx.db.run(write)


def undefine(ctx: Context, namespace: Namespace, kind: Kind, name: str) -> None:
    """Remove a definition."""
    check_unprotected(namespace)
    ctx.db.run(definitions.delete, namespace.id, kind, name)


def undefine_all(ctx: Context, namespace: Namespace, kind: Kind) -> None:
    """Remove a namespace's definitions of a kind."""
    check_unprotected(namespace)
    ctx.db.run(definitions.delete_all, namespace.id, kind)


def replace_tags(ctx: Context, namespace: Namespace, names: Iterable[str], *, keep: bool) -> list[Definition]:
    """Define tags, besides those that are there or (unless `keep`) instead of them."""
    wanted = list(names)
    if len(set(wanted)) != len(wanted):
        raise errors.Conflict("A tag is named twice.")

    def write(tx: Transaction) -> list[Definition]:
        if not keep:
            definitions.delete_all(tx, namespace.id, Kind.TAG)
        definitions.insert_all(tx, namespace.id, Kind.TAG, wanted)
        _check_size(tx, namespace)
        return definitions.page(tx, namespace.id, Kind.TAG, EVERYTHING)

    return ctx.db.run(write)


def _check_size(tx: Transaction, namespace: Namespace) -> None:
    if (held := definitions.count(tx, namespace.id)) > MOST_DEFINITIONS:
        raise LimitExceeded("definitions", held, MOST_DEFINITIONS)


# -- what a namespace is for -------------------------------------------------------------------


def known_types(ctx: Context) -> list[ResourceType]:
    """Return all types of resources."""
    return ctx.db.read(resource_types.every)


def associations(ctx: Context, namespace: Namespace) -> list[Association]:
    """Return the types of resources that a namespace is for."""
    return list(ctx.db.read(resource_types.of_namespaces, [namespace.id]).get(namespace.id, ()))


def associate(
    ctx: Context, namespace: Namespace, name: str, prefix: str | None, properties_target: str | None
) -> Association:
    """Say that a namespace is for a type of resources."""
    return ctx.db.run(resource_types.insert, namespace.id, name, prefix, properties_target)


def dissociate(ctx: Context, namespace: Namespace, name: str) -> None:
    """Say that a namespace is not for a type of resources any more."""
    check_unprotected(namespace)
    ctx.db.run(resource_types.delete, namespace.id, name)
