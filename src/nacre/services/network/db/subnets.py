"""Subnets: ranges of addresses on networks, and the pools in them from which addresses are given out."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cached_property, lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, exists, or_, select

from nacre.kernel.db import Page, Transaction, among
from nacre.services.network.db import rbac, standard
from nacre.services.network.db.tables import allocation_pools, networks, subnets
from nacre.services.network.errors import SubnetNotFound

AUTOMATIC = ("slaac", "dhcpv6-stateless")
LAST_PLACE = 2**63 - 1
"""The farthest place from which an address is given out by itself; even a /64 has no need of more."""


class Pool(msgspec.Struct, frozen=True):
    """A range from which addresses are given out, both ends included."""

    start: str
    end: str


class Subnet(msgspec.Struct, frozen=True, dict=True):
    """A subnet."""

    id: str
    project_id: str
    description: str
    revision_number: int
    created_at: datetime
    updated_at: datetime
    name: str
    network_id: str
    ip_version: int
    cidr: str
    gateway_ip: str | None
    enable_dhcp: bool
    dns_nameservers: tuple[str, ...]
    host_routes: list[dict[str, str]]
    service_types: tuple[str, ...]
    ipv6_ra_mode: str | None
    ipv6_address_mode: str | None
    subnetpool_id: str | None
    allocation_pools: tuple[Pool, ...] = ()
    external: bool = False
    tags: tuple[str, ...] = ()

    @cached_property
    def net(self) -> IPv4Network | IPv6Network:
        """The range as arithmetic sees it."""
        return ip_network(self.cidr)

    @property
    def is_automatic(self) -> bool:
        """Tell whether guests choose their address by their hardware address (SLAAC)."""
        return self.ipv6_address_mode in AUTOMATIC

    def place_of(self, address: str) -> int | None:
        """Return an address's distance from the first; None where that does not fit into 63 bits."""
        place = int(ip_address(address)) - int(self.net.network_address)
        return place if 0 <= place <= LAST_PLACE else None

    def address_at(self, place: int) -> str:
        """Return the address at a distance from the first."""
        return str(self.net.network_address + place)


@lru_cache(maxsize=standard.VIEWERS_KEPT)
def visible_to(project_id: str | None) -> ColumnElement[bool] | None:
    """Return the condition that a project may see a subnet: its own, or of a network that it may see."""
    if project_id is None:
        return None
    of_visible_network = exists().where(
        networks.c.id == subnets.c.network_id,
        or_(
            networks.c.project_id == project_id,
            rbac.granted(networks, "network", project_id, rbac.SHARED, rbac.EXTERNAL),
        ),
    )
    return standard.owned_or(subnets, project_id, of_visible_network)


def get(tx: Transaction, subnet_id: str, project_id: str | None = None) -> Subnet:
    """Return a subnet that a project may see (None: any), with its pools and tags."""
    query = select(subnets).where(subnets.c.id == subnet_id)
    visible = visible_to(project_id)
    row = tx.one(
        query if visible is None else query.where(visible), Subnet, otherwise=SubnetNotFound(subnet_id)
    )
    return complete(tx, [row])[0]


def index(
    tx: Transaction, project_id: str | None, viewer: str | None, wanted: standard.Wanted, asked: Page
) -> list[Subnet]:
    """Return one page of the subnets that a project may see."""

    def external(values: list[bool]) -> ColumnElement[bool]:
        of_external = subnets.c.network_id.in_(select(networks.c.id).where(networks.c.external))
        return or_(*[of_external if value else ~of_external for value in values])

    def shared(values: list[bool]) -> ColumnElement[bool]:
        on_shared = exists().where(
            networks.c.id == subnets.c.network_id, rbac.granted(networks, "network", viewer, rbac.SHARED)
        )
        return or_(*[on_shared if value else ~on_shared for value in values])

    rows = standard.listing(
        tx, select(subnets), Subnet, subnets, wanted, asked,
        special={"shared": shared, "external": external}, visible=visible_to(project_id),
    )  # fmt: skip
    return complete(tx, rows)


def of_network(tx: Transaction, network_id: str) -> list[Subnet]:
    """Return a network's subnets with their pools, oldest first."""
    return of_networks(tx, [network_id])


_OF_NETWORKS = select(subnets).where(among(subnets.c.network_id)).order_by(subnets.c.created_at, subnets.c.id)


def of_networks(tx: Transaction, network_ids: Iterable[str]) -> list[Subnet]:
    """Return the subnets of several networks with their pools, oldest first."""
    rows: list[Subnet] = []
    for some in standard.chunks(network_ids):
        rows += tx.all(_OF_NETWORKS, Subnet, {"ids": some})
    return complete(tx, rows)


def find_many(tx: Transaction, ids: Iterable[str]) -> dict[str, Subnet]:
    """Return subnets by their ids, without pools and tags; those that are gone are missing."""
    found: dict[str, Subnet] = {}
    for some in standard.chunks(ids):
        for subnet in tx.all(select(subnets).where(subnets.c.id.in_(some)), Subnet):
            found[subnet.id] = subnet
    return found


def of_pool(tx: Transaction, pool_id: str) -> list[Subnet]:
    """Return the subnets whose ranges came from a subnet pool."""
    return tx.all(select(subnets).where(subnets.c.subnetpool_id == pool_id), Subnet)


_EXTERNAL = select(networks.c.id).where(among(networks.c.id), networks.c.external)
_POOLS = (
    select(allocation_pools.c.subnet_id, allocation_pools.c.first_ip, allocation_pools.c.last_ip)
    .where(among(allocation_pools.c.subnet_id))
    .order_by(allocation_pools.c.id)
)


def complete(tx: Transaction, rows: list[Subnet]) -> list[Subnet]:
    """Add pools, tags and whether the network is external to subnets, in three queries for all."""
    ids = [row.id for row in rows]
    external: set[str] = set()
    for some in standard.chunks(row.network_id for row in rows):
        external.update(tx.scalars(_EXTERNAL, {"ids": some}))
    pools: dict[str, list[Pool]] = {}
    for some in standard.chunks(ids):
        for subnet_id, first, last in standard.rows(tx, _POOLS, {"ids": some}):
            pools.setdefault(subnet_id, []).append(Pool(first, last))
    tags = standard.tags_of(tx, ids)
    return [
        msgspec.structs.replace(
            row,
            allocation_pools=tuple(pools.get(row.id, ())),
            external=row.network_id in external,
            tags=tags.get(row.id, ()),
        )
        for row in rows
    ]


def insert(tx: Transaction, values: Mapping[str, Any]) -> None:
    """Add a subnet."""
    tx.insert(subnets, values)


def set_pools(tx: Transaction, subnet: Subnet, pools: Iterable[Pool]) -> None:
    """Give addresses out from these ranges and no others."""
    tx.delete(allocation_pools, {"subnet_id": subnet.id})
    rows = []
    for pool in pools:
        first = subnet.place_of(pool.start)
        last = subnet.place_of(pool.end)
        if first is None:  # beyond all that is ever given out
            first, last = LAST_PLACE, LAST_PLACE - 1
        rows.append(
            {
                "subnet_id": subnet.id,
                "first_ip": pool.start,
                "last_ip": pool.end,
                "first_place": first,
                "last_place": LAST_PLACE if last is None else last,
                "next_place": first,
            }
        )
    tx.insert_all(allocation_pools, rows)


def update(tx: Transaction, subnet_id: str, values: Mapping[str, Any]) -> None:
    """Change a subnet."""
    standard.revise(tx, subnets, subnet_id, values)


def lock(tx: Transaction, subnet_id: str, expected: int | None = None) -> bool:
    """Let nobody else take addresses of a subnet, or delete it, until the transaction ends."""
    return standard.lock(tx, subnets, subnet_id, expected)


def delete(tx: Transaction, subnet_id: str) -> None:
    """Remove a subnet with its pools and tags; addresses are gone already."""
    tx.delete(allocation_pools, {"subnet_id": subnet_id})
    standard.set_tags(tx, subnet_id, ())
    tx.delete(subnets, subnet_id)


def count(tx: Transaction, project_id: str) -> int:
    """Count a project's subnets."""
    return tx.count(subnets, subnets.c.project_id == project_id)
