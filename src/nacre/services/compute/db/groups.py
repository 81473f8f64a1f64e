"""Server groups: sets of servers that want to be together, or apart."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import select

from nacre.kernel.db import Transaction
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


def of_server(tx: Transaction, server_id: str) -> Group | None:
    """Return the group that a server is in, if any."""
    joined = _ALL.join(server_group_members, server_group_members.c.group_id == server_groups.c.id)
    return tx.find(joined.where(server_group_members.c.server_id == server_id), Group)


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
    tx.delete(server_group_members, server_group_members.c.server_id == server_id)
