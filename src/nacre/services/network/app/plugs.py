"""Make and remove ports, for whomever: users, routers, floating IPs and DHCP servers alike."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from nacre.kernel.db import Transaction
from nacre.kernel.ids import new_id
from nacre.services.network.app import addressing, binding, macs
from nacre.services.network.app.addressing import Wish
from nacre.services.network.app.news import News
from nacre.services.network.db import addresses, floating_ips, port_forwardings, ports, routers, standard
from nacre.services.network.db.networks import Network
from nacre.services.network.db.port_forwardings import PortForwarding
from nacre.services.network.db.ports import DOWN, UNBOUND, Port
from nacre.services.network.db.subnets import Subnet
from nacre.services.network.errors import MacAddressGenerationFailure, MacAddressInUse, PortIdInUse

MAC_TRIES = 16


class Plug(msgspec.Struct, frozen=True, kw_only=True):
    """What a new port shall be."""

    project_id: str
    id: str | None = None
    name: str = ""
    description: str = ""
    device_id: str = ""
    device_owner: str = ""
    mac_address: str | None = None
    wishes: Sequence[Wish] | None = None
    host: str = ""
    admin_state_up: bool = True
    port_security_enabled: bool = False
    security_groups: tuple[str, ...] = ()
    allowed_address_pairs: list[dict[str, str]] = []
    extra_dhcp_opts: list[dict[str, Any]] = []
    dns_name: str = ""
    vnic_type: str = "normal"
    profile: dict[str, Any] = {}
    status: str = DOWN
    tags: tuple[str, ...] = ()


def insert(tx: Transaction, news: News, network: Network, plug: Plug) -> Port:
    """Make a port with its addresses, and tell everybody whom it concerns."""
    port_id = plug.id or new_id()
    if plug.id and ports.find(tx, plug.id) is not None:
        raise PortIdInUse(plug.id)
    values: dict[str, Any] = {
        **standard.new_row(tx, plug.project_id, plug.description, id=port_id),
        "network_id": network.id,
        "host": "", "vif_type": UNBOUND, "vif_details": {}, "status": plug.status, "problem": "",
    }  # fmt: skip
    for name in (
        "name", "device_id", "device_owner", "admin_state_up", "port_security_enabled", "dns_name",
        "vnic_type", "allowed_address_pairs", "extra_dhcp_opts", "profile",
    ):  # fmt: skip
        values[name] = getattr(plug, name)
    if plug.host:
        values |= binding.decide(tx, news.ctx, port_id, network, plug.host)
    mac = _insert_with_mac(tx, news, network, values, plug.mac_address)
    addressing.assign(
        tx,
        port_id=port_id,
        network_id=network.id,
        mac=mac,
        device_owner=plug.device_owner,
        wishes=plug.wishes,
    )
    ports.set_groups(tx, port_id, plug.security_groups)
    if plug.tags:
        standard.set_tags(tx, port_id, plug.tags)
    port = ports.get(tx, port_id)
    binding.carry(tx, news, None, port)
    return port


def _insert_with_mac(
    tx: Transaction, news: News, network: Network, values: dict[str, Any], wanted: str | None
) -> str:
    """Insert the row with the wanted hardware address, or with a random one that is free."""
    if wanted:
        if not ports.insert(tx, {**values, "mac_address": wanted}):
            raise MacAddressInUse(wanted, network.id)
        return wanted
    for _ in range(MAC_TRIES):
        mac = macs.generate(news.ctx.config.mac_prefix)
        if ports.insert(tx, {**values, "mac_address": mac}):
            return mac
    raise MacAddressGenerationFailure(network.id)


def number_on(tx: Transaction, news: News, port: Port, subnet: Subnet) -> None:
    """Give a guest's port the address that it gives itself on a subnet, unless somebody has it."""
    if addresses.take(tx, subnet, macs.eui64(subnet.cidr, port.mac_address), port.id, len(port.fixed_ips)):
        ports.update(tx, port.id, {})
        news.port(port)


def remove(tx: Transaction, news: News, port: Port) -> None:
    """Remove a port; floating IPs that led to it lead nowhere then."""
    for floating_ip in floating_ips.leading_to(tx, [port.id]):
        floating_ips.dissociate(tx, floating_ip.id)
        news.router(floating_ip.router_id or "", floating_ips.host_of(tx, floating_ip))
    for forwarding in port_forwardings.leading_to(tx, port.id):
        drop_forwarding(tx, news, forwarding)
    ports.delete(tx, port.id)
    binding.carry(tx, news, port, None)


def drop_forwarding(tx: Transaction, news: News, forwarding: PortForwarding) -> None:
    """Stop forwarding a port; with the last one its floating IP leaves the router."""
    port_forwardings.delete(tx, forwarding.id)
    news.router(forwarding.router_id, routers.get(tx, forwarding.router_id).host)
    if not port_forwardings.exist_for(tx, forwarding.floatingip_id):
        floating_ips.dissociate(tx, forwarding.floatingip_id)


def remove_all(tx: Transaction, news: News, gone: Iterable[Port]) -> None:
    """Remove several ports."""
    for port in gone:
        remove(tx, news, port)
