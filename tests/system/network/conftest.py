"""Hosts with real packets, in network namespaces that the tests make and remove.

Even the machine is played by a namespace, so that the real one's interfaces, routes and firewall have no
part in this, and neither has whatever else runs there.
"""

import ctypes
import itertools
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[2] / "services" / "network" / "agent"))
from guests import Plane, traces  # noqa: E402

from nacre.services.network.agent.drivers.linux import namespaces  # noqa: E402

if os.geteuid() != 0:
    pytest.skip("network namespaces need root", allow_module_level=True)

_numbers = itertools.count(1)


@pytest.fixture
def world() -> Iterator[str]:
    """A namespace beyond the machine: 198.51.100.2."""
    name = f"nxw{os.getpid()}"
    namespaces.ensure(name)
    yield name
    namespaces.remove(name)


@pytest.fixture(autouse=True)
def machine(world: str) -> Iterator[None]:
    """Let the test run on a machine of its own, with one interface `up0`: 198.51.100.1/24."""
    name = f"nxm{os.getpid()}"
    namespaces.ensure(name)
    namespaces.command(
        ["ip", "link", "add", "up0", "netns", name, "type", "veth", "peer", "name", "eth0", "netns", world]
    )
    for namespace, device, address in ((name, "up0", "198.51.100.1/24"), (world, "eth0", "198.51.100.2/24")):
        namespaces.command(["ip", "addr", "add", address, "dev", device], inside=namespace)
        namespaces.command(["ip", "link", "set", device, "up"], inside=namespace)
    namespaces.sysctl(name, {"ipv4/ip_forward": 0})
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    there = os.open(namespaces.path(name), os.O_RDONLY)
    try:
        _step_into(there)
        yield
    finally:
        _step_into(home)
        os.close(home)
        os.close(there)
        namespaces.remove(name)


def _step_into(descriptor: int) -> None:
    """Move this thread, and the threads that it starts from now on, to another network namespace."""
    if ctypes.CDLL(None, use_errno=True).setns(descriptor, namespaces.CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "cannot change the network namespace")


@pytest.fixture
def make_plane(machine: None, tmp_path: Path) -> Iterator[Callable[..., Plane]]:
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
