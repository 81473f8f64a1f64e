"""`openstack network|subnet|port|router|floating ip|security group …`: a project wires itself to the outside."""

import time

import pytest


def eventually(ask, wanted, seconds=30):
    """Ask until the answer is the wanted one; hosts work in their own time."""
    deadline = time.monotonic() + seconds
    while (answer := ask()) != wanted:
        assert time.monotonic() < deadline, f"it is {answer!r} and not {wanted!r}"
        time.sleep(0.5)


@pytest.fixture(scope="module")
def wired(openstack):
    """A network with both IP versions, and a router that leads out of it."""
    openstack("network", "create", "--tag", "red", "--mtu", "1400", "blue")
    openstack("subnet", "create", "--network", "blue", "--subnet-range", "10.5.0.0/24", "blue4")
    six = ("--ip-version", "6", "--ipv6-ra-mode", "slaac", "--ipv6-address-mode", "slaac")
    openstack("subnet", "create", "--network", "blue", *six, "--subnet-range", "2001:db8:5::/64", "blue6")
    public = openstack("network", "list", "--external")[0]["ID"]
    openstack("router", "create", "--external-gateway", public, "way-out")
    for subnet in ("blue4", "blue6"):
        openstack.run("router", "add", "subnet", "way-out", subnet)
    yield public
    for subnet in ("blue4", "blue6"):
        openstack.run("router", "remove", "subnet", "way-out", subnet)
    openstack.run("router", "delete", "way-out")
    openstack.run("network", "delete", "blue")


def test_the_router_comes_to_life(openstack, wired):
    legs = openstack("port", "list", "--router", "way-out", "--network", "blue")
    assert len(legs) == 2
    for leg in legs:
        eventually(lambda id=leg["ID"]: openstack("port", "show", id)["status"], "ACTIVE")


def test_a_port_and_its_floating_ip(openstack, wired):
    port = openstack(
        "port", "create", "--network", "blue", "--fixed-ip", "subnet=blue4,ip-address=10.5.0.50",
        "--allowed-address", "ip-address=10.5.0.99", "p",
    )  # fmt: skip
    assert {ip["ip_address"] for ip in port["fixed_ips"]} > {"10.5.0.50"}
    floating = openstack("floating", "ip", "create", "--port", "p", wired)
    address = floating["floating_ip_address"]
    assert floating["fixed_ip_address"] == "10.5.0.50"
    eventually(lambda: openstack("floating", "ip", "show", address)["status"], "ACTIVE")
    openstack.run("floating", "ip", "unset", "--port", address)
    forwarding = (
        "--internal-ip-address", "10.5.0.50", "--port", "p", "--internal-protocol-port", "22",
        "--external-protocol-port", "2222", "--protocol", "tcp",
    )  # fmt: skip
    openstack("floating", "ip", "port", "forwarding", "create", *forwarding, address)
    (listed,) = openstack("floating", "ip", "port", "forwarding", "list", address)
    assert listed["External Port"] == 2222
    openstack.run("floating", "ip", "delete", address)
    openstack.run("port", "delete", "p")


def test_security_groups(openstack):
    openstack("security", "group", "create", "web")
    rule = ("--proto", "tcp", "--dst-port", "80:81", "--remote-ip", "10.0.0.0/8", "web")
    openstack("security", "group", "rule", "create", *rule)
    assert "409" in openstack.refused("security", "group", "rule", "create", *rule)
    ranges = [row["Port Range"] for row in openstack("security", "group", "rule", "list", "web")]
    assert "80:81" in ranges
    openstack.run("security", "group", "delete", "web")


def test_lists_and_tags(openstack, wired):
    assert [row["Name"] for row in openstack("network", "list", "--tags", "red")] == ["blue"]
    assert openstack("network", "show", "blue")["mtu"] == 1400
    assert "No Network found" in openstack.refused("network", "show", "no-such-network")


def test_what_administrators_see(openstack_admin, wired):
    agents = openstack_admin("network", "agent", "list")
    assert {agent["Agent Type"] for agent in agents} == {"DHCP agent", "L3 agent", "Linux bridge agent"}
    assert all(agent["Alive"] for agent in agents)
    assert openstack_admin("ip", "availability", "show", "blue")["used_ips"] >= 2
    assert len(openstack_admin("network", "agent", "list", "--router", "way-out")) == 1
