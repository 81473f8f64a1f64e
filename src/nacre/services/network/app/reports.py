"""What hosts report: that they live, and which ports and routers work there.

A port becomes ACTIVE when its host says so, and others are told by the event `network.port.up`; who
misses the event sees the status.  Reports may come twice and late; one about a port that is bound
elsewhere by now does not count.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from nacre.kernel import events
from nacre.kernel.context import Context
from nacre.kernel.db import Transaction
from nacre.kernel.heartbeats import Heard, Heartbeats
from nacre.services.network import rpc
from nacre.services.network.app import drift
from nacre.services.network.app.news import News, write
from nacre.services.network.db import bindings, floating_ips, hosts, ports, presences, routers
from nacre.services.network.db.hosts import DHCP_AGENT, L3_AGENT, SWITCH_AGENT
from nacre.services.network.db.ports import ACTIVE, DOWN, Port

_HEARTBEATS = "network.heartbeats"
PORT_UP, PORT_DOWN = "network.port.up", "network.port.down"


def hear_host(ctx: Context, report: rpc.HostReport) -> None:
    """Note a heartbeat."""
    heartbeats: Heartbeats[rpc.HostReport] = ctx.service.memory.setdefault(_HEARTBEATS, Heartbeats(ctx.clock))
    gist = (report.capabilities, report.physical_networks, report.tunnel_ip, report.started_at, report.driver)
    heartbeats.add(report.host, report, gist, lambda heard: write(ctx, _hear_hosts, heard))


def _hear_hosts(tx: Transaction, news: News, heard: Sequence[Heard[rpc.HostReport]]) -> None:
    before = hosts.find_many(tx, [each.report.host for each in heard])
    told = [(each, _told(each)) for each in heard]
    hosts.record_again(
        tx, [(before[each.report.host], now) for each, now in told if each.report.host in before]
    )
    for each, now in told:
        report, known = each.report, before.get(each.report.host)
        if known is None:
            hosts.record(tx, {**now, "created_at": each.at})
        if known is None or known.capabilities != report.capabilities:
            hosts.ensure_agents(tx, report.host, _agent_types(report))
        if known is not None and known.tunnel_ip != report.tunnel_ip:
            _announce_tunnel(tx, news, report.host)


def _told(heard: Heard[rpc.HostReport]) -> dict[str, Any]:
    """Return what is kept of a report, by columns."""
    report = heard.report
    return {
        "host": report.host, "driver": report.driver, "protocol": report.protocol,
        "capabilities": report.capabilities, "physical_networks": report.physical_networks,
        "missing": [msgspec.structs.asdict(each) for each in report.missing], "errors": report.errors,
        "tunnel_ip": report.tunnel_ip, "revision": report.revision,
        "interval_seconds": max(round(report.interval_seconds), 1), "reported_ports": report.ports,
        "reported_networks": report.networks, "reported_routers": report.routers,
        "started_at": _moment(report.started_at, heard.at), "heard_at": heard.at,
    }  # fmt: skip


def _moment(text: str, otherwise: datetime) -> datetime:
    """Read a moment as an agent wrote it; one that cannot be read is as good as none."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return otherwise
    return moment if moment.tzinfo else otherwise


def _agent_types(report: rpc.HostReport) -> list[str]:
    types = [SWITCH_AGENT]
    if "dhcp" in report.capabilities:
        types.append(DHCP_AGENT)
    if "routers" in report.capabilities:
        types.append(L3_AGENT)
    return types


def _announce_tunnel(tx: Transaction, news: News, host: str) -> None:
    """Tell everybody who reaches this host by a tunnel that its address changed."""
    carried = presences.of_host(tx, host)
    for network_id in carried[presences.GUEST] | carried[presences.DHCP] | carried[presences.ROUTER]:
        news.network(network_id)
    for port in ports.bound_to(tx, host):
        news.port(port)


def hear_ports(ctx: Context, report: rpc.PortReport) -> None:
    """Note what works on a host, and tell whoever waits for it."""
    drift.hear_repairs(ctx, report.host, report.repairs)
    up, down = ctx.db.run(_hear_ports, report)
    for name, changed in ((PORT_UP, up), (PORT_DOWN, down)):
        for port in changed:
            payload = {"port_id": port.id, "device_id": port.device_id, "host": report.host}
            events.publish(ctx, name, payload)


def _hear_further(tx: Transaction, report: rpc.PortReport) -> list[Port]:
    """Note which ports are wired on a host that is only ready for them; returns those that are now.

    A port that is just being activated there must not be missed both as ready and as active: so whoever is
    to change one of its rows holds the port.
    """
    for port_id in bindings.among(tx, report.host, [each.id for each in report.ports]):
        ports.lock(tx, port_id)
    bindings.record_connected(tx, report.host, [each.id for each in report.ports if not each.up], False)
    ready = [each.id for each in report.ports if each.up]
    return ports.find_many(tx, bindings.record_connected(tx, report.host, ready, True))


def _hear_ports(tx: Transaction, report: rpc.PortReport) -> tuple[list[Port], list[Port]]:
    quiet = {each.id for each in report.ports if not each.up and not each.error}
    # compat: the legs of a router that is switched off are ACTIVE all the same, as with OVN; whether the
    # router forwards is the router's state and not theirs.
    legs = ports.legs_among(tx, report.host, quiet)
    working = [each.id for each in report.ports if each.up] + sorted(legs)
    up = _hear_further(tx, report)
    up += ports.record_status(tx, report.host, working, ACTIVE)
    down = ports.record_status(tx, report.host, sorted(quiet - legs), DOWN)
    for status in report.ports:
        if status.error:
            down += ports.record_status(tx, report.host, [status.id], DOWN, status.error)
    here = set(routers.on_host(tx, report.host)) if report.routers else set()
    for router in report.routers:
        if router.id in here:
            routers.record_status(tx, report.host, router.id, router.error)
            leads = router.floating_ip_ids if router.up else ()
            floating_ips.record_statuses(tx, router.id, leads, forwarding=router.up)
    return up, down
