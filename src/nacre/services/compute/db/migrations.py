"""Migrations in the database: servers that change their host or their size, and how far that is."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

import msgspec
from sqlalchemy import bindparam, func, or_, select

from nacre.kernel.db import Page, Sort, Transaction, conditions, page
from nacre.services.compute.db.tables import flavors, migrations
from nacre.services.compute.rpc import MoveProgress


class Migration(msgspec.Struct, frozen=True, kw_only=True):
    """One change of a server's host or size.  Flavors stand here by their serial numbers."""

    id: int
    uuid: str
    server_id: str
    project_id: str
    user_id: str
    type: str
    status: str
    source_host: str | None
    source_node: str | None
    target_host: str | None
    target_node: str | None
    old_flavor: int | None
    new_flavor: int | None
    progress: MoveProgress | None
    created_at: datetime
    updated_at: datetime


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which migrations a list is to hold; `host` is where a server comes from or goes to."""

    columns: dict[str, object] = {}
    host: str | None = None
    changes_since: datetime | None = None
    changes_before: datetime | None = None


_ALL = select(*[migrations.c[name] for name in Migration.__struct_fields__])
_NEWEST = select(func.max(migrations.c.id)).where(migrations.c.server_id == bindparam("server_id"))
_LATEST = _ALL.where(migrations.c.id == _NEWEST.scalar_subquery())
_NEWEST_FIRST = (Sort("created_at", "desc"), Sort("id", "desc"))


def index(tx: Transaction, wanted: Wanted, asked: Page) -> list[Migration]:
    """Return one page, the newest first; the marker is a UUID."""
    query = _ALL.where(*conditions(migrations.c, wanted.columns))
    if wanted.host is not None:
        query = query.where(
            or_(migrations.c.source_host == wanted.host, migrations.c.target_host == wanted.host)
        )
    if wanted.changes_since is not None:
        query = query.where(migrations.c.updated_at >= wanted.changes_since)
    if wanted.changes_before is not None:
        query = query.where(migrations.c.updated_at <= wanted.changes_before)
    asked = msgspec.structs.replace(asked, sort=_NEWEST_FIRST)
    return page(tx, query, Migration, migrations, asked, marker_column=migrations.c.uuid)


def find(tx: Transaction, uuid: str) -> Migration | None:
    """Return a migration by its UUID, or None."""
    return tx.find(_ALL.where(migrations.c.uuid == uuid), Migration)


def by_number(tx: Transaction, server_id: str, number: int) -> Migration | None:
    """Return a migration of a server by the id that clients know, or None."""
    query = _ALL.where(migrations.c.id == number, migrations.c.server_id == server_id)
    return tx.find(query, Migration)


def latest(tx: Transaction, server_id: str) -> Migration | None:
    """Return a server's latest migration, if it ever had one."""
    return tx.find(_LATEST, Migration, {"server_id": server_id})


def of_server(tx: Transaction, server_id: str, kind: str, statuses: Collection[str]) -> list[Migration]:
    """Return a server's migrations of a type that have any of these statuses."""
    query = _ALL.where(
        migrations.c.server_id == server_id,
        migrations.c.type == kind,
        migrations.c.status.in_(list(statuses)),
    )
    return tx.all(query.order_by(migrations.c.id), Migration)


def with_status(
    tx: Transaction, kind: str, status: str, limit: int, *, source: str | None = None
) -> list[Migration]:
    """Return migrations of a type that have a status (away from one host), the oldest first."""
    query = _ALL.where(migrations.c.status == status, migrations.c.type == kind)
    if source is not None:
        query = query.where(migrations.c.source_host == source)
    return tx.all(query.order_by(migrations.c.id).limit(limit), Migration)


def insert(tx: Transaction, **values: object) -> None:
    """Note that a migration begins."""
    now = tx.now()
    tx.insert(migrations, {"progress": None, **values, "created_at": now, "updated_at": now})


def update(tx: Transaction, uuid: str, **values: object) -> None:
    """Change what is noted of a migration."""
    tx.update(migrations, migrations.c.uuid == uuid, {**values, "updated_at": tx.now()})


def set_status(tx: Transaction, server_id: str, status: str, *, of: tuple[str, ...]) -> None:
    """Say how far a server's latest migration is, if it is one that has any of these statuses."""
    found = latest(tx, server_id)
    if found is not None and found.status in of:
        tx.update(migrations, found.id, {"status": status, "updated_at": tx.now()})


def serial(tx: Transaction, flavor_id: str) -> int | None:
    """Return a flavor's serial number, if the flavor still exists."""
    found: int | None = tx.scalar(select(flavors.c.serial).where(flavors.c.id == flavor_id))
    return found
