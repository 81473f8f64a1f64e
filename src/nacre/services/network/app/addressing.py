"""Which addresses a port gets: those that were asked for, or one of each kind that its network has.

A subnet whose guests number themselves (SLAAC) gives a guest's port exactly the address that follows from
its hardware address, and gives it unasked.  From every other subnet an address is taken out of the pools.
Subnets are locked in the order of their ids, so that two ports never wait for each other.
"""

from collections.abc import Mapping, Sequence
from ipaddress import ip_address

from nacre.kernel.db import Transaction
from nacre.services.network.app import macs
from nacre.services.network.db import addresses, subnets
from nacre.services.network.db.ports import ROUTER_OWNERS, FixedIp, Port
from nacre.services.network.db.subnets import Subnet
from nacre.services.network.errors import (
    AllocationOnAutoAddressSubnet,
    InvalidInput,
    InvalidIpForNetwork,
    InvalidIpForSubnet,
    IpAddressAlreadyAllocated,
    IpAddressGenerationFailure,
    SubnetNotFound,
)

Wish = Mapping[str, str]
"""What a request says of one address: `subnet_id`, `ip_address`, or both."""


def assign(
    tx: Transaction,
    *,
    port_id: str,
    network_id: str,
    mac: str,
    device_owner: str,
    wishes: Sequence[Wish] | None,
) -> tuple[FixedIp, ...]:
    """Give a new port its addresses.

    Raises IpAddressGenerationFailure when the network has subnets but no free address on them.
    """
    known = subnets.of_network(tx, network_id)
    if wishes is not None and not wishes:
        return ()
    chosen: list[tuple[Subnet, str | None]] = []
    if wishes is None:
        candidates = [subnet for subnet in known if _serves(subnet, device_owner)]
        if known and not candidates:
            raise IpAddressGenerationFailure(network_id)
    else:
        candidates = []
        chosen = [_resolve(wish, known, network_id, mac, device_owner) for wish in wishes]
    _refuse_repetition(chosen)
    if device_owner not in ROUTER_OWNERS:
        chosen += _self_numbered(known, chosen, mac, device_owner)
    _lock(tx, {subnet.id for subnet, _ in chosen} | {subnet.id for subnet in candidates})
    taken: list[FixedIp] = []
    for subnet, address in chosen:
        taken.append(_take(tx, subnet, address, port_id, network_id, len(taken)))
    for version in (4, 6):
        pools = [s for s in candidates if s.ip_version == version and not _numbers_itself(s, device_owner)]
        if pools:
            taken.append(_take_from_any(tx, pools, port_id, network_id, len(taken)))
    return tuple(taken)


def reassign(
    tx: Transaction, port: Port, wishes: Sequence[Wish], *, mac: str, device_owner: str
) -> tuple[FixedIp, ...]:
    """Give an existing port other addresses; those that fit a wish are kept."""
    known = subnets.of_network(tx, port.network_id)
    chosen = [_resolve(wish, known, port.network_id, mac, device_owner) for wish in wishes]
    _refuse_repetition(chosen)
    if wishes and device_owner not in ROUTER_OWNERS:
        chosen += _self_numbered(known, chosen, mac, device_owner)
    left = list(port.fixed_ips)
    kept: list[FixedIp | None] = []
    for subnet, address in chosen:
        match = next((ip for ip in left if _fits(ip, subnet, address, chosen)), None)
        if match:
            left.remove(match)
        kept.append(match)
    _lock(tx, {subnet.id for subnet, _ in chosen})
    for gone in left:
        addresses.release(tx, port.id, gone.ip_address)
    result = []
    for number, ((subnet, address), fixed_ip) in enumerate(zip(chosen, kept, strict=True)):
        result.append(fixed_ip or _take(tx, subnet, address, port.id, port.network_id, number + 100))
    return tuple(result)


def _fits(
    fixed_ip: FixedIp, subnet: Subnet, address: str | None, chosen: list[tuple[Subnet, str | None]]
) -> bool:
    """Tell whether a port's address fits a wish (and was not asked for by another wish in so many words)."""
    if address is not None:
        return fixed_ip.ip_address == address
    asked_for = any(fixed_ip.ip_address == other for _, other in chosen)
    return fixed_ip.subnet_id == subnet.id and not asked_for


def _serves(subnet: Subnet, device_owner: str) -> bool:
    """Tell whether ports of this owner get addresses of a subnet unasked."""
    if not subnet.service_types:
        return True
    return any(device_owner.startswith(prefix) for prefix in subnet.service_types)


def _numbers_itself(subnet: Subnet, device_owner: str) -> bool:
    """Tell whether a port of this owner chooses its own address on a subnet."""
    return subnet.is_automatic and device_owner not in ROUTER_OWNERS


def _self_numbered(
    known: list[Subnet], chosen: list[tuple[Subnet, str | None]], mac: str, device_owner: str
) -> list[tuple[Subnet, str | None]]:
    """Return the addresses that a guest gives itself on subnets which nobody named."""
    named = {subnet.id for subnet, _ in chosen}
    return [
        (subnet, macs.eui64(subnet.cidr, mac))
        for subnet in known
        if subnet.is_automatic and subnet.id not in named and _serves(subnet, device_owner)
    ]


def _resolve(
    wish: Wish, known: list[Subnet], network_id: str, mac: str, device_owner: str
) -> tuple[Subnet, str | None]:
    """Return the subnet that a wish means, and the very address if there is no choice."""
    subnet_id, address = wish.get("subnet_id"), wish.get("ip_address")
    if subnet_id is not None:
        subnet = next((each for each in known if each.id == subnet_id), None)
        if subnet is None:
            raise _stranger(subnet_id, network_id)
        if address is not None and not is_usable(subnet, address):
            raise InvalidIpForSubnet(address)
    elif address is not None:
        subnet = next((each for each in known if ip_address(address) in each.net), None)
        if subnet is None:
            raise InvalidIpForNetwork(address)
        if not is_usable(subnet, address):
            raise InvalidIpForSubnet(address)
    else:
        raise InvalidInput("IP allocation requires subnet_id or ip_address")
    if not _numbers_itself(subnet, device_owner):
        return subnet, address
    own = macs.eui64(subnet.cidr, mac)
    if address is not None and address != own:
        raise AllocationOnAutoAddressSubnet(address, subnet.id)
    return subnet, own


def _stranger(subnet_id: str, network_id: str) -> InvalidInput:
    return InvalidInput(
        f"Failed to create port on network {network_id}, because fixed_ips included invalid subnet "
        f"{subnet_id}"
    )


def is_usable(subnet: Subnet, address: str) -> bool:
    """Tell whether a port may have an address of a subnet: not the network's own, nor its broadcast."""
    parsed = ip_address(address)
    if parsed not in subnet.net:
        return False
    if subnet.ip_version == 4:
        if subnet.net.prefixlen >= 31:
            return True
        return parsed not in (subnet.net.network_address, subnet.net.broadcast_address)
    return subnet.net.prefixlen >= 127 or parsed != subnet.net.network_address


def _refuse_repetition(chosen: list[tuple[Subnet, str | None]]) -> None:
    named = [address for _, address in chosen if address is not None]
    if len(set(named)) != len(named):
        raise InvalidInput("Duplicate IP address detected")


def _lock(tx: Transaction, subnet_ids: set[str]) -> None:
    """Lock subnets in a fixed order; SubnetNotFound if one went away meanwhile."""
    for subnet_id in sorted(subnet_ids):
        if not subnets.lock(tx, subnet_id):
            raise SubnetNotFound(subnet_id)


def _take(
    tx: Transaction, subnet: Subnet, address: str | None, port_id: str, network_id: str, number: int
) -> FixedIp:
    if address is None:
        address = addresses.take_free(tx, subnet, port_id, number)
        if address is None:
            raise IpAddressGenerationFailure(network_id)
    elif not addresses.take(tx, subnet, address, port_id, number):
        raise IpAddressAlreadyAllocated(address, subnet.id)
    return FixedIp(subnet.id, address)


def _take_from_any(
    tx: Transaction, pools: list[Subnet], port_id: str, network_id: str, number: int
) -> FixedIp:
    """Take an address of the first subnet that has a free one."""
    for subnet in pools:
        address = addresses.take_free(tx, subnet, port_id, number)
        if address is not None:
            return FixedIp(subnet.id, address)
    raise IpAddressGenerationFailure(network_id)
