"""The log of what changed, filed under whom it concerns.

    scope     scope_id    row
    host      a host      a guest's port or a router there
    network   a network   the network itself: its subnets, its tunnels, its DHCP server
    ports     a network   a port of it
    group     a group     the group's rules
    members   a group     a port that is in it, or was

Revisions are given out when somebody asks, not when something is written.  A transaction that writes only
adds rows without a revision; whoever asks first gives all committed ones the next revision.  So a slow
transaction can never slip its change in below a revision that a host has already seen, and writers
do not queue at a counter.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Select, bindparam, exists, func, select, union

from nacre.kernel.db import Transaction
from nacre.services.network.db import standard
from nacre.services.network.db.tables import change_log, changes, told_scopes

HOST, NETWORK, PORTS, GROUP, MEMBERS = "host", "network", "ports", "group", "members"
PORT, ROUTER, NEIGHBOUR = "port", "router", "neighbour"
THE_LOG = 1


class Change(msgspec.Struct, frozen=True):
    """A row changed that concerns a scope."""

    scope: str
    scope_id: str
    kind: str
    row_id: str


class Log(msgspec.Struct, frozen=True):
    """Where the log stands: the newest revision, and the one before which it is forgotten."""

    revision: int
    floor: int


class Standing(msgspec.Struct, frozen=True):
    """Where the log stands, seen by one host: is anything without a revision, was the host ever told of a scope?"""

    revision: int
    open: bool
    told: bool


class Told(msgspec.Struct, frozen=True):
    """A scope that a host was told to look at, from one revision on, perhaps until another."""

    scope: str
    scope_id: str
    joined: int
    parted: int | None


_UNSTAMPED = changes.c.revision.is_(None)
_STAMP = changes.update().where(_UNSTAMPED)
_IS_THE_LOG = change_log.c.id == THE_LOG
_ADVANCE = change_log.update().where(_IS_THE_LOG).values(revision=change_log.c.revision + 1)
_LOG = select(change_log).where(_IS_THE_LOG)
_REVISION = select(change_log.c.revision).where(_IS_THE_LOG)
_TOLD_SCOPES = select(told_scopes).where(told_scopes.c.host == bindparam("host"))
_OPEN = exists().where(_UNSTAMPED).label("open")
_TOLD = exists().where(told_scopes.c.host == bindparam("host")).label("told")
_STANDING = select(change_log.c.revision, _OPEN, _TOLD).where(_IS_THE_LOG)


def _told_of(which: ColumnElement[bool]) -> Select[Any]:
    """Return the query for changes in the scopes that a host looks at, or has just ceased to look at."""
    same = (changes.c.scope == told_scopes.c.scope) & (changes.c.scope_id == told_scopes.c.scope_id)
    looks = told_scopes.c.parted.is_(None) | (told_scopes.c.parted > bindparam("revision"))
    return (
        select(changes.c.kind, changes.c.row_id)
        .join_from(told_scopes, changes, same)
        .where(told_scopes.c.host == bindparam("host"), looks, which)
    )


# Two queries rather than one with "or": each finds its rows by the index, however long the log is.
_SINCE = union(_told_of(changes.c.revision > bindparam("revision")), _told_of(_UNSTAMPED))


def record(tx: Transaction, rows: Iterable[Change]) -> None:
    """Note changes; their revision is given out later."""
    now = tx.now()
    tx.insert_all(
        changes,
        [
            {
                "scope": row.scope, "scope_id": row.scope_id, "kind": row.kind, "row_id": row.row_id,
                "revision": None, "at": now,
            }
            for row in rows
        ],
    )  # fmt: skip


def standing(tx: Transaction, host: str) -> Standing:
    """Return where the log stands for a host, all of it as of one moment."""
    return tx.find(_STANDING, Standing, {"host": host}) or Standing(1, True, False)


def stamp(tx: Transaction) -> int:
    """Give the next revision to all changes that have none; return it."""
    revision = advance(tx)
    tx.execute(_STAMP, {"revision": revision})
    return revision


def advance(tx: Transaction) -> int:
    """Take the next revision; others who want one wait until this transaction ends."""
    if not tx.execute(_ADVANCE).rowcount:
        tx.insert_if_absent(change_log, {"id": THE_LOG, "revision": 1, "floor": 0})
        tx.execute(_ADVANCE)
    return int(tx.scalar(_REVISION))


def log(tx: Transaction) -> Log:
    """Return where the log stands."""
    found = tx.find(_LOG, Log)
    return found or Log(1, 0)


def since(tx: Transaction, revision: int, host: str) -> dict[str, set[str]]:
    """Return what changed after a revision in the scopes that a host looks at, stamped or not: kind → ids of rows.

    What has no revision yet will be told once more, when it has one.
    """
    found: dict[str, set[str]] = {}
    for kind, row_id in standard.rows(tx, _SINCE, {"host": host, "revision": revision}):
        found.setdefault(kind, set()).add(row_id)
    return found


def prune(tx: Transaction, before: datetime) -> int:
    """Forget changes older than a moment; hosts that saw less are told everything."""
    old = (changes.c.at < before) & changes.c.revision.is_not(None)
    newest = tx.scalar(select(func.max(changes.c.revision)).where(old))
    if newest is None:
        return 0
    tx.update(change_log, THE_LOG, {"floor": newest})
    return tx.delete(changes, changes.c.revision <= newest)


# --- what each host was told to look at -------------------------------------------------------------------


def told(tx: Transaction, host: str) -> list[Told]:
    """Return the scopes that a host was told of."""
    return tx.all(_TOLD_SCOPES, Told, {"host": host})


def tell(tx: Transaction, host: str, scopes: Iterable[tuple[str, str]], revision: int) -> None:
    """Note that a host looks at further scopes from a revision on; it may have looked at them before."""
    for scope, scope_id in scopes:
        values = {"joined": revision, "parted": None}
        if not tx.update(told_scopes, (host, scope, scope_id), values):
            tx.insert(told_scopes, {"host": host, "scope": scope, "scope_id": scope_id, **values})


def part(tx: Transaction, host: str, scopes: Iterable[tuple[str, str]], revision: int) -> None:
    """Note that a host looks at these scopes no more, from a revision on."""
    for scope, scope_id in scopes:
        tx.update(told_scopes, (host, scope, scope_id), {"parted": revision})


def forget(tx: Transaction, host: str, scopes: Iterable[tuple[str, str]]) -> None:
    """Drop scopes that a host is known to have left."""
    for scope, scope_id in scopes:
        tx.delete(told_scopes, (host, scope, scope_id))


def forget_host(tx: Transaction, host: str) -> None:
    """Forget what a host was told."""
    tx.delete(told_scopes, {"host": host})
