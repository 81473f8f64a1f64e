"""What the sweeps ask of the tables: rows that lead nowhere, and what a host carries if one looks closely."""

from __future__ import annotations

from sqlalchemy import and_, exists, select

from nacre.kernel.db import Transaction
from nacre.services.network.db import bindings, changes, presences, standard
from nacre.services.network.db.changes import Change
from nacre.services.network.db.ports import BOUND
from nacre.services.network.db.tables import (
    dhcp_servers,
    fixed_ips,
    floating_ips,
    hosts,
    port_security_groups,
    ports,
    routers,
    security_groups,
    subnets,
)

_GUESTS = ports.c.device_owner.not_like("network:%")
_ASTRAY = and_(floating_ips.c.port_id.is_not(None), ~exists().where(ports.c.id == floating_ips.c.port_id))


def hosts_after(tx: Transaction, host: str, limit: int) -> list[str]:
    """Return the next hosts in the order of their names."""
    return tx.scalars(select(hosts.c.host).where(hosts.c.host > host).order_by(hosts.c.host).limit(limit))


# --- what a host carries -----------------------------------------------------------------------------------


def carried(tx: Transaction, host: str) -> dict[str, set[str]]:
    """Return what a host carries by the rows of ports, DHCP servers and routers: kind → ids."""
    here = (ports.c.host == host, ports.c.vif_type == BOUND, _GUESTS)
    guests = select(ports.c.network_id).where(*here).distinct()
    groups = (
        select(port_security_groups.c.group_id)
        .join(ports, ports.c.id == port_security_groups.c.port_id)
        .join(security_groups, security_groups.c.id == port_security_groups.c.group_id)
        .where(*here)
        .distinct()
    )
    serving = select(dhcp_servers.c.network_id).where(dhcp_servers.c.host == host)
    running = select(routers.c.id).where(routers.c.host == host)
    networks_ready: set[str] = set()
    groups_ready: set[str] = set()
    legs = select(ports.c.network_id).where(
        ports.c.device_id.in_(running), ports.c.device_owner.like("network:router%")
    )
    for some in standard.chunks(bindings.ports_on(tx, host)):  # of servers that are on their way here
        networks_ready |= {*tx.scalars(select(ports.c.network_id).where(ports.c.id.in_(some)))}
        members = select(port_security_groups.c.group_id).where(port_security_groups.c.port_id.in_(some))
        groups_ready |= {*tx.scalars(members)}
    return {
        presences.GUEST: networks_ready | {*tx.scalars(guests)},
        presences.GROUP: groups_ready | {*tx.scalars(groups)},
        presences.DHCP: set(tx.scalars(serving)),
        presences.ROUTER: set(tx.scalars(legs.distinct())),
    }


# --- rows that lead nowhere --------------------------------------------------------------------------------


def floating_ips_astray(tx: Transaction, after: str, limit: int) -> list[str]:
    """Return floating IPs that lead to a port which does not exist."""
    query = select(floating_ips.c.id).where(floating_ips.c.id > after, _ASTRAY)
    return tx.scalars(query.order_by(floating_ips.c.id).limit(limit))


def is_astray(tx: Transaction, floating_ip_id: str) -> bool:
    """Tell whether a floating IP leads to a port which does not exist."""
    return tx.exists(select(floating_ips.c.id).where(floating_ips.c.id == floating_ip_id, _ASTRAY))


def remains_of_ports(tx: Transaction, after: str, limit: int) -> list[str]:
    """Return ids of ports that do not exist and still have an address or are in a group."""
    found: set[str] = set()
    for table in (fixed_ips, port_security_groups):
        query = select(table.c.port_id).where(
            table.c.port_id > after, ~exists().where(ports.c.id == table.c.port_id)
        )
        found |= {*tx.scalars(query.distinct().order_by(table.c.port_id).limit(limit))}
    return sorted(found)[:limit]


def clear_remains(tx: Transaction, port_id: str) -> bool:
    """Remove what is left of a port that does not exist, and tell the hosts that may still carry it."""
    if tx.exists(select(ports.c.id).where(ports.c.id == port_id)):
        return False
    networks_of = (
        select(subnets.c.network_id)
        .join(fixed_ips, fixed_ips.c.subnet_id == subnets.c.id)
        .where(fixed_ips.c.port_id == port_id)
    )
    network_ids = set(tx.scalars(networks_of))
    groups = set(
        tx.scalars(select(port_security_groups.c.group_id).where(port_security_groups.c.port_id == port_id))
    )
    told = {Change(changes.MEMBERS, each, changes.NEIGHBOUR, port_id): None for each in sorted(groups)}
    told |= {Change(changes.PORTS, each, changes.NEIGHBOUR, port_id): None for each in sorted(network_ids)}
    for host in presences.hosts_of(tx, (presences.GUEST,), network_ids):
        told[Change(changes.HOST, host, changes.PORT, port_id)] = None
    changes.record(tx, told)
    bindings.forget(tx, port_id)
    tx.delete(fixed_ips, fixed_ips.c.port_id == port_id)
    tx.delete(port_security_groups, port_security_groups.c.port_id == port_id)
    standard.set_tags(tx, port_id, ())
    return True
