"""Subnets: ranges of addresses, their gateways and pools, and what guests are told about them."""

from collections.abc import Sequence
from ipaddress import ip_address, ip_network
from typing import Any

from nacre.kernel.context import Context
from nacre.kernel.db import Page, Transaction
from nacre.services.network.app import dhcp, limits, plugs, ranges, subnet_pools
from nacre.services.network.app.news import News, write
from nacre.services.network.app.sight import reach, viewer
from nacre.services.network.db import addresses, networks, ports, routers, standard, subnets
from nacre.services.network.db.networks import Network
from nacre.services.network.db.subnets import Pool, Subnet
from nacre.services.network.errors import (
    GatewayConflictWithAllocationPools,
    GatewayIpInUse,
    InvalidInput,
    NetworkNotFound,
    SubnetInUse,
    SubnetNotFound,
)

MODES = ("slaac", "dhcpv6-stateful", "dhcpv6-stateless")
SLAAC_PREFIX = 64


def get(ctx: Context, subnet_id: str) -> Subnet:
    """Return a subnet that the caller may see."""
    return ctx.db.read(subnets.get, subnet_id, reach(ctx))


def index(ctx: Context, wanted: standard.Wanted, page: Page) -> list[Subnet]:
    """Return subnets that the caller may see."""
    return ctx.db.read(subnets.index, reach(ctx), viewer(ctx), wanted, page)


def create(ctx: Context, bodies: Sequence[dict[str, Any]]) -> list[Subnet]:
    """Make subnets, all or none."""
    return write(ctx, _create, bodies)


def _create(tx: Transaction, news: News, bodies: Sequence[dict[str, Any]]) -> list[Subnet]:
    return [insert(tx, news, body) for body in bodies]


def insert(tx: Transaction, news: News, body: dict[str, Any]) -> Subnet:
    """Make one subnet on a network that the caller may see."""
    network = networks.get(tx, body["network_id"], reach(news.ctx))
    if not networks.lock(tx, network.id):
        raise NetworkNotFound(network.id)
    limits.enforce(tx, news.ctx, body["project_id"], {"subnet": 1})
    body = {**body, **_range_of(tx, news.ctx, body)}
    _check(news.ctx, body)
    _refuse_overlap(tx, network, body["cidr"])
    row = {
        **standard.new_row(tx, body["project_id"], body["description"]),
        **{
            name: body[name]
            for name in (
                "name", "network_id", "ip_version", "cidr", "enable_dhcp", "dns_nameservers", "host_routes",
                "service_types", "ipv6_ra_mode", "ipv6_address_mode", "subnetpool_id",
            )
        },
        "gateway_ip": _gateway(body),
    }  # fmt: skip
    pools = _pools(body, row["gateway_ip"])
    subnets.insert(tx, row)
    subnet = subnets.get(tx, row["id"])
    subnets.set_pools(tx, subnet, pools)
    standard.set_tags(tx, subnet.id, body.get("tags", ()))
    subnet = subnets.get(tx, subnet.id)
    if subnet.is_automatic:
        _number_guests(tx, news, subnet)
    dhcp.follow_subnets(tx, news, network)
    dhcp.ensure_if_used(tx, news, network)
    return subnet


def _range_of(tx: Transaction, ctx: Context, body: dict[str, Any]) -> dict[str, Any]:
    """Return the range of a new subnet: the one that was named, or one out of a subnet pool."""
    pool_id = body.get("subnetpool_id")
    if body.get("use_default_subnetpool") and not pool_id:
        pool_id = subnet_pools.default_id(tx, body["ip_version"])
    cidr = body.get("cidr")
    if pool_id is None:
        if not cidr:
            raise InvalidInput("a subnetpool must be specified in the absence of a cidr")
        found = ip_network(cidr, strict=False)
    else:
        found = subnet_pools.allocate(
            tx, ctx, pool_id, cidr=cidr, prefixlen=body.get("prefixlen"), project_id=body["project_id"]
        )
    version = body.get("ip_version")
    if version is not None and version != found.version:
        raise InvalidInput(f"cidr '{found}' does not match the ip_version '{version}'")
    return {"cidr": str(found), "ip_version": found.version, "subnetpool_id": pool_id}


def _check(ctx: Context, body: dict[str, Any]) -> None:
    net = ip_network(body["cidr"])
    if net.version == 4 and body["enable_dhcp"] and net.prefixlen > 30:
        raise InvalidInput("Subnet has a prefix length that is incompatible with DHCP service enabled")
    if net.is_multicast:
        raise InvalidInput(f"Multicast IP subnet is not supported if enable_dhcp is True: {net}")
    check_ipv6_modes(body)
    check_lists(ctx, body, net.version)
    gateway = body.get("gateway_ip")
    if isinstance(gateway, str):
        _check_gateway(net, gateway)


def check_ipv6_modes(body: dict[str, Any]) -> None:
    """Refuse modes on IPv4, modes without DHCP, and two modes that contradict each other."""
    ra, address = body.get("ipv6_ra_mode"), body.get("ipv6_address_mode")
    if body["ip_version"] == 4:
        if ra or address:
            raise InvalidInput("ipv6_ra_mode and ipv6_address_mode are for IPv6 subnets only")
        return
    if (ra or address) and not body["enable_dhcp"]:
        raise InvalidInput("ipv6_ra_mode or ipv6_address_mode cannot be set when enable_dhcp is set to False")
    if ra and address and ra != address:
        raise InvalidInput(
            f"ipv6_ra_mode set to '{ra}' with ipv6_address_mode set to '{address}' is not valid. "
            "If both attributes are set, they must be the same value"
        )
    for mode in (ra, address):
        if mode in ("slaac", "dhcpv6-stateless") and ip_network(body["cidr"]).prefixlen != SLAAC_PREFIX:
            raise InvalidInput(
                f"Invalid CIDR {body['cidr']} for IPv6 address mode. OpenStack uses the EUI-64 address "
                "format, which requires the prefix to be /64"
            )


def check_lists(ctx: Context, body: dict[str, Any], version: int) -> None:
    """Refuse routes and name servers that are too many or of the other IP version."""
    routes, servers = body.get("host_routes") or [], body.get("dns_nameservers") or ()
    if len(routes) > ctx.config.maximum_host_routes:
        raise InvalidInput("too many host routes")
    if len(servers) > ctx.config.maximum_dns_nameservers:
        raise InvalidInput("too many DNS name servers")
    for route in routes:
        parts = (ip_address(route["nexthop"]), ip_network(route["destination"], strict=False))
        for part in parts:
            if part.version != version:
                raise InvalidInput(f"{part} is not of IP version {version}")
    for server in servers:
        if ip_address(server).version != version:
            raise InvalidInput(f"dns_nameserver '{server}' does not match the ip_version '{version}'")


def _check_gateway(net: Any, gateway: str) -> None:
    address = ip_address(gateway)
    if address.version != net.version:
        raise InvalidInput(f"gateway_ip '{gateway}' does not match the ip_version '{net.version}'")
    if address.version == 6 and address.is_link_local:
        return
    if address in net and net.version == 4 and net.prefixlen < 31:
        if address in (net.network_address, net.broadcast_address):
            raise InvalidInput("Gateway is not valid on subnet")
    elif address in net and address == net.network_address and net.prefixlen < 127:
        raise InvalidInput("Gateway is not valid on subnet")


def _refuse_overlap(tx: Transaction, network: Network, cidr: str) -> None:
    net = ip_network(cidr)
    for other in subnets.of_network(tx, network.id):
        if other.net.version == net.version and other.net.overlaps(net):
            raise InvalidInput(
                f"Requested subnet with cidr: {cidr} for network: {network.id} overlaps with another subnet"
            )


def _gateway(body: dict[str, Any]) -> str | None:
    """Return the gateway: the one that was named (None: none), else the first address."""
    if "gateway_ip" in body:
        return body["gateway_ip"]
    net = ip_network(body["cidr"])
    if net.num_addresses == 1:
        return None
    return str(net.network_address + (0 if net.prefixlen >= net.max_prefixlen - 1 else 1))


def _pools(body: dict[str, Any], gateway: str | None) -> list[Pool]:
    if body.get("allocation_pools") is None:
        return ranges.whole(body["cidr"], gateway)
    pools = ranges.checked(body["cidr"], body["allocation_pools"])
    refuse_gateway_in_pools(gateway, pools)
    return pools


def refuse_gateway_in_pools(gateway: str | None, pools: Sequence[Pool]) -> None:
    """Raise GatewayConflictWithAllocationPools if the gateway's address would be given out."""
    if gateway is None:
        return
    address = ip_address(gateway)
    for pool in pools:
        start = ip_address(pool.start)
        if start.version == address.version and int(start) <= int(address) <= int(ip_address(pool.end)):
            raise GatewayConflictWithAllocationPools(gateway, f"{pool.start}-{pool.end}")


def _number_guests(tx: Transaction, news: News, subnet: Subnet) -> None:
    """Give every guest on the network the address that it gives itself on a new SLAAC subnet."""
    for port in ports.of_network(tx, subnet.network_id):
        if port.device_owner in (*ports.ROUTER_OWNERS, ports.DHCP) or not port.fixed_ips:
            continue
        plugs.number_on(tx, news, port, subnet)


def update(ctx: Context, subnet: Subnet, changes: dict[str, Any], *, expected: int | None = None) -> Subnet:
    """Change a subnet."""
    return write(ctx, _update, subnet.id, changes, expected)


def _update(
    tx: Transaction, news: News, subnet_id: str, changes: dict[str, Any], expected: int | None
) -> Subnet:
    if not subnets.lock(tx, subnet_id, expected):
        raise SubnetNotFound(subnet_id)
    present = subnets.get(tx, subnet_id)
    changes = dict(changes)
    network = networks.get(tx, present.network_id)
    check_lists(news.ctx, changes, present.ip_version)
    pools = list(present.allocation_pools)
    if changes.get("allocation_pools") is not None:
        pools = ranges.checked(present.cidr, changes["allocation_pools"])
        subnets.set_pools(tx, present, pools)
    changes.pop("allocation_pools", None)
    if "enable_dhcp" in changes and not changes["enable_dhcp"]:
        check_ipv6_modes({
            "ip_version": present.ip_version, "enable_dhcp": False, "cidr": present.cidr,
            "ipv6_ra_mode": present.ipv6_ra_mode, "ipv6_address_mode": present.ipv6_address_mode,
        })  # fmt: skip
    if "gateway_ip" in changes and changes["gateway_ip"] != present.gateway_ip:
        _change_gateway(tx, present, changes["gateway_ip"], pools)
    elif pools != list(present.allocation_pools):
        refuse_gateway_in_pools(present.gateway_ip, pools)
    subnets.update(tx, subnet_id, changes)
    dhcp.follow_subnets(tx, news, network)
    dhcp.ensure_if_used(tx, news, network)
    tell_routers(tx, news, subnet_id)
    return subnets.get(tx, subnet_id)


def _change_gateway(tx: Transaction, subnet: Subnet, gateway: str | None, pools: Sequence[Pool]) -> None:
    if gateway is not None:
        _check_gateway(subnet.net, gateway)
        refuse_gateway_in_pools(gateway, pools)
    if subnet.gateway_ip is not None:
        holder = addresses.port_with(tx, subnet.id, subnet.gateway_ip)
        port = ports.find(tx, holder) if holder else None
        if port is not None and port.device_owner == ports.ROUTER_INTERFACE:
            raise GatewayIpInUse(subnet.gateway_ip, port.id)


def tell_routers(tx: Transaction, news: News, subnet_id: str) -> None:
    """Tell the hosts of routers with a leg on a subnet that it changed."""
    for router in routers.find_many(tx, routers.with_leg_on_subnet(tx, subnet_id)):
        news.router(router.id, router.host)


def delete(ctx: Context, subnet: Subnet, *, expected: int | None = None) -> None:
    """Delete a subnet of which nobody has an address, except those that gave it to themselves."""
    write(ctx, _delete, subnet.id, expected)


def _delete(tx: Transaction, news: News, subnet_id: str, expected: int | None) -> None:
    if not subnets.lock(tx, subnet_id, expected):
        raise SubnetNotFound(subnet_id)
    subnet = subnets.get(tx, subnet_id)
    has_legs = addresses.is_used(tx, subnet_id, by=ports.ROUTER_OWNERS)
    if has_legs or (not subnet.is_automatic and addresses.is_used(tx, subnet_id, besides=(ports.DHCP,))):
        raise SubnetInUse(subnet_id)
    erase(tx, news, subnet)
    dhcp.follow_subnets(tx, news, networks.get(tx, subnet.network_id))


def erase(tx: Transaction, news: News, subnet: Subnet) -> None:
    """Remove a subnet and the addresses that guests or the DHCP server still have on it."""
    for address in addresses.of_subnet(tx, subnet.id, limit=1_000_000):
        addresses.release(tx, address.port_id, address.address)
        port = ports.find(tx, address.port_id)
        if port is not None:
            ports.update(tx, port.id, {})
            news.port(port)
    subnets.delete(tx, subnet.id)
    news.network(subnet.network_id)
