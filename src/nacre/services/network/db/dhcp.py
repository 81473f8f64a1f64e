"""Which hosts run DHCP for which networks, and the port that the server has there."""

from collections.abc import Iterable
from typing import Any

import msgspec
from sqlalchemy import exists, select

from nacre.kernel.db import Transaction, among
from nacre.services.network.db import standard
from nacre.services.network.db.tables import dhcp_servers, networks, ports, subnets


class DhcpServer(msgspec.Struct, frozen=True):
    """A host's DHCP server for one network; without a port while no address could be found for it."""

    network_id: str
    host: str
    port_id: str | None


def of_network(tx: Transaction, network_id: str) -> list[DhcpServer]:
    """Return a network's DHCP servers."""
    return tx.all(select(dhcp_servers).where(dhcp_servers.c.network_id == network_id), DhcpServer)


_OF_NETWORKS = select(dhcp_servers).where(among(dhcp_servers.c.network_id))


def of_networks(tx: Transaction, network_ids: Iterable[str]) -> list[DhcpServer]:
    """Return the DHCP servers of several networks."""
    found: list[DhcpServer] = []
    for some in standard.chunks(network_ids):
        found += tx.all(_OF_NETWORKS, DhcpServer, {"ids": some})
    return found


def on_host(tx: Transaction, host: str) -> list[DhcpServer]:
    """Return the DHCP servers that run on a host."""
    query = select(dhcp_servers).where(dhcp_servers.c.host == host).order_by(dhcp_servers.c.network_id)
    return tx.all(query, DhcpServer)


def place(tx: Transaction, network_id: str, host: str) -> bool:
    """Let a host run DHCP for a network; False when it does already."""
    return tx.insert_if_absent(dhcp_servers, {"network_id": network_id, "host": host, "port_id": None})


def record_port(tx: Transaction, network_id: str, host: str, port_id: str | None) -> None:
    """Note the port of a DHCP server."""
    tx.update(dhcp_servers, (network_id, host), {"port_id": port_id})


def remove(tx: Transaction, network_id: str, host: str) -> None:
    """Let a host no longer run DHCP for a network."""
    tx.delete(dhcp_servers, (network_id, host))


def unserved(tx: Transaction, *, after: str = "", limit: int = 200) -> list[str]:
    """Return networks with a guest's port and a subnet that wants DHCP, for which no host runs it, by id."""
    wants: Any = exists().where(subnets.c.network_id == networks.c.id, subnets.c.enable_dhcp)
    has_port = exists().where(ports.c.network_id == networks.c.id, ports.c.device_owner.not_like("network:%"))
    served = exists().where(dhcp_servers.c.network_id == networks.c.id)
    query = (
        select(networks.c.id)
        .where(networks.c.id > after, wants, has_port, ~served)
        .order_by(networks.c.id)
        .limit(limit)
    )
    return tx.scalars(query)


def portless(tx: Transaction, *, after: str = "", limit: int = 200) -> list[str]:
    """Return networks with a DHCP server that has no port yet though it could have one, by id."""
    wants = exists().where(subnets.c.network_id == dhcp_servers.c.network_id, subnets.c.enable_dhcp)
    query = select(dhcp_servers.c.network_id).where(
        dhcp_servers.c.port_id.is_(None), dhcp_servers.c.network_id > after, wants
    )
    return tx.scalars(query.distinct().order_by(dhcp_servers.c.network_id).limit(limit))
