"""Routers.  Their legs are ports: `network:router_interface` inside, `network:router_gateway` outside."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import exists, select

from nacre.kernel.db import Page, Transaction
from nacre.services.network.db import ports, standard
from nacre.services.network.db.ports import FixedIp
from nacre.services.network.db.tables import fixed_ips, routers
from nacre.services.network.db.tables import ports as ports_table
from nacre.services.network.errors import RouterNotFound


class Router(msgspec.Struct, frozen=True):
    """A router; `host` is where it runs, empty while nowhere, and `problem` says why."""

    id: str
    project_id: str
    description: str
    revision_number: int
    created_at: datetime
    updated_at: datetime
    name: str
    admin_state_up: bool
    status: str
    enable_snat: bool
    gateway_port_id: str | None
    gateway_network_id: str | None
    routes: list[dict[str, str]]
    availability_zone_hints: tuple[str, ...]
    host: str
    problem: str
    gateway_ips: tuple[FixedIp, ...] = ()
    tags: tuple[str, ...] = ()


def get(tx: Transaction, router_id: str, project_id: str | None = None) -> Router:
    """Return a router that a project may see (None: any), complete."""
    query = select(routers).where(routers.c.id == router_id)
    visible = standard.owned_by(routers, project_id)
    row = tx.one(
        query if visible is None else query.where(visible), Router, otherwise=RouterNotFound(router_id)
    )
    return complete(tx, [row])[0]


def index(tx: Transaction, project_id: str | None, wanted: standard.Wanted, asked: Page) -> list[Router]:
    """Return one page of the routers that a project may see."""
    rows = standard.listing(
        tx, select(routers), Router, routers, wanted, asked, visible=standard.owned_by(routers, project_id)
    )
    return complete(tx, rows)


def find_many(tx: Transaction, ids: Iterable[str]) -> list[Router]:
    """Return routers by their ids, complete; those that are gone are missing."""
    rows: list[Router] = []
    for some in standard.chunks(ids):
        rows += tx.all(select(routers).where(routers.c.id.in_(some)), Router)
    return complete(tx, rows)


def complete(tx: Transaction, rows: list[Router]) -> list[Router]:
    """Add gateway addresses and tags to routers, in two queries for all."""
    addresses: dict[str, list[FixedIp]] = {}
    for some in standard.chunks(row.gateway_port_id for row in rows if row.gateway_port_id):
        query = select(fixed_ips.c.port_id, fixed_ips.c.subnet_id, fixed_ips.c.address)
        query = query.where(fixed_ips.c.port_id.in_(some)).order_by(fixed_ips.c.port_id, fixed_ips.c.number)
        for port_id, subnet_id, address in standard.rows(tx, query):
            addresses.setdefault(port_id, []).append(FixedIp(subnet_id, address))
    tags = standard.tags_of(tx, [row.id for row in rows])
    return [
        msgspec.structs.replace(
            row,
            gateway_ips=tuple(addresses.get(row.gateway_port_id or "", ())),
            tags=tags.get(row.id, ()),
        )
        for row in rows
    ]


def insert(tx: Transaction, values: Mapping[str, Any]) -> None:
    """Add a router."""
    tx.insert(routers, values)


def update(tx: Transaction, router_id: str, values: Mapping[str, Any]) -> None:
    """Change a router."""
    standard.revise(tx, routers, router_id, values)


def lock(tx: Transaction, router_id: str, expected: int | None = None) -> bool:
    """Let nobody else change a router's legs until the transaction ends."""
    return standard.lock(tx, routers, router_id, expected)


def delete(tx: Transaction, router_id: str) -> None:
    """Remove a router; its legs are gone already."""
    standard.set_tags(tx, router_id, ())
    tx.delete(routers, router_id)


def on_host(tx: Transaction, host: str) -> list[str]:
    """Return the routers that run on a host."""
    return tx.scalars(select(routers.c.id).where(routers.c.host == host).order_by(routers.c.id))


def homeless(tx: Transaction, *, after: str = "", limit: int = 200) -> list[str]:
    """Return routers that have legs and run nowhere, in the order of their ids."""
    has_legs = exists().where(
        ports_table.c.device_id == routers.c.id, ports_table.c.device_owner.in_(ports.ROUTER_OWNERS)
    )
    query = select(routers.c.id).where(routers.c.host == "", routers.c.id > after, has_legs)
    return tx.scalars(query.order_by(routers.c.id).limit(limit))


def leg_on(tx: Transaction, network_id: str, host: str) -> bool:
    """Tell whether a router on a host has a leg on a network."""
    return tx.exists(
        select(ports_table.c.id).where(
            ports_table.c.host == host,
            ports_table.c.network_id == network_id,
            ports_table.c.device_owner.in_(ports.ROUTER_OWNERS),
        )
    )


def with_leg_on_subnet(tx: Transaction, subnet_id: str) -> list[str]:
    """Return the routers with an inner leg on a subnet."""
    query = (
        select(ports_table.c.device_id)
        .join(fixed_ips, fixed_ips.c.port_id == ports_table.c.id)
        .where(fixed_ips.c.subnet_id == subnet_id, ports_table.c.device_owner == ports.ROUTER_INTERFACE)
        .order_by(ports_table.c.created_at)
    )
    return tx.scalars(query)


def with_gateway_on(tx: Transaction, network_id: str) -> list[str]:
    """Return the routers whose gateway is on a network."""
    return tx.scalars(select(routers.c.id).where(routers.c.gateway_network_id == network_id))


def record_status(tx: Transaction, host: str, router_id: str, problem: str) -> None:
    """Note what a host complains about a router that runs there."""
    mine = (routers.c.id == router_id) & (routers.c.host == host) & (routers.c.problem != problem[:255])
    tx.update(routers, mine, {"problem": problem[:255]})


def count(tx: Transaction, project_id: str) -> int:
    """Count a project's routers."""
    return tx.count(routers, routers.c.project_id == project_id)
