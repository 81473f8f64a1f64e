"""On which host a router runs, and what follows from that for its legs.

`settle` is called after every change of legs: a router without legs runs nowhere; one whose host can carry
all its networks stays; any other moves to the least loaded host that can.
"""

from nacre.kernel.db import Transaction
from nacre.services.network.app import binding, placement, plugs
from nacre.services.network.app.news import News
from nacre.services.network.db import hosts, networks, ports, presences, routers
from nacre.services.network.db.hosts import L3_AGENT
from nacre.services.network.db.networks import Network
from nacre.services.network.db.ports import BOUND, DOWN, UNBOUND, Port
from nacre.services.network.db.routers import Router

NOWHERE = "No living host carries all networks of this router."


def settle(tx: Transaction, news: News, router_id: str, *, leave: str = "") -> None:
    """See to it that a router runs where it can, but not on the host that it shall `leave`.

    May run twice.
    """
    router = routers.get(tx, router_id)
    legs = ports.with_device(tx, router_id, *ports.ROUTER_OWNERS)
    carried = networks.find_many(tx, (leg.network_id for leg in legs))
    host = _choose(tx, news, router, list(carried.values()), leave) if legs else ""
    problem = "" if host or not legs else NOWHERE
    if host != router.host:
        news.router(router_id, router.host)
        news.router(router_id, host)
    if host != router.host or problem != router.problem:
        routers.update(tx, router_id, {"host": host, "problem": problem})
    for leg in legs:
        _place_leg(tx, news, leg, host, carried[leg.network_id])


def repair(tx: Transaction, news: News, router_id: str) -> bool:
    """Place a router that runs nowhere; tells whether it could be.  May run twice."""
    settle(tx, news, router_id)
    return bool(routers.get(tx, router_id).host)


def move(tx: Transaction, news: News, router_id: str, host: str) -> None:
    """Let a router run on a host of the operator's choice."""
    router = routers.get(tx, router_id)
    legs = ports.with_device(tx, router_id, *ports.ROUTER_OWNERS)
    carried = networks.find_many(tx, (leg.network_id for leg in legs))
    news.router(router_id, router.host)
    news.router(router_id, host)
    routers.update(tx, router_id, {"host": host, "problem": ""})
    for leg in legs:
        _place_leg(tx, news, leg, host, carried[leg.network_id])


def _choose(tx: Transaction, news: News, router: Router, carried: list[Network], leave: str) -> str:
    if router.host and router.host != leave:
        present = hosts.find(tx, router.host)
        # A host that is silent for a while keeps its routers: its packets may still flow.
        if present is not None and all(present.carries(n.kind, n.physical_network) for n in carried):
            return router.host
    found = placement.choose(tx, news.ctx, L3_AGENT, None, 2, carrying=carried)
    return next((host for host in found if host != leave), "")


def _place_leg(tx: Transaction, news: News, leg: Port, host: str, network: Network) -> None:
    if leg.host == host:
        return
    values = {
        "host": host, "status": DOWN, "vif_type": BOUND if host else UNBOUND,
        "vif_details": binding.details(leg.id, network) if host else {},
    }  # fmt: skip
    ports.update(tx, leg.id, values)
    if host and presences.appear(tx, presences.ROUTER, leg.network_id, host):
        news.network(leg.network_id)
    news.port(leg)
    if leg.host:
        _fade(tx, news, leg.network_id, leg.host)


def remove_leg(tx: Transaction, news: News, router: Router, leg: Port) -> None:
    """Remove a leg's port, and what its host knows of the network through it."""
    news.router(router.id, router.host)
    plugs.remove(tx, news, leg)
    if leg.host:
        _fade(tx, news, leg.network_id, leg.host)


def evict(tx: Transaction, news: News, router: Router) -> None:
    """Tell a router's host that the router goes."""
    news.router(router.id, router.host)


def _fade(tx: Transaction, news: News, network_id: str, host: str) -> None:
    if presences.fade(tx, presences.ROUTER, network_id, host, lambda: routers.leg_on(tx, network_id, host)):
        news.network(network_id)
        news.hosts.add(host)
