"""Queries on namespaces: each holds definitions of what can be said about images, flavors and volumes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import or_, select

from nacre.kernel.db import Page, Transaction
from nacre.kernel.db import page as kernel_page
from nacre.services.image.db.images import Viewer
from nacre.services.image.db.tables import (
    Visibility,
    definitions,
    namespace_resource_types,
    namespaces,
)
from nacre.services.image.errors import NamespaceExists, NamespaceNotFound

SORT_KEYS = {"created_at": "created_at", "updated_at": "updated_at", "namespace": "name"}


class Namespace(msgspec.Struct, frozen=True):
    """One namespace; people know it by its name, its parts by its id."""

    id: str
    name: str
    display_name: str | None
    description: str | None
    visibility: Visibility
    protected: bool
    owner: str
    created_at: datetime
    updated_at: datetime

    @property
    def project_id(self) -> str:
        """The owner, under the name that policies use."""
        return self.owner


def get(tx: Transaction, name: str, viewer: Viewer) -> Namespace:
    """Return a namespace that the viewer may see; raises NamespaceNotFound."""
    query = select(namespaces).where(namespaces.c.name == name, *_seen(viewer))
    return tx.one(query, Namespace, otherwise=NamespaceNotFound(name))


def page(
    tx: Transaction, viewer: Viewer, *, visibility: str | None, types: Sequence[str], part: Page
) -> list[Namespace]:
    """Return one page of the namespaces that the viewer may see."""
    query = select(namespaces).where(*_seen(viewer))
    if visibility is not None:
        query = query.where(namespaces.c.visibility == visibility)
    if types:
        table = namespace_resource_types
        query = query.where(namespaces.c.id.in_(select(table.c.namespace_id).where(table.c.name.in_(types))))
    keys = {name: namespaces.c[column] for name, column in SORT_KEYS.items()}
    return kernel_page(tx, query, Namespace, namespaces, part, keys=keys, marker_column=namespaces.c.name)


def _seen(viewer: Viewer) -> list[Any]:
    if viewer.sees_all:
        return []
    return [
        or_(namespaces.c.visibility == Visibility.PUBLIC, namespaces.c.owner == (viewer.project_id or ""))
    ]


def insert(tx: Transaction, namespace: Namespace) -> None:
    """Add a namespace; raises NamespaceExists."""
    if not tx.insert_if_absent(namespaces, namespace):
        raise NamespaceExists(namespace.name)


def update(tx: Transaction, namespace: Namespace, values: Mapping[str, Any]) -> None:
    """Change a namespace; raises NamespaceExists when it would take another's name."""
    name = values.get("name", namespace.name)
    taken = select(namespaces.c.id).where(namespaces.c.name == name, namespaces.c.id != namespace.id)
    if tx.exists(taken):
        raise NamespaceExists(name)
    tx.update(namespaces, namespace.id, {**values, "updated_at": tx.now()})


def delete(tx: Transaction, namespace_id: str) -> None:
    """Remove a namespace with all that it defines."""
    tx.delete(definitions, definitions.c.namespace_id == namespace_id)
    tx.delete(namespace_resource_types, namespace_resource_types.c.namespace_id == namespace_id)
    tx.delete(namespaces, namespace_id)
