"""Hosts that joined the cloud, and the one-time tokens by which others may."""

from datetime import datetime

import msgspec
from sqlalchemy import select

from nacre.kernel.db import Page, Transaction, page
from nacre.services.identity.db.tables import hosts, join_tokens
from nacre.services.identity.errors import HostNotFound, JoinTokenNotFound


class Host(msgspec.Struct, frozen=True, kw_only=True):
    """A host with an account on the broker; the hash is that of its password there."""

    name: str
    account: str
    password_hash: str
    joined_at: datetime

    @property
    def id(self) -> str:
        """A host's name is its id."""
        return self.name

    def __repr__(self) -> str:
        return f"Host(name={self.name!r})"


class JoinToken(msgspec.Struct, frozen=True, kw_only=True):
    """What lets one host join once; `used_with` is the hash of the password that it was used with."""

    id: str
    host: str
    secret_hash: str
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None = None
    used_with: str | None = None

    def __repr__(self) -> str:
        return f"JoinToken(id={self.id!r}, host={self.host!r})"


def get(tx: Transaction, name: str) -> Host:
    """Return a host."""
    return tx.one(select(hosts).where(hosts.c.name == name), Host, otherwise=HostNotFound(name))


def index(tx: Transaction, asked: Page) -> list[Host]:
    """Return a page of hosts."""
    return page(tx, select(hosts), Host, hosts, asked)


def record(tx: Transaction, host: Host) -> None:
    """Write down that a host has joined, perhaps again."""
    if not tx.update(hosts, host.name, msgspec.structs.asdict(host)):
        tx.insert(hosts, host)


def delete(tx: Transaction, name: str) -> None:
    """Forget a host, and the tokens by which it could come again."""
    tx.delete(join_tokens, join_tokens.c.host == name)
    tx.delete(hosts, name)


def get_token(tx: Transaction, token_id: str, *, lock: bool = False) -> JoinToken:
    """Return a token; with `lock` nobody else uses it until the end."""
    query = select(join_tokens).where(join_tokens.c.id == token_id)
    query = query.with_for_update() if lock else query
    return tx.one(query, JoinToken, otherwise=JoinTokenNotFound(token_id))


def index_tokens(tx: Transaction, asked: Page) -> list[JoinToken]:
    """Return a page of tokens."""
    return page(tx, select(join_tokens), JoinToken, join_tokens, asked)


def insert_token(tx: Transaction, token: JoinToken) -> None:
    """Add a token; those that were of no use any more are dropped."""
    tx.delete(join_tokens, join_tokens.c.expires_at < tx.now())
    tx.insert(join_tokens, token)


def use_token(tx: Transaction, token_id: str, password_hash: str) -> None:
    """Write down with what a token was used."""
    tx.update(join_tokens, token_id, {"used_at": tx.now(), "used_with": password_hash})


def delete_token(tx: Transaction, token_id: str) -> None:
    """Remove a token."""
    tx.delete(join_tokens, token_id)
