"""Queries on definitions: the objects, properties and tags of a namespace, which are stored alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, and_, select

from nacre.kernel.db import Page, Transaction
from nacre.kernel.db import page as kernel_page
from nacre.services.image.db.tables import Kind, definitions
from nacre.services.image.errors import DefinitionExists, DefinitionNotFound

SORT_KEYS = ("name", "created_at", "updated_at")


class Definition(msgspec.Struct, frozen=True):
    """One definition; `body` is what it says besides its name."""

    namespace_id: str
    kind: Kind
    name: str
    body: dict[str, Any]
    created_at: datetime
    updated_at: datetime


def _of(namespace_id: str, kind: Kind) -> ColumnElement[bool]:
    return and_(definitions.c.namespace_id == namespace_id, definitions.c.kind == kind)


def get(tx: Transaction, namespace_id: str, kind: Kind, name: str) -> Definition:
    """Return a definition; raises DefinitionNotFound."""
    query = select(definitions).where(_of(namespace_id, kind), definitions.c.name == name)
    return tx.one(query, Definition, otherwise=DefinitionNotFound(kind, name))


def page(tx: Transaction, namespace_id: str, kind: Kind, part: Page) -> list[Definition]:
    """Return one page of a namespace's definitions of a kind."""
    keys = {name: definitions.c[name] for name in SORT_KEYS}
    query = select(definitions).where(_of(namespace_id, kind))
    return kernel_page(
        tx,
        query,
        Definition,
        definitions,
        part,
        keys=keys,
        marker_column=definitions.c.name,
        visible=_of(namespace_id, kind),
    )


def count(tx: Transaction, namespace_id: str) -> int:
    """Return how many definitions a namespace holds."""
    return tx.count(definitions, definitions.c.namespace_id == namespace_id)


def insert(tx: Transaction, namespace_id: str, kind: Kind, name: str, body: Mapping[str, Any]) -> Definition:
    """Add a definition; raises DefinitionExists."""
    now = tx.now()
    definition = Definition(namespace_id, kind, name, dict(body), now, now)
    if not tx.insert_if_absent(definitions, definition):
        raise DefinitionExists(kind, name)
    return definition


def update(tx: Transaction, present: Definition, name: str, body: Mapping[str, Any]) -> Definition:
    """Change a definition; raises DefinitionExists when it would take another's name."""
    key = (present.namespace_id, present.kind, present.name)
    if name != present.name:
        where = _of(present.namespace_id, present.kind)
        if tx.exists(select(definitions.c.name).where(where, definitions.c.name == name)):
            raise DefinitionExists(present.kind, name)
    tx.update(definitions, key, {"name": name, "body": dict(body), "updated_at": tx.now()})
    return get(tx, present.namespace_id, present.kind, name)


def delete(tx: Transaction, namespace_id: str, kind: Kind, name: str) -> None:
    """Remove a definition; raises DefinitionNotFound."""
    if not tx.delete(definitions, (namespace_id, kind, name)):
        raise DefinitionNotFound(kind, name)


def delete_all(tx: Transaction, namespace_id: str, kind: Kind) -> None:
    """Remove a namespace's definitions of a kind."""
    tx.delete(definitions, _of(namespace_id, kind))


def insert_all(tx: Transaction, namespace_id: str, kind: Kind, names: Iterable[str]) -> None:
    """Add definitions that say nothing but their names, unless they are there."""
    for name in names:
        now = tx.now()
        tx.insert_if_absent(definitions, Definition(namespace_id, kind, name, {}, now, now))
