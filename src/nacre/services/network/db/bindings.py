"""Bindings of ports to further hosts, beside the active one that the port itself has."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from sqlalchemy import bindparam, select

from nacre.kernel.db import Transaction
from nacre.kernel.db import among as one_of
from nacre.services.network.db import standard
from nacre.services.network.db.tables import port_bindings, port_security_groups

BOUND = "tap"


class Binding(msgspec.Struct, frozen=True, kw_only=True):
    """A host that carries a port, or is ready to."""

    port_id: str
    host: str
    network_id: str
    vnic_type: str
    vif_type: str
    vif_details: dict[str, Any]
    profile: dict[str, Any]
    problem: str = ""
    connected: bool = False


_ALL = select(*[port_bindings.c[name] for name in Binding.__struct_fields__])
_HOSTS_OF = (
    select(port_bindings.c.port_id, port_bindings.c.host)
    .where(one_of(port_bindings.c.port_id), port_bindings.c.vif_type == BOUND)
    .order_by(port_bindings.c.host)
)
_ON_HOST = select(port_bindings.c.port_id).where(
    port_bindings.c.host == bindparam("host"), port_bindings.c.vif_type == BOUND
)
_NETWORK_ON = _ON_HOST.where(port_bindings.c.network_id == bindparam("id"))
_GROUP_ON = _ON_HOST.join(
    port_security_groups, port_security_groups.c.port_id == port_bindings.c.port_id
).where(port_security_groups.c.group_id == bindparam("id"))


def of_port(tx: Transaction, port_id: str) -> list[Binding]:
    """Return the further bindings of a port."""
    return tx.all(_ALL.where(port_bindings.c.port_id == port_id).order_by(port_bindings.c.host), Binding)


def hosts_of(tx: Transaction, port_ids: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return the further hosts of each of these ports that has any."""
    found: dict[str, tuple[str, ...]] = {}
    for some in standard.chunks(port_ids):
        for port_id, host in standard.rows(tx, _HOSTS_OF, {"ids": some}):
            found[port_id] = (*found.get(port_id, ()), host)
    return found


def ports_on(tx: Transaction, host: str) -> list[str]:
    """Return the ports that a host is ready to carry though another one does."""
    return tx.scalars(_ON_HOST, {"host": host})


def among(tx: Transaction, host: str, ids: Iterable[str]) -> list[str]:
    """Return those of these ports that a host is ready to carry though another one does, in order."""
    found: list[str] = []
    for some in standard.chunks(ids):
        query = select(port_bindings.c.port_id)
        found += tx.scalars(query.where(port_bindings.c.host == host, port_bindings.c.port_id.in_(some)))
    return sorted(found)


def network_on(tx: Transaction, network_id: str, host: str) -> bool:
    """Tell whether a host is ready to carry a port of a network."""
    return tx.exists(_NETWORK_ON, {"host": host, "id": network_id})


def group_on(tx: Transaction, group_id: str, host: str) -> bool:
    """Tell whether a host is ready to carry a port that is in a security group."""
    return tx.exists(_GROUP_ON, {"host": host, "id": group_id})


def put(tx: Transaction, values: Mapping[str, Any] | Binding) -> None:
    """Write a further binding down, in the place of one to the same host."""
    row = msgspec.structs.asdict(values) if isinstance(values, Binding) else dict(values)
    delete(tx, row["port_id"], row["host"])
    tx.insert(port_bindings, row)


def delete(tx: Transaction, port_id: str, host: str) -> bool:
    """Remove a further binding; tells whether there was one."""
    return bool(tx.delete(port_bindings, (port_id, host)))


def forget(tx: Transaction, port_id: str) -> None:
    """Remove all further bindings of a port."""
    tx.delete(port_bindings, {"port_id": port_id})


def record_connected(tx: Transaction, host: str, ids: Iterable[str], connected: bool) -> list[str]:
    """Note which ports a host that is ready for them has wired; returns those of which that is news."""
    changed: list[str] = []
    for some in standard.chunks(ids):
        mine = (port_bindings.c.host == host) & port_bindings.c.port_id.in_(some)
        stale = tx.scalars(
            select(port_bindings.c.port_id).where(mine, port_bindings.c.connected.is_(not connected))
        )
        if stale:
            which = (port_bindings.c.host == host) & port_bindings.c.port_id.in_(stale)
            tx.update(port_bindings, which, {"connected": connected})
            changed += stale
    return changed
