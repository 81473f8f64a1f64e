"""Guests on one network: addresses, neighbours, and who may speak as whom."""

import dhcpv6
import pytest
from guests import Plane
from msgspec.structs import replace
from network_rows import (
    make_group,
    make_leg,
    make_network,
    make_port,
    make_router,
    make_rule,
    make_subnet,
    neighbour_of,
    with_dhcp,
)

from nacre.services.network import rpc
from nacre.services.network.agent.drivers.linux import namespaces

PING_IN = {"protocol": "icmp"}


def test_a_guest_gets_its_lease_and_all_that_goes_with_it(plane: Plane) -> None:
    subnet = make_subnet(
        dns_nameservers=("198.51.100.53",),
        host_routes=(rpc.HostRoute(destination="10.9.0.0/16", nexthop="10.0.0.7"),),
    )
    network = make_network(subnet, mtu=1400, dns_domain="cloud.example.")
    network = with_dhcp(network, "10.0.0.2")
    group = make_group()
    port = make_port(network, "10.0.0.11", security_group_ids=(group.id,))
    plane.driver.ensure_neighbours([neighbour_of(port, hostname="alpha")])
    plane.driver.ensure_security_groups([group])
    plane.driver.ensure_network(network)
    guest = plane.plug(port)
    lease = guest.lease()
    assert lease["ip"] == "10.0.0.11"
    assert lease["mask"] == "24"
    assert lease["router"] == "10.0.0.1"
    assert lease["dns"] == "198.51.100.53"
    assert lease["mtu"] == "1400"
    assert lease["hostname"] == "alpha"
    assert lease["domain"] == "cloud.example"
    assert lease["staticroutes"].split() == [
        "10.9.0.0/16", "10.0.0.7", "169.254.169.254/32", "10.0.0.2", "0.0.0.0/0", "10.0.0.1",
    ]  # fmt: skip


def test_ping_passes_while_a_rule_lets_it_and_not_a_moment_longer(plane: Plane) -> None:
    network = make_network()
    silent = make_group()
    talking = make_group(make_rule(**PING_IN), id=silent.id)
    plane.driver.ensure_security_groups([talking])
    plane.driver.ensure_network(network)
    first, second = (
        plane.plug(make_port(network, f"10.0.0.{n}", security_group_ids=(silent.id,))).configure(
            f"10.0.0.{n}/24"
        )
        for n in (11, 12)
    )
    assert first.pings("10.0.0.12")
    running = first.start("ping", "-n", "-i", "0.2", "-c", "15", "10.0.0.12")
    plane.driver.ensure_security_groups([silent])
    text = running.communicate()[0]
    assert int(text.split(" received")[0].split()[-1]) < 5
    assert not first.pings("10.0.0.12")
    plane.driver.ensure_security_groups([talking])
    assert first.pings("10.0.0.12")


def test_members_of_a_remote_group_come_in_and_others_do_not(plane: Plane) -> None:
    network = make_network()
    friends = make_group()
    group = make_group(make_rule(remote_group_id=friends.id))
    target = make_port(network, "10.0.0.10", security_group_ids=(group.id,))
    friend = make_port(network, "10.0.0.11", security_group_ids=(friends.id,))
    stranger = make_port(network, "10.0.0.12", security_group_ids=(make_group().id,))
    plane.driver.ensure_neighbours([neighbour_of(port) for port in (target, friend, stranger)])
    open_group = make_group(id=stranger.security_group_ids[0])
    plane.driver.ensure_security_groups([friends, group, open_group])
    plane.driver.ensure_network(network)
    plane.plug(target).configure("10.0.0.10/24")
    from_friend = plane.plug(friend).configure("10.0.0.11/24")
    from_stranger = plane.plug(stranger).configure("10.0.0.12/24")
    assert from_friend.pings("10.0.0.10")
    assert not from_stranger.pings("10.0.0.10", wait_seconds=1)
    plane.driver.ensure_neighbours([neighbour_of(stranger, security_group_ids=(friends.id,))])
    plane.driver.remove_neighbours([friend.id])
    assert from_stranger.pings("10.0.0.10")
    assert not from_friend.pings("10.0.0.10", wait_seconds=1)


def test_a_guest_speaks_only_as_itself(plane: Plane) -> None:
    network = make_network()
    group = make_group(make_rule(), make_rule(ethertype="IPv6"))
    pair = rpc.AddressPair(ip_address="10.0.0.100/30")
    honest = make_port(network, "10.0.0.11", security_group_ids=(group.id,))
    spoofer = make_port(network, "10.0.0.12", security_group_ids=(group.id,), allowed_address_pairs=(pair,))
    plane.driver.ensure_security_groups([group])
    plane.driver.ensure_network(network)
    plane.plug(honest).configure("10.0.0.11/24")
    guest = plane.plug(spoofer).configure("10.0.0.12/24", "10.0.0.13/24", "10.0.0.101/24")
    assert guest.pings("10.0.0.11")
    assert guest.run("ping", "-c", "1", "-W", "2", "-I", "10.0.0.101", "10.0.0.11").returncode == 0
    assert guest.run("ping", "-c", "1", "-W", "1", "-I", "10.0.0.13", "10.0.0.11").returncode != 0
    plane.driver.ensure_port(replace(spoofer, port_security_enabled=False))
    assert guest.run("ping", "-c", "1", "-W", "2", "-I", "10.0.0.13", "10.0.0.11").returncode == 0
    plane.driver.ensure_port(spoofer)
    guest.ip("link", "set", "eth0", "address", "fa:16:3e:ff:ff:fe")
    assert not guest.pings("10.0.0.11", wait_seconds=1)


def test_a_guest_cannot_be_a_dhcp_server(plane: Plane) -> None:
    network = make_network()
    group = make_group(make_rule())
    ports = [
        make_port(network, f"10.0.0.{n}", security_group_ids=(group.id,), port_security_enabled=n != 12)
        for n in (11, 12, 13)
    ]
    plane.driver.ensure_security_groups([group])
    plane.driver.ensure_network(network)
    client, *_ = [plane.plug(port) for port in ports]
    for server, answers in ((plane.guests[2], False), (plane.guests[1], True)):
        address = server.port.fixed_ips[0].ip_address
        server.configure(f"{address}/24")
        daemon = server.start(
            "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--port=0", "--user=root",
            "--no-ping", "--interface=eth0", "--dhcp-range=10.0.0.50,10.0.0.60", "--leasefile-ro",
            "--pid-file=",
        )  # fmt: skip
        try:
            assert bool(client.lease()) is answers
        finally:
            daemon.terminate()
            daemon.communicate()


def test_tcp_ports_ranges_and_replies(plane: Plane) -> None:
    network = make_network()
    group = make_group(make_rule(protocol="tcp", port_min=8000, port_max=8010, remote_cidr="10.0.0.0/24"))
    plane.driver.ensure_security_groups([group])
    plane.driver.ensure_network(network)
    first, second = (
        plane.plug(make_port(network, f"10.0.0.{n}", security_group_ids=(group.id,))).configure(
            f"10.0.0.{n}/24"
        )
        for n in (11, 12)
    )
    with second.listen(8005), second.listen(8011):
        assert first.connects("10.0.0.12", 8005)
        assert not first.connects("10.0.0.12", 8011, timeout=1)


def test_a_port_that_is_down_carries_nothing(plane: Plane) -> None:
    network = make_network()
    plane.driver.ensure_network(network)
    first, second = (
        plane.plug(make_port(network, f"10.0.0.{n}", port_security_enabled=False)).configure(f"10.0.0.{n}/24")
        for n in (11, 12)
    )
    assert first.pings("10.0.0.12")
    plane.driver.ensure_port(replace(second.port, admin_state_up=False))
    assert not first.pings("10.0.0.12", wait_seconds=1)
    plane.driver.ensure_port(second.port)
    assert first.pings("10.0.0.12")


def test_new_servers_and_options_reach_a_running_dhcp_server(plane: Plane) -> None:
    network = with_dhcp(make_network(), "10.0.0.2")
    plane.driver.ensure_network(network)
    port = make_port(network, "10.0.0.11", port_security_enabled=False)
    guest = plane.plug(port)
    assert guest.lease() == {}
    options = (
        rpc.DhcpOption(name="6", value="198.51.100.99"),
        rpc.DhcpOption(name="bad name", value="1"),
        rpc.DhcpOption(name="domain-name", value="x\ndhcp-script=/bin/false"),
    )
    plane.driver.ensure_neighbours([neighbour_of(port, dhcp_options=options)])
    lease = guest.lease()
    assert lease["ip"] == "10.0.0.11"
    assert lease["dns"] == "198.51.100.99"
    plane.driver.remove_neighbours([port.id])
    guest.ip("addr", "flush", "dev", "eth0")
    assert guest.lease() == {}


def test_two_networks_with_the_same_addresses_do_not_meet(plane: Plane) -> None:
    group = make_group(make_rule(**PING_IN))
    plane.driver.ensure_security_groups([group])
    networks = [make_network(), make_network()]
    for network in networks:
        plane.driver.ensure_network(network)
    here = plane.plug(make_port(networks[0], "10.0.0.11", security_group_ids=(group.id,))).configure(
        "10.0.0.11/24"
    )
    plane.plug(make_port(networks[1], "10.0.0.12", security_group_ids=(group.id,))).configure("10.0.0.12/24")
    assert not here.pings("10.0.0.12", wait_seconds=1)
    there = plane.plug(make_port(networks[1], "10.0.0.11", security_group_ids=(group.id,))).configure(
        "10.0.0.11/24"
    )
    assert there.pings("10.0.0.12")


@pytest.mark.parametrize("mode", ["dhcpv6-stateful", "dhcpv6-stateless"])
def test_ipv6_by_dhcp(plane: Plane, mode: str) -> None:
    subnet = make_subnet(
        "fd00:5::/64", ipv6_ra_mode=mode, ipv6_address_mode=mode, dns_nameservers=("fd00:99::53",)
    )
    network = with_dhcp(make_network(subnet), "fd00:5::2")
    group = make_group()
    port = make_port(network, "fd00:5::11", security_group_ids=(group.id,))
    plane.driver.ensure_neighbours([neighbour_of(port)])
    plane.driver.ensure_security_groups([group])
    plane.driver.ensure_network(network)
    plane.driver.ensure_router(make_router(make_leg(network, "fd00:5::1/64")))
    guest = plane.plug(port)
    question = dhcpv6.SOLICIT if mode == "dhcpv6-stateful" else dhcpv6.INFORMATION_REQUEST
    answer = namespaces.run_in(guest.namespace, dhcpv6.ask, port.mac, question)
    assert answer["dns"] == ["fd00:99::53"]
    assert answer["addresses"] == (["fd00:5::11"] if mode == "dhcpv6-stateful" else [])
