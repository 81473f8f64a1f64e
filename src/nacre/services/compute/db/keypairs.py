"""Key pairs: the public halves that users keep here for their servers."""

from datetime import datetime

import msgspec
from sqlalchemy import and_, select

from nacre.kernel.db import Page, Sort, Transaction, page
from nacre.services.compute.db.tables import keypairs
from nacre.services.compute.errors import KeypairNotFound


class Keypair(msgspec.Struct, frozen=True):
    """A public key under a name that its user chose."""

    user_id: str
    name: str
    type: str
    fingerprint: str
    public_key: str
    created_at: datetime
    id: int = 0


_ALL = select(*[keypairs.c[name] for name in Keypair.__struct_fields__])


def find(tx: Transaction, user_id: str, name: str) -> Keypair | None:
    """Return a user's key pair of that name, or None."""
    return tx.find(_ALL.where(keypairs.c.user_id == user_id, keypairs.c.name == name), Keypair)


def get(tx: Transaction, user_id: str, name: str) -> Keypair:
    """Return a user's key pair, or raise KeypairNotFound."""
    found = find(tx, user_id, name)
    if found is None:
        raise KeypairNotFound(name, user_id)
    return found


def index(tx: Transaction, user_id: str, asked: Page) -> list[Keypair]:
    """Return one page of a user's key pairs, by name; the marker is a name."""
    mine = keypairs.c.user_id == user_id
    asked = msgspec.structs.replace(asked, sort=(Sort("name"),))
    return page(tx, _ALL.where(mine), Keypair, keypairs, asked, marker_column=keypairs.c.name, visible=mine)


def count(tx: Transaction, user_id: str) -> int:
    """Return how many key pairs a user has."""
    return tx.count(keypairs, keypairs.c.user_id == user_id)


def insert(tx: Transaction, keypair: Keypair) -> None:
    """Add a key pair; raises Duplicate when the name is taken."""
    values = msgspec.structs.asdict(keypair)
    del values["id"]
    tx.insert(keypairs, values)


def delete(tx: Transaction, user_id: str, name: str) -> bool:
    """Remove a key pair; tell whether there was one."""
    return bool(tx.delete(keypairs, and_(keypairs.c.user_id == user_id, keypairs.c.name == name)))
