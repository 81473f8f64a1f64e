"""Migrations in the database: servers that change their host or their size, and how far that is."""

from __future__ import annotations

from datetime import datetime

import msgspec
from sqlalchemy import func, or_, select

from nacre.kernel.db import Page, Sort, Transaction, conditions, page
from nacre.services.compute.db.tables import flavors, migrations


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
    created_at: datetime
    updated_at: datetime


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which migrations a list is to hold; `host` is where a server comes from or goes to."""

    columns: dict[str, object] = {}
    host: str | None = None
    changes_since: datetime | None = None
    changes_before: datetime | None = None


_ALL = select(*[migrations.c[name] for name in Migration.__struct_fields__])
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


def insert(tx: Transaction, **values: object) -> None:
    """Note that a migration begins."""
    now = tx.now()
    tx.insert(migrations, {**values, "created_at": now, "updated_at": now})


def set_status(tx: Transaction, server_id: str, status: str, *, of: tuple[str, ...]) -> None:
    """Say how far a server's latest migration is, if it is one that has any of these statuses."""
    latest = select(func.max(migrations.c.id)).where(migrations.c.server_id == server_id)
    found = tx.find(_ALL.where(migrations.c.id == latest.scalar_subquery()), Migration)
    if found is not None and found.status in of:
        tx.update(migrations, found.id, {"status": status, "updated_at": tx.now()})


def serial(tx: Transaction, flavor_id: str) -> int | None:
    """Return a flavor's serial number, if the flavor still exists."""
    found: int | None = tx.scalar(select(flavors.c.serial).where(flavors.c.id == flavor_id))
    return found
