"""Groups of users, and who is in them."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, bindparam, select

from nacre.kernel.db import Page, Transaction, conditions, page
from nacre.services.identity.db.tables import groups, memberships
from nacre.services.identity.errors import GroupNotFound


class Group(msgspec.Struct, frozen=True):
    """A group of users."""

    id: str
    domain_id: str
    name: str
    description: str
    extra: dict[str, Any]


class Membership(msgspec.Struct, frozen=True):
    """A user in a group."""

    group_id: str
    user_id: str


def get(tx: Transaction, group_id: str) -> Group:
    """Return a group."""
    return tx.one(select(groups).where(groups.c.id == group_id), Group, otherwise=GroupNotFound(group_id))


def find_named(tx: Transaction, domain_id: str, name: str) -> Group | None:
    """Return the group of a domain by name, or None."""
    return tx.find(select(groups).where(groups.c.domain_id == domain_id, groups.c.name == name), Group)


def find_all(tx: Transaction, ids: Iterable[str]) -> dict[str, Group]:
    """Return those of the groups that exist, by id."""
    wanted = sorted(set(ids))
    found: dict[str, Group] = {}
    for start in range(0, len(wanted), 500):
        query = select(groups).where(groups.c.id.in_(wanted[start : start + 500]))
        found |= {group.id: group for group in tx.all(query, Group)}
    return found


def index(
    tx: Transaction, wanted: Mapping[str, object], asked: Page, *where: ColumnElement[bool]
) -> list[Group]:
    """Return a page of groups."""
    return page(tx, select(groups).where(*conditions(groups.c, wanted), *where), Group, groups, asked)


def of_user(tx: Transaction, user_id: str, wanted: Mapping[str, object], asked: Page) -> list[Group]:
    """Return a page of the groups that a user is in."""
    own = select(memberships.c.group_id).where(memberships.c.user_id == user_id)
    return index(tx, wanted, asked, groups.c.id.in_(own))


def insert(tx: Transaction, group: Group) -> None:
    """Add a group."""
    tx.insert(groups, group)


def update(tx: Transaction, group_id: str, changes: Mapping[str, Any]) -> None:
    """Change columns of a group."""
    if changes:
        tx.update(groups, group_id, changes)


def delete(tx: Transaction, group_id: str) -> None:
    """Remove a group and its memberships."""
    tx.delete(memberships, memberships.c.group_id == group_id)
    tx.delete(groups, group_id)


def add_member(tx: Transaction, group_id: str, user_id: str) -> None:
    """Put a user into a group, unless the user is in it."""
    tx.insert_if_absent(memberships, {"group_id": group_id, "user_id": user_id})


def remove_member(tx: Transaction, group_id: str, user_id: str) -> bool:
    """Take a user out of a group; tell whether the user was in it."""
    return bool(tx.delete(memberships, (group_id, user_id)))


def has_member(tx: Transaction, group_id: str, user_id: str) -> bool:
    """Tell whether a user is in a group."""
    return tx.exists(
        select(memberships.c.user_id).where(
            memberships.c.group_id == group_id, memberships.c.user_id == user_id
        )
    )


def member_ids(tx: Transaction, group_ids: Iterable[str]) -> dict[str, list[str]]:
    """Return the ids of the members of some groups, by group."""
    wanted = sorted(set(group_ids))
    found: dict[str, list[str]] = {}
    for start in range(0, len(wanted), 500):
        query = select(memberships).where(memberships.c.group_id.in_(wanted[start : start + 500]))
        for membership in tx.all(query.order_by(*memberships.primary_key), Membership):
            found.setdefault(membership.group_id, []).append(membership.user_id)
    return found


_IDS_OF_USER = select(memberships.c.group_id).where(memberships.c.user_id == bindparam("user_id"))


def ids_of_user(tx: Transaction, user_id: str) -> list[str]:
    """Return the ids of the groups that a user is in."""
    return tx.scalars(_IDS_OF_USER, {"user_id": user_id})
