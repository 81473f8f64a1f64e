"""The whole way: a control plane says what should be, the agent wires it, packets arrive."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from control_of_networks import ControlOfNetworks
from guests import Plane
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

from nacre.kernel.bus import MemoryBus
from nacre.services.network.agent.drivers.linux import LinuxDriver
from nacre.services.network.agent.main import NetworkAgent
from nacre.services.network.agent.options import AgentOptions


@pytest.fixture
def bus() -> Iterator[MemoryBus]:
    bus = MemoryBus()
    yield bus
    bus.close()


def wait_for(condition: Callable[[], object]) -> None:
    ends_at = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < ends_at, "it did not happen"
        time.sleep(0.05)


def test_from_a_row_to_a_packet_and_through_a_new_agent(
    make_plane: Callable[..., Plane], bus: MemoryBus, tmp_path: Path
) -> None:
    plane = make_plane(machine_access=False)
    control = ControlOfNetworks(bus, "host-1")
    agent = NetworkAgent("host-1", bus, plane.driver, tmp_path / "agent")
    agent.start()
    network = with_dhcp(make_network(), "10.0.0.2")
    group = make_group(make_rule(protocol="icmp"))
    ports = [make_port(network, f"10.0.0.{n}", security_group_ids=(group.id,)) for n in (11, 12)]
    guests = [plane.plug(port, wired=False) for port in ports]
    control.put("networks", network)
    control.put("security_groups", group)
    control.put("neighbours", *(neighbour_of(port) for port in ports))
    control.put("ports", *ports)
    control.put("routers", make_router(make_leg(network, "10.0.0.1/24")))
    control.wake()
    wait_for(lambda: all(status.up for status in control.port_statuses.values()) and control.port_statuses)
    assert [guest.lease()["ip"] for guest in guests] == ["10.0.0.11", "10.0.0.12"]
    assert guests[0].pings("10.0.0.12")

    running = guests[0].start("ping", "-n", "-i", "0.02", "-c", "200", "10.0.0.12")
    agent.stop()
    control.port_reports.clear()
    control.drop("neighbours", "nobody")
    plane.driver = LinuxDriver(plane.settings)
    agent = NetworkAgent(
        "host-1", bus, plane.driver, tmp_path / "agent", options=AgentOptions(reconcile_seconds=0.2)
    )
    agent.start()
    wait_for(lambda: control.port_reports)
    assert " 0% packet loss" in running.communicate()[0]
    assert agent.errors == []

    pid_file = plane.directory / "dhcp" / network.id / "pid"
    pid = int(pid_file.read_text())
    pid_file.unlink()  # a server that is lost from sight is found, and not doubled
    wait_for(pid_file.exists)
    assert int(pid_file.read_text()) == pid

    control.drop("ports", ports[1].id)
    control.wake()
    wait_for(lambda: not guests[0].pings("10.0.0.12", wait_seconds=1))
    agent.stop()
