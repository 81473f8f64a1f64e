"""What hosts were told about servers and how they took it; kept for people, and only the newest of each server."""

from __future__ import annotations

from datetime import datetime

import msgspec
from sqlalchemy import and_, bindparam, select

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
_COMMAND = ("server_id", "command_id", "host")
_OF_COMMAND = _ALL.where(and_(*[host_messages.c[name] == bindparam(name) for name in _COMMAND]))
_OLDEST_KEPT = (
    select(host_messages.c.id)
    .where(host_messages.c.server_id == bindparam("server_id"))
    .order_by(host_messages.c.id.desc())
    .offset(KEPT_OF_A_SERVER - 1)
    .limit(1)
)


def record(tx: Transaction, message: HostMessage) -> None:
    """Note how far a command is.  It may be sent many times: when it was sent and accepted first remains."""
    which = {name: getattr(message, name) for name in _COMMAND}
    known = tx.find(_OF_COMMAND, HostMessage, which)
    if known is None and tx.insert_if_absent(host_messages, message):
        _forget_the_oldest(tx, message.server_id)
        return
    # Another worker may have noted the same command just now: one that hung for longer than its lease, say.
    known = known or tx.one(_OF_COMMAND, HostMessage, which)
    changes = {
        "answered_at": known.answered_at or message.answered_at,
        "finished_at": known.finished_at or message.finished_at,
        "failure": message.failure if known.finished_at is None else known.failure,
    }
    if any(getattr(known, name) != value for name, value in changes.items()):
        tx.update(host_messages, which, changes)


def was_accepted(tx: Transaction, server_id: str, command_id: str, host: str) -> bool:
    """Tell whether a host is known to have heard a command."""
    told = tx.find(_OF_COMMAND, HostMessage, {"server_id": server_id, "command_id": command_id, "host": host})
    return told is not None and told.answered_at is not None


def of_server(tx: Transaction, server_id: str) -> list[HostMessage]:
    """Return what hosts were told about a server, the first one first."""
    return tx.all(
        _ALL.where(host_messages.c.server_id == server_id).order_by(host_messages.c.id), HostMessage
    )


def _forget_the_oldest(tx: Transaction, server_id: str) -> None:
    oldest_kept = tx.scalar(_OLDEST_KEPT, {"server_id": server_id})
    if oldest_kept is not None:
        mine = host_messages.c.server_id == server_id
        tx.delete(host_messages, mine & (host_messages.c.id < oldest_kept))
