"""What people and programs do to a host's network behind the agent's back is found, said, and mended."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from control_of_networks import ControlOfNetworks
from guests import Guest, Plane
from network_rows import (
    make_group,
    make_leg,
    make_network,
    make_port,
    make_router,
    make_rule,
    neighbour_of,
    with_dhcp,
)

from nacre.kernel import ids
from nacre.kernel.bus import MemoryBus
from nacre.services.network import rpc
from nacre.services.network.agent.drivers.linux import names, namespaces
from nacre.services.network.agent.main import NetworkAgent


def eventually(condition: Callable[[], object]) -> None:
    """Wait until it is so; on a machine with much to do that takes a moment."""
    ends_at = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < ends_at, "it did not happen"


class Host:
    """A host with a network, two guests that may ping each other, and a router."""

    def __init__(self, plane: Plane, bus: MemoryBus, directory: Path) -> None:
        self.plane = plane
        control = ControlOfNetworks(bus, "host-1")
        self.network = with_dhcp(make_network(), "10.0.0.2")
        self.group = make_group(make_rule(protocol="icmp"))
        self.ports = [
            make_port(self.network, f"10.0.0.{n}", security_group_ids=(self.group.id,)) for n in (11, 12)
        ]
        self.router = make_router(make_leg(self.network, "10.0.0.1/24"))
        self.guests: list[Guest] = [plane.plug(port, wired=False) for port in self.ports]
        control.put("networks", self.network)
        control.put("security_groups", self.group)
        control.put("neighbours", *(neighbour_of(port) for port in self.ports))
        control.put("ports", *self.ports)
        control.put("routers", self.router)
        self.agent = NetworkAgent("host-1", bus, plane.driver, directory / "agent")
        self.agent.prepare()
        self.agent.run_once()
        assert self.agent.errors == []
        assert [guest.lease()["ip"] for guest in self.guests] == ["10.0.0.11", "10.0.0.12"]
        assert self.reconcile() == {}

    def reconcile(self) -> dict[tuple[str, str], rpc.Repair]:
        """Look, mend, and return what was found, by kind and id."""
        found = {(repair.kind, repair.id): repair for repair in self.agent.reconcile()}
        assert all(not repair.error for repair in found.values()), found
        return found

    def mends(self, kind: str, id: str) -> str:
        """Have exactly one thing found and mended, and nothing more at the next look; return the fault."""
        found = self.reconcile()
        assert (kind, id) in found, found
        assert self.reconcile() == {}
        eventually(lambda: self.guests[0].pings("10.0.0.12"))
        return found[kind, id].fault

    def nft(self, *arguments: str) -> str:
        return namespaces.command(["nft", *arguments], inside=self.plane.namespace)

    def ip(self, *arguments: str) -> str:
        return namespaces.command(["ip", *arguments], inside=self.plane.namespace)


@pytest.fixture
def host(make_plane: Callable[..., Plane], tmp_path: Path) -> Iterator[Host]:
    bus = MemoryBus()
    host = Host(make_plane(machine_access=False), bus, tmp_path)
    yield host
    host.agent.stop()
    bus.close()


def a_chain_with_rules(host: Host, prefix: str) -> tuple[str, str, str]:
    """Return family, table and name of a chain of ours."""
    for line in host.nft("list", "chains").splitlines():
        words = line.split()
        if words[:1] == ["table"]:
            family, table = words[1], words[2]
        elif words[:1] == ["chain"] and words[1].startswith(prefix):
            return family, table, words[1]
    raise AssertionError(f"no chain {prefix}…")


def handles(host: Host, chain: tuple[str, str, str]) -> list[str]:
    listed = host.nft("-a", "list", "chain", *chain).splitlines()
    return [line.rpartition("# handle ")[2] for line in listed if "comment" in line]


def test_a_rule_that_was_rewritten(host: Host) -> None:
    chain = a_chain_with_rules(host, "ps_")
    *_, last = handles(host, chain)
    host.nft("replace", "rule", *chain, "handle", last, "accept")
    port_id = names.id_from_hexadecimal(chain[2][3:])
    assert host.reconcile().keys() == {("port", port_id)}
    assert host.reconcile() == {}


def test_a_rule_that_was_taken_out(host: Host) -> None:
    chain = a_chain_with_rules(host, "ps_")
    *_, last = handles(host, chain)
    host.nft("delete", "rule", *chain, "handle", last)
    fault = host.mends("port", names.id_from_hexadecimal(chain[2][3:]))
    assert fault == "filters are gone or changed"


def test_a_rule_that_was_put_in(host: Host) -> None:
    chain = a_chain_with_rules(host, "gi_")
    host.nft("insert", "rule", *chain, "drop")
    assert not host.guests[0].pings("10.0.0.12")
    host.mends("security_group", host.group.id)
    assert "drop" not in host.nft("list", "chain", *chain)


def test_tables_that_were_flushed(host: Host) -> None:
    host.nft("flush", "ruleset")
    host.mends("security_group", host.group.id)


def test_a_tap_that_was_unplugged(host: Host) -> None:
    host.ip("link", "set", names.tap_name(host.ports[0].id), "nomaster")
    assert host.mends("port", host.ports[0].id) == "its interface is not plugged in"


def test_a_tap_that_was_deleted(host: Host) -> None:
    tap = names.tap_name(host.ports[0].id)
    host.ip("link", "del", tap)
    found = host.reconcile()
    assert found["port", host.ports[0].id].fault == "its interface is gone"
    assert tap in host.ip("link", "show", "dev", tap)
    assert host.reconcile() == {}


def test_a_bridge_that_was_taken_down(host: Host) -> None:
    host.ip("link", "set", names.bridge(host.network.id), "down")
    assert host.mends("network", host.network.id) == "its bridge or tunnel is gone or down"


def test_a_dnsmasq_that_was_killed(host: Host) -> None:
    pid = int((host.plane.directory / "dhcp" / host.network.id / "pid").read_text())
    os.kill(pid, signal.SIGKILL)
    while Path(f"/proc/{pid}/cmdline").exists() and Path(f"/proc/{pid}/cmdline").read_bytes():
        time.sleep(0.01)
    assert host.mends("network", host.network.id) == "its DHCP server does not run"
    assert host.guests[0].lease()["ip"] == "10.0.0.11"


@pytest.mark.parametrize("damage", ["deleted", "changed"])
def test_an_entry_of_the_dhcp_server(host: Host, damage: str) -> None:
    hosts = host.plane.directory / "dhcp" / host.network.id / "hosts"
    before = hosts.read_text()
    hosts.unlink() if damage == "deleted" else hosts.write_text(before.splitlines()[0] + "\n")
    assert host.mends("network", host.network.id) == "somebody changed the hosts that its DHCP server knows"
    assert hosts.read_text() == before


def test_a_router_whose_namespace_was_deleted(host: Host) -> None:
    namespaces.remove(names.router_namespace(host.plane.namespace, host.router.id))
    assert host.mends("router", host.router.id) == "its namespace is gone"
    eventually(lambda: host.guests[0].pings("10.0.0.1"))


def test_namespaces_that_nobody_wants(host: Host) -> None:
    stray = {"router": ids.new_id(), "network": ids.new_id()}
    made = [
        names.router_namespace(host.plane.namespace, stray["router"]),
        names.dhcp_namespace(host.plane.namespace, stray["network"]),
    ]
    for name in made:
        namespaces.ensure(name)
    found = host.reconcile()
    assert {key for key, repair in found.items() if repair.stray} == {*stray.items()}
    assert not {*made} & {*namespaces.present()}
    assert host.reconcile() == {}


def test_a_bridge_and_a_tap_that_nobody_wants(host: Host) -> None:
    network_id, port_id = ids.new_id(), ids.new_id()
    bridge, tap = names.bridge(network_id), names.tap_name(port_id)
    host.ip("link", "add", bridge, "type", "bridge")
    host.ip("link", "set", bridge, "alias", f"network {network_id} zone 77")
    host.ip("link", "add", tap, "type", "veth", "peer", "name", "nobodys")
    host.ip("link", "set", tap, "alias", f"port {port_id}")
    host.ip("link", "set", tap, "master", bridge)
    found = host.reconcile()
    assert {key for key, repair in found.items() if repair.stray} == {
        ("network", network_id),
        ("port", port_id),
    }
    listed = host.ip("-o", "link")
    assert bridge not in listed
    assert tap not in listed
    assert "nobodys" not in listed


def test_what_was_found_is_told_when_somebody_asks(host: Host) -> None:
    bus = host.agent._bus
    host.agent._thread.start()  # it was prepared already
    host.nft("flush", "ruleset")
    answer = bus.call(rpc.host_topic("host-1"), rpc.EXAMINE, rpc.Examine())
    assert ("security_group", host.group.id) in {(each.kind, each.id) for each in answer.repairs}
    assert all(not each.error for each in answer.repairs)
    assert bus.call(rpc.host_topic("host-1"), rpc.EXAMINE, rpc.Examine()).repairs == ()
