"""A tiny guest that runs: what a server must do for the tests of a cloud."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from lab import MTU, SECOND_ADDRESS, SECOND_MAC, Guest, Lab, until

BOOTED = "tiny: boot finished"
GIB = 1024 * 1024


@pytest.fixture(scope="module")
def guest(lab: Lab, tiny_image: Path) -> Iterator[Guest]:
    """A guest that learnt who it is from the metadata service."""
    lab.serve_metadata(lab.server_files())
    with lab.start(tiny_image) as guest:
        guest.wait_for(BOOTED)
        yield guest


def test_takes_its_name_from_metadata_and_nothing_that_looks_like_it(guest: Guest) -> None:
    assert guest.ssh("hostname") == "guest-one"
    assert guest.ssh("cat /etc/hostname") == "guest-one"


def test_ordinary_user_logs_in_by_key_and_becomes_root(guest: Guest) -> None:
    assert guest.ssh("id -un", user="cirros") == "cirros"
    assert guest.ssh("sudo -n id -un", user="cirros") == "root"


def test_runs_the_script_it_was_created_with(guest: Guest) -> None:
    assert "user-data-ran-as root" in guest.read_console()
    assert guest.ssh("cat /root/user-data-runs") == "ran"


def test_obeys_what_dhcp_says_about_routes_and_mtu(guest: Guest) -> None:
    routes = guest.ssh("ip route")
    assert "default via 10.61.0.1 " in routes
    assert "192.0.2.0/24 via 10.61.0.9 " in routes
    assert "10.61.0.254" not in routes
    assert f"mtu {MTU} " in guest.ssh("ip link show eth0")


def test_takes_an_ipv6_address_from_router_advertisements(guest: Guest) -> None:
    until(lambda: "inet6 fd00:61::5054:ff:fe61:b/64" in guest.ssh("ip -6 address show eth0"))


def test_root_file_system_fills_the_disk(guest: Guest) -> None:
    kilobytes = int(guest.ssh("df -k / | tail -n 1 | awk '{ print $2 }'"))
    assert kilobytes > 2.8 * GIB


def test_loads_what_is_asked_of_the_kernel(guest: Guest) -> None:
    guest.ssh("ip link add link eth0 name eth0.5 type vlan id 5 && ip link delete eth0.5")
    refused = guest.ssh("mount -t nfs4 -o vers=4.1 10.61.0.1:/ /mnt 2>&1 || true")
    assert "Connection refused" in refused  # there is no such server here, but the kernel knows how


def test_agent_answers_and_sets_passwords(guest: Guest) -> None:
    before = guest.ssh("grep ^root: /etc/shadow")
    guest.ask_agent("guest-set-user-password", username="root", password="bmV3IHdvcmQ=", crypted=False)
    assert before != guest.ssh("grep ^root: /etc/shadow")
    assert guest.has_password("root", "new word")


def test_configures_a_network_card_that_is_plugged_in(guest: Guest) -> None:
    guest.command("netdev_add tap,id=net1,ifname=tap1,script=no,downscript=no")
    guest.command(f"device_add virtio-net-pci,netdev=net1,mac={SECOND_MAC},bus=port1,id=card1")
    guest.wait_for(f"tiny: eth1 has {SECOND_ADDRESS}/24")
    guest.command("device_del card1")
    until(lambda: "eth1" not in guest.ssh("ip link"))
