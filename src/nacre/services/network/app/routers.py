"""Routers: their legs into networks, their way out, their routes, and the host where they run.

A leg is a port; which router it belongs to stands in its `device_id`.  A router runs on one host, chosen when
it gets its first leg and kept as long as that host can carry all its networks.
"""

from collections.abc import Sequence
from ipaddress import ip_address, ip_network
from typing import Any

import msgspec

from nacre.kernel.context import Context
from nacre.kernel.db import Page, Transaction
from nacre.services.network.app import addressing, binding, limits, plugs, router_placement, routes
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
from nacre.services.network.db.ports import ROUTER_GATEWAY, ROUTER_INTERFACE, Port
from nacre.services.network.db.routers import Router
from nacre.services.network.db.subnets import Subnet
from nacre.services.network.errors import (
    PortInUse,
    PortNotFound,
    ResourceRequest,
    RouterExternalGatewayInUseByFloatingIp,
    RouterInterfaceInUseByFloatingIP,
    RouterInterfaceInUseByRoute,
    RouterInterfaceNotFound,
    RouterInterfaceNotFoundForSubnet,
    RouterInUse,
    RouterNotFound,
    SubnetMismatchForPort,
)

STORED = ("name", "description", "admin_state_up")


class Interface(msgspec.Struct, frozen=True):
    """What is shown of a leg that was added or removed."""

    port: Port
    subnet_ids: tuple[str, ...]


def refusal(reason: str) -> ResourceRequest:
    """Return the error for a request that makes no sense for a router."""
    return ResourceRequest("router", reason)


def get(ctx: Context, router_id: str) -> Router:
    """Return a router that the caller may see."""
    return ctx.db.read(routers.get, router_id, reach(ctx))


def index(ctx: Context, wanted: standard.Wanted, page: Page) -> list[Router]:
    """Return routers that the caller may see."""
    return ctx.db.read(routers.index, reach(ctx), wanted, page)


def create(ctx: Context, bodies: Sequence[dict[str, Any]]) -> list[Router]:
    """Make routers, all or none."""
    return write(ctx, _create, bodies)


def _create(tx: Transaction, news: News, bodies: Sequence[dict[str, Any]]) -> list[Router]:
    return [insert(tx, news, body) for body in bodies]


def insert(tx: Transaction, news: News, body: dict[str, Any]) -> Router:
    """Make one router."""
    limits.enforce(tx, news.ctx, body["project_id"], {"router": 1})
    row = {
        **standard.new_row(tx, body["project_id"], body["description"]),
        "name": body["name"], "admin_state_up": body["admin_state_up"], "status": "ACTIVE",
        "enable_snat": True, "gateway_port_id": None, "gateway_network_id": None, "routes": [],
        "availability_zone_hints": body["availability_zone_hints"], "host": "", "problem": "",
    }  # fmt: skip
    routers.insert(tx, row)
    standard.set_tags(tx, row["id"], body.get("tags", ()))
    router = routers.get(tx, row["id"])
    if body.get("gateway"):
        _set_gateway(tx, news, router, body["gateway"])
        router_placement.settle(tx, news, router.id)
    return routers.get(tx, router.id)


def update(ctx: Context, router: Router, changes: dict[str, Any], *, expected: int | None = None) -> Router:
    """Change a router, its way out, or its routes."""
    return write(ctx, _update, router.id, changes, expected)


def _update(
    tx: Transaction, news: News, router_id: str, changes: dict[str, Any], expected: int | None
) -> Router:
    if not routers.lock(tx, router_id, expected):
        raise RouterNotFound(router_id)
    present = routers.get(tx, router_id)
    values: dict[str, Any] = {name: changes[name] for name in STORED if name in changes}
    if "gateway" in changes:
        if changes["gateway"]:
            _set_gateway(tx, news, present, changes["gateway"])
        else:
            _clear_gateway(tx, news, present)
    if "routes" in changes:
        legs = _legs(tx, router_id)
        values["routes"] = routes.checked(tx, news.ctx, present, changes["routes"] or [], legs)
    routers.update(tx, router_id, values)
    router_placement.settle(tx, news, router_id)
    after = routers.get(tx, router_id)
    news.router(router_id, after.host)
    return after


def delete(ctx: Context, router: Router, *, expected: int | None = None) -> None:
    """Delete a router that has no leg inside."""
    write(ctx, remove, router.id, expected)


def remove(tx: Transaction, news: News, router_id: str, expected: int | None = None) -> None:
    """Remove a router that has no leg inside."""
    if not routers.lock(tx, router_id, expected):
        raise RouterNotFound(router_id)
    router = routers.get(tx, router_id)
    if ports.with_device(tx, router_id, ROUTER_INTERFACE):
        raise RouterInUse(router_id)
    _clear_gateway(tx, news, router)
    router_placement.evict(tx, news, router)
    routers.delete(tx, router_id)


def _legs(tx: Transaction, router_id: str) -> list[Port]:
    return ports.with_device(tx, router_id, *ports.ROUTER_OWNERS)


# --- the way out ------------------------------------------------------------------------------------------


def _set_gateway(tx: Transaction, news: News, router: Router, info: dict[str, Any]) -> None:
    """Lead a router out through a network, or change how it is led."""
    network = networks.get(tx, info["network_id"], reach(news.ctx))
    if not network.external:
        raise refusal(f"Network {network.id} is not an external network")
    wishes = info.get("external_fixed_ips") or None
    values: dict[str, Any] = {"enable_snat": info.get("enable_snat", True)}
    if network.id == router.gateway_network_id and router.gateway_port_id:
        if wishes:
            _move_gateway(tx, news, router, wishes)
        routers.update(tx, router.id, values)
        return
    if router.gateway_port_id:
        _clear_gateway(tx, news, router)
    _refuse_overlap(tx, subnets.of_network(tx, network.id), _legs(tx, router.id))
    port = plugs.insert(
        tx, news, network,
        plugs.Plug(project_id="", device_owner=ROUTER_GATEWAY, device_id=router.id, wishes=wishes),
    )  # fmt: skip
    values |= {"gateway_port_id": port.id, "gateway_network_id": network.id}
    routers.update(tx, router.id, values)


def _move_gateway(tx: Transaction, news: News, router: Router, wishes: Sequence[dict[str, str]]) -> None:
    """Give a router other outside addresses on the same network."""
    port = ports.get(tx, router.gateway_port_id or "")
    addressing.reassign(tx, port, wishes, mac=port.mac_address, device_owner=port.device_owner)
    ports.update(tx, port.id, {})
    news.port(ports.get(tx, port.id))


def _clear_gateway(tx: Transaction, news: News, router: Router) -> None:
    """Close a router's way out, unless floating IPs are led through it."""
    if router.gateway_port_id is None:
        return
    if floating_ips.through(tx, [router.id]):
        raise RouterExternalGatewayInUseByFloatingIp(router.id, router.gateway_network_id or "")
    port = ports.find(tx, router.gateway_port_id)
    values = {"gateway_port_id": None, "gateway_network_id": None, "enable_snat": True}
    routers.update(tx, router.id, values)
    if port is not None:
        router_placement.remove_leg(tx, news, router, port)


# --- legs inside ------------------------------------------------------------------------------------------


def add_interface(
    ctx: Context, router: Router, *, subnet_id: str | None = None, port_id: str | None = None
) -> Interface:
    """Give a router a leg: on a subnet, by its gateway address, or by a port that was made for it."""
    if not subnet_id and not port_id:
        raise refusal("Either subnet_id or port_id must be specified")
    if subnet_id and port_id:
        raise refusal("Cannot specify both subnet-id and port-id")
    return write(ctx, _add_interface, router.id, subnet_id, port_id)


def connect(tx: Transaction, news: News, router_id: str, subnet_id: str) -> None:
    """Give a router a leg on a subnet, within a larger transaction."""
    _add_interface(tx, news, router_id, subnet_id, None)


def disconnect(tx: Transaction, news: News, router_id: str, port_id: str) -> None:
    """Take a leg from a router, within a larger transaction."""
    _remove_interface(tx, news, router_id, None, port_id)


def _add_interface(
    tx: Transaction, news: News, router_id: str, subnet_id: str | None, port_id: str | None
) -> Interface:
    if not routers.lock(tx, router_id):
        raise RouterNotFound(router_id)
    router = routers.get(tx, router_id)
    if subnet_id:
        port, joined = _add_subnet(tx, news, router, subnets.get(tx, subnet_id, reach(news.ctx)))
    else:
        port, joined = _add_port(tx, news, router, ports.get(tx, port_id or "", reach(news.ctx)))
    router_placement.settle(tx, news, router_id)
    router = routers.get(tx, router_id)
    news.router(router_id, router.host)
    routers.update(tx, router_id, {})
    return Interface(ports.get(tx, port.id), joined)


def _add_subnet(tx: Transaction, news: News, router: Router, subnet: Subnet) -> tuple[Port, tuple[str, ...]]:
    if not subnet.gateway_ip:
        raise refusal("Subnet for router interface must have a gateway IP")
    if subnet.ip_version == 6 and subnet.ipv6_address_mode and not subnet.ipv6_ra_mode:
        raise refusal(
            f"IPv6 subnet {subnet.id} configured to receive RAs from an external router cannot be added to "
            "Neutron Router"
        )
    if reach(news.ctx) is not None and subnet.project_id != news.ctx.project_id:
        raise refusal(
            f"Cannot add interface to router because subnet {subnet.id} is not owned by project making the request"
        )
    legs = _legs(tx, router.id)
    _refuse_overlap(tx, [subnet], legs)
    wish = {"subnet_id": subnet.id, "ip_address": subnet.gateway_ip}
    if subnet.ip_version == 6:
        # compat: IPv6 subnets of one network share a leg (Networking API, "Add interface to router").
        for leg in legs:
            if leg.network_id == subnet.network_id and any(":" in ip.ip_address for ip in leg.fixed_ips):
                wishes = [{"subnet_id": ip.subnet_id, "ip_address": ip.ip_address} for ip in leg.fixed_ips]
                addressing.reassign(
                    tx, leg, [*wishes, wish], mac=leg.mac_address, device_owner=leg.device_owner
                )
                ports.update(tx, leg.id, {})
                news.port(ports.get(tx, leg.id))
                return leg, (subnet.id,)
    network = networks.get(tx, subnet.network_id)
    plug = plugs.Plug(
        project_id=router.project_id, device_owner=ROUTER_INTERFACE, device_id=router.id, wishes=[wish]
    )
    return plugs.insert(tx, news, network, plug), (subnet.id,)


def _add_port(tx: Transaction, news: News, router: Router, port: Port) -> tuple[Port, tuple[str, ...]]:
    if not ports.lock(tx, port.id):
        raise PortNotFound(port.id)
    port = ports.get(tx, port.id)
    if port.device_id:
        raise PortInUse(port.id, port.network_id, port.device_id)
    if not port.fixed_ips:
        raise refusal("Router port must have at least one fixed IP")
    joined = [subnets.get(tx, ip.subnet_id) for ip in port.fixed_ips]
    if sum(subnet.ip_version == 4 for subnet in joined) > 1:
        raise refusal("Cannot have multiple IPv4 subnets on router port")
    _refuse_overlap(tx, joined, _legs(tx, router.id))
    values = {
        "device_id": router.id, "device_owner": ROUTER_INTERFACE, "host": "", "vif_type": ports.UNBOUND,
        "vif_details": {}, "status": ports.DOWN,
    }  # fmt: skip
    ports.update(tx, port.id, values)
    after = ports.get(tx, port.id)
    binding.carry(tx, news, port, after)
    return after, tuple(subnet.id for subnet in joined)


def _refuse_overlap(tx: Transaction, joining: Sequence[Subnet], legs: Sequence[Port]) -> None:
    """Raise BadRequest if a subnet is connected already, or overlaps with one that is."""
    connected = subnets.find_many(tx, (ip.subnet_id for leg in legs for ip in leg.fixed_ips))
    for subnet in joining:
        for other in connected.values():
            if other.id == subnet.id:
                raise refusal(f"Router already has a port on subnet {subnet.id}")
            if other.net.version == subnet.net.version and other.net.overlaps(subnet.net):
                raise refusal(
                    f"Cidr {subnet.cidr} of subnet {subnet.id} overlaps with cidr {other.cidr} of subnet "
                    f"{other.id}"
                )


def remove_interface(
    ctx: Context, router: Router, *, subnet_id: str | None = None, port_id: str | None = None
) -> Interface:
    """Take a leg from a router, by its port or by its subnet."""
    if not subnet_id and not port_id:
        raise refusal("Either subnet_id or port_id must be specified")
    return write(ctx, _remove_interface, router.id, subnet_id, port_id)


def _remove_interface(
    tx: Transaction, news: News, router_id: str, subnet_id: str | None, port_id: str | None
) -> Interface:
    if not routers.lock(tx, router_id):
        raise RouterNotFound(router_id)
    router = routers.get(tx, router_id)
    leg = _find_leg(tx, router_id, subnet_id, port_id)
    leaving = tuple(ip.subnet_id for ip in leg.fixed_ips)
    shares = subnet_id is not None and port_id is None and len(leaving) > 1
    if shares:
        leaving = (str(subnet_id),)
    _refuse_if_needed(tx, router, leaving)
    if shares:
        left = [
            {"subnet_id": ip.subnet_id, "ip_address": ip.ip_address}
            for ip in leg.fixed_ips
            if ip.subnet_id != subnet_id
        ]
        addressing.reassign(tx, leg, left, mac=leg.mac_address, device_owner=leg.device_owner)
        ports.update(tx, leg.id, {})
        news.port(ports.get(tx, leg.id))
    else:
        router_placement.remove_leg(tx, news, router, leg)
    router_placement.settle(tx, news, router_id)
    news.router(router_id, routers.get(tx, router_id).host)
    routers.update(tx, router_id, {})
    return Interface(leg, leaving)


def _find_leg(tx: Transaction, router_id: str, subnet_id: str | None, port_id: str | None) -> Port:
    legs = ports.with_device(tx, router_id, ROUTER_INTERFACE)
    if port_id is not None:
        leg = next((each for each in legs if each.id == port_id), None)
        if leg is None:
            raise RouterInterfaceNotFound(router_id, port_id)
        if subnet_id is not None and all(ip.subnet_id != subnet_id for ip in leg.fixed_ips):
            raise SubnetMismatchForPort(port_id, subnet_id)
        return leg
    for leg in legs:
        if any(ip.subnet_id == subnet_id for ip in leg.fixed_ips):
            return leg
    raise RouterInterfaceNotFoundForSubnet(router_id, subnet_id or "")


def _refuse_if_needed(tx: Transaction, router: Router, subnet_ids: Sequence[str]) -> None:
    """Raise Conflict if floating IPs or routes need a leg on these subnets."""
    led_to = [fip.fixed_ip_address for fip in floating_ips.through(tx, [router.id])]
    led_to += [each.internal_ip_address for each in port_forwardings.through(tx, [router.id])]
    for subnet in subnets.find_many(tx, subnet_ids).values():
        if any(ip_address(address) in subnet.net for address in led_to if address):
            raise RouterInterfaceInUseByFloatingIP(router.id, subnet.id)
        if any(ip_address(route["nexthop"]) in ip_network(subnet.cidr) for route in router.routes):
            raise RouterInterfaceInUseByRoute(router.id, subnet.id)


# --- routes -----------------------------------------------------------------------------------------------


def add_routes(ctx: Context, router: Router, wanted: Sequence[dict[str, str]]) -> Router:
    """Add routes to a router; those it has already stay as they are."""
    return write(ctx, _change_routes, router.id, list(wanted), [])


def remove_routes(ctx: Context, router: Router, unwanted: Sequence[dict[str, str]]) -> Router:
    """Take routes from a router; those it does not have do not matter."""
    return write(ctx, _change_routes, router.id, [], list(unwanted))


def _change_routes(
    tx: Transaction,
    news: News,
    router_id: str,
    wanted: list[dict[str, str]],
    unwanted: list[dict[str, str]],
) -> Router:
    if not routers.lock(tx, router_id):
        raise RouterNotFound(router_id)
    present = routers.get(tx, router_id).routes
    after = [route for route in present if route not in unwanted]
    after += [route for route in wanted if route not in after]
    return _update(tx, news, router_id, {"routes": after}, None)
