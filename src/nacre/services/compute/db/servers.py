"""Servers in the database: one, many, and the few writes that change them."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Select, and_, bindparam, exists, func, or_, select

from nacre.kernel.db import Match, Page, Sort, Transaction, conditions, page
from nacre.services.compute import rpc
from nacre.services.compute.db.tables import (
    FlavorCopy,
    ImageCopy,
    NetworkWish,
    TaskState,
    VmState,
    server_group_members,
    server_metadata,
    server_nics,
    server_tags,
    servers,
)
from nacre.services.compute.errors import ServerNotFound


class Server(msgspec.Struct, frozen=True):
    """A server, whole."""

    id: str
    project_id: str
    user_id: str
    name: str
    hostname: str
    flavor_id: str
    flavor: FlavorCopy
    vcpus: int
    memory_mb: int
    reservation_id: str
    created_at: datetime
    updated_at: datetime
    old_flavor: FlavorCopy | None = None
    description: str | None = None
    image_id: str | None = None
    image: ImageCopy | None = None
    rescue_image: ImageCopy | None = None
    key_name: str | None = None
    public_key: str | None = None
    key_type: str | None = None
    user_data: str | None = None
    config_drive: bool = False
    admin_password: str | None = None
    injected_files: dict[str, str] | None = None
    network_wishes: list[NetworkWish] = []
    security_groups: list[str] = []
    scheduler_hints: dict[str, Any] = {}
    pinned_zone: str | None = None
    wanted_host: str | None = None
    wanted_hypervisor: str | None = None
    host_forced: bool = False
    launch_index: int = 0
    root_device: str | None = "/dev/vda"
    disk_config: str = "MANUAL"
    access_ipv4: str | None = None
    access_ipv6: str | None = None
    vm_state: VmState = VmState.BUILDING
    task_state: TaskState | None = None
    power_state: int = 0
    progress: int = 0
    host: str | None = None
    hypervisor_hostname: str | None = None
    hypervisor_name: str | None = None
    zone: str | None = None
    power: rpc.Power = rpc.Power.RUNNING
    revision: int = 1
    root_generation: int = 1
    locked: bool = False
    locked_by: str | None = None
    locked_reason: str | None = None
    launched_at: datetime | None = None
    terminated_at: datetime | None = None
    deleted_at: datetime | None = None
    deleted: bool = False

    def __repr__(self) -> str:  # a row holds a password and user data
        return f"Server(id={self.id!r}, name={self.name!r}, {self.vm_state}/{self.task_state})"


class StateWish(msgspec.Struct, frozen=True):
    """A vm_state, and the task states that may or may not go with it: one way to have a status."""

    vm_state: VmState
    tasks: tuple[TaskState, ...] = ()
    without: bool = False  # True: any task, or none, except these


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which servers a list is to hold; what is None or empty is not asked for."""

    project_id: str | None = None
    deleted: bool | None = False
    soft_deleted: bool = False
    columns: dict[str, object] = {}
    name: str | None = None
    states: tuple[StateWish, ...] | None = None
    metadata: dict[str, str] = {}
    tags: tuple[str, ...] = ()
    tags_any: tuple[str, ...] = ()
    not_tags: tuple[str, ...] = ()
    not_tags_any: tuple[str, ...] = ()
    ip: str | None = None
    changes_since: datetime | None = None
    changes_before: datetime | None = None


_COLUMNS = [servers.c[name] for name in Server.__struct_fields__]
_ALL = select(*_COLUMNS)
_NEWEST_FIRST = (Sort("created_at", "desc"), Sort("id", "desc"))


_BY_ID = _ALL.where(servers.c.id == bindparam("server_id"))
_BY_ID_ALIVE = _BY_ID.where(servers.c.deleted.is_(False))


def find(tx: Transaction, server_id: str, *, deleted: bool = False) -> Server | None:
    """Return a server, or None; one that was deleted only if asked for."""
    return tx.find(_BY_ID if deleted else _BY_ID_ALIVE, Server, {"server_id": server_id})


def get(tx: Transaction, server_id: str, *, deleted: bool = False) -> Server:
    """Return a server, or raise ServerNotFound."""
    found = find(tx, server_id, deleted=deleted)
    if found is None:
        raise ServerNotFound(server_id)
    return found


def lock(tx: Transaction, server_id: str) -> Server:
    """Hold a server's row and return it as it is now; raises ServerNotFound."""
    tx.lock(servers, server_id)
    return get(tx, server_id)


def several(tx: Transaction, server_ids: Collection[str]) -> list[Server]:
    """Return those of these servers that exist."""
    if not server_ids:
        return []
    return tx.all(_ALL.where(servers.c.id.in_(list(server_ids)), servers.c.deleted.is_(False)), Server)


def index(tx: Transaction, wanted: Wanted, asked: Page) -> list[Server]:
    """Return one page of servers, the newest first unless the page says otherwise."""
    asked = msgspec.structs.replace(asked, sort=_complete(asked.sort))
    visible = servers.c.project_id == wanted.project_id if wanted.project_id else None
    return page(tx, _select(wanted), Server, servers, asked, visible=visible)


def _complete(sort: tuple[Sort, ...]) -> tuple[Sort, ...]:
    """Add the default order behind what was asked for."""
    if not sort:
        return _NEWEST_FIRST
    asked_for = {each.key for each in sort}
    return sort + tuple(each for each in _NEWEST_FIRST if each.key not in asked_for)


def _select(wanted: Wanted) -> Select[Any]:
    query = _ALL.where(*conditions(servers.c, wanted.columns))
    if wanted.project_id is not None:
        query = query.where(servers.c.project_id == wanted.project_id)
    if wanted.deleted is not None:
        query = query.where(servers.c.deleted.is_(wanted.deleted))
    if wanted.deleted is False and not wanted.soft_deleted and wanted.states is None:
        query = query.where(servers.c.vm_state != VmState.SOFT_DELETED)
    if wanted.name is not None:
        query = query.where(servers.c.name.icontains(wanted.name, autoescape=True))
    if wanted.states is not None:
        query = query.where(or_(*[_state_condition(wish) for wish in wanted.states]))
    if wanted.changes_since is not None:
        query = query.where(servers.c.updated_at >= wanted.changes_since)
    if wanted.changes_before is not None:
        query = query.where(servers.c.updated_at <= wanted.changes_before)
    for key, value in wanted.metadata.items():
        query = query.where(
            exists().where(
                server_metadata.c.server_id == servers.c.id,
                server_metadata.c.key == key,
                server_metadata.c.value == value,
            )
        )
    if wanted.ip is not None:
        holds = server_nics.c.ip_text.contains(wanted.ip, autoescape=True)
        query = query.where(exists().where(server_nics.c.server_id == servers.c.id, holds))
    return query.where(*_tag_conditions(wanted))


def _state_condition(wish: StateWish) -> ColumnElement[bool]:
    state = servers.c.vm_state == wish.vm_state
    if wish.without:
        if not wish.tasks:
            return state
        return and_(state, or_(servers.c.task_state.is_(None), servers.c.task_state.not_in(wish.tasks)))
    return and_(state, servers.c.task_state.in_(wish.tasks))


def _tag_conditions(wanted: Wanted) -> list[ColumnElement[bool]]:
    def has(*tags: str) -> ColumnElement[bool]:
        return exists().where(server_tags.c.server_id == servers.c.id, server_tags.c.tag.in_(tags))

    clauses: list[ColumnElement[bool]] = [has(tag) for tag in wanted.tags]
    if wanted.tags_any:
        clauses.append(has(*wanted.tags_any))
    if wanted.not_tags:
        clauses.append(~and_(*[has(tag) for tag in wanted.not_tags]))
    if wanted.not_tags_any:
        clauses.append(~has(*wanted.not_tags_any))
    return clauses


def insert(
    tx: Transaction,
    server: Server,
    *,
    metadata: dict[str, str],
    tags: Sequence[str] = (),
    group_id: str | None = None,
) -> None:
    """Add a server with its metadata, tags and group."""
    tx.insert(servers, server)
    tx.insert_all(
        server_metadata,
        [{"server_id": server.id, "key": key, "value": value} for key, value in metadata.items()],
    )
    tx.insert_all(server_tags, [{"server_id": server.id, "tag": tag} for tag in tags])
    if group_id is not None:
        tx.insert(server_group_members, {"group_id": group_id, "server_id": server.id})


def update(tx: Transaction, server_id: str, **values: Any) -> None:
    """Change a server; the moment of the change is noted for `changes-since`."""
    tx.update(servers, server_id, {**values, "updated_at": tx.now()})


def hosts_of(tx: Transaction, server_ids: Collection[str]) -> dict[str, str]:
    """Return where these servers are, for those that are anywhere."""
    if not server_ids:
        return {}
    query = select(servers.c.id, servers.c.host).where(
        servers.c.id.in_(list(server_ids)), servers.c.host.is_not(None), servers.c.deleted.is_(False)
    )
    found: Any = tx.execute(query)
    return dict(found.all())


def on_host(tx: Transaction, host: str) -> list[Server]:
    """Return every server that a host should have."""
    return tx.all(_ALL.where(servers.c.host == host, servers.c.deleted.is_(False)), Server)


def soft_deleted(tx: Transaction, before: datetime, limit: int) -> list[Server]:
    """Return servers that were deleted before a moment and can still be restored."""
    query = _ALL.where(
        servers.c.deleted.is_(False),
        servers.c.vm_state == VmState.SOFT_DELETED,
        servers.c.task_state.is_(None),
        servers.c.deleted_at <= before,
    )
    return tx.all(query.order_by(servers.c.deleted_at).limit(limit), Server)


class Promised(msgspec.Struct, frozen=True):
    """What some servers may use together."""

    servers: int = 0
    vcpus: int = 0
    memory_mb: int = 0


def promised(tx: Transaction, hosts: Collection[str]) -> dict[str, Promised]:
    """Return what the servers of these hosts may use, for those hosts that have any."""
    totals = func.count(servers.c.id), func.sum(servers.c.vcpus), func.sum(servers.c.memory_mb)
    query = (
        select(servers.c.host, *totals)
        .where(servers.c.host.in_(list(hosts)), servers.c.deleted.is_(False))
        .group_by(servers.c.host)
    )
    rows: Any = tx.execute(query)
    return {host: Promised(count, int(vcpus), int(memory)) for host, count, vcpus, memory in rows}


def names_on(tx: Transaction, hosts: Collection[str]) -> dict[str, list[tuple[str, str]]]:
    """Return id and name of every server on these hosts."""
    found: dict[str, list[tuple[str, str]]] = {host: [] for host in hosts}
    query = select(servers.c.host, servers.c.id, servers.c.name).where(
        servers.c.host.in_(list(hosts)), servers.c.deleted.is_(False)
    )
    rows: Any = tx.execute(query.order_by(servers.c.created_at, servers.c.id))
    for host, server_id, name in rows:
        found[host].append((server_id, name))
    return found


def forget_deleted(tx: Transaction, before: datetime, limit: int = 500) -> int:
    """Remove rows of servers that were deleted before a moment; return how many."""
    old = conditions(servers.c, {"deleted": True, "deleted_at": Match("lt", before)})
    ids = tx.scalars(select(servers.c.id).where(*old).limit(limit))
    return tx.delete(servers, servers.c.id.in_(ids)) if ids else 0
