"""Put what runs nowhere, or on a host that stays dead, onto a living one.

Nothing is taken from a silent host unless another can have it: a host that only cannot be heard may still
move packets.  Every thing is moved in a transaction of its own, so a turn that dies half-way has done half.
"""

from collections.abc import Callable, Iterator
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
    found = healed = 0
    for list_some, repair in (
        (dhcp_rows.unserved, dhcp.repair),
        (dhcp_rows.portless, dhcp.repair),
        (routers.homeless, router_placement.repair),
    ):
        for id in _each(ctx, list_some):
            found += 1
            healed += write(ctx, repair, id)
    return found, healed


def _each(ctx: Context, list_some: Callable[..., list[str]]) -> Iterator[str]:
    """Walk over a list page by page; what cannot be helped does not hide what comes behind it."""
    after = ""
    while some := ctx.db.read(list_some, after=after):
        yield from some
        after = some[-1]


def leave_dead_hosts(ctx: Context) -> tuple[int, int]:
    """Move routers and DHCP servers away from hosts that stay dead; returns (found, healed)."""
    deadline = ctx.clock.now() - timedelta(seconds=ctx.config.reschedule_seconds)
    found = healed = 0
    if deadline < ctx.service.listening_since:  # who is silent may have spoken before we listened
        return found, healed
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
