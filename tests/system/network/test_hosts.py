"""What reaches beyond one namespace: tunnels between hosts, the machine itself, restarts, and the way out."""

import os
import re
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from guests import Plane, traces
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
    neighbour_of,
    with_dhcp,
)

from nacre.services.network import rpc
from nacre.services.network.agent.drivers.base import DriverError
from nacre.services.network.agent.drivers.linux import namespaces
from nacre.services.network.agent.drivers.linux.names import tap_name

PEERS = ("198.51.100.1", "198.51.100.2")


def underlay(planes: list[Plane]) -> None:
    """Join two hosts by a wire, inside their data planes."""
    first, second = planes
    namespaces.command(
        ["ip", "link", "add", "wire", "netns", first.namespace, "type", "veth",
         "peer", "name", "wire", "netns", second.namespace]
    )  # fmt: skip
    for plane, address in zip(planes, PEERS, strict=True):
        for arguments in (("addr", "add", f"{address}/24", "dev", "wire"), ("link", "set", "wire", "up")):
            namespaces.command(["ip", *arguments], inside=plane.namespace)


@pytest.fixture
def hosts(make_plane: Callable[..., Plane]) -> list[Plane]:
    planes = [make_plane(tunnel_ip=address, machine_access=False) for address in PEERS]
    underlay(planes)
    return planes


def test_a_network_spans_hosts_and_its_rules_and_dhcp_do_too(hosts: list[Plane]) -> None:
    friends = make_group()
    group = make_group(make_rule(remote_group_id=friends.id), id=friends.id)
    network = make_network(kind="vxlan", segmentation_id=1001)
    ports = [make_port(network, f"10.0.0.{n}", security_group_ids=(group.id,)) for n in (11, 12)]
    dhcp = with_dhcp(network, "10.0.0.2").dhcp
    for number, plane in enumerate(hosts):
        other = 1 - number
        plane.driver.ensure_neighbours(
            [neighbour_of(ports[number]), neighbour_of(ports[other], tunnel_ip=PEERS[other])]
        )
        plane.driver.ensure_security_groups([group])
        plane.driver.ensure_network(
            replace(network, tunnel_peers=(PEERS[other],), dhcp=dhcp if number == 0 else None)
        )
        plane.plug(ports[number])
    first, second = (plane.guests[0] for plane in hosts)
    assert second.lease()["ip"] == "10.0.0.12", "the DHCP server is on the other host"
    first.configure("10.0.0.11/24")
    assert first.pings("10.0.0.12")
    assert first.pings("10.0.0.12", size=1400)
    table = namespaces.command(["bridge", "fdb", "show", "dev", "vx-1001"], inside=hosts[0].namespace)
    assert f"{ports[1].mac} dst {PEERS[1]}" in table
    hosts[0].driver.ensure_network(network)  # nobody else carries it any more
    assert not first.pings("10.0.0.12", wait_seconds=1)


def test_a_guest_changes_hosts_and_its_neighbours_find_it(hosts: list[Plane]) -> None:
    """Its port is on both hosts meanwhile; neighbours know no place for it, and ask everybody."""
    group = make_group(make_rule())
    network = make_network(kind="vxlan", segmentation_id=1003)
    peer, mover = (make_port(network, f"10.0.0.{n}", security_group_ids=(group.id,)) for n in (11, 12))
    source, target = hosts
    for number, plane in enumerate(hosts):
        plane.driver.ensure_security_groups([group])
        plane.driver.ensure_network(replace(network, tunnel_peers=(PEERS[1 - number],)))
        plane.driver.ensure_neighbours([neighbour_of(peer), neighbour_of(mover)])
    asking = source.plug(peer).configure("10.0.0.11/24")
    leaving = source.plug(mover).configure("10.0.0.12/24")
    assert asking.pings("10.0.0.12")

    arriving = target.plug(mover, wired=False)
    arriving.ip("link", "set", "eth0", "down")  # a guest that is being copied says nothing
    target.driver.ensure_port(replace(mover, active=False))
    assert floods(target, mover) == {"flood off", "mcast_flood off", "bcast_flood off"}
    assert asking.pings("10.0.0.12"), "while it is expected elsewhere it is answered where it is"

    leaving.ip("link", "set", "eth0", "down")
    arriving.ip("link", "set", "eth0", "up")
    arriving.configure("10.0.0.12/24")
    assert arriving.pings("10.0.0.11"), "what it says shows where it is"
    assert asking.pings("10.0.0.12")

    target.driver.ensure_port(replace(mover, active=True))
    source.driver.ensure_port(replace(mover, active=False))
    assert floods(target, mover) == {"flood on", "mcast_flood on", "bcast_flood on"}
    source.driver.remove_port(mover.id)
    source.driver.ensure_neighbours([neighbour_of(mover, tunnel_ip=PEERS[1])])
    assert asking.pings("10.0.0.12", count=3)


def floods(plane: Plane, port: rpc.PortSpec) -> set[str]:
    """Return what the bridge says of frames for everybody and for nobody known, at a port."""
    tap = tap_name(port.id)
    said = namespaces.command(["bridge", "-d", "link", "show", "dev", tap], inside=plane.namespace)
    return set(re.findall(r"(?<!\S)(?:mcast_|bcast_)?flood (?:on|off)", said))


def test_tunnels_leave_from_where_the_agent_runs_when_the_address_is_there(
    make_plane: Callable[..., Plane],
) -> None:
    plane = make_plane(tunnel_ip="127.0.0.1", tunnel_port=14789, machine_access=False)
    network = make_network(kind="vxlan", segmentation_id=1002, tunnel_peers=("127.0.0.2",))
    plane.driver.ensure_network(network)
    assert "vx-1002" in namespaces.command(["ip", "-o", "link"], inside=plane.namespace)
    assert "vx-1002" not in namespaces.command(["ip", "-o", "link"])
    plane.driver.ensure_network(network)
    assert plane.driver.inspect().broken == {}


def test_a_network_without_its_means_is_refused_by_name(plane: Plane) -> None:
    with pytest.raises(DriverError, match="tunnel_ip"):
        plane.driver.ensure_network(
            make_network(kind="vxlan", segmentation_id=7, tunnel_peers=("198.51.100.9",))
        )
    with pytest.raises(DriverError, match="'elsewhere'"):
        plane.driver.ensure_network(make_network(kind="flat", physical_network="elsewhere"))


def test_vlan_networks_work_or_the_missing_facility_is_named(make_plane: Callable[..., Plane]) -> None:
    plane = make_plane(machine_access=False, physical_networks={"physical": "wire"})
    namespaces.command(
        ["ip", "link", "add", "wire", "type", "veth", "peer", "name", "far"], inside=plane.namespace
    )
    network = make_network(kind="vlan", segmentation_id=7, physical_network="physical")
    capabilities = plane.driver.capabilities()
    if "vlan" in capabilities.words:
        plane.driver.ensure_network(network)
        assert plane.driver.inspect().broken == {}
    else:
        assert "8021q" in {missing.name for missing in capabilities.missing}
        with pytest.raises(DriverError, match="not supported"):
            plane.driver.ensure_network(network)


def test_a_flat_network_leaves_by_its_wire(make_plane: Callable[..., Plane]) -> None:
    plane = make_plane(physical_networks={"physical": "wire"})
    world = plane.plug(make_port(make_network(), "10.0.0.99"), wired=False)
    namespaces.command(
        ["ip", "link", "set", f"tap{world.port.id[:11]}", "name", "wire"], inside=plane.namespace
    )
    network = make_network(kind="flat", physical_network="physical")
    plane.driver.ensure_network(network)
    plane.plug(make_port(network, "10.0.0.11", port_security_enabled=False)).configure("10.0.0.11/24")
    world.configure("10.0.0.99/24")
    assert world.pings("10.0.0.11")


# --- the machine ---


@pytest.fixture
def public_site(make_plane: Callable[..., Plane]) -> Plane:
    return make_site(make_plane())


def make_site(plane: Plane) -> Plane:
    """Plug in a guest with a floating IP on a network that the machine is to reach."""
    network = make_network()
    public = make_network(
        make_subnet("203.0.113.0/24", enable_dhcp=False),
        kind="flat",
        physical_network="public",
        external=True,
    )
    group = make_group(make_rule())
    plane.driver.ensure_security_groups([group])
    plane.driver.ensure_network(network)
    plane.driver.ensure_network(public)
    plane.driver.ensure_router(
        make_router(
            make_leg(network, "10.0.0.1/24"),
            gateway=make_gateway(public, "203.0.113.10/24"),
            floating_ips=(make_floating_ip("203.0.113.50", "10.0.0.11"),),
        )
    )
    port = make_port(network, "10.0.0.11", security_group_ids=(group.id,))
    plane.plug(port).configure("10.0.0.11/24", gateway="10.0.0.1")
    return plane


def test_the_machine_reaches_floating_ips_and_guests_reach_no_more_of_it_than_the_gateway(
    public_site: Plane,
) -> None:
    plane = public_site
    assert namespaces.command(["ping", "-n", "-c", "1", "-W", "2", "203.0.113.50"])
    guest = plane.guests[0]
    assert guest.pings("203.0.113.1")
    assert not guest.pings("198.51.100.1", wait_seconds=1)


def test_the_machine_keeps_its_routes(make_plane: Callable[..., Plane]) -> None:
    plane = make_plane()
    before = namespaces.command(["ip", "route"])
    taken = make_network(
        make_subnet("198.51.100.0/25"),
        kind="flat", physical_network="public", external=True,
    )  # fmt: skip
    with pytest.raises(DriverError, match="overlaps"):
        plane.driver.ensure_network(taken)
    assert namespaces.command(["ip", "route"]) == before
    assert plane.driver.inspect().broken


def test_an_uplink_leads_out_behind_the_machine_and_is_undone(
    make_plane: Callable[..., Plane], world: str
) -> None:
    forwarding = Path("/proc/sys/net/ipv4/conf/up0/forwarding")
    assert forwarding.read_text() == "0\n"
    plane = make_site(make_plane(uplink="up0"))
    guest = plane.guests[0]
    with namespaces.run_in(world, socket.create_server, ("198.51.100.2", 7777)) as seen:
        assert guest.connects("198.51.100.2", 7777)
        assert seen.accept()[1][0] == "198.51.100.1"
    with guest.listen(7777):
        namespaces.command(["ip", "route", "add", "203.0.113.0/24", "via", "198.51.100.1"], inside=world)
        with pytest.raises(OSError):
            namespaces.run_in(world, socket.create_connection, ("203.0.113.50", 7777), 1)
    assert "nacre_" in namespaces.command(["nft", "list", "tables"])
    plane.driver.purge()
    assert namespaces.command(["nft", "list", "tables"]) == ""
    assert forwarding.read_text() == "0\n"


def test_purge_leaves_the_machine_as_it_was(make_plane: Callable[..., Plane]) -> None:
    def picture() -> list[str]:
        """What there is on the machine, but for the namespaces of tests that run beside this one."""
        own = plane.namespace if plane else "nothing yet"
        names = [name for name in namespaces.present() if name.startswith(own)]
        # Names only: a link that was made a moment ago may still be coming up.
        links = [line.split()[0] for line in namespaces.command(["ip", "-br", "link"]).splitlines()]
        rest = [namespaces.command(command) for command in (["ip", "route"], ["nft", "list", "tables"])]
        return [*sorted(names), *sorted(links), *rest]

    plane: Plane | None = None
    before = picture()
    plane = make_plane()
    public = make_network(
        make_subnet("203.0.113.0/24"), kind="flat", physical_network="public", external=True
    )
    network = with_dhcp(
        make_network(make_subnet(), make_subnet("fd00:7::/64", ipv6_ra_mode="slaac")), "10.0.0.2"
    )
    plane.driver.ensure_network(public)
    plane.driver.ensure_network(network)
    plane.driver.ensure_router(make_router(make_leg(network, "10.0.0.1/24", "fd00:7::1/64")))
    plane.driver.ensure_port(make_port(network, "10.0.0.11"))
    assert len(traces(plane.namespace)) >= 6  # namespaces, a link, two processes
    assert picture() != before
    plane.driver.purge()
    assert picture() == before


# --- restarts ---


def test_a_restart_loses_no_packet(public_site: Plane) -> None:
    plane = public_site
    guest = plane.guests[0]
    former = plane.driver
    running = guest.start("ping", "-n", "-i", "0.02", "-c", "150", "203.0.113.1")
    time.sleep(0.3)
    driver = plane.restart()
    driver.ensure_security_groups(list(former._group_rows.values()))
    for ensure, rows in (
        (driver.ensure_network, former._network_rows),
        (driver.ensure_port, former._port_rows),
        (driver.ensure_router, former._router_rows),
    ):
        for row in rows.values():
            ensure(row)  # type: ignore[operator]
    assert " 0% packet loss" in running.communicate()[0]


def test_a_dead_dhcp_server_is_noticed_and_started_again(plane: Plane) -> None:
    network = with_dhcp(make_network(), "10.0.0.2")
    port = make_port(network, "10.0.0.11", port_security_enabled=False)
    plane.driver.ensure_neighbours([neighbour_of(port)])
    plane.driver.ensure_network(network)
    pid = int((plane.directory / "dhcp" / network.id / "pid").read_text())
    os.kill(pid, 9)
    while runs(pid):
        time.sleep(0.01)
    assert "DHCP" in " ".join(plane.driver.inspect().broken.values())
    plane.driver.ensure_network(network)
    assert plane.driver.inspect().broken == {}
    assert plane.plug(port).lease()["ip"] == "10.0.0.11"


def test_a_stale_pid_file_endangers_no_stranger(plane: Plane) -> None:
    network = with_dhcp(make_network(), "10.0.0.2")
    plane.driver.ensure_network(network)
    pid_file = plane.directory / "dhcp" / network.id / "pid"
    own = int(pid_file.read_text())
    pid_file.write_text(str(os.getpid()))
    assert "DHCP" in " ".join(plane.driver.inspect().broken.values())
    pid_file.write_text(str(own))
    plane.driver.remove_network(network.id)
    assert not runs(own)


def runs(pid: int) -> bool:
    """Tell whether a process runs; one that has ended and waits for its parent does not."""
    try:
        return bool(Path(f"/proc/{pid}/cmdline").read_bytes())
    except OSError:
        return False
