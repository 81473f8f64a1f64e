"""Rows as hosts read them: from what is stored to the messages of rpc.py.

Each function takes any number of rows and asks the database a fixed number of times.
"""

from collections.abc import Collection, Iterable, Sequence
from ipaddress import ip_network

from nacre.kernel.db import Transaction
from nacre.services.network import rpc
from nacre.services.network.db import address_groups, dhcp, floating_ips, hosts, port_forwardings, presences
from nacre.services.network.db import networks as network_rows
from nacre.services.network.db import ports as port_rows
from nacre.services.network.db import routers as router_rows
from nacre.services.network.db import security_groups as group_rows
from nacre.services.network.db import subnets as subnet_rows
from nacre.services.network.db.networks import Network
from nacre.services.network.db.ports import ROUTER_GATEWAY, ROUTER_INTERFACE, ROUTER_OWNERS, FixedIp, Port
from nacre.services.network.db.security_groups import Rule
from nacre.services.network.db.subnets import Subnet


def networks(
    tx: Transaction, ids: Collection[str], host: str, dns_domain: str
) -> tuple[rpc.NetworkSpec, ...]:
    """Describe networks to a host that carries them; `dns_domain` is for those that name none."""
    rows = network_rows.find_many(tx, ids)
    subnets: dict[str, list[rpc.SubnetSpec]] = {}
    for subnet in subnet_rows.of_networks(tx, rows):
        subnets.setdefault(subnet.network_id, []).append(_subnet(subnet))
    servers = {
        server.network_id: server.port_id
        for server in dhcp.of_networks(tx, rows)
        if server.host == host and server.port_id
    }
    server_ports = {port.id: port for port in port_rows.find_many(tx, servers.values())}
    peers = _tunnel_peers(tx, [row for row in rows.values() if row.kind == presences.TUNNELLED], host)
    return tuple(
        rpc.NetworkSpec(
            id=row.id, project_id=row.project_id, kind=row.kind, segmentation_id=row.segmentation_id,  # type: ignore[arg-type]
            physical_network=row.physical_network, mtu=row.mtu, external=row.external,
            admin_state_up=row.admin_state_up, dns_domain=row.dns_domain or dns_domain,
            subnets=tuple(subnets.get(row.id, ())), tunnel_peers=peers.get(row.id, ()),
            dhcp=_dhcp_port(server_ports.get(servers.get(row.id, ""))),
        )
        for row in rows.values()
    )  # fmt: skip


def _subnet(subnet: Subnet) -> rpc.SubnetSpec:
    routes = tuple(
        rpc.HostRoute(destination=route["destination"], nexthop=route["nexthop"])
        for route in subnet.host_routes
    )
    return rpc.SubnetSpec(
        id=subnet.id, cidr=subnet.cidr, ip_version=4 if subnet.ip_version == 4 else 6,
        gateway_ip=subnet.gateway_ip, enable_dhcp=subnet.enable_dhcp, dns_nameservers=subnet.dns_nameservers,
        host_routes=routes, ipv6_ra_mode=subnet.ipv6_ra_mode,  # type: ignore[arg-type]
        ipv6_address_mode=subnet.ipv6_address_mode,  # type: ignore[arg-type]
    )  # fmt: skip


def _dhcp_port(port: Port | None) -> rpc.DhcpPortSpec | None:
    if port is None:
        return None
    return rpc.DhcpPortSpec(id=port.id, mac=port.mac_address, fixed_ips=_fixed_ips(port.fixed_ips))


def _tunnel_peers(tx: Transaction, rows: Sequence[Network], host: str) -> dict[str, tuple[str, ...]]:
    """Return the tunnel addresses of the other hosts that carry each network."""
    carriers = presences.carriers(tx, (row.id for row in rows))
    addresses = hosts.tunnel_ips(tx, {name for names in carriers.values() for name in names})
    return {
        network_id: tuple(sorted({addresses[name] for name in names if name != host and name in addresses}))
        for network_id, names in carriers.items()
    }


def _fixed_ips(fixed_ips: Iterable[FixedIp]) -> tuple[rpc.FixedIp, ...]:
    return tuple(rpc.FixedIp(subnet_id=ip.subnet_id, ip_address=ip.ip_address) for ip in fixed_ips)


def _pairs(port: Port) -> tuple[rpc.AddressPair, ...]:
    return tuple(
        rpc.AddressPair(ip_address=pair["ip_address"], mac=pair.get("mac_address") or "")
        for pair in port.allowed_address_pairs
    )


def ports(tx: Transaction, rows: Sequence[Port], host: str) -> tuple[rpc.PortSpec, ...]:
    """Describe guests' ports to a host that carries them, or is ready to."""
    on = network_rows.find_many(tx, (row.network_id for row in rows))
    return tuple(
        rpc.PortSpec(
            id=row.id, network_id=row.network_id, mac=row.mac_address, project_id=row.project_id,
            fixed_ips=_fixed_ips(row.fixed_ips), allowed_address_pairs=_pairs(row),
            port_security_enabled=row.port_security_enabled, security_group_ids=row.security_groups,
            admin_state_up=row.admin_state_up, device_owner=row.device_owner, device_id=row.device_id,
            mtu=on[row.network_id].mtu, active=row.is_bound and row.host == host,
        )
        for row in rows
    )  # fmt: skip


def neighbours(tx: Transaction, rows: Sequence[Port], host: str) -> tuple[rpc.NeighbourSpec, ...]:
    """Describe ports anywhere to a host that must know their addresses.

    Where a port is whose server moves, nobody is told: what is sent to it goes to all hosts of its network, and
    the one where it really is lets it in.  So nothing is lost when it goes on in another place.
    """
    tunnels = hosts.tunnel_ips(tx, {row.host for row in rows if row.is_bound and row.host != host})
    return tuple(
        rpc.NeighbourSpec(
            id=row.id, network_id=row.network_id, mac=row.mac_address, fixed_ips=_fixed_ips(row.fixed_ips),
            allowed_address_pairs=_pairs(row), security_group_ids=row.security_groups,
            hostname=_hostname(row), dhcp_options=_dhcp_options(row), device_id=row.device_id,
            project_id=row.project_id,
            tunnel_ip=None if row.further_hosts or not row.is_bound else tunnels.get(row.host),
        )
        for row in rows
    )  # fmt: skip


def _hostname(port: Port) -> str:
    """Return the name that a guest is told: its own, or one made of its first address."""
    if port.dns_name:
        return port.dns_name
    if not port.fixed_ips:
        return ""
    return "host-" + port.fixed_ips[0].ip_address.replace(".", "-").replace(":", "-")


def _dhcp_options(port: Port) -> tuple[rpc.DhcpOption, ...]:
    return tuple(
        rpc.DhcpOption(
            name=option["opt_name"],
            value=option["opt_value"],
            ip_version=6 if option["ip_version"] == 6 else 4,
        )
        for option in port.extra_dhcp_opts
    )


# --- security groups --------------------------------------------------------------------------------------


def security_groups(tx: Transaction, ids: Collection[str]) -> tuple[rpc.SecurityGroupSpec, ...]:
    """Describe security groups."""
    rows = group_rows.find_many(tx, ids)
    lists = address_groups.addresses_of(
        tx,
        {rule.remote_address_group_id for row in rows for rule in row.rules if rule.remote_address_group_id},
    )
    return tuple(
        rpc.SecurityGroupSpec(
            id=row.id, stateful=row.stateful, rules=tuple(_rule(rule, lists) for rule in row.rules)
        )
        for row in rows
    )


def _rule(rule: Rule, lists: dict[str, tuple[str, ...]]) -> rpc.SecurityGroupRuleSpec:
    prefix = rule.remote_ip_prefix
    version = 6 if rule.ethertype == "IPv6" else 4
    cidrs = None
    if rule.remote_address_group_id is not None:
        every = lists.get(rule.remote_address_group_id, ())
        cidrs = tuple(cidr for cidr in every if ip_network(cidr).version == version)
    return rpc.SecurityGroupRuleSpec(
        id=rule.id, direction=rule.direction, ethertype=rule.ethertype, protocol=rule.protocol,  # type: ignore[arg-type]
        port_min=rule.port_range_min, port_max=rule.port_range_max,
        remote_cidr=None if prefix is None else str(ip_network(prefix, strict=False)),
        remote_group_id=rule.remote_group_id, remote_cidrs=cidrs,
    )  # fmt: skip


# --- routers ----------------------------------------------------------------------------------------------


def routers(tx: Transaction, ids: Collection[str], host: str) -> tuple[rpc.RouterSpec, ...]:
    """Describe those of these routers that run on a host."""
    rows = [row for row in router_rows.find_many(tx, ids) if row.host == host]
    mine = [row.id for row in rows]
    legs: dict[str, list[Port]] = {}
    for port in port_rows.of_devices(tx, mine, *ROUTER_OWNERS):
        legs.setdefault(port.device_id, []).append(port)
    touched = {ip.subnet_id for ports in legs.values() for port in ports for ip in port.fixed_ips}
    subnets = subnet_rows.find_many(tx, touched)
    leading: dict[str, list[rpc.FloatingIpSpec]] = {}
    for fip in floating_ips.through(tx, mine):
        if fip.router_id and fip.fixed_ip_address:
            leading.setdefault(fip.router_id, []).append(
                rpc.FloatingIpSpec(
                    id=fip.id, floating_address=fip.floating_ip_address, fixed_address=fip.fixed_ip_address
                )
            )
    forwarded: dict[str, list[rpc.PortForwardingSpec]] = {}
    outside = floating_ips.addresses_of(tx, mine)
    for each in port_forwardings.through(tx, mine):
        forwarded.setdefault(each.router_id, []).append(
            rpc.PortForwardingSpec(
                id=each.id,
                floating_address=outside[each.floatingip_id],
                protocol="tcp" if each.protocol == "tcp" else "udp",
                external_port=each.external_port,
                fixed_address=each.internal_ip_address,
                internal_port=each.internal_port,
            )  # fmt: skip
        )
    return tuple(
        rpc.RouterSpec(
            id=row.id, project_id=row.project_id, admin_state_up=row.admin_state_up,
            interfaces=tuple(
                _interface(port, subnets)
                for port in legs.get(row.id, ()) if port.device_owner == ROUTER_INTERFACE
            ),
            gateway=_gateway(legs.get(row.id, ()), subnets), enable_snat=row.enable_snat,
            floating_ips=tuple(leading.get(row.id, ())),
            port_forwardings=tuple(forwarded.get(row.id, ())),
            routes=tuple(
                rpc.RouteSpec(destination=route["destination"], nexthop=route["nexthop"])
                for route in row.routes
            ),
        )
        for row in rows
    )  # fmt: skip


def _interface(port: Port, subnets: dict[str, Subnet]) -> rpc.RouterInterfaceSpec:
    return rpc.RouterInterfaceSpec(
        port_id=port.id, network_id=port.network_id, mac=port.mac_address,
        addresses=_with_prefixes(port, subnets),
    )  # fmt: skip


def _gateway(legs: Iterable[Port], subnets: dict[str, Subnet]) -> rpc.RouterGatewaySpec | None:
    port = next((leg for leg in legs if leg.device_owner == ROUTER_GATEWAY), None)
    if port is None:
        return None
    hops = (subnets[ip.subnet_id].gateway_ip for ip in port.fixed_ips if ip.subnet_id in subnets)
    return rpc.RouterGatewaySpec(
        port_id=port.id, network_id=port.network_id, mac=port.mac_address,
        addresses=_with_prefixes(port, subnets), gateway_ips=tuple(dict.fromkeys(hop for hop in hops if hop)),
    )  # fmt: skip


def _with_prefixes(port: Port, subnets: dict[str, Subnet]) -> tuple[str, ...]:
    return tuple(
        f"{ip.ip_address}/{subnets[ip.subnet_id].net.prefixlen}"
        for ip in port.fixed_ips
        if ip.subnet_id in subnets
    )
