"""What a transaction changes for hosts: written to the log in it, and told to the hosts after it.

A function that changes something calls `write(ctx, f, …)`, which runs `f(tx, news, …)`.  `f` says to
`news` what it changed, in the words of the API; news knows under which scopes of the log that belongs
(see db/changes.py) and which hosts have a stake in it.  A lost wake loses nothing: hosts ask by themselves.

A host whose own ports, routers or rules changed, or that serves DHCP or routes there, is woken at once.  One
that merely has neighbours may take its time, the longer the more there are of its kind (`wakes`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar

from nacre.kernel import events
from nacre.kernel.context import Context
from nacre.kernel.db import Transaction
from nacre.services.network.app import wakes
from nacre.services.network.db import changes, presences
from nacre.services.network.db.changes import Change
from nacre.services.network.db.ports import DHCP, Port

PORT_CHANGED = "network.port.changed"

P = ParamSpec("P")
R = TypeVar("R")


class News:
    """What one transaction changed, and for whom."""

    def __init__(self, ctx: Context, tx: Transaction) -> None:
        self.ctx, self.tx = ctx, tx
        self.hosts: set[str] = set()  # to be woken at once
        self.peers: set[str] = set()  # to be woken, without haste
        self._rows: dict[Change, None] = {}
        self._shown: dict[str, None] = {}

    def port(self, port: Port) -> None:
        """A port was made, changed, moved or removed; called with how it was and with how it is."""
        if port.is_guests and port.host:
            self._note(changes.HOST, port.host, changes.PORT, port.id)
        for host in port.further_hosts:
            self._note(changes.HOST, host, changes.PORT, port.id)
        if port.device_owner == DHCP:
            self.network(port.network_id)
        self._note(changes.PORTS, port.network_id, changes.NEIGHBOUR, port.id)
        for group_id in port.security_groups:
            self.member(group_id, port.id)

    def member(self, group_id: str, port_id: str) -> None:
        """A port joined, left or changed within a security group."""
        self._note(changes.MEMBERS, group_id, changes.NEIGHBOUR, port_id)

    def network(self, network_id: str) -> None:
        """A network changed: itself, its subnets, its DHCP servers, or the hosts that carry it."""
        self._note(changes.NETWORK, network_id, changes.NETWORK, network_id)

    def router(self, router_id: str, host: str) -> None:
        """A router on a host changed: its legs, its routes, its floating IPs."""
        if host:
            self._note(changes.HOST, host, changes.ROUTER, router_id)

    def group(self, group_id: str) -> None:
        """A security group's rules changed."""
        self._note(changes.GROUP, group_id, changes.GROUP, group_id)

    def stakeholders_of_network(self, network_id: str) -> None:
        """Wake, in any case, the hosts that carry a network now (it is about to go)."""
        self.hosts |= presences.hosts_of(self.tx, presences.ON_NETWORK, [network_id])

    def stakeholders_of_group(self, group_id: str) -> None:
        """Wake, in any case, the hosts that know a group now."""
        self.hosts |= presences.hosts_of(self.tx, (presences.GROUP,), [group_id])
        self.hosts |= presences.hosts_with_remote(self.tx, [group_id])

    def write_down(self) -> None:
        """Put everything into the log, and have the hosts woken once it is committed."""
        if self._rows:
            changes.record(self.tx, self._rows)
            self._find_the_concerned()
        self.tx.after_commit(self._tell)

    def shown(self, port_id: str) -> None:
        """What a server shows of its port changed (addresses, groups, floating IPs), or the port is gone."""
        self._shown[port_id] = None

    def _tell(self) -> None:
        wakes.at_once(self.ctx, self.hosts)
        wakes.without_haste(self.ctx, self.peers - self.hosts)
        for port_id in self._shown:
            events.publish(self.ctx, PORT_CHANGED, {"port_id": port_id})

    def _find_the_concerned(self) -> None:
        """Find the hosts that have a stake in any of the rows."""
        scopes: dict[str, set[str]] = {}
        for row in self._rows:
            scopes.setdefault(row.scope, set()).add(row.scope_id)
        on, servers_of_it = scopes.get(changes.NETWORK, set()), (presences.DHCP, presences.ROUTER)
        ports_of = scopes.get(changes.PORTS, set())
        self.hosts |= set(scopes.get(changes.HOST, ()))
        self.hosts |= presences.hosts_of(self.tx, servers_of_it, on | ports_of)
        self.hosts |= presences.hosts_of(self.tx, (presences.GROUP,), scopes.get(changes.GROUP, ()))
        self.peers |= presences.hosts_of(self.tx, (presences.GUEST,), on)
        self.peers |= presences.hosts_in_tunnels(self.tx, ports_of - on)
        self.peers |= presences.hosts_with_remote(self.tx, scopes.get(changes.MEMBERS, ()))

    def _note(self, scope: str, scope_id: str, kind: str, row_id: str) -> None:
        self._rows[Change(scope, scope_id, kind, row_id)] = None


def write(
    ctx: Context, f: Callable[Concatenate[Transaction, News, P], R], *args: P.args, **kwargs: P.kwargs
) -> R:
    """Return `f(tx, news, …)`, called in a transaction; what it tells `news` reaches the hosts."""

    def run(tx: Transaction, args: Any, kwargs: Any) -> R:
        news = News(ctx, tx)
        result = f(tx, news, *args, **kwargs)
        news.write_down()
        return result

    return ctx.db.run(run, args, kwargs)
