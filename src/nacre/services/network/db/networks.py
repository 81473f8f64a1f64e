"""Networks and what they are made of on the wire."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, bindparam, not_, or_, select

from nacre.kernel.db import Page, Transaction, among
from nacre.services.network.db import rbac, segments, standard
from nacre.services.network.db.tables import dhcp_servers, networks, subnet_pools, subnets
from nacre.services.network.errors import NetworkNotFound

OBJECT = "network"


class Network(msgspec.Struct, frozen=True):
    """A network.  `shared` is meant for whoever asked."""

    id: str
    project_id: str
    description: str
    revision_number: int
    created_at: datetime
    updated_at: datetime
    name: str
    admin_state_up: bool
    kind: str
    physical_network: str | None
    segmentation_id: int | None
    mtu: int
    external: bool
    is_default: bool
    port_security_enabled: bool
    dns_domain: str
    availability_zone_hints: tuple[str, ...]
    subnets: tuple[str, ...] = ()
    is_served: bool = False
    address_scopes: dict[int, str] = {}
    shared: bool = False
    tags: tuple[str, ...] = ()

    @property
    def status(self) -> str:
        """A network has nothing that could fail; its ports do."""
        return "ACTIVE"


@lru_cache(maxsize=standard.VIEWERS_KEPT)
def visible_to(project_id: str | None) -> ColumnElement[bool] | None:
    """Return the condition that a project may see a network; None for those who see all."""
    return standard.owned_or(
        networks, project_id, rbac.granted(networks, OBJECT, project_id, rbac.SHARED, rbac.EXTERNAL)
    )


_BY_ID = select(networks).where(networks.c.id == bindparam("id"))
_MANY = select(networks).where(among(networks.c.id))


def get(tx: Transaction, network_id: str, project_id: str | None = None) -> Network:
    """Return a network that a project may see (None: any)."""
    visible = visible_to(project_id)
    query = _BY_ID if visible is None else _BY_ID.where(visible)
    return tx.one(query, Network, {"id": network_id}, otherwise=NetworkNotFound(network_id))


def show(tx: Transaction, network_id: str, project_id: str | None, viewer: str | None) -> Network:
    """Return a network with everything that is shown of it; `viewer` is whose `shared` is meant."""
    return complete(tx, [get(tx, network_id, project_id)], viewer)[0]


def find_many(tx: Transaction, ids: Iterable[str]) -> dict[str, Network]:
    """Return networks by their ids; those that are gone are missing."""
    found: dict[str, Network] = {}
    for some in standard.chunks(ids):
        for network in tx.all(_MANY, Network, {"ids": some}):
            found[network.id] = network
    return found


_OF_KIND = select(networks.c.id).where(among(networks.c.id), networks.c.kind == bindparam("of_kind"))


def of_kind(tx: Transaction, ids: Iterable[str], kind: str) -> set[str]:
    """Return which of these networks are of a kind."""
    found: set[str] = set()
    for some in standard.chunks(ids):
        found.update(tx.scalars(_OF_KIND, {"ids": some, "of_kind": kind}))
    return found


def index(
    tx: Transaction,
    project_id: str | None,
    viewer: str | None,
    wanted: standard.Wanted,
    asked: Page,
) -> list[Network]:
    """Return one page of the networks that a project may see."""
    special = {
        "shared": lambda values: _any_truth(rbac.granted(networks, OBJECT, viewer, rbac.SHARED), values),
        "subnets": lambda values: networks.c.id.in_(
            select(subnets.c.network_id).where(subnets.c.id.in_(values))
        ),
        "status": lambda values: (
            networks.c.id.is_not(None) if "ACTIVE" in values else networks.c.id.is_(None)
        ),
    }
    rows = standard.listing(
        tx,
        select(networks),
        Network,
        networks,
        wanted,
        asked,
        special=special,
        visible=visible_to(project_id),
    )
    return complete(tx, rows, viewer)


def _any_truth(holds: ColumnElement[bool], values: list[bool]) -> ColumnElement[bool]:
    return or_(*[holds if value else not_(holds) for value in values])


_SUBNETS = (
    select(subnets.c.network_id, subnets.c.id)
    .where(among(subnets.c.network_id))
    .order_by(subnets.c.created_at, subnets.c.id)
)
_SCOPES = (
    select(subnets.c.network_id, subnets.c.ip_version, subnet_pools.c.address_scope_id)
    .join(subnet_pools, subnet_pools.c.id == subnets.c.subnetpool_id)
    .where(among(subnets.c.network_id), subnet_pools.c.address_scope_id.is_not(None))
)
_SERVED = select(dhcp_servers.c.network_id).where(among(dhcp_servers.c.network_id))


def complete(tx: Transaction, rows: list[Network], viewer: str | None) -> list[Network]:
    """Add subnets, address scopes, sharing and tags to networks, in five queries for all."""
    ids = [row.id for row in rows]
    children: dict[str, list[str]] = {}
    scopes: dict[str, dict[int, str]] = {}
    served: set[str] = set()
    for some in standard.chunks(ids):
        for network_id, subnet_id in standard.rows(tx, _SUBNETS, {"ids": some}):
            children.setdefault(network_id, []).append(subnet_id)
        for network_id, version, scope_id in standard.rows(tx, _SCOPES, {"ids": some}):
            scopes.setdefault(network_id, {})[version] = scope_id
        served.update(tx.scalars(_SERVED, {"ids": some}))
    shared = rbac.shared_ids(tx, OBJECT, ids, viewer)
    tags = standard.tags_of(tx, ids)
    return [
        msgspec.structs.replace(
            row,
            subnets=tuple(children.get(row.id, ())),
            address_scopes=scopes.get(row.id, {}),
            is_served=row.id in served,
            shared=row.id in shared,
            tags=tags.get(row.id, ()),
        )
        for row in rows
    ]


def insert(tx: Transaction, values: Mapping[str, Any]) -> None:
    """Add a network; its segment is claimed already."""
    tx.insert(networks, values)


def update(tx: Transaction, network_id: str, values: Mapping[str, Any]) -> None:
    """Change a network."""
    standard.revise(tx, networks, network_id, values)


def lock(tx: Transaction, network_id: str, expected: int | None = None) -> bool:
    """Let nobody else add subnets to a network, or delete it, until the transaction ends."""
    return standard.lock(tx, networks, network_id, expected)


def delete(tx: Transaction, network_id: str) -> None:
    """Remove a network with its segment, permissions and tags; subnets and ports are gone already."""
    segments.release(tx, network_id)
    rbac.forget(tx, OBJECT, network_id)
    standard.set_tags(tx, network_id, ())
    tx.delete(networks, network_id)


def default_external(tx: Transaction) -> Network | None:
    """Return the external network that is used where none is named."""
    return tx.find(select(networks).where(networks.c.is_default, networks.c.external), Network)


def count(tx: Transaction, project_id: str) -> int:
    """Count a project's networks."""
    return tx.count(networks, networks.c.project_id == project_id)
