"""Users, their passwords, and what is remembered of their attempts to log in."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, bindparam, delete, select

from nacre.kernel.db import Page, Transaction, conditions, page
from nacre.services.identity.db.tables import memberships, old_passwords, users
from nacre.services.identity.errors import UserNotFound


class User(msgspec.Struct, frozen=True):
    """A user; attributes that identity does not know are kept in `extra`."""

    id: str
    domain_id: str
    name: str
    enabled: bool
    default_project_id: str | None
    password_hash: str | None
    password_changed_at: datetime | None
    password_expires_at: datetime | None
    failed_logins: int
    failed_login_at: datetime | None
    options: dict[str, Any]
    extra: dict[str, Any]
    created_at: datetime
    tokens_valid_from: datetime | None = None

    def __repr__(self) -> str:
        return f"User(id={self.id!r}, name={self.name!r})"


def get(tx: Transaction, user_id: str) -> User:
    """Return a user."""
    return tx.one(select(users).where(users.c.id == user_id), User, otherwise=UserNotFound(user_id))


_BY_ID = select(users).where(users.c.id == bindparam("user_id"))


def find(tx: Transaction, user_id: str) -> User | None:
    """Return a user, or None."""
    return tx.find(_BY_ID, User, {"user_id": user_id})


_BY_NAME = select(users).where(
    users.c.domain_id == bindparam("domain_id"), users.c.name == bindparam("user_name")
)


def find_named(tx: Transaction, domain_id: str, name: str) -> User | None:
    """Return the user of a domain by name, or None."""
    return tx.find(_BY_NAME, User, {"domain_id": domain_id, "user_name": name})


def find_all(tx: Transaction, ids: Iterable[str]) -> dict[str, User]:
    """Return those of the users that exist, by id."""
    wanted = sorted(set(ids))
    found: dict[str, User] = {}
    for start in range(0, len(wanted), 500):
        query = select(users).where(users.c.id.in_(wanted[start : start + 500]))
        found |= {user.id: user for user in tx.all(query, User)}
    return found


def index(
    tx: Transaction, wanted: Mapping[str, object], asked: Page, *where: ColumnElement[bool]
) -> list[User]:
    """Return a page of users."""
    return page(tx, select(users).where(*conditions(users.c, wanted), *where), User, users, asked)


def of_group(tx: Transaction, group_id: str, wanted: Mapping[str, object], asked: Page) -> list[User]:
    """Return a page of a group's members."""
    members = select(memberships.c.user_id).where(memberships.c.group_id == group_id)
    return index(tx, wanted, asked, users.c.id.in_(members))


def insert(tx: Transaction, user: User) -> None:
    """Add a user."""
    tx.insert(users, user)


def update(tx: Transaction, user_id: str, changes: Mapping[str, Any]) -> None:
    """Change columns of a user."""
    if changes:
        tx.update(users, user_id, changes)


def delete_user(tx: Transaction, user_id: str) -> None:
    """Remove a user, the passwords and the memberships."""
    tx.delete(memberships, memberships.c.user_id == user_id)
    tx.delete(old_passwords, old_passwords.c.user_id == user_id)
    tx.delete(users, user_id)


def forget_default_project(tx: Transaction, project_id: str) -> None:
    """Take a project that goes away from the users who log in to it by default."""
    tx.update(users, users.c.default_project_id == project_id, {"default_project_id": None})


def last_passwords(tx: Transaction, user_id: str, count: int) -> list[str]:
    """Return the hashes of a user's earlier passwords, the latest first."""
    query = select(old_passwords.c.password_hash).where(old_passwords.c.user_id == user_id)
    return tx.scalars(query.order_by(old_passwords.c.id.desc()).limit(count))


def remember_password(tx: Transaction, user_id: str, password_hash: str, keep: int) -> None:
    """Note an earlier password and forget those beyond the last `keep`."""
    tx.insert(old_passwords, {"user_id": user_id, "password_hash": password_hash})
    query = select(old_passwords.c.id).where(old_passwords.c.user_id == user_id)
    kept = tx.scalars(query.order_by(old_passwords.c.id.desc()).limit(keep))
    tx.execute(
        delete(old_passwords).where(old_passwords.c.user_id == user_id, old_passwords.c.id.not_in(kept))
    )
