"""What every network driver keeps of its promises (`drivers/base.py`), asked of each driver alike."""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

sys.path.insert(0, str(Path(__file__).parent))
from network_rows import (  # noqa: E402
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

from nacre.services.network.agent.drivers.base import Driver, DriverError, Kind  # noqa: E402
from nacre.services.network.agent.drivers.linux import LinuxDriver, LinuxSettings, namespaces  # noqa: E402
from nacre.services.network.agent.drivers.simulated import Host, SimulatedDriver  # noqa: E402

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")


@pytest.fixture(params=["simulated", pytest.param("linux", marks=needs_root)])
def make_driver(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Driver]]:
    """Return a function that makes drivers, each a new process's, on one host."""
    host = Host()
    settings = LinuxSettings(
        namespace=f"nxc{os.getpid()}",
        state_dir=tmp_path,
        physical_networks={"public": ""},
        machine_access=False,
    )
    made: list[Driver] = []

    def make() -> Driver:
        for driver in made:
            driver.stop()
        made.append(SimulatedDriver(host) if request.param == "simulated" else LinuxDriver(settings))
        made[-1].start()
        return made[-1]

    yield make
    for driver in made[-1:]:
        driver.purge()
        driver.stop()


@pytest.fixture
def driver(make_driver: Callable[[], Driver]) -> Driver:
    return make_driver()


class Everything:
    """One row of each kind, knowing each other."""

    def __init__(self) -> None:
        self.group = make_group(make_rule(protocol="tcp", port_min=22, port_max=22), make_rule("ingress"))
        self.network = with_dhcp(make_network(), "10.0.0.2")
        self.public = make_network(
            make_subnet("203.0.113.0/24"), kind="flat", physical_network="public", external=True
        )
        self.port = make_port(self.network, "10.0.0.11", security_group_ids=(self.group.id,))
        self.router = make_router(
            make_leg(self.network, "10.0.0.1/24"),
            gateway=make_gateway(self.public, "203.0.113.10/24"),
            floating_ips=(make_floating_ip("203.0.113.50", "10.0.0.11"),),
        )

    def ensure(self, driver: Driver) -> None:
        driver.ensure_neighbours([neighbour_of(self.port)])
        driver.ensure_security_groups([self.group])
        driver.ensure_network(self.network)
        driver.ensure_network(self.public)
        driver.ensure_port(self.port)
        driver.ensure_router(self.router)

    def remove(self, driver: Driver) -> None:
        driver.remove_router(self.router.id)
        driver.remove_port(self.port.id)
        driver.remove_network(self.network.id)
        driver.remove_network(self.public.id)
        driver.remove_security_groups([self.group.id])
        driver.remove_neighbours([self.port.id])

    @property
    def ids(self) -> dict[Kind, set[str]]:
        return {
            Kind.NETWORK: {self.network.id, self.public.id},
            Kind.PORT: {self.port.id},
            Kind.ROUTER: {self.router.id},
            Kind.SECURITY_GROUP: {self.group.id},
        }


NOTHING: dict[Kind, set[str]] = {kind: set() for kind in Kind}


def test_what_is_ensured_is_found_whole(driver: Driver) -> None:
    rows = Everything()
    rows.ensure(driver)
    inspection = driver.inspect()
    assert inspection.found == rows.ids
    assert inspection.broken == {}


def test_ensuring_twice_is_ensuring_once(driver: Driver) -> None:
    rows = Everything()
    rows.ensure(driver)
    rows.ensure(driver)
    assert driver.inspect().found == rows.ids
    assert driver.inspect().broken == {}


def test_what_is_removed_leaves_no_trace_and_may_be_removed_again(driver: Driver) -> None:
    rows = Everything()
    rows.ensure(driver)
    rows.remove(driver)
    assert driver.inspect().found == NOTHING
    rows.remove(driver)
    assert driver.inspect().found == NOTHING


def test_removing_what_never_was_is_no_error(driver: Driver) -> None:
    Everything().remove(driver)
    assert driver.inspect().found == NOTHING


def test_a_new_process_finds_what_the_old_one_made(make_driver: Callable[[], Driver]) -> None:
    rows = Everything()
    rows.ensure(make_driver())
    driver = make_driver()
    assert driver.inspect().found == rows.ids
    rows.ensure(driver)
    assert driver.inspect().found == rows.ids
    assert driver.inspect().broken == {}


def test_a_new_process_removes_what_the_old_one_made(make_driver: Callable[[], Driver]) -> None:
    rows = Everything()
    rows.ensure(make_driver())
    driver = make_driver()
    rows.remove(driver)
    assert driver.inspect().found == NOTHING


def test_a_port_needs_its_network(driver: Driver) -> None:
    rows = Everything()
    with pytest.raises(DriverError, match=rows.network.id):
        driver.ensure_port(rows.port)
    with pytest.raises(DriverError, match=rows.network.id):
        driver.ensure_router(rows.router)
    rows.ensure(driver)
    assert driver.inspect().broken == {}


def test_rows_can_change(driver: Driver) -> None:
    rows = Everything()
    rows.ensure(driver)
    rows.group = replace(rows.group, rules=())
    rows.network = replace(rows.network, mtu=1300, dhcp=None)
    rows.port = replace(rows.port, mtu=1300, admin_state_up=False, security_group_ids=())
    rows.router = replace(rows.router, gateway=None, floating_ips=())
    rows.ensure(driver)
    assert driver.inspect().found == rows.ids
    assert driver.inspect().broken == {}


def test_purge_takes_everything_even_from_a_new_process(make_driver: Callable[[], Driver]) -> None:
    rows = Everything()
    rows.ensure(make_driver())
    make_driver().purge()
    driver = make_driver()
    assert driver.inspect().found == NOTHING
    driver.purge()
    driver.purge()


def test_capabilities_name_what_is_missing_and_why_it_matters(driver: Driver) -> None:
    capabilities = driver.capabilities()
    assert {"routers", "security-groups", "dhcp"} <= set(capabilities.words)
    assert all(missing.name and missing.consequence for missing in capabilities.missing)


class Breakage:
    """Ways to take things away behind a driver's back."""

    @staticmethod
    def router(driver: Driver, rows: Everything) -> None:
        if isinstance(driver, SimulatedDriver):
            driver.lose(Kind.ROUTER, rows.router.id)
        else:
            namespaces.remove(next(name for name in namespaces.present() if rows.router.id in name))

    @staticmethod
    def network(driver: Driver, rows: Everything) -> None:
        if isinstance(driver, SimulatedDriver):
            driver.lose(Kind.NETWORK, rows.network.id)
        else:
            namespaces.command(
                ["ip", "link", "del", f"br-{rows.network.id[:11]}"], inside=f"nxc{os.getpid()}"
            )

    @staticmethod
    def port(driver: Driver, rows: Everything) -> None:
        if isinstance(driver, SimulatedDriver):
            driver.lose(Kind.PORT, rows.port.id)
        else:
            namespaces.command(["ip", "link", "del", f"tap{rows.port.id[:11]}"], inside=f"nxc{os.getpid()}")

    @staticmethod
    def security_group(driver: Driver, rows: Everything) -> None:
        if isinstance(driver, SimulatedDriver):
            driver.lose(Kind.SECURITY_GROUP, rows.group.id)
        else:
            namespaces.command(["nft", "flush", "ruleset"], inside=f"nxc{os.getpid()}")


@pytest.mark.parametrize("kind", ["router", "network", "port", "security_group"])
def test_what_is_taken_away_is_named_and_comes_back(driver: Driver, kind: str) -> None:
    rows = Everything()
    rows.ensure(driver)
    getattr(Breakage, kind)(driver, rows)
    ids = {Kind.ROUTER: rows.router.id, Kind.NETWORK: rows.network.id, Kind.PORT: rows.port.id}
    lost = (Kind(kind), ids.get(Kind(kind), rows.group.id))
    assert lost in driver.inspect().broken
    rows.ensure(driver)
    assert driver.inspect().broken == {}
    assert driver.inspect().found == rows.ids


def test_names_that_could_harm_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DriverError):
        LinuxDriver(LinuxSettings(namespace="../x", state_dir=tmp_path))


def test_the_simulated_driver_fails_when_told() -> None:
    driver = SimulatedDriver()
    network = make_network()
    driver.fail("ensure_network", network.id, reason="out of luck")
    driver.ensure_network(make_network())
    with pytest.raises(DriverError, match="out of luck"):
        driver.ensure_network(network)
    driver.ensure_network(network)
    assert network.id in driver.inspect().found[Kind.NETWORK]
