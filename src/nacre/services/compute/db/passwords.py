"""Passwords that guests made and encrypted for their owners: ours to keep, not to read."""

from sqlalchemy import select

from nacre.kernel.db import Transaction
from nacre.services.compute.db.tables import guest_passwords


def find(tx: Transaction, server_id: str) -> str:
    """Return a server's encrypted password; empty where the guest has told none."""
    query = select(guest_passwords.c.encrypted).where(guest_passwords.c.server_id == server_id)
    return tx.scalar(query) or ""


def insert(tx: Transaction, server_id: str, encrypted: str) -> bool:
    """Keep a server's encrypted password unless there is one; tell whether it was kept."""
    return tx.insert_if_absent(guest_passwords, {"server_id": server_id, "encrypted": encrypted})


def delete(tx: Transaction, server_id: str) -> None:
    """Forget it."""
    tx.delete(guest_passwords, {"server_id": server_id})
