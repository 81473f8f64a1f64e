"""Rows of a host's view, with defaults so good that a test states only what it is about."""

import ipaddress
import itertools
from typing import Any

from msgspec.structs import replace

from nacre.kernel.ids import new_id
from nacre.services.network import rpc

PROJECT = "5f1c0e9a7d6b4c3f8e2a1b0c9d8e7f60"
_serial = itertools.count(1)


def make_mac() -> str:
    """Return a MAC address that no other port of this test run has."""
    number = next(_serial)
    return f"fa:16:3e:00:{number >> 8:02x}:{number & 0xFF:02x}"


def make_subnet(cidr: str = "10.0.0.0/24", **fields: Any) -> rpc.SubnetSpec:
    network = ipaddress.ip_network(cidr)
    defaults = {"id": new_id(), "cidr": cidr, "ip_version": network.version, "gateway_ip": str(network[1])}
    return rpc.SubnetSpec(**{**defaults, **fields})


def make_network(*subnets: rpc.SubnetSpec, **fields: Any) -> rpc.NetworkSpec:
    defaults = {"id": new_id(), "project_id": PROJECT, "kind": "local", "mtu": 1450}
    return rpc.NetworkSpec(**{**defaults, "subnets": subnets or (make_subnet(),), **fields})


def make_dhcp(network: rpc.NetworkSpec, *addresses: str) -> rpc.DhcpPortSpec:
    return rpc.DhcpPortSpec(id=new_id(), mac=make_mac(), fixed_ips=fixed_ips(network, *addresses))


def with_dhcp(network: rpc.NetworkSpec, *addresses: str) -> rpc.NetworkSpec:
    """Return the network as the host sees it that runs DHCP for it."""
    return replace(network, dhcp=make_dhcp(network, *addresses))


def fixed_ips(network: rpc.NetworkSpec, *addresses: str) -> tuple[rpc.FixedIp, ...]:
    """Return addresses with the subnets that they are in."""
    return tuple(
        rpc.FixedIp(subnet_id=subnet.id, ip_address=address)
        for address in addresses
        for subnet in network.subnets
        if ipaddress.ip_address(address) in ipaddress.ip_network(subnet.cidr)
    )


def make_port(network: rpc.NetworkSpec, *addresses: str, **fields: Any) -> rpc.PortSpec:
    defaults = {
        "id": new_id(),
        "network_id": network.id,
        "mac": make_mac(),
        "project_id": PROJECT,
        "device_id": new_id(),
        "device_owner": "compute:nova",
        "fixed_ips": fixed_ips(network, *addresses),
        "mtu": network.mtu,
    }
    return rpc.PortSpec(**{**defaults, **fields})


def neighbour_of(port: rpc.PortSpec, **fields: Any) -> rpc.NeighbourSpec:
    """Return a port as its neighbours see it."""
    defaults = {
        "id": port.id,
        "network_id": port.network_id,
        "mac": port.mac,
        "fixed_ips": port.fixed_ips,
        "allowed_address_pairs": port.allowed_address_pairs,
        "security_group_ids": port.security_group_ids,
        "device_id": port.device_id,
        "project_id": port.project_id,
    }
    return rpc.NeighbourSpec(**{**defaults, **fields})


def make_rule(
    direction: str = "ingress", ethertype: str = "IPv4", **fields: Any
) -> rpc.SecurityGroupRuleSpec:
    return rpc.SecurityGroupRuleSpec(
        **{"id": new_id(), "direction": direction, "ethertype": ethertype, **fields}
    )


def make_group(*rules: rpc.SecurityGroupRuleSpec, **fields: Any) -> rpc.SecurityGroupSpec:
    """Return a group that lets everything out, and in what the rules say."""
    out = (make_rule("egress"), make_rule("egress", "IPv6"))
    return rpc.SecurityGroupSpec(**{"id": new_id(), "rules": (*out, *rules), **fields})


def make_leg(network: rpc.NetworkSpec, *addresses: str) -> rpc.RouterInterfaceSpec:
    """Return a router's interface; addresses carry their prefix."""
    return rpc.RouterInterfaceSpec(
        port_id=new_id(), network_id=network.id, mac=make_mac(), addresses=addresses
    )


def make_gateway(network: rpc.NetworkSpec, *addresses: str) -> rpc.RouterGatewaySpec:
    gateways = tuple(subnet.gateway_ip for subnet in network.subnets if subnet.gateway_ip)
    return rpc.RouterGatewaySpec(
        port_id=new_id(), network_id=network.id, mac=make_mac(), addresses=addresses, gateway_ips=gateways
    )


def make_router(*interfaces: rpc.RouterInterfaceSpec, **fields: Any) -> rpc.RouterSpec:
    return rpc.RouterSpec(**{"id": new_id(), "project_id": PROJECT, "interfaces": interfaces, **fields})


def make_floating_ip(floating_address: str, fixed_address: str) -> rpc.FloatingIpSpec:
    return rpc.FloatingIpSpec(id=new_id(), floating_address=floating_address, fixed_address=fixed_address)
