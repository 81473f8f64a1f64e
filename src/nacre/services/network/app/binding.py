"""Which host carries a port, and whether it can.

Binding is written down here and done there: a bound port is in its host's view, and becomes ACTIVE when the
host's agent reports it wired.  `binding_failed` says that nobody on the host could do it; the reason is
kept in the port's `problem` for the operator.
"""

from datetime import timedelta
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
    if after is not None:
        for host in sorted(now):
            if presences.appear(tx, presences.GUEST, after.network_id, host):
                news.network(after.network_id)
            for group_id in after.security_groups:
                presences.appear(tx, presences.GROUP, group_id, host)
    if before is not None:
        news.port(before)
    if after is not None:
        news.port(after)
    if before is None:
        return
    for host in sorted(was):
        if host not in now:
            _leave_network(tx, news, before.network_id, host)
        kept = after.security_groups if after is not None and host in now else ()
        for group_id in set(before.security_groups) - set(kept):
            _leave_group(tx, group_id, host)


def _leave_network(tx: Transaction, news: News, network_id: str, host: str) -> None:
    if presences.fade(tx, presences.GUEST, network_id, host, lambda: ports.networks_on(tx, network_id, host)):
        news.network(network_id)
        news.hosts.add(host)


def _leave_group(tx: Transaction, group_id: str, host: str) -> None:
    presences.fade(tx, presences.GROUP, group_id, host, lambda: ports.group_on(tx, group_id, host))
