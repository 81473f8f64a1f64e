"""Queries on types of resources (images, flavors …), and on which namespaces are for which."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec
from sqlalchemy import select

from nacre.kernel.db import Transaction
from nacre.services.image.db.tables import namespace_resource_types, resource_types
from nacre.services.image.errors import AssociationExists, AssociationNotFound


class ResourceType(msgspec.Struct, frozen=True):
    """One type of resources."""

    name: str
    created_at: datetime
    updated_at: datetime


class Association(msgspec.Struct, frozen=True):
    """A namespace is for a type of resources; its properties take a prefix there."""

    namespace_id: str
    name: str
    prefix: str | None
    properties_target: str | None
    created_at: datetime
    updated_at: datetime


def every(tx: Transaction) -> list[ResourceType]:
    """Return all types of resources."""
    return tx.all(select(resource_types).order_by(resource_types.c.name), ResourceType)


def ensure(tx: Transaction, names: Iterable[str]) -> None:
    """Make types of resources known."""
    present = set(tx.scalars(select(resource_types.c.name)))
    now = tx.now()
    for name in sorted(set(names) - present):
        tx.insert_if_absent(resource_types, ResourceType(name, now, now))


def of_namespaces(tx: Transaction, namespace_ids: Sequence[str]) -> dict[str, list[Association]]:
    """Return which types of resources each of some namespaces is for."""
    table = namespace_resource_types
    query = select(table).where(table.c.namespace_id.in_(namespace_ids)).order_by(table.c.name)
    found: dict[str, list[Association]] = defaultdict(list)
    for association in tx.all(query, Association):
        found[association.namespace_id].append(association)
    return found


def insert(
    tx: Transaction, namespace_id: str, name: str, prefix: str | None, properties_target: str | None
) -> Association:
    """Say that a namespace is for a type of resources; raises AssociationExists."""
    ensure(tx, [name])
    now = tx.now()
    association = Association(namespace_id, name, prefix, properties_target, now, now)
    if not tx.insert_if_absent(namespace_resource_types, association):
        raise AssociationExists(name)
    return association


def delete(tx: Transaction, namespace_id: str, name: str) -> None:
    """Say that a namespace is not for a type of resources any more; raises AssociationNotFound."""
    if not tx.delete(namespace_resource_types, (namespace_id, name)):
        raise AssociationNotFound(name)
