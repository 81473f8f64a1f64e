"""Ports: where something is plugged into a network, with its addresses and security groups."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, bindparam, or_, select

from nacre.kernel.db import Page, Transaction, among
from nacre.services.network.db import bindings, standard
from nacre.services.network.db.tables import fixed_ips, networks, port_security_groups, ports
from nacre.services.network.errors import PortNotFound

ROUTER_INTERFACE = "network:router_interface"
ROUTER_GATEWAY = "network:router_gateway"
FLOATING_IP = "network:floatingip"
DHCP = "network:dhcp"
ROUTER_OWNERS = (ROUTER_INTERFACE, ROUTER_GATEWAY)

UNBOUND, BINDING_FAILED, BOUND = "unbound", "binding_failed", "tap"
ACTIVE, DOWN = "ACTIVE", "DOWN"


class FixedIp(msgspec.Struct, frozen=True):
    """One address of a port."""

    subnet_id: str
    ip_address: str


class Port(msgspec.Struct, frozen=True):
    """A port.  `problem` says why it could not be bound, or what its host complains about."""

    id: str
    project_id: str
    description: str
    revision_number: int
    created_at: datetime
    updated_at: datetime
    name: str
    network_id: str
    mac_address: str
    admin_state_up: bool
    status: str
    device_id: str
    device_owner: str
    port_security_enabled: bool
    allowed_address_pairs: list[dict[str, str]]
    extra_dhcp_opts: list[dict[str, Any]]
    dns_name: str
    host: str
    vnic_type: str
    vif_type: str
    vif_details: dict[str, Any]
    profile: dict[str, Any]
    problem: str
    fixed_ips: tuple[FixedIp, ...] = ()
    security_groups: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    further_hosts: tuple[str, ...] = ()
    "Hosts that are ready to carry it too, while its server moves."

    @property
    def is_guests(self) -> bool:
        """Tell whether a guest (or nobody yet) uses it, and not the network service itself."""
        return not self.device_owner.startswith("network:")

    @property
    def is_bound(self) -> bool:
        """Tell whether a host carries it."""
        return self.vif_type == BOUND

    @property
    def carriers(self) -> set[str]:
        """The hosts that carry it for a guest, or are ready to."""
        if not self.is_guests:
            return set()
        return {*self.further_hosts, *((self.host,) if self.is_bound and self.host else ())}


@lru_cache(maxsize=standard.VIEWERS_KEPT)
def visible_to(project_id: str | None) -> ColumnElement[bool] | None:
    """Return the condition that a project may see a port: its own, or on its own network."""
    on_own_network = ports.c.network_id.in_(select(networks.c.id).where(networks.c.project_id == project_id))
    return standard.owned_or(ports, project_id, on_own_network)


_BY_ID = select(ports).where(ports.c.id == bindparam("id"))


def get(tx: Transaction, port_id: str, project_id: str | None = None) -> Port:
    """Return a port that a project may see (None: any), complete."""
    visible = visible_to(project_id)
    query = _BY_ID if visible is None else _BY_ID.where(visible)
    row = tx.one(query, Port, {"id": port_id}, otherwise=PortNotFound(port_id))
    return complete(tx, [row])[0]


def find(tx: Transaction, port_id: str) -> Port | None:
    """Return a port with its addresses and groups, or None."""
    row = tx.find(_BY_ID, Port, {"id": port_id})
    return None if row is None else complete(tx, [row])[0]


_MANY = select(ports).where(among(ports.c.id))
_STALE = _MANY.where(ports.c.host == bindparam("at"), ports.c.status != bindparam("now"))
_NOTE_STATUS = ports.update().where(among(ports.c.id), ports.c.host == bindparam("at"))


def find_many(tx: Transaction, ids: Iterable[str]) -> list[Port]:
    """Return ports by their ids, complete; those that are gone are missing."""
    rows: list[Port] = []
    for some in standard.chunks(ids):
        rows += tx.all(_MANY, Port, {"ids": some})
    return complete(tx, rows)


def index(tx: Transaction, project_id: str | None, wanted: standard.Wanted, asked: Page) -> list[Port]:
    """Return one page of the ports that a project may see."""
    special = {
        "fixed_ips": _address_condition,
        "security_groups": lambda values: ports.c.id.in_(
            select(port_security_groups.c.port_id).where(port_security_groups.c.group_id.in_(values))
        ),
    }
    rows = standard.listing(
        tx, select(ports), Port, ports, wanted, asked, special=special, visible=visible_to(project_id)
    )
    return complete(tx, rows)


def _address_condition(values: list[str]) -> ColumnElement[bool]:
    """Return the condition for `fixed_ips=ip_address=10.0.0.3` and its like; of several of a kind, any."""
    wanted: dict[str, list[str]] = {}
    for value in values:
        key, _, operand = value.partition("=")
        wanted.setdefault(key, []).append(operand)
    theirs = select(fixed_ips.c.port_id)
    if "subnet_id" in wanted:
        theirs = theirs.where(fixed_ips.c.subnet_id.in_(wanted["subnet_id"]))
    alternatives: list[ColumnElement[bool]] = []
    if "ip_address" in wanted:
        alternatives.append(fixed_ips.c.address.in_(wanted["ip_address"]))
    for text in wanted.get("ip_address_substr", ()):
        alternatives.append(fixed_ips.c.address.contains(text, autoescape=True))
    return ports.c.id.in_(theirs.where(or_(*alternatives)) if alternatives else theirs)


_ADDRESSES = (
    select(fixed_ips.c.port_id, fixed_ips.c.subnet_id, fixed_ips.c.address)
    .where(among(fixed_ips.c.port_id))
    .order_by(fixed_ips.c.port_id, fixed_ips.c.number)
)
_MEMBERSHIPS = (
    select(port_security_groups)
    .where(among(port_security_groups.c.port_id))
    .order_by(port_security_groups.c.group_id)
)


def complete(tx: Transaction, rows: list[Port]) -> list[Port]:
    """Add addresses, security groups, tags and further hosts to ports, in four queries for all."""
    ids = [row.id for row in rows]
    addresses: dict[str, list[FixedIp]] = {}
    groups: dict[str, list[str]] = {}
    for some in standard.chunks(ids):
        for port_id, subnet_id, address in standard.rows(tx, _ADDRESSES, {"ids": some}):
            addresses.setdefault(port_id, []).append(FixedIp(subnet_id, address))
        for port_id, group_id in standard.rows(tx, _MEMBERSHIPS, {"ids": some}):
            groups.setdefault(port_id, []).append(group_id)
    tags = standard.tags_of(tx, ids)
    further = bindings.hosts_of(tx, ids)
    return [
        msgspec.structs.replace(
            row,
            fixed_ips=tuple(addresses.get(row.id, ())),
            security_groups=tuple(groups.get(row.id, ())),
            tags=tags.get(row.id, ()),
            further_hosts=further.get(row.id, ()),
        )
        for row in rows
    ]


def with_device(tx: Transaction, device_id: str, *owners: str) -> list[Port]:
    """Return the ports of a device (a router, say), oldest first, complete."""
    query = select(ports).where(ports.c.device_id == device_id)
    if owners:
        query = query.where(ports.c.device_owner.in_(owners))
    return complete(tx, tx.all(query.order_by(ports.c.created_at, ports.c.id), Port))


def of_devices(tx: Transaction, device_ids: Iterable[str], *owners: str) -> list[Port]:
    """Return the ports of several devices, complete."""
    rows: list[Port] = []
    for some in standard.chunks(device_ids):
        query = select(ports).where(ports.c.device_id.in_(some), ports.c.device_owner.in_(owners))
        rows += tx.all(query.order_by(ports.c.created_at, ports.c.id), Port)
    return complete(tx, rows)


def of_network(tx: Transaction, network_id: str, *owners: str) -> list[Port]:
    """Return the ports of a network with one of these owners (all, if none is named), complete."""
    query = select(ports).where(ports.c.network_id == network_id)
    if owners:
        query = query.where(ports.c.device_owner.in_(owners))
    return complete(tx, tx.all(query.order_by(ports.c.id), Port))


def is_network_used(tx: Transaction, network_id: str, *, besides: Iterable[str]) -> bool:
    """Tell whether a network has ports but those with these owners."""
    return tx.exists(
        select(ports.c.id).where(ports.c.network_id == network_id, ports.c.device_owner.not_in(list(besides)))
    )


def projects_on(tx: Transaction, network_id: str) -> set[str]:
    """Return the projects that have ports of their own on a network."""
    query = select(ports.c.project_id).where(
        ports.c.network_id == network_id, ports.c.device_owner.not_in((DHCP, FLOATING_IP, ROUTER_GATEWAY))
    )
    return set(tx.scalars(query.distinct()))


def is_mac_taken(tx: Transaction, network_id: str, mac: str) -> bool:
    """Tell whether a port of this network has a hardware address."""
    return tx.exists(select(ports.c.id).where(ports.c.network_id == network_id, ports.c.mac_address == mac))


def insert(tx: Transaction, values: Mapping[str, Any]) -> bool:
    """Add a port; False when its hardware address is taken on the network, or its id."""
    return tx.insert_if_absent(ports, values)


def lock(tx: Transaction, port_id: str, expected: int | None = None) -> bool:
    """Let nobody else change a port until the transaction ends."""
    return standard.lock(tx, ports, port_id, expected)


def update(tx: Transaction, port_id: str, values: Mapping[str, Any]) -> None:
    """Change a port."""
    standard.revise(tx, ports, port_id, values)


def record_status(
    tx: Transaction, host: str, ids: Iterable[str], status: str, problem: str = ""
) -> list[Port]:
    """Note what a host reports of ports that are bound there; returns those whose status changed."""
    changed: list[Port] = []
    for some in standard.chunks(ids):
        stale = tx.all(_STALE, Port, {"ids": some, "at": host, "now": status})
        if stale:
            which = {"ids": [port.id for port in stale], "at": host}
            tx.execute(_NOTE_STATUS, {**which, "status": status, "problem": problem[:255]})
            changed += stale
    return changed


def legs_among(tx: Transaction, host: str, ids: Iterable[str]) -> set[str]:
    """Return which of these ports are legs of routers that run on a host."""
    found: set[str] = set()
    for some in standard.chunks(ids):
        query = select(ports.c.id).where(
            ports.c.id.in_(some), ports.c.host == host, ports.c.device_owner.in_(ROUTER_OWNERS)
        )
        found.update(tx.scalars(query))
    return found


def set_groups(tx: Transaction, port_id: str, group_ids: Iterable[str]) -> None:
    """Put a port into these security groups and no others."""
    tx.delete(port_security_groups, {"port_id": port_id})
    tx.insert_all(
        port_security_groups,
        [{"port_id": port_id, "group_id": group_id} for group_id in dict.fromkeys(group_ids)],
    )


def delete(tx: Transaction, port_id: str) -> None:
    """Remove a port with its addresses, memberships and tags."""
    tx.delete(fixed_ips, {"port_id": port_id})
    tx.delete(port_security_groups, {"port_id": port_id})
    standard.set_tags(tx, port_id, ())
    bindings.forget(tx, port_id)
    tx.delete(ports, port_id)


_IS_GUESTS = ports.c.device_owner.not_like("network:%")


def bound_to(tx: Transaction, host: str) -> list[Port]:
    """Return the guests' ports that a host carries or is ready to carry, complete."""
    query = select(ports).where(ports.c.host == host, ports.c.vif_type == BOUND, _IS_GUESTS)
    carried = complete(tx, tx.all(query.order_by(ports.c.id), Port))
    return carried + find_many(tx, bindings.ports_on(tx, host))


_ON_HOST = select(ports.c.id).where(ports.c.host == bindparam("host"), ports.c.vif_type == BOUND, _IS_GUESTS)
_NETWORK_ON = _ON_HOST.where(ports.c.network_id == bindparam("id"))
_GROUP_ON = _ON_HOST.join(port_security_groups, port_security_groups.c.port_id == ports.c.id).where(
    port_security_groups.c.group_id == bindparam("id")
)


def networks_on(tx: Transaction, network_id: str, host: str) -> bool:
    """Tell whether a host carries a guest's port of a network, or is ready to."""
    which = {"host": host, "id": network_id}
    return bindings.network_on(tx, network_id, host) or tx.exists(_NETWORK_ON, which)


def group_on(tx: Transaction, group_id: str, host: str) -> bool:
    """Tell whether a host carries a port that is in a security group, or is ready to."""
    return bindings.group_on(tx, group_id, host) or tx.exists(_GROUP_ON, {"host": host, "id": group_id})


def neighbours(
    tx: Transaction, *, network_ids: Iterable[str] = (), group_ids: Iterable[str] = ()
) -> list[Port]:
    """Return all ports of some networks and all members of some groups, complete, each once."""
    rows: dict[str, Port] = {}
    for some in standard.chunks(network_ids):
        for row in tx.all(select(ports).where(ports.c.network_id.in_(some)), Port):
            rows[row.id] = row
    for some in standard.chunks(group_ids):
        members = select(port_security_groups.c.port_id).where(port_security_groups.c.group_id.in_(some))
        for row in tx.all(select(ports).where(ports.c.id.in_(members)), Port):
            rows[row.id] = row
    return complete(tx, list(rows.values()))


def neighbour_ids(
    tx: Transaction, *, network_ids: Iterable[str] = (), group_ids: Iterable[str] = ()
) -> set[str]:
    """Return the ids of all ports of some networks and of all members of some groups."""
    found: set[str] = set()
    for some in standard.chunks(network_ids):
        found.update(tx.scalars(select(ports.c.id).where(ports.c.network_id.in_(some))))
    for some in standard.chunks(group_ids):
        members = select(port_security_groups.c.port_id).where(port_security_groups.c.group_id.in_(some))
        found.update(tx.scalars(members))
    return found


def is_group_used(tx: Transaction, group_id: str) -> bool:
    """Tell whether any port is in a security group."""
    return tx.exists(
        select(port_security_groups.c.port_id).where(port_security_groups.c.group_id == group_id)
    )


def count(tx: Transaction, project_id: str) -> int:
    """Count a project's ports."""
    return tx.count(ports, ports.c.project_id == project_id)
