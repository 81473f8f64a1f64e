"""What hosts were told about servers and how they took it; kept for people, and only the newest of each server."""

from __future__ import annotations

from datetime import datetime

import msgspec
from sqlalchemy import select

from nacre.kernel.db import Transaction
from nacre.services.compute.db.history_tables import host_messages

KEPT_OF_A_SERVER = 100


class HostMessage(msgspec.Struct, frozen=True, kw_only=True):
    """One command to one host: when it was sent first, accepted, and over, and what went wrong."""

    server_id: str
    command_id: str
    host: str
    method: str
    request_id: str | None
    sent_at: datetime
    answered_at: datetime | None = None
    finished_at: datetime | None = None
    failure: str | None = None


_ALL = select(*[host_messages.c[name] for name in HostMessage.__struct_fields__])


def record(tx: Transaction, message: HostMessage) -> None:
    """Note how far a command is.  It may be sent many times: when it was sent and accepted first remains."""
    which = (
        (host_messages.c.server_id == message.server_id)
        & (host_messages.c.command_id == message.command_id)
        & (host_messages.c.host == message.host)
    )
    known = tx.find(_ALL.where(which), HostMessage)
    if known is None:
        tx.insert(host_messages, message)
        _forget_the_oldest(tx, message.server_id)
        return
    changes = {
        "answered_at": known.answered_at or message.answered_at,
        "finished_at": known.finished_at or message.finished_at,
        "failure": message.failure if known.finished_at is None else known.failure,
    }
    if any(getattr(known, name) != value for name, value in changes.items()):
        tx.update(host_messages, which, changes)


def of_server(tx: Transaction, server_id: str) -> list[HostMessage]:
    """Return what hosts were told about a server, the first one first."""
    return tx.all(
        _ALL.where(host_messages.c.server_id == server_id).order_by(host_messages.c.id), HostMessage
    )


def _forget_the_oldest(tx: Transaction, server_id: str) -> None:
    mine = host_messages.c.server_id == server_id
    newest = select(host_messages.c.id).where(mine).order_by(host_messages.c.id.desc())
    oldest_kept = tx.scalar(newest.offset(KEPT_OF_A_SERVER - 1).limit(1))
    if oldest_kept is not None:
        tx.delete(host_messages, mine & (host_messages.c.id < oldest_kept))
