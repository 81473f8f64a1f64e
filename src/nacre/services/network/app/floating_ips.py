"""Floating IPs: an outside address, and the inside address to which a router leads it."""

from collections.abc import Sequence
from typing import Any

from nacre.kernel.context import Context
from nacre.kernel.db import Page, Transaction
from nacre.kernel.ids import new_id
from nacre.services.network.app import limits, plugs
from nacre.services.network.app.news import News, write
from nacre.services.network.app.sight import reach
from nacre.services.network.db import (
    floating_ips,
    networks,
    port_forwardings,
    ports,
    routers,
    standard,
    subnets,
)
from nacre.services.network.db.floating_ips import DOWN, FloatingIp
from nacre.services.network.db.networks import Network
from nacre.services.network.db.ports import Port
from nacre.services.network.errors import (
    ExternalGatewayForFloatingIPNotFound,
    ExternalIpAddressExhausted,
    FloatingIpInUseByPortForwarding,
    FloatingIPNotFound,
    FloatingIPPortAlreadyAssociated,
    IpAddressGenerationFailure,
    NetworkInUse,
    ResourceRequest,
)

WITHOUT_STATUS = "N/A"
"""What the port of a floating IP says of itself: nothing is plugged there."""


def refusal(reason: str) -> ResourceRequest:
    """Return the error for a request that makes no sense for a floating IP."""
    return ResourceRequest("floatingip", reason)


def get(ctx: Context, floatingip_id: str) -> FloatingIp:
    """Return a floating IP that the caller may see."""
    return ctx.db.read(floating_ips.get, floatingip_id, reach(ctx))


def index(ctx: Context, wanted: standard.Wanted, page: Page) -> list[FloatingIp]:
    """Return floating IPs that the caller may see."""
    return ctx.db.read(floating_ips.index, reach(ctx), wanted, page)


def create(ctx: Context, bodies: Sequence[dict[str, Any]]) -> list[FloatingIp]:
    """Take outside addresses, all or none, and lead them to ports that are named."""
    return write(ctx, _create, bodies)


def _create(tx: Transaction, news: News, bodies: Sequence[dict[str, Any]]) -> list[FloatingIp]:
    return [_insert(tx, news, body) for body in bodies]


def _insert(tx: Transaction, news: News, body: dict[str, Any]) -> FloatingIp:
    network = networks.get(tx, body["floating_network_id"], reach(news.ctx))
    if not network.external:
        raise refusal(f"Network {network.id} is not a valid external network")
    limits.enforce(tx, news.ctx, body["project_id"], {"floatingip": 1})
    floatingip_id = new_id()
    port = _take_address(tx, news, network, floatingip_id, body)
    row = {
        **standard.new_row(tx, body["project_id"], body["description"], id=floatingip_id),
        "floating_network_id": network.id, "floating_ip_address": port.fixed_ips[0].ip_address,
        "floating_port_id": port.id, "port_id": None, "fixed_ip_address": None, "router_id": None,
        "status": DOWN, "dns_name": body["dns_name"], "dns_domain": body["dns_domain"],
    }  # fmt: skip
    floating_ips.insert(tx, row)
    standard.set_tags(tx, floatingip_id, body.get("tags", ()))
    if body.get("port_id"):
        made = floating_ips.get(tx, floatingip_id)
        _associate(tx, news, made, body["port_id"], body.get("fixed_ip_address"))
    elif body.get("fixed_ip_address"):
        raise refusal("fixed_ip_address cannot be specified without a port_id")
    return floating_ips.get(tx, floatingip_id)


def _take_address(
    tx: Transaction, news: News, network: Network, floatingip_id: str, body: dict[str, Any]
) -> Port:
    """Make the port that holds the outside address: the one that was named, or any of IPv4."""
    address, subnet_id = body.get("floating_ip_address"), body.get("subnet_id")
    choices: list[dict[str, str]]
    if address:
        choices = [{"ip_address": address} | ({"subnet_id": subnet_id} if subnet_id else {})]
    elif subnet_id:
        choices = [{"subnet_id": subnet_id}]
    else:
        choices = [{"subnet_id": s.id} for s in subnets.of_network(tx, network.id) if s.ip_version == 4]
    for choice in choices:
        plug = plugs.Plug(
            project_id="", device_owner=ports.FLOATING_IP, device_id=floatingip_id, wishes=[choice],
            status=WITHOUT_STATUS,
        )  # fmt: skip
        try:
            with tx.savepoint():
                return plugs.insert(tx, news, network, plug)
        except IpAddressGenerationFailure:
            continue
    raise ExternalIpAddressExhausted(network.id)


def update(
    ctx: Context, floating_ip: FloatingIp, changes: dict[str, Any], *, expected: int | None = None
) -> FloatingIp:
    """Lead a floating IP elsewhere, or nowhere, or change what is written about it."""
    return write(ctx, _update, floating_ip.id, changes, expected)


def _update(
    tx: Transaction, news: News, floatingip_id: str, changes: dict[str, Any], expected: int | None
) -> FloatingIp:
    if not floating_ips.lock(tx, floatingip_id, expected):
        raise FloatingIPNotFound(floatingip_id)
    present = floating_ips.get(tx, floatingip_id)
    if "description" in changes:
        floating_ips.update(tx, floatingip_id, {"description": changes["description"]})
    port_id = changes.get("port_id")
    if port_id:
        _associate(tx, news, present, port_id, changes.get("fixed_ip_address"))
    elif "port_id" in changes:
        _dissociate(tx, news, present)
    if changes.get("fixed_ip_address") and not port_id:
        raise refusal("fixed_ip_address cannot be specified without a port_id")
    return floating_ips.get(tx, floatingip_id)


def _dissociate(tx: Transaction, news: News, floating_ip: FloatingIp) -> None:
    news.router(floating_ip.router_id or "", floating_ips.host_of(tx, floating_ip))
    floating_ips.dissociate(tx, floating_ip.id)
    if floating_ip.port_id:
        news.shown(floating_ip.port_id)


def _associate(
    tx: Transaction, news: News, floating_ip: FloatingIp, port_id: str, fixed_address: str | None
) -> None:
    """Lead a floating IP to a port's address, through a router that reaches both."""
    if port_forwardings.exist_for(tx, floating_ip.id):
        raise FloatingIpInUseByPortForwarding(floating_ip.floating_ip_address)
    port = ports.get(tx, port_id, reach(news.ctx))
    if port.project_id != floating_ip.project_id and reach(news.ctx) is not None:
        raise refusal(
            f"Port {port_id} is associated with a different tenant than Floating IP {floating_ip.id} and "
            "therefore cannot be bound"
        )
    fixed = fixed_ip(port, fixed_address)
    router_id = router_between(tx, port, fixed.subnet_id, floating_ip.floating_network_id)
    other = floating_ips.holding(tx, port_id, fixed.ip_address, floating_ip.floating_network_id)
    if other is not None and other.id != floating_ip.id:
        raise FloatingIPPortAlreadyAssociated(
            floating_ip.id, floating_ip.floating_ip_address, port_id, fixed.ip_address,
            floating_ip.floating_network_id,
        )  # fmt: skip
    same = (floating_ip.port_id, floating_ip.fixed_ip_address, floating_ip.router_id)
    if same == (port_id, fixed.ip_address, router_id):
        return
    news.router(floating_ip.router_id or "", floating_ips.host_of(tx, floating_ip))
    values = {
        "port_id": port_id, "fixed_ip_address": fixed.ip_address, "router_id": router_id, "status": DOWN,
    }  # fmt: skip
    floating_ips.update(tx, floating_ip.id, values)
    news.router(router_id, routers.get(tx, router_id).host)
    for changed in filter(None, (port_id, floating_ip.port_id)):
        news.shown(changed)


def fixed_ip(port: Port, wanted: str | None) -> ports.FixedIp:
    """Return the address of a port that is meant."""
    if wanted:
        found = next((ip for ip in port.fixed_ips if ip.ip_address == wanted), None)
        if found is None:
            raise refusal(f"Port {port.id} does not have fixed ip {wanted}")
        return found
    candidates = [ip for ip in port.fixed_ips if ":" not in ip.ip_address]
    if not candidates:
        raise refusal(f"Cannot add floating IP to port {port.id} that has no fixed IPv4 addresses")
    if len(candidates) > 1:
        raise refusal(
            f"Port {port.id} has multiple fixed IPv4 addresses.  Must provide a specific IPv4 address when "
            "assigning a floating IP"
        )
    return candidates[0]


def router_between(tx: Transaction, port: Port, subnet_id: str, external_id: str) -> str:
    """Return a router between a subnet and an external network; the subnet's gateway if that is one."""
    subnet = subnets.get(tx, subnet_id)
    able = [
        router
        for router in routers.find_many(tx, routers.with_leg_on_subnet(tx, subnet_id))
        if router.gateway_network_id == external_id
    ]
    if not able:
        raise ExternalGatewayForFloatingIPNotFound(subnet_id, external_id, port.id)
    for leg in ports.of_devices(tx, [router.id for router in able], ports.ROUTER_INTERFACE):
        if any(ip.subnet_id == subnet_id and ip.ip_address == subnet.gateway_ip for ip in leg.fixed_ips):
            return leg.device_id
    return able[0].id


def delete(ctx: Context, floating_ip: FloatingIp, *, expected: int | None = None) -> None:
    """Give an outside address back."""
    write(ctx, _delete, floating_ip.id, expected)


def _delete(tx: Transaction, news: News, floatingip_id: str, expected: int | None) -> None:
    if not floating_ips.lock(tx, floatingip_id, expected):
        raise FloatingIPNotFound(floatingip_id)
    _erase(tx, news, floating_ips.get(tx, floatingip_id))


def _erase(tx: Transaction, news: News, floating_ip: FloatingIp) -> None:
    news.router(floating_ip.router_id or "", floating_ips.host_of(tx, floating_ip))
    floating_ips.delete(tx, floating_ip.id)
    if floating_ip.port_id:
        news.shown(floating_ip.port_id)
    port = ports.find(tx, floating_ip.floating_port_id)
    if port is not None:
        plugs.remove(tx, news, port)


def remove_unused(tx: Transaction, news: News, network_id: str) -> None:
    """Remove the floating IPs of an external network that goes; NetworkInUse if one is in use."""
    for floating_ip in floating_ips.on_network(tx, network_id):
        if floating_ip.router_id is not None:
            raise NetworkInUse(network_id)
        _erase(tx, news, floating_ip)
