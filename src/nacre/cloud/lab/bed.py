"""The test bed: control nodes, hosts and a proxy, each on a machine of its own, all on one computer.

A machine is an address and a directory, and a network namespace where its ground is a switch; what runs there
knows the others only by the configuration, the catalog and the broker.  Database and broker are the caller's:
tests may bring their fixtures, `infrastructure` runs both on a machine of the lab.
"""

from __future__ import annotations

import secrets
import signal
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import urllib3

from nacre.cloud import credentials, first_start, guest_images, settings, simulated_image
from nacre.cloud.client import CloudClient
from nacre.cloud.deploy import haproxy, plan
from nacre.cloud.lab import real_hosts
from nacre.cloud.lab.loopback import Loopback
from nacre.cloud.lab.machines import PROXY, Ground, Machine
from nacre.cloud.lab.programs import LOOK_SECONDS, NACRE, Failed, Program
from nacre.cloud.lab.switch import Switch
from nacre.cloud.options import Mode, Options, Ports
from nacre.cloud.state import StateDirectory, write_private
from nacre.cloud.toml import Sections, as_toml
from nacre.kernel import shared_key
from nacre.kernel.http.app import HEALTH_PATH
from nacre.services import NAMES, manifests

if TYPE_CHECKING:
    from nacre.kernel.testing.authority import Authority

#: What runs as one process on a control node.
SPLIT: tuple[tuple[str, ...], ...] = (("identity", "placement"), ("image", "network"), ("compute",))
KINDS = ("network", "compute")
EXTERNAL = "203.0.113.0/24"
DRAIN_SECONDS = 2.5
READY_SECONDS = 120.0
HIGHEST_OFFSET, LOWEST_OFFSET = 22_000, 10_000  # usual ports stay below those that the kernel gives out


class Bed:
    """A cloud of several machines: make it, `start` it, `close` it."""

    def __init__(
        self,
        where: Path,
        *,
        database_url: str,
        broker_url: str,
        realm: str = "nacre",
        control: int = 2,
        hosts: Sequence[str] = ("host-1", "host-2", "host-3"),
        host_broker_url: Callable[[str], str] | None = None,
        split: Sequence[Sequence[str]] = SPLIT,
        sections: Sections | None = None,
        agent_sections: Sections | None = None,
        ground: Ground | None = None,
        real: bool = False,
        authority: Authority | None = None,
    ) -> None:
        """Lay it out.

        ground            where the machines stand, which stays the caller's; by default on the loopback
        real              whether hosts run real servers, for which the ground must be a switch
        authority         vouches for the proxy, as for the broker; without one the APIs speak no TLS
        host_broker_url   host → the URL with its own account; by default that of the control nodes
        split             the services of each process of a control node
        sections          further configuration of all control nodes
        agent_sections    further configuration of all hosts
        """
        self.where, self.hosts, self.real = where, tuple(hosts), real
        self.ground: Ground = ground or Loopback()
        self._authority = authority
        self.ca = str(authority.file) if authority else None
        """The file of the authority that vouches for the APIs; None where they speak no TLS."""
        self.scheme = "https" if authority else "http"
        self.front = self.ground.machine(PROXY).address
        names = [f"control-{number}" for number in range(1, control + 1)]
        self.control = tuple(self.ground.machine(name).address for name in names)
        on_loopback = self.ground.machine(PROXY).namespace is None
        self.ports = _free_ports((self.front, *self.control)) if on_loopback else Ports()
        self._realm, self._split = realm, [tuple(each) for each in split]
        self._broker_url = broker_url
        self._agent_sections = agent_sections or {}
        self._host_broker_url = host_broker_url or (lambda host: broker_url)
        self.key = where / "cloud.key"
        self.config = where / "nacre.toml"
        self._sections = self._configuration(database_url, sections or {})
        self.programs: dict[str, Program] = {}

    # -- life ----------------------------------------------------------------------------------

    def start(self) -> None:
        """Start everything at once; returns when servers can be built on every host."""
        self.where.mkdir(parents=True, exist_ok=True, mode=0o700)
        (self.where / "log").mkdir(exist_ok=True)
        if not self.key.exists():
            shared_key.make(self.key)
        write_private(self.config, as_toml(self._sections))
        self._lay_out_proxy()
        for number in range(1, len(self.control) + 1):
            for services in self._split:
                self._lay_out_services(number, services)
        for host in self.hosts:
            self._lay_out_agents(host)
        for program in self.programs.values():
            program.begin()
        for program in self.programs.values():
            program.wait_until_ready()
        self.wait_for_proxy()
        self.furnish()
        self.wait_for_hosts()

    def close(self) -> None:
        """Stop what runs: agents, services, the proxy."""
        for program in reversed(self.programs.values()):
            program.signal(signal.SIGTERM)
        for program in reversed(self.programs.values()):
            with suppress(Failed):
                program.stop()
        if self.real:
            for host in self.hosts:
                machine = self.ground.machine(host)
                real_hosts.purge(machine, self.where / host, self.where / f"{host}.toml")

    def restart(self, name: str) -> None:
        """Have a program end in order, and start it again."""
        self.programs[name].stop()
        self.programs[name].start()

    def furnish(self) -> None:
        """Make flavors, networks and an image, unless they are there; write down how to log in."""
        state = self.state_of("control-1")
        options = Options(state=state.root, config=self.config)
        section, _ = settings.read(options)
        settled = settings.settle(options, section, Mode(section.mode or Mode.SIMULATED))
        demo = CloudClient(self.auth_url, "demo", state.secrets().demo_password, "demo", ca=self.ca)
        first_start.furnish(self.admin(), demo, settled, state, self._image, lambda line: None)
        credentials.write(state, settled, state.secrets(), self.auth_url, ca=self.ca)

    def wait_for_proxy(self) -> None:
        """Return when the proxy hands requests on to every API."""
        pool, deadline = (
            urllib3.PoolManager(retries=False, ca_certs=self.ca),
            time.monotonic() + READY_SECONDS,
        )
        for endpoint in self.plan.endpoints:
            while not _answers(pool, self.plan.url(endpoint)):
                if time.monotonic() > deadline or not self.programs["proxy"].runs:
                    raise Failed(
                        f"The proxy does not serve {endpoint.name}.", detail=self.programs["proxy"].said()
                    )
                time.sleep(LOOK_SECONDS)

    def wait_for_hosts(self) -> None:
        """Return when every host can be chosen for servers and carries networks."""
        admin = self.admin()
        wanted = set(self.hosts)

        def ready() -> set[str]:
            providers = admin.get("placement", "/resource_providers")["resource_providers"]
            agents = admin.get("network", "/v2.0/agents")["agents"]
            return {each["name"] for each in providers} & {each["host"] for each in agents if each["alive"]}

        admin.wait(ready, lambda seen: seen >= wanted, seconds=READY_SECONDS)

    # -- what tests and people need -------------------------------------------------------------

    @property
    def machines(self) -> list[Machine]:
        """All machines of this cloud."""
        control = [f"control-{number}" for number in range(1, len(self.control) + 1)]
        return [self.ground.machine(name) for name in (PROXY, *control, *self.hosts)]

    @property
    def auth_url(self) -> str:
        """Where clients log in."""
        return f"{self.scheme}://{self.front}:{self.ports.of(5000)}/v3"

    def admin(self) -> CloudClient:
        """Return a client of the administrator, which speaks to the proxy."""
        password = self.state_of("control-1").secrets().admin_password
        return CloudClient(self.auth_url, "admin", password, "admin", ca=self.ca)

    def state_of(self, machine: str) -> StateDirectory:
        """Return the state directory of a machine."""
        return StateDirectory(self.where / machine)

    # -- laying out ----------------------------------------------------------------------------

    def _configuration(self, database_url: str, further: Sections) -> dict[str, dict[str, Any]]:
        name = f"lab-{secrets.token_hex(3)}"
        found: dict[str, dict[str, Any]] = {
            "cloud": {
                "name": name,
                "mode": "simulated",
                "ports": str(self.ports),
                "external_cidr": EXTERNAL,
                "key_file": str(self.key),
            },
            "process": {
                "public_host": self.front,
                "proxies": [self.front],
                "drain_seconds": DRAIN_SECONDS,
            },
            "database": {"url": database_url},
            "bus": {"url": self._broker_url, "realm": self._realm, **self._trust()},
            "image": {"directory": str(self.where / "images")},
            "deploy": {"control": list(self.control), "stats": f"{self.front}:{self.ports.of(8404)}"},
        }
        if self.ca:
            found["process"]["public_scheme"] = self.scheme
            found["deploy"] |= {"certificate": str(self.where / "tls" / "front.pem"), "ca": self.ca}
        real = real_hosts.control_sections(self.where, self._external()) if self.real else {}
        for section, values in (*real.items(), *further.items()):
            found[section] = {**found.get(section, {}), **values}
        return found

    def _trust(self) -> dict[str, str]:
        """Return by what processes know the broker."""
        return {"ca": self.ca} if self.ca else {}

    def _external(self) -> str:
        """Give every host a wire to the external network; return which that is."""
        assert isinstance(self.ground, Switch), "real hosts need a switch"
        for host in self.hosts:
            self.ground.data_plane(host)
        return self.ground.external or EXTERNAL

    def _image(self) -> Path:
        """Return the test image's file."""
        if not self.real:
            return simulated_image.write(self.where)
        return guest_images.ensure_tiny(guest_images.cache_directory(), lambda line: None)

    def _lay_out_proxy(self) -> None:
        options = Options(state=self.where / "proxy", config=self.config)
        section, config = settings.read(options)
        self.plan = plan.read(settings.settle(options, section, Mode.SIMULATED), config)
        if self._authority is not None and self.plan.certificate is not None:
            parts = self._authority.issue("proxy", self.front)
            write_private(Path(self.plan.certificate), b"".join(part.read_bytes() for part in parts))
        path = self.where / "haproxy.cfg"
        path.write_text(haproxy.render(self.plan, account=None))
        command = ["haproxy", "-db", "-f", str(path)]
        self._add("proxy", PROXY, command, ready=None)

    def _lay_out_services(self, number: int, services: Sequence[str]) -> None:
        machine = f"control-{number}"
        command = [*NACRE, "serve", *services, "--state", str(self.where / machine)]
        command += ["--config", str(self.config), "--listen", self.control[number - 1]]
        self._add(f"{machine}/{'+'.join(services)}", machine, command, ready=f"serving {', '.join(services)}")

    def _lay_out_agents(self, host: str) -> None:
        config = self.where / f"{host}.toml"
        sections = {
            "cloud": {"name": self._sections["cloud"]["name"], "mode": "simulated", "host": host},
            **(self._real_sections(host) if self.real else {}),
            **self._agent_sections,
            "bus": {
                **self._agent_sections.get("bus", {}),
                "url": self._host_broker_url(host),
                "realm": self._realm,
                **self._trust(),
            },
        }
        write_private(config, as_toml(sections))
        for kind in KINDS:
            command = [*NACRE, "agent", kind, "--state", str(self.where / host), "--config", str(config)]
            self._add(f"{host}/{kind}", host, command, ready=f"the {kind} agent of {host} runs")

    def _real_sections(self, host: str) -> Sections:
        assert isinstance(self.ground, Switch)
        key = shared_key.SharedKey.read(self.key)
        return real_hosts.host_sections(self.ground, host, f"{self.scheme}://{self.front}", key)

    def _add(self, name: str, machine: str, command: Sequence[str], *, ready: str | None) -> None:
        log = self.where / "log" / f"{name.replace('/', '-')}.log"
        # As if the authority were one that the machine's system knows.
        environment = {"SSL_CERT_FILE": self.ca} if self.ca else {}
        command = self.ground.machine(machine).command(command)
        self.programs[name] = Program(name, command, log, ready=ready, environment=environment)


def _answers(pool: urllib3.PoolManager, url: str) -> bool:
    try:
        return pool.request("GET", url + HEALTH_PATH).status == 200
    except urllib3.exceptions.HTTPError:
        return False


def _free_ports(addresses: Sequence[str]) -> Ports:
    """Return by how much the usual ports are moved so that all of them are free."""
    usual = [api.port for manifest in manifests(NAMES) for api in manifest.apis] + [8404]
    for _ in range(50):
        offset = LOWEST_OFFSET + secrets.randbelow(HIGHEST_OFFSET - LOWEST_OFFSET)
        if all(_is_free(address, port + offset) for address in addresses for port in usual):
            return Ports(offset=offset)
    raise OSError("no range of ports is free")


def _is_free(address: str, port: int) -> bool:
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((address, port))
        except OSError:
            return False
        return True
