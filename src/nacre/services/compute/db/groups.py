"""Server groups: sets of servers that want to be together, or apart."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import bindparam, select

from nacre.kernel import db
from nacre.kernel.db import Page, Sort, Transaction
from nacre.services.compute.db.tables import server_group_members, server_groups, servers


class Group(msgspec.Struct, frozen=True):
    """A server group."""

    id: str
    project_id: str
    user_id: str
    name: str
    policy: str
    rules: dict[str, Any]
    created_at: datetime


_ALL = select(*[server_groups.c[name] for name in Group.__struct_fields__])


def find(tx: Transaction, group_id: str) -> Group | None:
    """Return a group, or None."""
    return tx.find(_ALL.where(server_groups.c.id == group_id), Group)


def index(tx: Transaction, project_id: str | None, page: Page) -> list[Group]:
    """Return one page of a project's groups, or of everybody's, the oldest first."""
    query = _ALL if project_id is None else _ALL.where(server_groups.c.project_id == project_id)
    page = msgspec.structs.replace(page, sort=(Sort("created_at"),))
    return db.page(tx, query, Group, server_groups, page)


def insert(tx: Transaction, group: Group) -> None:
    """Add a group."""
    tx.insert(server_groups, group)


def delete(tx: Transaction, group_id: str) -> bool:
    """Remove a group, which its servers survive; tell whether it was there."""
    tx.delete(server_group_members, server_group_members.c.group_id == group_id)
    return bool(tx.delete(server_groups, group_id))


def members(tx: Transaction, group_ids: Collection[str]) -> dict[str, list[str]]:
    """Return the living servers in each of these groups."""
    found: dict[str, list[str]] = {group_id: [] for group_id in group_ids}
    query = (
        select(server_group_members)
        .join(servers, servers.c.id == server_group_members.c.server_id)
        .where(server_group_members.c.group_id.in_(list(group_ids)), servers.c.deleted.is_(False))
        .order_by(servers.c.created_at, servers.c.id)
    )
    rows: Any = tx.execute(query)
    for group_id, server_id in rows:
        found[group_id].append(server_id)
    return found


_OF_SERVER = _ALL.join(server_group_members, server_group_members.c.group_id == server_groups.c.id).where(
    server_group_members.c.server_id == bindparam("server_id")
)


def of_server(tx: Transaction, server_id: str) -> Group | None:
    """Return the group that a server is in, if any."""
    return tx.find(_OF_SERVER, Group, {"server_id": server_id})


def lock(tx: Transaction, group_id: str) -> None:
    """Let nobody else decide about this group's hosts until the transaction ends."""
    tx.lock(server_groups, group_id)


def member_hosts(tx: Transaction, group_id: str, *, but: Collection[str] = ()) -> list[str]:
    """Return the host of every member that has one, one entry for each member."""
    query = (
        select(servers.c.host)
        .join(server_group_members, server_group_members.c.server_id == servers.c.id)
        .where(
            server_group_members.c.group_id == group_id,
            servers.c.host.is_not(None),
            servers.c.deleted.is_(False),
        )
    )
    return tx.scalars(query.where(servers.c.id.not_in(list(but))) if but else query)


def member_count(tx: Transaction, group_id: str) -> int:
    """Return how many living servers are in a group."""
    query = (
        select(servers.c.id)
        .join(server_group_members, server_group_members.c.server_id == servers.c.id)
        .where(server_group_members.c.group_id == group_id, servers.c.deleted.is_(False))
    )
    return tx.count(query)


def leave(tx: Transaction, server_id: str) -> None:
    """Take a server out of its group."""
    tx.delete(server_group_members, {"server_id": server_id})
