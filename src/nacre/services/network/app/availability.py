"""How many addresses of a network can be given out, and how many are taken."""

from collections.abc import Sequence
from ipaddress import ip_address
from typing import Any

from nacre.kernel.context import Context
from nacre.kernel.db import Page, Transaction
from nacre.services.network.db import addresses, networks, standard, subnets
from nacre.services.network.db.networks import Network
from nacre.services.network.db.subnets import Subnet

Availability = dict[str, Any]


def get(ctx: Context, network_id: str, *, ip_version: int | None = None) -> Availability:
    """Count one network's addresses."""

    def read(tx: Transaction) -> Availability:
        return _count(tx, [networks.get(tx, network_id)], ip_version)[0]

    return ctx.db.read(read)


def index(
    ctx: Context, wanted: standard.Wanted, page: Page, *, ip_version: int | None = None
) -> list[Availability]:
    """Count the addresses of networks that have subnets."""

    def read(tx: Transaction) -> list[Availability]:
        found = networks.index(tx, None, ctx.project_id, wanted, page)
        return _count(tx, [network for network in found if network.subnets], ip_version)

    return ctx.db.read(read)


def _count(tx: Transaction, found: Sequence[Network], ip_version: int | None) -> list[Availability]:
    children: dict[str, list[Subnet]] = {}
    for subnet in subnets.of_networks(tx, (network.id for network in found)):
        if ip_version in (None, subnet.ip_version):
            children.setdefault(subnet.network_id, []).append(subnet)
    used = addresses.counts(tx, (subnet.id for group in children.values() for subnet in group))
    return [_shown(network, children.get(network.id, []), used) for network in found]


def _shown(network: Network, children: Sequence[Subnet], used: dict[str, int]) -> Availability:
    parts = [
        {
            "subnet_id": subnet.id, "ip_version": subnet.ip_version, "cidr": subnet.cidr,
            "subnet_name": subnet.name, "total_ips": _size(subnet), "used_ips": used.get(subnet.id, 0),
        }
        for subnet in children
    ]  # fmt: skip
    return {
        "network_id": network.id, "network_name": network.name, "project_id": network.project_id,
        "tenant_id": network.project_id, "total_ips": sum(part["total_ips"] for part in parts),
        "used_ips": sum(part["used_ips"] for part in parts), "subnet_ip_availability": parts,
    }  # fmt: skip


def _size(subnet: Subnet) -> int:
    return sum(
        int(ip_address(pool.end)) - int(ip_address(pool.start)) + 1 for pool in subnet.allocation_pools
    )
