"""The agent between a control plane and a host: what it asks, what it makes so, what it says."""

import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

sys.path.insert(0, str(Path(__file__).parent))
from control_of_networks import ControlOfNetworks  # noqa: E402
from network_rows import (  # noqa: E402
    make_gateway,
    make_group,
    make_leg,
    make_network,
    make_port,
    make_router,
    neighbour_of,
    with_dhcp,
)

from nacre.kernel.bus import MemoryBus  # noqa: E402
from nacre.kernel.clock import TurnedClock
from nacre.kernel.errors import NacreError  # noqa: E402
from nacre.services.network.agent.drivers.base import Kind  # noqa: E402
from nacre.services.network.agent.drivers.simulated import Host, SimulatedDriver  # noqa: E402
from nacre.services.network.agent.main import NetworkAgent  # noqa: E402
from nacre.services.network.agent.options import AgentOptions  # noqa: E402


@pytest.fixture
def bus() -> Iterator[MemoryBus]:
    bus = MemoryBus()
    yield bus
    bus.close()


@pytest.fixture
def control(bus: MemoryBus) -> ControlOfNetworks:
    return ControlOfNetworks(bus, "host-1")


@pytest.fixture
def host() -> Host:
    return Host()


@pytest.fixture
def clock() -> TurnedClock:
    return TurnedClock()


@pytest.fixture
def make_agent(
    bus: MemoryBus, host: Host, clock: TurnedClock, tmp_path: Path
) -> Iterator[Callable[[], NetworkAgent]]:
    """Return a function that makes an agent process on the host; the former one stops."""
    made: list[NetworkAgent] = []

    def make(**options: float) -> NetworkAgent:
        for agent in made:
            agent.stop()
        agent = NetworkAgent(
            "host-1", bus, SimulatedDriver(host), tmp_path, options=AgentOptions(**options), clock=clock
        )
        made[:] = [agent]
        agent.prepare()
        return agent

    yield make
    for agent in made:
        agent.stop()


@pytest.fixture
def agent(control: ControlOfNetworks, make_agent: Callable[[], NetworkAgent]) -> NetworkAgent:
    agent = make_agent()
    agent.run_once()
    return agent


def driver_of(agent: NetworkAgent) -> SimulatedDriver:
    assert isinstance(agent.driver, SimulatedDriver)
    return agent.driver


def test_what_is_wanted_is_made_so_and_reported(
    control: ControlOfNetworks, agent: NetworkAgent, host: Host
) -> None:
    network = with_dhcp(make_network(), "10.0.0.2")
    group = make_group()
    port = make_port(network, "10.0.0.11", security_group_ids=(group.id,))
    router = make_router(make_leg(network, "10.0.0.1/24"))
    control.put("networks", network)
    control.put("security_groups", group)
    control.put("ports", port)
    control.put("routers", router)
    control.put("neighbours", neighbour_of(port))
    agent.run_once()
    assert host.things == {
        (Kind.NETWORK, network.id): network,
        (Kind.SECURITY_GROUP, group.id): group,
        (Kind.PORT, port.id): port,
        (Kind.ROUTER, router.id): router,
    }
    assert driver_of(agent).neighbours == {port.id: neighbour_of(port)}
    assert control.port_reports[-1].revision == control.revision
    assert network.dhcp is not None
    assert {s.id for s in control.port_reports[-1].ports if s.up} == {
        port.id, network.dhcp.id, router.interfaces[0].port_id,
    }  # fmt: skip
    assert [(s.id, s.up) for s in control.port_reports[-1].routers] == [(router.id, True)]


def test_only_what_changed_is_asked_for_applied_and_reported(
    control: ControlOfNetworks, agent: NetworkAgent
) -> None:
    network = make_network()
    ports = [make_port(network, f"10.0.0.{n}") for n in (11, 12)]
    control.put("networks", network)
    control.put("ports", *ports)
    agent.run_once()
    revision, calls = control.revision, driver_of(agent).calls["ensure_port"]
    control.put("ports", replace(ports[0], admin_state_up=False))
    agent.run_once()
    assert control.requests[-1].since_revision == revision
    assert driver_of(agent).calls["ensure_port"] == calls + 1
    assert [(s.id, s.up) for s in control.port_reports[-1].ports] == [(ports[0].id, False)]
    reports = len(control.port_reports)
    agent.run_once()
    assert len(control.port_reports) == reports


def test_what_is_dropped_goes(control: ControlOfNetworks, agent: NetworkAgent, host: Host) -> None:
    network = make_network()
    port = make_port(network, "10.0.0.11")
    control.put("networks", network)
    control.put("ports", port)
    agent.run_once()
    control.drop("ports", port.id)
    control.drop("networks", network.id)
    agent.run_once()
    assert host.things == {}


def test_a_failing_row_stands_in_nobodys_way_and_is_tried_again(
    control: ControlOfNetworks, agent: NetworkAgent, clock: TurnedClock
) -> None:
    network = make_network()
    ports = [make_port(network, f"10.0.0.{n}") for n in (11, 12)]
    driver_of(agent).fail("ensure_port", ports[0].id, reason="no more room")
    control.put("networks", network)
    control.put("ports", *ports)
    agent.run_once()
    assert control.port_statuses[ports[0].id].error == "no more room"
    assert control.port_statuses[ports[1].id].up
    assert any("no more room" in text for text in agent.report().errors)
    clock.turn(seconds=5)
    agent.run_once()
    assert control.port_statuses[ports[0].id].up
    assert agent.errors == []


def test_only_what_was_touched_is_told_and_what_comes_back_is_told_again(
    control: ControlOfNetworks, agent: NetworkAgent
) -> None:
    network = make_network()
    first, second = (make_port(network, f"10.0.0.{n}") for n in (11, 12))
    control.put("networks", network)
    control.put("ports", first)
    agent.run_once()
    control.put("ports", second)
    agent.run_once()
    assert [status.id for status in control.port_reports[-1].ports] == [second.id]
    told = len(control.port_reports)
    control.drop("ports", first.id)
    agent.run_once()
    assert len(control.port_reports) == told
    control.put("ports", first)
    agent.run_once()
    assert [status.id for status in control.port_reports[-1].ports] == [first.id]


def test_what_was_not_heard_is_told_the_next_time(control: ControlOfNetworks, agent: NetworkAgent) -> None:
    network = make_network()
    port = make_port(network, "10.0.0.11")
    control.put("networks", network)
    agent.run_once()
    control.refuses_reports = True
    control.put("ports", port)
    with pytest.raises(NacreError):
        agent.run_once()
    control.refuses_reports = False
    agent.run_once()
    assert control.port_statuses[port.id].up


def test_one_bad_group_spoils_no_other(control: ControlOfNetworks, agent: NetworkAgent, host: Host) -> None:
    groups = [make_group() for _ in range(3)]
    driver_of(agent).fail("ensure_security_groups", groups[1].id, times=2)
    control.put("security_groups", *groups)
    agent.run_once()
    assert host.things.keys() == {(Kind.SECURITY_GROUP, group.id) for group in (groups[0], groups[2])}


def test_a_network_that_failed_brings_its_ports_when_it_comes(
    control: ControlOfNetworks, agent: NetworkAgent, clock: TurnedClock
) -> None:
    network = make_network()
    port = make_port(network, "10.0.0.11")
    driver_of(agent).fail("ensure_network")
    control.put("networks", network)
    control.put("ports", port)
    agent.run_once()
    assert not control.port_statuses[port.id].up
    clock.turn(seconds=5)
    agent.run_once()
    assert control.port_statuses[port.id].up


def test_a_new_agent_asks_for_all_and_removes_only_what_nobody_wants(
    control: ControlOfNetworks, agent: NetworkAgent, make_agent: Callable[[], NetworkAgent], host: Host
) -> None:
    network = make_network()
    kept, gone = make_port(network, "10.0.0.11"), make_port(network, "10.0.0.12")
    control.put("networks", network)
    control.put("ports", kept, gone)
    agent.run_once()
    control.drop("ports", gone.id)
    successor = make_agent()
    assert (Kind.PORT, gone.id) in host.things
    successor.run_once()
    assert control.requests[-1].since_revision == 0
    assert host.things.keys() == {(Kind.NETWORK, network.id), (Kind.PORT, kept.id)}
    assert driver_of(successor).calls["remove_port"] == 1
    assert driver_of(successor).calls["remove_network"] == 0


def test_drift_is_healed_and_strays_go(
    control: ControlOfNetworks, agent: NetworkAgent, host: Host, clock: TurnedClock
) -> None:
    network = make_network()
    port, stray = make_port(network, "10.0.0.11"), make_port(network, "10.0.0.12")
    control.put("networks", network)
    control.put("ports", port)
    agent.run_once()
    driver_of(agent).lose(Kind.PORT, port.id)
    host.things[Kind.PORT, stray.id] = stray
    agent.run_once()
    assert (Kind.PORT, port.id) not in host.things
    clock.turn(seconds=61)
    agent.run_once()
    assert host.things.keys() == {(Kind.NETWORK, network.id), (Kind.PORT, port.id)}


def test_without_a_control_plane_the_host_goes_by_what_it_knew(
    control: ControlOfNetworks,
    agent: NetworkAgent,
    make_agent: Callable[[], NetworkAgent],
    host: Host,
    clock: TurnedClock,
) -> None:
    network = make_network()
    control.put("networks", network)
    agent.run_once()
    agent.stop()
    control.close()
    host.things.clear()  # the machine was restarted
    stray = make_port(network, "10.0.0.12")
    host.things[Kind.PORT, stray.id] = stray
    successor = make_agent()
    successor.run_once()
    assert (Kind.NETWORK, network.id) in host.things
    clock.turn(seconds=61)
    successor.run_once()
    assert (Kind.PORT, stray.id) in host.things, "only the control plane may say that something is not wanted"
    control.open()
    successor.run_once()
    assert host.things.keys() == {(Kind.NETWORK, network.id)}


def test_a_control_plane_that_lost_its_memory_takes_nothing_away_by_saying_little(
    control: ControlOfNetworks, agent: NetworkAgent, host: Host
) -> None:
    network = make_network()
    control.put("networks", network)
    agent.run_once()
    control.revision = 1
    agent.run_once()
    assert (Kind.NETWORK, network.id) in host.things
    agent.run_once()
    assert control.requests[-1].since_revision == 0
    assert (Kind.NETWORK, network.id) in host.things


def test_reports_that_were_not_heard_are_made_again(control: ControlOfNetworks, agent: NetworkAgent) -> None:
    network = make_network()
    port = make_port(network, "10.0.0.11")
    control.put("networks", network)
    control.put("ports", port)
    control.close()
    agent.run_once()
    assert control.port_reports == []
    control.open()
    agent.run_once()
    assert control.port_statuses[port.id].up


def test_a_changed_network_reaches_its_routers(control: ControlOfNetworks, agent: NetworkAgent) -> None:
    network, public = make_network(), make_network(external=True)
    router = make_router(make_leg(network, "10.0.0.1/24"), gateway=make_gateway(public, "203.0.113.10/24"))
    control.put("networks", network, public)
    control.put("routers", router)
    agent.run_once()
    calls = driver_of(agent).calls["ensure_router"]
    control.put("networks", replace(network, mtu=1400))
    agent.run_once()
    assert driver_of(agent).calls["ensure_router"] == calls + 1


def test_a_heartbeat_says_what_the_host_can_do(control: ControlOfNetworks, agent: NetworkAgent) -> None:
    report = agent.report()
    assert report.host == "host-1"
    assert report.driver == "simulated"
    assert "vxlan" in report.capabilities


def test_a_running_agent_hears_wakes(
    control: ControlOfNetworks, make_agent: Callable[..., NetworkAgent]
) -> None:
    agent = make_agent(poll_seconds=3600, heartbeat_seconds=3600, reconcile_seconds=3600)
    applied = threading.Event()
    ensure = agent.driver.ensure_network

    def watched(row: object) -> None:
        ensure(row)  # type: ignore[arg-type]
        applied.set()

    agent.driver.ensure_network = watched  # type: ignore[method-assign, assignment]
    agent._thread.start()
    control.put("networks", make_network())
    for _ in range(100):
        control.wake(control.revision)
    assert applied.wait(20)
