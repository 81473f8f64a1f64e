"""Hosts with real packets, in network namespaces that the tests make and remove."""

import itertools
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[2] / "services" / "network" / "agent"))
from guests import Plane, traces  # noqa: E402

if os.geteuid() != 0:
    pytest.skip("network namespaces need root", allow_module_level=True)

_numbers = itertools.count(1)


@pytest.fixture
def make_plane(tmp_path: Path) -> Iterator[Callable[..., Plane]]:
    """Start hosts; whatever they made must be gone after they were purged."""
    planes: list[Plane] = []

    def make(**settings: object) -> Plane:
        name = f"nxt{os.getpid()}-{next(_numbers)}"
        plane = Plane(name, tmp_path / name, **settings)
        planes.append(plane)
        plane.driver.start()
        return plane

    yield make
    for plane in planes:
        plane.close()
    for plane in planes:
        assert traces(plane.namespace) == []


@pytest.fixture
def plane(make_plane: Callable[..., Plane]) -> Plane:
    return make_plane(machine_access=False)
