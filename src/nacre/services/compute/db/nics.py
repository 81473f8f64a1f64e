"""The network cards of servers, with what network last said about each: the cache that lists read."""

from collections.abc import Collection

import msgspec
from sqlalchemy import bindparam, select

from nacre.kernel.db import Transaction, among
from nacre.services.compute.db.tables import Address, SubnetCopy, server_nics, servers


class Nic(msgspec.Struct, frozen=True):
    """One network card, and its port as we last heard of it."""

    server_id: str
    port_id: str
    position: int
    network_id: str
    network_name: str
    mac_address: str
    tap_device: str
    mtu: int | None
    tag: str | None
    owned: bool
    status: str
    addresses: list[Address]
    subnets: list[SubnetCopy]
    security_groups: list[str]


_ALL = select(*[server_nics.c[name] for name in Nic.__struct_fields__])
_IN_ORDER = (server_nics.c.server_id, server_nics.c.position, server_nics.c.port_id)


_OF_SERVERS = _ALL.where(among(server_nics.c.server_id)).order_by(*_IN_ORDER)
_BY_PORT = _ALL.where(server_nics.c.port_id == bindparam("port_id"))


def of_server(tx: Transaction, server_id: str) -> list[Nic]:
    """Return a server's network cards in order."""
    return of_servers(tx, [server_id])[server_id]


def of_servers(tx: Transaction, server_ids: Collection[str]) -> dict[str, list[Nic]]:
    """Return the network cards of several servers."""
    found: dict[str, list[Nic]] = {server_id: [] for server_id in server_ids}
    for nic in tx.all(_OF_SERVERS, Nic, {"ids": list(server_ids)}):
        found[nic.server_id].append(nic)
    return found


def by_port(tx: Transaction, port_id: str) -> Nic | None:
    """Return the network card of a port, if a server has it."""
    return tx.find(_BY_PORT, Nic, {"port_id": port_id})


def by_ports(tx: Transaction, port_ids: Collection[str]) -> dict[str, Nic]:
    """Return the network cards of those of these ports that servers have."""
    if not port_ids:
        return {}
    found = tx.all(_ALL.where(server_nics.c.port_id.in_(list(port_ids))), Nic)
    return {nic.port_id: nic for nic in found}


def replace(tx: Transaction, server_id: str, nics: Collection[Nic]) -> None:
    """Make these the server's only network cards."""
    tx.delete(server_nics, {"server_id": server_id})
    tx.insert_all(server_nics, [_values(nic) for nic in nics])


def put(tx: Transaction, nic: Nic) -> None:
    """Add one network card, or change it."""
    tx.delete(server_nics, (nic.server_id, nic.port_id))
    tx.insert(server_nics, _values(nic))


def put_unless_changed(tx: Transaction, before: dict[str, Nic], changed: Collection[Nic]) -> bool:
    """Change network cards that are still as they were `before`, by port; those that were pulled out stay away.

    Changes nothing and returns False where one is different by now: whoever changed it may know better.
    """
    for server_id in sorted({nic.server_id for nic in changed}):
        tx.lock(servers, server_id)
    present = by_ports(tx, [nic.port_id for nic in changed])
    there = [nic for nic in changed if nic.port_id in present]
    if any(present[nic.port_id] != before[nic.port_id] for nic in there):
        return False
    for nic in there:
        put(tx, nic)
    return True


def mark_up(tx: Transaction, server_id: str) -> None:
    """Note that packets flow through all of a server's cards."""
    tx.update(server_nics, {"server_id": server_id}, {"status": "ACTIVE"})


def delete(tx: Transaction, server_id: str, port_id: str) -> bool:
    """Remove one network card; tell whether it was there."""
    return bool(tx.delete(server_nics, {"server_id": server_id, "port_id": port_id}))


def _values(nic: Nic) -> dict[str, object]:
    addresses = [text for each in nic.addresses for text in (each.address, *each.floating)]
    return {**msgspec.structs.asdict(nic), "ip_text": f" {' '.join(addresses)} "}
