"""Allocation pools as arithmetic: which ranges of a subnet may be given out."""

from collections.abc import Sequence
from ipaddress import ip_address, ip_network

from nacre.services.network.db.subnets import Pool
from nacre.services.network.errors import (
    InvalidAllocationPool,
    OutOfBoundsAllocationPool,
    OverlappingAllocationPools,
)


def whole(cidr: str, gateway: str | None) -> list[Pool]:
    """Return the pools of a subnet for which none were named: all of it but for the gateway.

    The first address of a subnet is never given out, nor IPv4's broadcast address.
    """
    net = ip_network(cidr)
    make = type(net.network_address)
    first, last = int(net.network_address), int(net.network_address) + net.num_addresses - 1
    if net.num_addresses > 2:
        first += 1
        last -= 1 if net.version == 4 else 0
    hole = (
        int(ip_address(gateway))
        if gateway is not None and ip_address(gateway).version == net.version
        else None
    )
    pieces = [(first, last)]
    if hole is not None and first <= hole <= last:
        pieces = [(first, hole - 1), (hole + 1, last)]
    return [Pool(str(make(start)), str(make(end))) for start, end in pieces if start <= end]


def checked(cidr: str, wanted: Sequence[dict[str, str]]) -> list[Pool]:
    """Return the pools that were named, once they lie within the subnet and do not overlap."""
    net = ip_network(cidr)
    pools = []
    for item in wanted:
        start, end = ip_address(item["start"]), ip_address(item["end"])
        text = f"{start}-{end}"
        if start.version != net.version or end.version != net.version or int(start) > int(end):
            raise InvalidAllocationPool(text)
        highest = int(net.network_address) + net.num_addresses - 1
        lowest = int(net.network_address)
        if net.num_addresses > 2:
            lowest += 1
            highest -= 1 if net.version == 4 else 0
        if int(start) < lowest or int(end) > highest:
            raise OutOfBoundsAllocationPool(text, cidr)
        pools.append((int(start), int(end), Pool(str(start), str(end))))
    ordered = sorted(pools, key=lambda pool: pool[0])
    for one, other in zip(ordered, ordered[1:], strict=False):
        if other[0] <= one[1]:
            raise OverlappingAllocationPools(
                f"{one[2].start}-{one[2].end}", f"{other[2].start}-{other[2].end}", cidr
            )
    return [pool for _, _, pool in pools]
