"""Put what runs nowhere, or on a host that stays dead, onto a living one.

Nothing is taken from a silent host unless another can have it: a host that only cannot be heard may still
move packets.  Every thing is moved in a transaction of its own, so a turn that dies half-way has done half.
"""

from datetime import timedelta

from nacre.kernel.context import Context
from nacre.kernel.db import Transaction
from nacre.services.network.app import dhcp, placement, router_placement
from nacre.services.network.app.news import News, write
from nacre.services.network.db import dhcp as dhcp_rows
from nacre.services.network.db import hosts, networks, ports, routers
from nacre.services.network.db.dhcp import DhcpServer
from nacre.services.network.db.hosts import DHCP_AGENT, L3_AGENT


def place_homeless(ctx: Context) -> tuple[int, int]:
    """Place networks without DHCP and routers without a host; returns (found, healed)."""
    unserved = ctx.db.read(dhcp_rows.unserved)
    unserved += [server.network_id for server in ctx.db.read(dhcp_rows.portless)]
    for network_id in dict.fromkeys(unserved):
        write(ctx, dhcp.repair, network_id)
    homeless = [router_id for router_id in ctx.db.read(routers.homeless) if ctx.db.read(_has_legs, router_id)]
    for router_id in homeless:
        write(ctx, router_placement.settle, router_id)
    left = len(ctx.db.read(dhcp_rows.unserved)) + sum(
        not ctx.db.read(routers.get, router_id).host for router_id in homeless
    )
    found = len(set(unserved)) + len(homeless)
    return found, max(found - left, 0)


def _has_legs(tx: Transaction, router_id: str) -> bool:
    return bool(ports.with_device(tx, router_id, *ports.ROUTER_OWNERS))


def leave_dead_hosts(ctx: Context) -> tuple[int, int]:
    """Move routers and DHCP servers away from hosts that stay dead; returns (found, healed)."""
    deadline = ctx.clock.now() - timedelta(seconds=ctx.config.reschedule_seconds)
    found = healed = 0
    for host in ctx.db.read(hosts.silent_since, deadline):
        for server in ctx.db.read(dhcp_rows.on_host, host):
            found += 1
            healed += write(ctx, _move_server, server)
        for router_id in ctx.db.read(routers.on_host, host):
            found += 1
            healed += write(ctx, _move_router, router_id, host)
    return found, healed


def _move_server(tx: Transaction, news: News, server: DhcpServer) -> bool:
    network = networks.get(tx, server.network_id)
    others = placement.choose(tx, news.ctx, DHCP_AGENT, network, 3)
    present = {each.host for each in dhcp_rows.of_network(tx, network.id)}
    target = next((host for host in others if host not in present), None)
    if target is None:
        return False
    dhcp.withdraw(tx, news, server)
    return dhcp.assign(tx, news, network, target)


def _move_router(tx: Transaction, news: News, router_id: str, host: str) -> bool:
    legs = ports.with_device(tx, router_id, *ports.ROUTER_OWNERS)
    carried = networks.find_many(tx, (leg.network_id for leg in legs)).values()
    others = placement.choose(tx, news.ctx, L3_AGENT, None, 2, carrying=carried)
    target = next((name for name in others if name != host), None)
    if target is None:
        return False
    router_placement.move(tx, news, router_id, target)
    return True
