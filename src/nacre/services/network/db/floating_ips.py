"""Floating IPs: outside addresses that lead to inside ones, and single ports of them that do."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, false, or_, select

from nacre.kernel.db import Page, Transaction, among
from nacre.services.network.db import standard
from nacre.services.network.db.tables import floating_ips, port_forwardings, ports, routers
from nacre.services.network.errors import FloatingIPNotFound

ACTIVE, DOWN = "ACTIVE", "DOWN"


class PortDetails(msgspec.Struct, frozen=True):
    """What is shown of the port that a floating IP leads to."""

    name: str
    network_id: str
    mac_address: str
    admin_state_up: bool
    status: str
    device_id: str
    device_owner: str


class FloatingIp(msgspec.Struct, frozen=True):
    """An outside address; `floating_port_id` is the port that holds it."""

    id: str
    project_id: str
    description: str
    revision_number: int
    created_at: datetime
    updated_at: datetime
    floating_network_id: str
    floating_ip_address: str
    floating_port_id: str
    port_id: str | None
    fixed_ip_address: str | None
    router_id: str | None
    status: str
    dns_name: str
    dns_domain: str
    port_details: PortDetails | None = None
    port_forwardings: tuple[dict[str, Any], ...] = ()
    tags: tuple[str, ...] = ()


class _PortRow(msgspec.Struct, frozen=True):
    id: str
    name: str
    network_id: str
    mac_address: str
    admin_state_up: bool
    status: str
    device_id: str
    device_owner: str


def _visible_to(project_id: str | None) -> ColumnElement[bool] | None:
    return standard.owned_by(floating_ips, project_id)


def get(tx: Transaction, floatingip_id: str, project_id: str | None = None) -> FloatingIp:
    """Return a floating IP that a project may see (None: any), complete."""
    query = select(floating_ips).where(floating_ips.c.id == floatingip_id)
    visible = _visible_to(project_id)
    row = tx.one(
        query if visible is None else query.where(visible),
        FloatingIp,
        otherwise=FloatingIPNotFound(floatingip_id),
    )
    return complete(tx, [row])[0]


def index(tx: Transaction, project_id: str | None, wanted: standard.Wanted, asked: Page) -> list[FloatingIp]:
    """Return one page of the floating IPs that a project may see."""
    rows = standard.listing(
        tx, select(floating_ips), FloatingIp, floating_ips, wanted, asked, visible=_visible_to(project_id)
    )
    return complete(tx, rows)


def complete(tx: Transaction, rows: list[FloatingIp]) -> list[FloatingIp]:
    """Add the ports that floating IPs lead to, forwarded ports and tags, in three queries for all."""
    details: dict[str, PortDetails] = {}
    for some in standard.chunks(row.port_id for row in rows if row.port_id):
        for port in tx.all(select(ports).where(ports.c.id.in_(some)), _PortRow):
            values = msgspec.structs.asdict(port)
            port_id = values.pop("id")
            details[port_id] = PortDetails(**values)
    ids = [row.id for row in rows]
    forwarded: dict[str, list[dict[str, Any]]] = {}
    for some in standard.chunks(ids):
        query = select(port_forwardings).where(port_forwardings.c.floatingip_id.in_(some))
        for found in tx.execute(query.order_by(port_forwardings.c.id)).mappings():
            forwarded.setdefault(found["floatingip_id"], []).append(
                {
                    "protocol": found["protocol"],
                    "internal_ip_address": found["internal_ip_address"],
                    "internal_port": found["internal_port"],
                    "external_port": found["external_port"],
                    "internal_port_id": found["internal_port_id"],
                    "id": found["id"],
                }
            )
    tags = standard.tags_of(tx, ids)
    return [
        msgspec.structs.replace(
            row,
            port_details=details.get(row.port_id or ""),
            port_forwardings=tuple(forwarded.get(row.id, ())),
            tags=tags.get(row.id, ()),
        )
        for row in rows
    ]


def insert(tx: Transaction, values: Mapping[str, Any]) -> None:
    """Add a floating IP."""
    tx.insert(floating_ips, values)


def update(tx: Transaction, floatingip_id: str, values: Mapping[str, Any]) -> None:
    """Change a floating IP."""
    standard.revise(tx, floating_ips, floatingip_id, values)


def lock(tx: Transaction, floatingip_id: str, expected: int | None = None) -> bool:
    """Let nobody else lead a floating IP elsewhere until the transaction ends."""
    return standard.lock(tx, floating_ips, floatingip_id, expected)


def dissociate(tx: Transaction, floatingip_id: str) -> None:
    """Let a floating IP lead nowhere."""
    values = {"port_id": None, "fixed_ip_address": None, "router_id": None, "status": DOWN}
    update(tx, floatingip_id, values)


def delete(tx: Transaction, floatingip_id: str) -> None:
    """Remove a floating IP; its port is gone already."""
    tx.delete(port_forwardings, port_forwardings.c.floatingip_id == floatingip_id)
    standard.set_tags(tx, floatingip_id, ())
    tx.delete(floating_ips, floatingip_id)


_LEADING_TO = select(floating_ips).where(among(floating_ips.c.port_id))


def leading_to(tx: Transaction, port_ids: Iterable[str]) -> list[FloatingIp]:
    """Return the floating IPs that lead to these ports."""
    found: list[FloatingIp] = []
    for some in standard.chunks(port_ids):
        found += tx.all(_LEADING_TO, FloatingIp, {"ids": some})
    return found


def on_network(tx: Transaction, network_id: str) -> list[FloatingIp]:
    """Return the floating IPs of an external network."""
    return tx.all(select(floating_ips).where(floating_ips.c.floating_network_id == network_id), FloatingIp)


def through(tx: Transaction, router_ids: Iterable[str]) -> list[FloatingIp]:
    """Return the floating IPs that are led through these routers."""
    found: list[FloatingIp] = []
    for some in standard.chunks(router_ids):
        found += tx.all(select(floating_ips).where(floating_ips.c.router_id.in_(some)), FloatingIp)
    return found


def addresses_of(tx: Transaction, router_ids: Iterable[str]) -> dict[str, str]:
    """Return the outside addresses of the floating IPs that are led through these routers, by id."""
    return {row.id: row.floating_ip_address for row in through(tx, router_ids)}


def holding(tx: Transaction, port_id: str, fixed_address: str, network_id: str) -> FloatingIp | None:
    """Return the floating IP of a network that leads to this very address of a port."""
    query = select(floating_ips).where(
        floating_ips.c.port_id == port_id,
        floating_ips.c.fixed_ip_address == fixed_address,
        floating_ips.c.floating_network_id == network_id,
    )
    return tx.find(query, FloatingIp)


def host_of(tx: Transaction, floating_ip: FloatingIp) -> str:
    """Return the host on which a floating IP's router runs; empty if it has none."""
    if floating_ip.router_id is None:
        return ""
    return tx.scalar(select(routers.c.host).where(routers.c.id == floating_ip.router_id)) or ""


def record_statuses(tx: Transaction, router_id: str, up: Iterable[str], *, forwarding: bool) -> None:
    """Note which of a router's floating IPs are led through; those with forwarded ports are if it forwards."""
    mine = floating_ips.c.router_id == router_id
    forwards = floating_ips.c.port_id.is_(None) if forwarding else false()
    leads = or_(floating_ips.c.id.in_(list(up)), forwards)
    tx.update(floating_ips, mine & leads & (floating_ips.c.status != ACTIVE), {"status": ACTIVE})
    tx.update(floating_ips, mine & ~leads & (floating_ips.c.status != DOWN), {"status": DOWN})


def count(tx: Transaction, project_id: str) -> int:
    """Count a project's floating IPs."""
    return tx.count(floating_ips, floating_ips.c.project_id == project_id)
