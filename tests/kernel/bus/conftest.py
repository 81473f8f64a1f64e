"""Both drivers of the bus, for the tests that hold for each: `bus`, and `make_bus` for a test that wants several.

All buses that one test makes speak with each other: they are one in memory, or several processes on a realm.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from kernel.bus.bus_notes import PATIENCE, MakeBus
from nacre.kernel.bus import Bus, MemoryBus
from nacre.kernel.bus.amqp import AmqpBus
from nacre.kernel.bus.options import BusOptions
from nacre.kernel.testing.brokers import Broker


@pytest.fixture
def realm(broker: Broker) -> str:
    """A realm of this test's own."""
    return broker.new_realm()


@pytest.fixture
def make_amqp_bus(broker: Broker, realm: str) -> Iterator[Callable[..., AmqpBus]]:
    """Make buses on the broker, each as a process of its own would; closed when the test ends."""
    made: list[AmqpBus] = []

    def make(
        *, pool: Any = None, loop: Any = None, name: str = "test", connected: bool = True, **options: Any
    ) -> AmqpBus:
        given = {"url": broker.url, "realm": realm, **options}
        bus = AmqpBus(BusOptions(**given), name=name, pool=pool, loop=loop)
        made.append(bus)
        assert not connected or bus.wait_until_connected(PATIENCE)
        return bus

    yield make
    for bus in reversed(made):
        bus.close(PATIENCE)


@pytest.fixture(params=["memory", "amqp"])
def make_bus(request: pytest.FixtureRequest) -> Iterator[MakeBus]:
    """Make a bus of each kind in turn."""
    if request.param == "amqp":
        yield request.getfixturevalue("make_amqp_bus")
        return
    made: list[MemoryBus] = []

    def make(*, pool: Any = None) -> MemoryBus:
        made.append(MemoryBus(pool))
        return made[-1]

    yield make
    for bus in made:
        bus.close(PATIENCE)


@pytest.fixture
def bus(make_bus: MakeBus) -> Iterator[Bus]:
    """A bus of each kind in turn, that must have finished everything when the test ends."""
    bus: Bus = make_bus()
    yield bus
    assert bus.close(PATIENCE)
