"""What hosts may still have of servers that left them while they were down."""

from __future__ import annotations

from datetime import datetime

import msgspec
from sqlalchemy import select

from nacre.kernel.db import Transaction
from nacre.services.compute.db.tables import leftovers


class Leftover(msgspec.Struct, frozen=True):
    """A host, what it is to remove, and how often it has refused to."""

    id: int
    host: str
    server_id: str
    refusals: int
    created_at: datetime


_ALL = select(*[leftovers.c[name] for name in Leftover.__struct_fields__])
_HOSTS = select(leftovers.c.host).distinct().order_by(leftovers.c.host)


def note(tx: Transaction, host: str, server_id: str) -> None:
    """Write down that a host is to remove a server.  Twice is once."""
    which = (leftovers.c.host == host) & (leftovers.c.server_id == server_id)
    if not tx.exists(_ALL.where(which)):
        tx.insert(leftovers, {"host": host, "server_id": server_id, "refusals": 0, "created_at": tx.now()})


def hosts(tx: Transaction) -> list[str]:
    """Return the hosts that have anything to remove."""
    return tx.scalars(_HOSTS)


def of_host(tx: Transaction, host: str, limit: int) -> list[Leftover]:
    """Return what a host is to remove, what it never refused first."""
    mine = _ALL.where(leftovers.c.host == host)
    return tx.all(mine.order_by(leftovers.c.refusals, leftovers.c.id).limit(limit), Leftover)


def refuse(tx: Transaction, leftover: Leftover) -> None:
    """Note that the host could not remove it."""
    tx.update(leftovers, leftover.id, {"refusals": leftover.refusals + 1})


def delete(tx: Transaction, leftover: Leftover) -> None:
    """Note that there is nothing to remove any more."""
    tx.delete(leftovers, leftover.id)


def delete_of_host(tx: Transaction, host: str) -> None:
    """Forget about a host that is not known any more."""
    tx.delete(leftovers, leftovers.c.host == host)
