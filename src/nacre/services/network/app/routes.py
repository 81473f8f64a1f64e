"""A router's extra routes: where to, by way of whom."""

from collections.abc import Sequence
from ipaddress import ip_address, ip_network

from nacre.kernel.context import Context
from nacre.kernel.db import Transaction
from nacre.services.network.db import subnets
from nacre.services.network.db.ports import Port
from nacre.services.network.db.routers import Router
from nacre.services.network.errors import InvalidRoutes, RoutesExhausted


def checked(
    tx: Transaction, ctx: Context, router: Router, wanted: Sequence[dict[str, str]], legs: Sequence[Port]
) -> list[dict[str, str]]:
    """Return routes in their normal form; raises InvalidRoutes for a next hop that no leg can reach."""
    if len(wanted) > ctx.config.maximum_routes:
        raise RoutesExhausted(router.id, ctx.config.maximum_routes)
    addresses = {ip.ip_address for leg in legs for ip in leg.fixed_ips}
    reachable = [
        subnet.net
        for subnet in subnets.find_many(tx, (ip.subnet_id for leg in legs for ip in leg.fixed_ips)).values()
    ]
    found = []
    for route in wanted:
        destination = ip_network(route["destination"], strict=False)
        hop = ip_address(route["nexthop"])
        if hop.version != destination.version:
            raise InvalidRoutes(list(wanted), "the nexthop and the destination are of different IP versions")
        if not any(hop.version == net.version and hop in net for net in reachable):
            raise InvalidRoutes(list(wanted), "the nexthop is not connected with router")
        if str(hop) in addresses:
            raise InvalidRoutes(list(wanted), "the nexthop is used by router")
        found.append({"destination": str(destination), "nexthop": str(hop)})
    if len({(route["destination"], route["nexthop"]) for route in found}) != len(found):
        raise InvalidRoutes(list(wanted), "a route is named twice")
    return found
