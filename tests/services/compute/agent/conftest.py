"""A host's agent on a memory bus, and a listener in the control plane's place."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from control_of_compute import HOST, PATIENCE_SECONDS, ControlPlane  # noqa: E402

from nacre.kernel.bus import MemoryBus
from nacre.services.compute.agent.drivers.base import Driver
from nacre.services.compute.agent.drivers.simulated import SimulatedDriver, SimulatedOptions
from nacre.services.compute.agent.main import ComputeAgent
from nacre.services.compute.agent.options import AgentOptions


@pytest.fixture
def bus() -> Iterator[MemoryBus]:
    bus = MemoryBus()
    yield bus
    bus.close()


@pytest.fixture
def control(bus: MemoryBus) -> ControlPlane:
    return ControlPlane(bus)


@pytest.fixture
def make_agent(bus: MemoryBus, tmp_path: Path) -> Iterator[Callable[..., ComputeAgent]]:
    """Start an agent; always in the same state directory, so a second one is the first one restarted."""
    agents: list[ComputeAgent] = []

    def make(
        driver: Driver | None = None,
        simulated: SimulatedOptions | None = None,
        *,
        wait: bool = True,
        **fields: Any,
    ) -> ComputeAgent:
        driver = driver or SimulatedDriver(tmp_path / "simulated", simulated)
        fields.setdefault("options", AgentOptions())
        agent = ComputeAgent(HOST, bus, driver, tmp_path / "agent", **fields)
        agents.append(agent)
        agent.start()
        if wait:
            assert agent.ready.wait(PATIENCE_SECONDS)
        return agent

    yield make
    for agent in agents:
        agent.stop()


@pytest.fixture
def agent(control: ControlPlane, make_agent: Callable[..., ComputeAgent]) -> ComputeAgent:
    return make_agent()
