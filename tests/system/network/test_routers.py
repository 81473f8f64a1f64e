"""Routers: between networks, out to the world and back in, and what they tell guests about IPv6."""

import time

from guests import Guest, Plane
from msgspec.structs import replace
from network_rows import (
    make_floating_ip,
    make_gateway,
    make_group,
    make_leg,
    make_network,
    make_port,
    make_router,
    make_rule,
    make_subnet,
)

from nacre.services.network import rpc


class Site:
    """Two networks behind a router, an external network, and somebody out there."""

    def __init__(self, plane: Plane) -> None:
        self.plane = plane
        self.group = make_group(make_rule())
        self.left, self.right = (
            make_network(make_subnet("10.0.0.0/24")),
            make_network(make_subnet("10.1.0.0/24")),
        )
        self.public = make_network(
            make_subnet("203.0.113.0/24", enable_dhcp=False),
            kind="flat", physical_network="public", external=True, mtu=1500,
        )  # fmt: skip
        plane.driver.ensure_security_groups([self.group])
        for network in (self.left, self.right, self.public):
            plane.driver.ensure_network(network)
        self.router = make_router(
            make_leg(self.left, "10.0.0.1/24"),
            make_leg(self.right, "10.1.0.1/24"),
            gateway=make_gateway(self.public, "203.0.113.10/24"),
        )
        plane.driver.ensure_router(self.router)
        self.a = self.guest(self.left, "10.0.0.11", "10.0.0.1")
        self.b = self.guest(self.right, "10.1.0.11", "10.1.0.1")
        self.world = plane.plug(make_port(self.public, "203.0.113.1", port_security_enabled=False))
        self.world.configure("203.0.113.1/24")

    def guest(self, network: rpc.NetworkSpec, address: str, gateway: str) -> Guest:
        port = make_port(network, address, security_group_ids=(self.group.id,))
        return self.plane.plug(port).configure(f"{address}/24", gateway=gateway)

    def change(self, **fields: object) -> None:
        self.router = replace(self.router, **fields)
        self.plane.driver.ensure_router(self.router)


def source_seen(client: Guest, server: Guest, address: str) -> str:
    """Connect to an address and return as whom the server sees the client; empty when it does not."""
    with server.listen(7777) as listener:
        client.connects(address, 7777)
        try:
            connection, (source, _) = listener.accept()
        except BlockingIOError:
            return ""
        connection.close()
        return source


def test_networks_of_one_router_reach_each_other(plane: Plane) -> None:
    site = Site(plane)
    assert site.a.pings("10.1.0.11")
    assert site.b.pings("10.0.0.11")
    site.change(interfaces=site.router.interfaces[:1])
    assert not site.a.pings("10.1.0.11", wait_seconds=1)


def test_guests_go_out_behind_the_routers_address(plane: Plane) -> None:
    site = Site(plane)
    assert site.a.pings("203.0.113.1")
    assert source_seen(site.a, site.world, "203.0.113.1") == "203.0.113.10"
    site.change(enable_snat=False)
    assert not site.a.pings("203.0.113.1", wait_seconds=1)


def test_a_floating_ip_leads_in_and_out_and_ends_when_it_is_taken_away(plane: Plane) -> None:
    site = Site(plane)
    assert not site.world.pings("203.0.113.50", wait_seconds=1)
    site.change(floating_ips=(make_floating_ip("203.0.113.50", "10.0.0.11"),))
    assert site.world.pings("203.0.113.50")
    assert source_seen(site.world, site.a, "203.0.113.50") == "203.0.113.1"
    assert source_seen(site.a, site.world, "203.0.113.1") == "203.0.113.50"
    assert source_seen(site.b, site.world, "203.0.113.1") == "203.0.113.10"
    running = site.world.start("ping", "-n", "-i", "0.2", "-c", "15", "203.0.113.50")
    site.change(floating_ips=())
    assert int(running.communicate()[0].split(" received")[0].split()[-1]) < 5


def test_a_floating_ip_is_reached_from_its_own_network(plane: Plane) -> None:
    site = Site(plane)
    neighbour = site.guest(site.left, "10.0.0.12", "10.0.0.1")
    site.change(floating_ips=(make_floating_ip("203.0.113.50", "10.0.0.11"),))
    assert neighbour.pings("203.0.113.50")
    assert source_seen(neighbour, site.a, "203.0.113.50") == "203.0.113.10"
    assert source_seen(site.b, site.a, "203.0.113.50") == "203.0.113.10"
    assert site.a.pings("203.0.113.50")


def test_a_forwarded_port_leads_to_its_server(plane: Plane) -> None:
    site = Site(plane)
    forwarding = rpc.PortForwardingSpec(
        id=make_leg(site.left).port_id, floating_address="203.0.113.60", protocol="tcp",
        external_port=7777, fixed_address="10.0.0.11", internal_port=7777,
    )  # fmt: skip
    site.change(port_forwardings=(forwarding,))
    assert source_seen(site.world, site.a, "203.0.113.60") == "203.0.113.1"
    assert source_seen(site.world, site.b, "203.0.113.60") == ""


def test_routers_routes_lead_on_and_unreachable_hops_are_named(plane: Plane) -> None:
    site = Site(plane)
    site.b.configure("10.77.0.1/32")
    route = rpc.RouteSpec(destination="10.77.0.0/16", nexthop="10.1.0.11")
    plane.driver.ensure_port(
        replace(site.b.port, allowed_address_pairs=(rpc.AddressPair(ip_address="10.77.0.0/16"),))
    )
    assert not site.a.pings("10.77.0.1", wait_seconds=1)
    site.change(routes=(route,))
    assert site.a.pings("10.77.0.1")


def test_a_router_that_is_down_routes_nothing_and_comes_back(plane: Plane) -> None:
    site = Site(plane)
    site.change(admin_state_up=False)
    assert not site.a.pings("10.1.0.11", wait_seconds=1)
    assert plane.driver.inspect().broken == {}
    site.change(admin_state_up=True)
    assert site.a.pings("10.1.0.11")


def test_guests_make_their_own_ipv6_addresses_from_what_the_router_announces(plane: Plane) -> None:
    subnet = make_subnet("fd00:5::/64", ipv6_ra_mode="slaac", ipv6_address_mode="slaac")
    network = make_network(subnet, mtu=1400)
    group = make_group(make_rule(ethertype="IPv6"))
    plane.driver.ensure_security_groups([group])
    plane.driver.ensure_network(network)
    plane.driver.ensure_router(make_router(make_leg(network, "fd00:5::1/64")))
    addresses = []
    for number in (1, 2):
        mac = f"fa:16:3e:aa:00:0{number}"
        address = f"fd00:5::f816:3eff:feaa:{number}"
        port = make_port(network, address, mac=mac, security_group_ids=(group.id,), mtu=1500)
        plane.plug(port)
        addresses.append(address)
    for guest, address in zip(plane.guests, addresses, strict=True):
        wait_for(lambda g=guest, a=address: a in g.ip("-6", "addr", "show", "dev", "eth0"))  # type: ignore[misc]
        assert guest.run("cat", "/proc/sys/net/ipv6/conf/eth0/mtu").stdout == "1400\n"
    assert plane.guests[0].pings(addresses[1])
    assert plane.guests[0].pings("fd00:5::1")


def wait_for(condition: object, seconds: float = 10) -> None:
    ends_at = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < ends_at, "it did not happen"
        time.sleep(0.1)
