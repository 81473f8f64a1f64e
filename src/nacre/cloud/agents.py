"""The agents of one host and their drivers, made from the configuration.

Sections [compute_agent], [libvirt], [simulated_compute], [network_agent] and [linux] set the fields
of the options classes that the agents and drivers declare.
"""

from __future__ import annotations

import dataclasses
import socket
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import msgspec

from nacre.cloud.settings import Settings
from nacre.kernel.bus import Bus, BusOptions
from nacre.kernel.config import ConfigError, ConfigFile, refuse_unknown

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    from nacre.services.compute.agent.drivers.libvirt.driver import LibvirtDriver
    from nacre.services.compute.agent.main import ComputeAgent
    from nacre.services.network.agent.drivers.linux.driver import LinuxDriver
    from nacre.services.network.agent.main import NetworkAgent

T = TypeVar("T", bound="DataclassInstance")

PHYSICAL_NETWORK = "public"
LOOPBACK, ANY_PORT = "127.0.0.1", 9


def _options(config: ConfigFile, section: str, kind: type[T], **fixed: Any) -> T:
    """Make an options object of a section; what is fixed cannot be configured."""
    values = config.values(section)
    known = {option.name for option in dataclasses.fields(kind)} - fixed.keys()
    refuse_unknown(values, known, f"section [{section}]", "key")
    try:
        return msgspec.convert({**values, **fixed}, kind, strict=False)
    except msgspec.ValidationError as error:
        raise ConfigError(f"section [{section}]: {error}") from None


def compute_agent(
    host: str, bus: Bus, state_dir: Path, settings: Settings, config: ConfigFile
) -> ComputeAgent:
    """Make the compute agent of a host."""
    from nacre.services.compute.agent.drivers.base import Driver
    from nacre.services.compute.agent.main import ComputeAgent
    from nacre.services.compute.agent.options import AgentOptions

    driver: Driver
    if settings.simulated:
        from nacre.services.compute.agent.drivers.simulated.driver import SimulatedDriver
        from nacre.services.compute.agent.drivers.simulated.options import SimulatedOptions

        driver = SimulatedDriver(state_dir, _options(config, "simulated_compute", SimulatedOptions))
    else:
        driver = libvirt_driver(state_dir, settings, config)
    config = config.with_defaults("compute_agent", move_address=_own_address(config))
    return ComputeAgent(host, bus, driver, state_dir, options=_options(config, "compute_agent", AgentOptions))


def _own_address(config: ConfigFile) -> str:
    """Return this host's address for other hosts: its end of tunnels, or where it asks the broker from."""
    if tunnel := config.values("linux").get("tunnel_ip"):
        return str(tunnel)
    options = config.section("bus", BusOptions)
    for url in options.urls() if options.url else ():
        broker = urlsplit(url)
        with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect((broker.hostname or LOOPBACK, broker.port or ANY_PORT))  # which sends nothing
            return str(probe.getsockname()[0])
    return LOOPBACK


def libvirt_driver(state_dir: Path, settings: Settings, config: ConfigFile) -> LibvirtDriver:
    """Make the driver that runs real guests, in the data plane's namespace."""
    from nacre.services.compute.agent.drivers.libvirt.driver import LibvirtDriver
    from nacre.services.compute.agent.drivers.libvirt.options import LibvirtOptions

    return LibvirtDriver(state_dir, _options(config, "libvirt", LibvirtOptions, netns=settings.name))


def network_agent(
    host: str,
    bus: Bus,
    state_dir: Path,
    settings: Settings,
    config: ConfigFile,
    *,
    metadata_url: str,
    metadata_secret: str,
    metadata_host: str = "",
) -> NetworkAgent:
    """Make the network agent of a host."""
    from nacre.services.network.agent.drivers.base import Driver
    from nacre.services.network.agent.main import NetworkAgent
    from nacre.services.network.agent.options import AgentOptions

    driver: Driver
    if settings.simulated:
        from nacre.services.network.agent.drivers.simulated.driver import SimulatedDriver

        driver = SimulatedDriver()
    else:
        driver = linux_driver(
            state_dir,
            settings,
            config,
            metadata_url=metadata_url,
            metadata_secret=metadata_secret,
            metadata_host=metadata_host,
        )
    return NetworkAgent(host, bus, driver, state_dir, options=_options(config, "network_agent", AgentOptions))


def linux_driver(
    state_dir: Path,
    settings: Settings,
    config: ConfigFile,
    *,
    metadata_url: str,
    metadata_secret: str,
    metadata_host: str = "",
) -> LinuxDriver:
    """Make the driver that moves real packets, all in one namespace."""
    from nacre.services.network.agent.drivers.linux.driver import LinuxDriver
    from nacre.services.network.agent.drivers.linux.settings import LinuxSettings

    physical = {PHYSICAL_NETWORK: ""} | config.values("linux").get("physical_networks", {})
    return LinuxDriver(
        _options(
            config.with_defaults("linux", physical_networks=physical),
            "linux",
            LinuxSettings,
            namespace=settings.name,
            state_dir=state_dir,
            metadata_url=metadata_url,
            metadata_secret=metadata_secret,
            metadata_host=metadata_host,
        )
    )
