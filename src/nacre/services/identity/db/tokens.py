"""Tokens that were revoked one by one, and the number by which processes notice any change.

Everything else that ends a token (a disabled user, a changed password, a role that was taken away) is
seen in the tables at its validation.  `generation` counts the writes that may change what a token
means; what a process remembers of a token holds as long as the number stays.
"""

from datetime import datetime

from sqlalchemy import bindparam, select

from nacre.kernel.db import Transaction
from nacre.services.identity.db.tables import generation, revocations


def revoke(tx: Transaction, audit_id: str, expires_at: datetime) -> None:
    """Note that a token is void; forget the notes that are past their own end."""
    tx.insert_if_absent(revocations, {"audit_id": audit_id, "expires_at": expires_at})
    tx.delete(revocations, revocations.c.expires_at < tx.now())


_NOTED = select(revocations.c.audit_id).where(revocations.c.audit_id == bindparam("audit_id"))


def is_revoked(tx: Transaction, audit_id: str) -> bool:
    """Tell whether a token was revoked; those that were got from it, or it from, do not matter."""
    return tx.scalar(_NOTED, {"audit_id": audit_id}) is not None


_NUMBER = select(generation.c.number)


def current(tx: Transaction) -> int:
    """Return the number of the last write."""
    return tx.scalar(_NUMBER) or 0


def advance(tx: Transaction) -> int:
    """Count a write; returns the new number."""
    if not tx.update(generation, 1, {"number": generation.c.number + 1}):
        tx.insert_if_absent(generation, {"id": 1, "number": 0})
        tx.update(generation, 1, {"number": generation.c.number + 1})
    return current(tx)
