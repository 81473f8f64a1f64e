"""Which hosts carry what: one row for "this host has something of this network" or "of this group".

    guest    a guest's port of the network `id` is bound there
    dhcp     the host runs DHCP for the network `id`
    router   a router that runs there has a leg on the network `id`
    group    a bound port there is in the security group `id`

The rows spare us to look through ten thousand ports to learn whom a change concerns.  Appearing and fading
lock the row first, so that one transaction's first port and another's last one cannot miss each other.
"""

from collections.abc import Callable, Iterable

from sqlalchemy import bindparam, select

from nacre.kernel.db import Transaction, among
from nacre.services.network.db import standard
from nacre.services.network.db.tables import networks, presences, security_group_rules

GUEST, DHCP, ROUTER, GROUP = "guest", "dhcp", "router", "group"
ON_NETWORK = (GUEST, DHCP, ROUTER)
TUNNELLED = "vxlan"

_OF_HOST = select(presences.c.kind, presences.c.id).where(presences.c.host == bindparam("host"))
_CARRIERS = select(presences.c.id, presences.c.host).where(
    presences.c.kind.in_(ON_NETWORK), among(presences.c.id)
)
_TUNNELLED = select(networks.c.id).where(among(networks.c.id), networks.c.kind == TUNNELLED)
_WITH_REMOTE = (
    select(presences.c.host)
    .join(security_group_rules, security_group_rules.c.security_group_id == presences.c.id)
    .where(presences.c.kind == GROUP, among(security_group_rules.c.remote_group_id))
    .distinct()
)
_HOSTS = select(presences.c.host).where(among(presences.c.kind, "kinds"), among(presences.c.id)).distinct()


def appear(tx: Transaction, kind: str, id: str, host: str) -> bool:
    """Note that a host carries something now; tells whether that is new."""
    if tx.lock(presences, (kind, id, host)):
        return False
    new = tx.insert_if_absent(presences, {"kind": kind, "id": id, "host": host})
    if not new:
        tx.lock(presences, (kind, id, host))
    return new


def fade(tx: Transaction, kind: str, id: str, host: str, still: Callable[[], bool]) -> bool:
    """Note that a host carries something no more, unless it still does; tells whether it faded."""
    if not tx.lock(presences, (kind, id, host)) or still():
        return False
    tx.delete(presences, (kind, id, host))
    return True


def forget(tx: Transaction, id: str) -> None:
    """Drop what is known of a network or group that goes."""
    tx.delete(presences, presences.c.kind.in_([*ON_NETWORK, GROUP]) & (presences.c.id == id))


def of_host(tx: Transaction, host: str) -> dict[str, set[str]]:
    """Return what a host carries: kind → ids."""
    found: dict[str, set[str]] = {GUEST: set(), DHCP: set(), ROUTER: set(), GROUP: set()}
    for kind, id in standard.rows(tx, _OF_HOST, {"host": host}):
        found[kind].add(id)
    return found


def hosts_of(tx: Transaction, kinds: Iterable[str], ids: Iterable[str]) -> set[str]:
    """Return the hosts that carry any of these things."""
    found: set[str] = set()
    for some in standard.chunks(ids):
        found.update(tx.scalars(_HOSTS, {"kinds": list(kinds), "ids": some}))
    return found


def carriers(tx: Transaction, network_ids: Iterable[str]) -> dict[str, set[str]]:
    """Return the hosts that carry each network, for whatever reason."""
    found: dict[str, set[str]] = {}
    for some in standard.chunks(network_ids):
        for network_id, host in standard.rows(tx, _CARRIERS, {"ids": some}):
            found.setdefault(network_id, set()).add(host)
    return found


def hosts_in_tunnels(tx: Transaction, network_ids: Iterable[str]) -> set[str]:
    """Return the hosts with guests on those of these networks that have tunnels: they know every port."""
    tunnelled: list[str] = []
    for some in standard.chunks(network_ids):
        tunnelled += tx.scalars(_TUNNELLED, {"ids": some})
    return hosts_of(tx, (GUEST,), tunnelled)


def hosts_with_remote(tx: Transaction, group_ids: Iterable[str]) -> set[str]:
    """Return the hosts whose ports' rules name any of these groups as remote."""
    found: set[str] = set()
    for some in standard.chunks(group_ids):
        found.update(tx.scalars(_WITH_REMOTE, {"ids": some}))
    return found
