"""A cloud of several processes on a broker: services here and there, agents of their own, each may die."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nacre.cloud.client import CloudClient
from nacre.cloud.state import StateDirectory
from nacre.kernel import errors
from nacre.kernel.testing import daemons
from nacre.kernel.testing.brokers import HOSTS, HOSTS_REALM, Broker

HOST = HOSTS[1]
PATIENCE = 60.0  # seconds after which a test gives up; never an expectation


class Machine:
    """A directory with a configuration, and nacre's processes that run with it."""

    def __init__(self, where: Path, url: str, **sections: dict[str, Any]) -> None:
        self.where, self.state = where, StateDirectory(where / "state")
        where.mkdir()
        (self.port,) = daemons.free_ports(1)
        settings: dict[str, dict[str, Any]] = {
            "cloud": {"mode": "simulated", "listen": "127.0.0.1", "ports": f"single:{self.port}"},
            "bus": {"url": url, "realm": HOSTS_REALM},
        }
        lines: list[str] = []
        for name in settings.keys() | sections.keys():
            values = {**settings.get(name, {}), **sections.get(name, {})}
            lines += [f"[{name}]", *(f"{key} = {_toml(value)}" for key, value in values.items())]
        self.config = where / "nacre.toml"
        self.config.touch(mode=0o600)
        self.config.write_text("\n".join([*lines, ""]))
        self._started: list[subprocess.Popen[bytes]] = []
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, *arguments: str, ready: str) -> subprocess.Popen[bytes]:
        """Start a command; returns when it has printed the line."""
        log = self.where / f"{len(self._started)}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "nacre", *arguments]
                + ["--state", str(self.state.root), "--config", str(self.config)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self._started.append(process)
        self.processes[" ".join(arguments)] = process
        while ready not in log.read_text():
            try:
                process.wait(0.05)
            except subprocess.TimeoutExpired:
                continue
            pytest.fail(f"nacre {' '.join(arguments)} ended:\n{log.read_text()}")
        return process

    def close(self) -> None:
        """Stop what runs, in order."""
        for process in reversed(self._started):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(PATIENCE)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {_toml(each)}" for key, each in value.items()) + "}"
    return str(value) if isinstance(value, int) else f'"{value}"'


@pytest.fixture(scope="module")
def make_machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Machine]]:
    """Make machines; what runs on them is stopped at the end, the last first."""
    made: list[Machine] = []

    def make(url: str, **sections: dict[str, Any]) -> Machine:
        made.append(Machine(tmp_path_factory.mktemp("machine") / "m", url, **sections))
        return made[-1]

    yield make
    for machine in reversed(made):
        machine.close()


@pytest.fixture(scope="module")
def control(make_machine: Callable[..., Machine], broker: Broker) -> Machine:
    """The machine of `nacre up`, with a host of its own."""
    machine = make_machine(broker.url, cloud={"host": HOSTS[0]})
    machine.start("up", "--simulated", ready="try        ./nacre demo")
    return machine


@pytest.fixture(scope="module")
def admin(control: Machine) -> CloudClient:
    """The administrator."""
    running = control.state.running()
    assert running is not None
    return CloudClient(running.auth_url, "admin", control.state.secrets().admin_password, "admin")


@pytest.fixture(scope="module")
def other(make_machine: Callable[..., Machine], broker: Broker, admin: CloudClient) -> Machine:
    """Another machine, whose agents have that host's account on the broker."""
    machine = make_machine(broker.host_url(HOST), cloud={"host": HOST})
    for kind in ("network", "compute"):
        start_agent(machine, kind)
    admin.wait(
        lambda: admin.get("compute", "/os-services", host=HOST)["services"],
        lambda services: any(each["state"] == "up" for each in services),
        seconds=PATIENCE,
    )
    return machine


def start_agent(machine: Machine, kind: str) -> subprocess.Popen[bytes]:
    return machine.start("agent", kind, ready=f"the {kind} agent of {HOST} runs")


def make_server(client: CloudClient, name: str, networks: Any = "none") -> dict[str, Any]:
    """Build a server on the other machine and return it."""
    flavor = client.get("compute", "/flavors")["flavors"][0]["id"]
    image = client.get("image", "/v2/images")["images"][0]["id"]
    body = {
        "name": name,
        "flavorRef": flavor,
        "imageRef": image,
        "networks": networks,
        "availability_zone": f"nova:{HOST}",
    }
    server = client.post("compute", "/servers", {"server": body}, version="2.37")["server"]
    built: dict[str, Any] = client.wait(
        lambda: client.get("compute", f"/servers/{server['id']}")["server"],
        lambda seen: seen["status"] in ("ACTIVE", "ERROR"),
        seconds=PATIENCE,
    )
    assert built["status"] == "ACTIVE", built.get("fault")
    return built


def console(client: CloudClient, server: dict[str, Any]) -> str:
    """Ask for what the server printed: a call to its host."""
    answer = client.post("compute", f"/servers/{server['id']}/action", {"os-getConsoleOutput": {}})
    return str(answer["output"])


def test_a_server_is_built_by_an_agent_on_another_machine(admin: CloudClient, other: Machine) -> None:
    network = admin.post("network", "/v2.0/networks", {"network": {"name": "apart"}})["network"]["id"]
    subnet = {"network_id": network, "cidr": "10.77.0.0/24", "ip_version": 4}
    admin.post("network", "/v2.0/subnets", {"subnet": subnet})
    server = make_server(admin, "apart", networks=[{"uuid": network}])
    assert server["OS-EXT-SRV-ATTR:host"] == HOST
    (port,) = admin.get("network", "/v2.0/ports", device_id=server["id"])["ports"]
    assert (port["status"], port["binding:host_id"]) == ("ACTIVE", HOST)
    assert isinstance(console(admin, server), str)
    admin.post("compute", f"/servers/{server['id']}/action", {"os-stop": None})
    admin.wait(
        lambda: admin.get("compute", f"/servers/{server['id']}")["server"]["status"],
        lambda status: bool(status == "SHUTOFF"),
        seconds=PATIENCE,
    )
    admin.delete("compute", f"/servers/{server['id']}")


def test_an_agent_that_was_killed_is_missed_and_takes_up_where_it_was(
    admin: CloudClient, other: Machine
) -> None:
    server = make_server(admin, "left alone")
    other.processes["agent compute"].kill()
    other.processes["agent compute"].wait()
    with pytest.raises(errors.Unavailable):
        console(admin, server)
    start_agent(other, "compute")
    assert isinstance(console(admin, server), str)
    admin.post("compute", f"/servers/{server['id']}/action", {"reboot": {"type": "HARD"}})
    admin.wait(
        lambda: admin.get("compute", f"/servers/{server['id']}")["server"],
        lambda seen: seen["status"] == "ACTIVE" and seen["OS-EXT-STS:task_state"] is None,
        seconds=PATIENCE,
    )
    admin.delete("compute", f"/servers/{server['id']}")


def test_a_service_runs_in_two_processes(
    control: Machine, admin: CloudClient, other: Machine, make_machine: Callable[..., Machine], broker: Broker
) -> None:
    """The second process answers requests of its own and shares the jobs; either may carry one on."""
    running = control.state.running()
    assert running is not None
    services = ("identity", "placement", "image", "network")
    elsewhere = {name: f"{running.front_url}/{name}" for name in services}
    second = make_machine(broker.url, elsewhere={"services": elsewhere})
    second.state = control.state
    second.start("serve", "compute", ready="serving compute")
    address = f"http://127.0.0.1:{second.port}/compute/v2.1"
    beside = CloudClient(running.auth_url, "admin", control.state.secrets().admin_password, "admin")
    beside.log_in()
    beside._urls["compute"] = address
    server = make_server(beside, "from the second")
    assert admin.get("compute", f"/servers/{server['id']}")["server"]["name"] == "from the second"
    admin.delete("compute", f"/servers/{server['id']}")


def test_an_agent_without_a_broker_says_what_it_needs(make_machine: Callable[..., Machine]) -> None:
    machine = make_machine("")
    machine.config.write_text("[cloud]\nmode = 'simulated'\n")
    done = subprocess.run(
        [sys.executable, "-P", "-m", "nacre", "agent", "compute"]
        + ["--state", str(machine.state.root), "--config", str(machine.config)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "[bus]" in done.stderr


def test_a_second_agent_of_a_host_is_refused(other: Machine) -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "nacre", "agent", "network"]
        + ["--state", str(other.state.root), "--config", str(other.config)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "running already" in done.stderr
