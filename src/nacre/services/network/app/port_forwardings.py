"""Forward single ports of a floating IP, so that many servers can share it.

A floating IP either leads to one port as a whole, or has forwarded ports, never both.  All its forwarded
ports go through one router, which stands in its `router_id`.
"""

from collections.abc import Sequence
from typing import Any

from nacre.kernel.context import Context
from nacre.kernel.db import Page, Transaction
from nacre.services.network.app import floating_ips, plugs
from nacre.services.network.app.floating_ips import refusal
from nacre.services.network.app.news import News, write
from nacre.services.network.app.sight import reach
from nacre.services.network.db import floating_ips as floating_rows
from nacre.services.network.db import port_forwardings, ports, routers, standard
from nacre.services.network.db.floating_ips import DOWN, FloatingIp
from nacre.services.network.db.port_forwardings import PortForwarding
from nacre.services.network.errors import FloatingIPNotFound, PortForwardingExists

KEPT = ("id", "project_id", "description", "revision_number", "created_at", "updated_at")
CHANGEABLE = (
    "protocol",
    "external_port",
    "internal_port_id",
    "internal_ip_address",
    "internal_port",
    "description",
)


def get(ctx: Context, floatingip_id: str, forwarding_id: str) -> PortForwarding:
    """Return a forwarded port of a floating IP that the caller may see."""
    floating_ip = floating_ips.get(ctx, floatingip_id)
    return ctx.db.read(port_forwardings.get, floating_ip.id, forwarding_id)


def index(ctx: Context, floating_ip: FloatingIp, wanted: standard.Wanted, page: Page) -> list[PortForwarding]:
    """Return a floating IP's forwarded ports."""
    return ctx.db.read(port_forwardings.index, floating_ip.id, wanted, page)


def create(ctx: Context, floating_ip: FloatingIp, bodies: Sequence[dict[str, Any]]) -> list[PortForwarding]:
    """Forward ports of a floating IP, all or none."""
    return write(ctx, _create, floating_ip.id, bodies)


def _create(
    tx: Transaction, news: News, floatingip_id: str, bodies: Sequence[dict[str, Any]]
) -> list[PortForwarding]:
    floating_ip = _locked(tx, floatingip_id)
    if floating_ip.port_id is not None:
        raise refusal(f"Floating IP {floatingip_id} is associated with port {floating_ip.port_id}")
    made = []
    for body in bodies:
        row = standard.new_row(tx, floating_ip.project_id, body["description"])
        made.append(_insert(tx, news, floating_ip, row | body))
        floating_ip = floating_rows.get(tx, floatingip_id)
    return made


def _locked(tx: Transaction, floatingip_id: str) -> FloatingIp:
    if not floating_rows.lock(tx, floatingip_id):
        raise FloatingIPNotFound(floatingip_id)
    return floating_rows.get(tx, floatingip_id)


def _insert(tx: Transaction, news: News, floating_ip: FloatingIp, row: dict[str, Any]) -> PortForwarding:
    """Add one forwarded port, once a router reaches both of its ends."""
    port = ports.get(tx, row["internal_port_id"], reach(news.ctx))
    fixed = floating_ips.fixed_ip(port, row.get("internal_ip_address"))
    router_id = floating_ips.router_between(tx, port, fixed.subnet_id, floating_ip.floating_network_id)
    if floating_ip.router_id not in (None, router_id):
        raise refusal(f"Floating IP {floating_ip.id} is led through router {floating_ip.router_id}")
    values = {
        **{name: row[name] for name in KEPT},
        "floatingip_id": floating_ip.id, "protocol": row["protocol"], "external_port": row["external_port"],
        "internal_port_id": port.id, "internal_ip_address": fixed.ip_address,
        "internal_port": row["internal_port"], "router_id": router_id,
    }  # fmt: skip
    if not port_forwardings.insert(tx, values):
        raise PortForwardingExists()
    if floating_ip.router_id is None:
        floating_rows.update(tx, floating_ip.id, {"router_id": router_id, "status": DOWN})
    news.router(router_id, routers.get(tx, router_id).host)
    return port_forwardings.get(tx, floating_ip.id, row["id"])


def update(ctx: Context, forwarding: PortForwarding, changes: dict[str, Any]) -> PortForwarding:
    """Lead a forwarded port elsewhere."""
    return write(ctx, _update, forwarding, changes)


def _update(
    tx: Transaction, news: News, forwarding: PortForwarding, changes: dict[str, Any]
) -> PortForwarding:
    floating_ip = _locked(tx, forwarding.floatingip_id)
    present = port_forwardings.get(tx, floating_ip.id, forwarding.id)
    row = {name: getattr(present, name) for name in {*CHANGEABLE, *KEPT}}
    if "internal_port_id" in changes and "internal_ip_address" not in changes:
        row["internal_ip_address"] = None
    row |= changes | {"revision_number": present.revision_number + 1, "updated_at": tx.now()}
    port_forwardings.delete(tx, present.id)
    return _insert(tx, news, floating_ip, row)


def delete(ctx: Context, forwarding: PortForwarding) -> None:
    """Stop forwarding a port."""
    write(ctx, _delete, forwarding)


def _delete(tx: Transaction, news: News, forwarding: PortForwarding) -> None:
    _locked(tx, forwarding.floatingip_id)
    plugs.drop_forwarding(tx, news, forwarding)
