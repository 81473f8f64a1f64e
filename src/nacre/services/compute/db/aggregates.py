"""Aggregates in the database: sets of hosts, made by administrators.  Reading all of them is in `hosts`."""

from collections.abc import Collection
from typing import Any

import msgspec
from sqlalchemy import select

from nacre.kernel.db import Transaction
from nacre.services.compute.db.hosts import Aggregate
from nacre.services.compute.db.tables import aggregate_hosts, aggregates, servers
from nacre.services.compute.errors import AggregateNotFound

_ALL = select(*[aggregates.c[name] for name in Aggregate.__struct_fields__ if name != "hosts"])


def get(tx: Transaction, aggregate_id: int) -> Aggregate:
    """Return an aggregate with its hosts, or raise AggregateNotFound."""
    found = tx.find(_ALL.where(aggregates.c.id == aggregate_id), Aggregate)
    if found is None:
        raise AggregateNotFound(str(aggregate_id))
    return _with_hosts(tx, [found])[0]


def lock(tx: Transaction, aggregate_id: int) -> Aggregate:
    """Hold an aggregate's row and return it as it is now; raises AggregateNotFound."""
    tx.lock(aggregates, aggregate_id)
    return get(tx, aggregate_id)


def _with_hosts(tx: Transaction, found: Collection[Aggregate]) -> list[Aggregate]:
    members: dict[int, list[str]] = {each.id: [] for each in found}
    query = select(aggregate_hosts).where(aggregate_hosts.c.aggregate_id.in_(list(members)))
    rows: Any = tx.execute(query.order_by(aggregate_hosts.c.host))
    for aggregate_id, host in rows:
        members[aggregate_id].append(host)
    return [msgspec.structs.replace(each, hosts=tuple(members[each.id])) for each in found]


def insert(tx: Transaction, uuid: str, name: str, properties: dict[str, str]) -> int:
    """Add an aggregate and return its id; raises Duplicate when the name is taken."""
    values = {
        "uuid": uuid,
        "name": name,
        "properties": properties,
        "created_at": tx.now(),
        "updated_at": None,
    }
    return int(tx.insert(aggregates, values))


def update(tx: Transaction, aggregate_id: int, **values: Any) -> None:
    """Change an aggregate; raises Duplicate when the name is taken."""
    tx.update(aggregates, aggregate_id, {**values, "updated_at": tx.now()})


def delete(tx: Transaction, aggregate_id: int) -> None:
    """Remove an aggregate; its hosts stay."""
    tx.delete(aggregate_hosts, aggregate_hosts.c.aggregate_id == aggregate_id)
    tx.delete(aggregates, aggregate_id)


def add_host(tx: Transaction, aggregate_id: int, host: str) -> bool:
    """Put a host into an aggregate; tell whether it was not there before."""
    return tx.insert_if_absent(aggregate_hosts, {"aggregate_id": aggregate_id, "host": host})


def remove_host(tx: Transaction, aggregate_id: int, host: str) -> bool:
    """Take a host out of an aggregate; tell whether it was there."""
    return bool(tx.delete(aggregate_hosts, (aggregate_id, host)))


def has_servers(tx: Transaction, hosts: Collection[str]) -> bool:
    """Tell whether there is a server on any of these hosts."""
    on_them = servers.c.host.in_(list(hosts)) & servers.c.deleted.is_(False)
    return bool(hosts) and tx.exists(select(servers.c.id).where(on_them))


def note_zone(tx: Transaction, host: str, zone: str) -> None:
    """Note on the servers of a host which zone that is in now."""
    tx.update(servers, (servers.c.host == host) & servers.c.deleted.is_(False), {"zone": zone})
