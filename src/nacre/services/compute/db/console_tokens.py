"""Console tokens: who may look at a server's screen, once and soon.  Only hashes are kept."""

from datetime import datetime

import msgspec
from sqlalchemy import select

from nacre.kernel.db import Transaction
from nacre.services.compute.db.tables import console_tokens


class ConsoleToken(msgspec.Struct, frozen=True):
    """What a token opens, and until when."""

    token_hash: str
    server_id: str
    kind: str
    expires_at: datetime
    created_at: datetime


_ALL = select(*[console_tokens.c[name] for name in ConsoleToken.__struct_fields__])


def insert(tx: Transaction, token: ConsoleToken) -> None:
    """Add a token, and sweep away those that have expired."""
    tx.delete(console_tokens, console_tokens.c.expires_at < tx.now())
    tx.insert(console_tokens, token)


def find(tx: Transaction, token_hash: str) -> ConsoleToken | None:
    """Return a token that has not expired, or None."""
    living = console_tokens.c.expires_at > tx.now()
    return tx.find(_ALL.where(console_tokens.c.token_hash == token_hash, living), ConsoleToken)


def take(tx: Transaction, token_hash: str) -> ConsoleToken | None:
    """Return a token that has not expired and remove it: of several who try, one gets it."""
    found = find(tx, token_hash)
    return found if found is not None and tx.delete(console_tokens, token_hash) else None


def delete_of_server(tx: Transaction, server_id: str) -> None:
    """Remove every token of a server."""
    tx.delete(console_tokens, {"server_id": server_id})
