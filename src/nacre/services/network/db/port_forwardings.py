"""Forwarded ports: single ports of floating IPs that lead to single ports of servers."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import bindparam, select

from nacre.kernel.db import Page, Transaction
from nacre.services.network.db import standard
from nacre.services.network.db.tables import port_forwardings
from nacre.services.network.errors import PortForwardingNotFound


class PortForwarding(msgspec.Struct, frozen=True):
    """One port of a floating IP, led to one port of a server."""

    id: str
    project_id: str
    description: str
    revision_number: int
    created_at: datetime
    updated_at: datetime
    floatingip_id: str
    protocol: str
    external_port: int
    internal_port_id: str
    internal_ip_address: str
    internal_port: int
    router_id: str


def get(tx: Transaction, floatingip_id: str, forwarding_id: str) -> PortForwarding:
    """Return a forwarded port of a floating IP."""
    query = select(port_forwardings).where(
        port_forwardings.c.id == forwarding_id, port_forwardings.c.floatingip_id == floatingip_id
    )
    return tx.one(query, PortForwarding, otherwise=PortForwardingNotFound(forwarding_id))


def index(tx: Transaction, floatingip_id: str, wanted: standard.Wanted, asked: Page) -> list[PortForwarding]:
    """Return one page of a floating IP's forwarded ports."""
    query = select(port_forwardings).where(port_forwardings.c.floatingip_id == floatingip_id)
    return standard.listing(tx, query, PortForwarding, port_forwardings, wanted, asked)


def through(tx: Transaction, router_ids: Iterable[str]) -> list[PortForwarding]:
    """Return the ports that these routers forward."""
    found: list[PortForwarding] = []
    for some in standard.chunks(router_ids):
        query = select(port_forwardings).where(port_forwardings.c.router_id.in_(some))
        found += tx.all(query.order_by(port_forwardings.c.id), PortForwarding)
    return found


_LEADING_TO = select(port_forwardings).where(port_forwardings.c.internal_port_id == bindparam("port_id"))


def leading_to(tx: Transaction, port_id: str) -> list[PortForwarding]:
    """Return the forwarded ports that lead to a server's port."""
    return tx.all(_LEADING_TO, PortForwarding, {"port_id": port_id})


def exist_for(tx: Transaction, floatingip_id: str) -> bool:
    """Tell whether ports of a floating IP are forwarded."""
    return tx.exists(select(port_forwardings.c.id).where(port_forwardings.c.floatingip_id == floatingip_id))


def insert(tx: Transaction, values: Mapping[str, Any]) -> bool:
    """Add a forwarded port; False when its outer or inner end is taken."""
    return tx.insert_if_absent(port_forwardings, values)


def delete(tx: Transaction, forwarding_id: str) -> None:
    """Remove a forwarded port."""
    tx.delete(port_forwardings, forwarding_id)
