"""Which host carries a port, and whether it can.

Binding is written down here and done there: a bound port is in its host's view, and becomes ACTIVE when the
host's agent reports it wired.  `binding_failed` says that nobody on the host could do it; the reason is
kept in the port's `problem` for the operator.
"""

from datetime import timedelta
from functools import partial
from typing import Any

from nacre.kernel.context import Context
from nacre.kernel.db import Transaction
from nacre.services.network import rpc
from nacre.services.network.app.news import News
from nacre.services.network.db import hosts, ports, presences
from nacre.services.network.db.hosts import Host
from nacre.services.network.db.networks import Network
from nacre.services.network.db.ports import BINDING_FAILED, BOUND, DOWN, UNBOUND, Port

MISSED_REPORTS = 2.5
"""A host counts as dead after so many of its own intervals, if that is longer than the option says."""


def is_alive(ctx: Context, host: Host) -> bool:
    """Tell whether a host was heard of lately, as far as we have been there to hear it."""
    patience = max(ctx.config.agent_down_seconds, host.interval_seconds * MISSED_REPORTS)
    silent_since = max(host.heard_at, ctx.service.listening_since)
    return ctx.clock.now() - silent_since <= timedelta(seconds=patience)


def decide(tx: Transaction, ctx: Context, port_id: str, network: Network, host_name: str) -> dict[str, Any]:
    """Return what a port says of its binding to a host; an empty name unbinds it."""
    if not host_name:
        return {
            "host": "", "vif_type": UNBOUND, "vif_details": {}, "status": DOWN, "problem": "",
        }  # fmt: skip
    problem = _obstacle(ctx, hosts.find(tx, host_name), host_name, network)
    if problem:
        return {
            "host": host_name, "vif_type": BINDING_FAILED, "vif_details": {}, "status": DOWN,
            "problem": problem[:255],
        }  # fmt: skip
    return {
        "host": host_name, "vif_type": BOUND, "vif_details": details(port_id, network), "status": DOWN,
        "problem": "",
    }  # fmt: skip


def details(port_id: str, network: Network) -> dict[str, Any]:
    """Return what compute must know to plug a guest in: the interface's name and its largest packet."""
    return {
        "port_filter": True,
        "connectivity": "l2",
        "tap_name": rpc.tap_name(port_id),
        "mtu": network.mtu,
    }


def _obstacle(ctx: Context, host: Host | None, name: str, network: Network) -> str:
    if host is None:
        return f"No network agent ever reported from host {name}."
    if not is_alive(ctx, host):
        return f"The network agent on host {name} was last heard of at {host.heard_at:%Y-%m-%d %H:%M:%S}."
    if not host.carries(network.kind, network.physical_network):
        wire = f" on {network.physical_network}" if network.physical_network else ""
        return f"Host {name} cannot carry {network.kind} networks{wire}."
    return ""


def carry(tx: Transaction, news: News, before: Port | None, after: Port | None) -> None:
    """Note where a guest's port is carried now, and tell everybody whom it concerns.

    `before` and `after` are the port as it was and as it is; None: it was not there, or is not any more.
    """
    was = before.carriers if before is not None else set()
    now = after.carriers if after is not None else set()
    for host in sorted(was | now):  # in one order for everybody: no deadlocks
        _appear_or_fade(tx, news, host, before if host in was else None, after if host in now else None)
    for port in (before, after):
        if port is not None:
            news.port(port)


def _appear_or_fade(tx: Transaction, news: News, host: str, before: Port | None, after: Port | None) -> None:
    """Note what a host carries for the first or has carried for the last time, now that a port of it changed.

    Where it carried the port and goes on to, that stays as it is and is not locked.
    """
    port = after or before
    if port is None:
        return
    network_id = port.network_id
    if before is None and presences.appear(tx, presences.GUEST, network_id, host):
        news.network(network_id)
    on_network = partial(ports.networks_on, tx, network_id, host)
    if after is None and presences.fade(tx, presences.GUEST, network_id, host, on_network):
        news.network(network_id)
        news.hosts.add(host)
    had = set(before.security_groups) if before is not None else set()
    has = set(after.security_groups) if after is not None else set()
    for group_id in sorted(had ^ has):
        if group_id in has:
            presences.appear(tx, presences.GROUP, group_id, host)
        else:
            presences.fade(tx, presences.GROUP, group_id, host, partial(ports.group_on, tx, group_id, host))
