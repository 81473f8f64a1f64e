"""Quotas: counted inside the creating transaction, so that no reservation can leak.

A project's limits are rows; what it uses is counted from the resources themselves.  `enforce`
first locks the project's row, so that two creations at once are counted one after the other:

    quota.enforce(tx, QUOTAS, ctx.project_id, {"servers": 1, "cores": flavor.vcpus}, defaults, count_usage)

A limit of -1 means no limit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from sqlalchemy import Integer, MetaData, Select, Table, bindparam, select

from nacre.kernel import errors
from nacre.kernel.db import Transaction, column, sized

UNLIMITED = -1

Usage = Mapping[str, int]
CountUsage = Callable[[Transaction, str], Usage]


class QuotaExceeded(errors.OverQuota):
    """A creation would exceed the project's quota; says of what, how much is used, and the limit."""

    def __init__(self, resource: str, *, requested: int, used: int, limit: int) -> None:
        super().__init__(
            f"Quota exceeded for {resource}: Requested {requested}, "
            f"but already used {used} of {limit} {resource}"
        )
        self.resource, self.requested, self.used, self.limit = resource, requested, used, limit


class QuotaTables:
    """The two tables of one service: limits set for projects, and the row that a creation locks."""

    def __init__(self, metadata: MetaData) -> None:
        self.limits = Table(
            "quota_limits",
            metadata,
            column("project_id", sized(64), key=True),
            column("resource", sized(64), key=True),
            column("limit_", Integer),
        )
        self.locks = Table("quota_locks", metadata, column("project_id", sized(64), key=True))


def limits(tx: Transaction, tables: QuotaTables, project_id: str) -> dict[str, int]:
    """Return the limits that were set for a project; the rest is as the defaults say."""
    table = tables.limits
    rows: Any = tx.execute(_limits_of(table), {"project_id": project_id})
    return dict(iter(rows))


@cache
def _limits_of(table: Table) -> Select[Any]:
    return select(table.c.resource, table.c.limit_).where(table.c.project_id == bindparam("project_id"))


def set_limits(tx: Transaction, tables: QuotaTables, project_id: str, changes: Mapping[str, int]) -> None:
    """Set some of a project's limits."""
    table = tables.limits
    for resource, limit in changes.items():
        if not tx.update(table, (project_id, resource), {"limit_": limit}):
            tx.insert_if_absent(table, {"project_id": project_id, "resource": resource, "limit_": limit})


def clear_limits(tx: Transaction, tables: QuotaTables, project_id: str) -> None:
    """Return a project to the defaults."""
    tx.delete(tables.limits, tables.limits.c.project_id == project_id)


def enforce(
    tx: Transaction,
    tables: QuotaTables,
    project_id: str,
    requested: Mapping[str, int],
    defaults: Mapping[str, int],
    count_usage: CountUsage,
) -> None:
    """Raise QuotaExceeded unless the project may have this much more; holds its lock until the commit."""
    lock(tx, tables, project_id)
    own = limits(tx, tables, project_id)
    bounded = {
        resource: limit
        for resource in requested
        if (limit := own.get(resource, defaults.get(resource, UNLIMITED))) >= 0
    }
    if not bounded:
        return
    usage = count_usage(tx, project_id)
    for resource, limit in bounded.items():
        used, more = usage.get(resource, 0), requested[resource]
        if more > 0 and used + more > limit:
            raise QuotaExceeded(resource, requested=more, used=used, limit=limit)


def lock(tx: Transaction, tables: QuotaTables, project_id: str) -> None:
    """Let no other transaction count this project's usage until this one ends."""
    if not tx.lock(tables.locks, project_id):
        tx.insert_if_absent(tables.locks, {"project_id": project_id})
        tx.lock(tables.locks, project_id)
