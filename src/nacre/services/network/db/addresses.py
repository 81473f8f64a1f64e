"""Addresses: who has which, and which is the next free one.

A pool remembers where the last search ended, so that finding a free address usually looks at one place,
however many are taken, and an address that was given back rests for a while.  The search happens while
the subnet's row is locked; the unique key (subnet, address) stands behind it all the same.
"""

from collections.abc import Iterable

import msgspec
from sqlalchemy import bindparam, func, not_, select

from nacre.kernel.db import Transaction
from nacre.services.network.db import standard
from nacre.services.network.db.subnets import Subnet
from nacre.services.network.db.tables import allocation_pools, fixed_ips, ports


class Address(msgspec.Struct, frozen=True):
    """An address of a port."""

    subnet_id: str
    address: str
    port_id: str


class _PoolRow(msgspec.Struct, frozen=True):
    id: int
    first_place: int
    last_place: int
    next_place: int


def take(tx: Transaction, subnet: Subnet, address: str, port_id: str, number: int) -> bool:
    """Take this very address; False when somebody has it."""
    return tx.insert_if_absent(
        fixed_ips,
        {
            "subnet_id": subnet.id,
            "address": address,
            "place": subnet.place_of(address),
            "port_id": port_id,
            "number": number,
        },
    )


def take_free(tx: Transaction, subnet: Subnet, port_id: str, number: int) -> str | None:
    """Take the next free address of the subnet's pools; None when all are taken.  The subnet is locked."""
    for pool in tx.all(_POOLS, _PoolRow, {"subnet_id": subnet.id}):
        while (place := _free_in(tx, subnet.id, pool)) is not None:
            address = subnet.address_at(place)
            taken = take(tx, subnet, address, port_id, number)
            following = place + 1 if place < pool.last_place else pool.first_place
            tx.update(allocation_pools, pool.id, {"next_place": following})
            if taken:
                return address
            pool = msgspec.structs.replace(pool, next_place=following)
    return None


def _free_in(tx: Transaction, subnet_id: str, pool: _PoolRow) -> int | None:
    """Return the first free place behind the last search's end, or else from the beginning."""
    place = _free_between(tx, subnet_id, pool.next_place, pool.last_place)
    if place is None and pool.next_place > pool.first_place:
        place = _free_between(tx, subnet_id, pool.first_place, pool.next_place - 1)
    return place


def _free_between(tx: Transaction, subnet_id: str, first: int, last: int) -> int | None:
    if first > last:
        return None
    here = {"subnet_id": subnet_id, "first": first}
    if not tx.exists(_AT, here):
        return first
    found = tx.scalar(_GAP, {**here, "last": last})
    return None if found is None else int(found)


_POOLS = (
    select(allocation_pools)
    .where(allocation_pools.c.subnet_id == bindparam("subnet_id"))
    .order_by(allocation_pools.c.id)
)
_OF_SUBNET = fixed_ips.c.subnet_id == bindparam("subnet_id")
_AT = select(fixed_ips.c.place).where(_OF_SUBNET, fixed_ips.c.place == bindparam("first"))
_following = fixed_ips.alias()
_NEXT_IS_TAKEN = (
    select(_following.c.place)
    .where(_following.c.subnet_id == fixed_ips.c.subnet_id, _following.c.place == fixed_ips.c.place + 1)
    .exists()
)
_GAP = (
    select(fixed_ips.c.place + 1)
    .where(
        _OF_SUBNET,
        fixed_ips.c.place >= bindparam("first"),
        fixed_ips.c.place < bindparam("last"),
        not_(_NEXT_IS_TAKEN),
    )
    .order_by(fixed_ips.c.place)
    .limit(1)
)


def release(tx: Transaction, port_id: str, address: str | None = None) -> None:
    """Give back one address of a port, or all of them."""
    which = fixed_ips.c.port_id == port_id
    tx.delete(fixed_ips, which if address is None else which & (fixed_ips.c.address == address))


def of_subnet(tx: Transaction, subnet_id: str, *, limit: int = 1000) -> list[Address]:
    """Return addresses of a subnet that are taken."""
    return tx.all(select(fixed_ips).where(fixed_ips.c.subnet_id == subnet_id).limit(limit), Address)


def port_with(tx: Transaction, subnet_id: str, address: str) -> str | None:
    """Return the id of the port that has an address."""
    return tx.scalar(
        select(fixed_ips.c.port_id).where(fixed_ips.c.subnet_id == subnet_id, fixed_ips.c.address == address)
    )


def subnet_of(tx: Transaction, network_id: str, address: str) -> str | None:
    """Return the subnet of a network on which an address is taken."""
    return tx.scalar(
        select(fixed_ips.c.subnet_id)
        .join(ports, ports.c.id == fixed_ips.c.port_id)
        .where(fixed_ips.c.address == address, ports.c.network_id == network_id)
    )


def is_used(tx: Transaction, subnet_id: str, *, besides: Iterable[str] = (), by: Iterable[str] = ()) -> bool:
    """Tell whether ports have addresses on a subnet: ports of all owners besides some, or `by` some only."""
    query = (
        select(ports.c.id)
        .join(fixed_ips, fixed_ips.c.port_id == ports.c.id)
        .where(fixed_ips.c.subnet_id == subnet_id, ports.c.device_owner.not_in(list(besides)))
    )
    owners = list(by)
    return tx.exists(query.where(ports.c.device_owner.in_(owners)) if owners else query)


def counts(tx: Transaction, subnet_ids: Iterable[str]) -> dict[str, int]:
    """Count the addresses that are taken on each subnet."""
    found: dict[str, int] = {}
    for some in standard.chunks(subnet_ids):
        query = (
            select(fixed_ips.c.subnet_id, func.count())
            .where(fixed_ips.c.subnet_id.in_(some))
            .group_by(fixed_ips.c.subnet_id)
        )
        found.update((subnet_id, count) for subnet_id, count in standard.rows(tx, query))
    return found
