"""Put a cloud together: every service in one process, and the agents of this machine beside them."""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import Protocol

from nacre.cloud import policies
from nacre.cloud.agents import compute_agent, network_agent
from nacre.cloud.settings import Settings
from nacre.cloud.state import StateDirectory
from nacre.cloud.welcome import told_to_hosts
from nacre.kernel.bus import BusOptions, open_bus
from nacre.kernel.config import ConfigFile
from nacre.kernel.errors import Unavailable
from nacre.kernel.process import FRONT_PORT, Process, ServiceUser
from nacre.services import NAMES, manifests
from nacre.services.identity.setup import set_up

log = logging.getLogger(__name__)

SERVICE_USER = "nacre"
READY_SECONDS = 30.0


class Agent(Protocol):
    """A program on a host."""

    host: str

    @property
    def trouble(self) -> str:
        """Why it is not ready for work, as far as it is known; nothing when it is."""

    def start(self) -> None: ...

    def stop(self, timeout_seconds: float = ...) -> None: ...


class Cloud:
    """A whole cloud: make it, `start` it, `stop` it."""

    def __init__(self, state: StateDirectory, settings: Settings, config: ConfigFile) -> None:
        self._state, self._settings, config = state, settings, state.shared(config)
        self._service_user = ServiceUser(name=SERVICE_USER, password=state.secrets().service_password)
        self._bus = open_bus(config.section("bus", BusOptions), name=settings.host)
        self.process = Process(
            manifests(NAMES),
            state=state.root,
            ports=settings.ports,
            config=config,
            address=settings.listen,
            bus=self._bus,
            service_user=self._service_user,
            told_to_hosts=told_to_hosts(settings, config, state.secrets().metadata_secret),
            policy_overrides=policies.overrides(state, config),
        )
        self.agents = self._make_agents(config)
        self._server = threading.Thread(target=self._serve, name="shell", daemon=True)
        self._ready = threading.Event()
        self.failure: BaseException | None = None

    @property
    def auth_url(self) -> str:
        """Where clients log in."""
        return f"{self.process.public_url('identity')}/v3"

    @property
    def front_url(self) -> str:
        """Where every service answers by its path prefix."""
        return f"http://{self._settings.listen}:{self._settings.ports.front(FRONT_PORT)}"

    @property
    def hosts(self) -> list[str]:
        """The names of this machine's hosts: itself, or as many as a simulated cloud shall have."""
        name = self._settings.host
        if not self._settings.simulated:
            return [name]
        return [name, *(f"{name}-{n}" for n in range(2, self._settings.simulated_hosts + 1))]

    def start(self) -> None:
        """Start services, sockets, and agents; returns once requests are answered."""
        self.process.start()
        set_up(
            self.process,
            admin_password=self._state.secrets().admin_password,
            service_user=self._service_user,
            region=self._settings.region,
        )
        self._server.start()
        self._ready.wait(READY_SECONDS)
        if self.failure is not None or not self._ready.is_set():
            raise Unavailable("The APIs do not answer.", detail=str(self.failure or "no reason known"))
        for agent in self.agents:
            agent.start()

    def troubles(self) -> list[str]:
        """Say of each agent of this machine that is not ready for work why."""
        return [f"{agent.host}: {agent.trouble}" for agent in self.agents if agent.trouble]

    def stop(self) -> None:
        """Stop agents and services; servers and packets go on."""
        for agent in self.agents:
            agent.stop()
        self.process.stop()
        if self._server.is_alive():
            self._server.join(READY_SECONDS)
        self._bus.close()

    def _serve(self) -> None:
        try:
            self.process.serve(on_ready=self._ready.set)
        except BaseException as error:
            self.failure = error
            log.exception("the shell stopped")
            self._ready.set()

    def _make_agents(self, config: ConfigFile) -> list[Agent]:
        """Make the agents of this machine; a simulated cloud may have many hosts."""
        agents: list[Agent] = []
        for host in self.hosts:
            where: Path = self._state.hosts / host
            agents.append(
                network_agent(
                    host,
                    self._bus,
                    where / "network",
                    self._settings,
                    config,
                    metadata_url="" if self._settings.simulated else self.process.public_url("metadata"),
                    metadata_secret=config.values("compute")["metadata_secret"],
                )
            )
            agents.append(compute_agent(host, self._bus, where / "compute", self._settings, config))
        return agents


def purge_data_plane(state: StateDirectory, settings: Settings, config: ConfigFile) -> None:
    """Remove every guest, namespace, bridge and process of a cloud, whether it runs or not."""
    from nacre.cloud.agents import libvirt_driver, linux_driver

    for host in sorted(state.hosts.iterdir()) if state.hosts.is_dir() else ():
        libvirt_driver(host / "compute", settings, config).purge()
        linux_driver(host / "network", settings, config, metadata_url="", metadata_secret="").purge()
