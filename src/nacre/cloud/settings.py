"""What kind of cloud this is: the [cloud] section, completed by the command line.

The first start settles whatever nobody chose (a name, a mode, addresses that are free on this
machine) and writes it to `nacre.toml`, so that the next start continues the same cloud.
"""

from __future__ import annotations

import hashlib
import platform
from dataclasses import replace
from pathlib import Path

import msgspec

from nacre.cloud import free_networks
from nacre.cloud.options import Mode, Options, Ports, default_state
from nacre.cloud.sections import KNOWN
from nacre.cloud.state import StateDirectory, write_private
from nacre.kernel.config import ConfigError, ConfigFile
from nacre.kernel.config import Options as Section

#: Private networks that hardly anybody uses.  While a cloud runs, the machine reaches them through it.
EXTERNAL_CANDIDATES = tuple(f"10.203.{n}.0/24" for n in range(256))
DEFAULT_LISTEN = "127.0.0.1"


class CloudSection(Section, frozen=True, kw_only=True):
    """The section [cloud] of nacre.toml.

    name           distinguishes clouds on one machine; network namespaces carry it
    mode           real or simulated
    listen, ports  where the APIs answer (standard, offset:N, single:PORT)
    region         the region's name in the catalog
    host           the name of this machine as a host of servers
    external_cidr  the network of floating IPs
    private_cidr   the demo project's own network
    simulated_hosts  how many hosts a simulated cloud has
    key_file       a cloud of several control nodes has this secret on each (`nacre deploy key`)
    """

    name: str | None = None
    mode: str | None = None
    listen: str = DEFAULT_LISTEN
    ports: str = "standard"
    region: str = "RegionOne"
    host: str | None = None
    external_cidr: str | None = None
    private_cidr: str = "10.10.0.0/24"
    simulated_hosts: int = 1
    key_file: str | None = None


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything settled."""

    name: str
    mode: Mode
    listen: str
    ports: Ports
    region: str
    host: str
    external_cidr: str
    private_cidr: str
    simulated_hosts: int

    @property
    def simulated(self) -> bool:
        """Tell whether servers and packets are only modelled."""
        return self.mode is Mode.SIMULATED


def read(options: Options) -> tuple[CloudSection, ConfigFile]:
    """Return the [cloud] section and the whole file; `--config` stands in for the state's own file."""
    state = StateDirectory(options.state)
    file = ConfigFile.read(options.config or state.config)
    file.check_names(KNOWN)
    section = file.section("cloud", CloudSection)
    if options.config and state.is_cloud:  # what the first start settled still holds
        settled = ConfigFile.read(state.config).section("cloud", CloudSection)
        section = msgspec.structs.replace(
            section,
            name=section.name or settled.name,
            mode=section.mode or settled.mode,
            external_cidr=section.external_cidr or settled.external_cidr,
        )
    return section, file


def settle(options: Options, section: CloudSection, mode: Mode) -> Settings:
    """Decide what nobody chose."""
    try:
        ports = options.ports or Ports.parse(section.ports)
    except ValueError as error:
        raise ConfigError(f"section [cloud]: ports: {error}") from None
    return Settings(
        name=section.name or _name_for(options.state),
        mode=mode,
        listen=options.listen or section.listen,
        ports=ports,
        region=section.region,
        host=host_name(section),
        external_cidr=section.external_cidr or _free_network(mode),
        private_cidr=section.private_cidr,
        simulated_hosts=section.simulated_hosts,
    )


def host_name(section: CloudSection) -> str:
    """Return the name of this machine as a host."""
    return section.host or platform.node() or "localhost"


def remember(options: Options, settings: Settings) -> Options:
    """Write nacre.toml at the first start; return options that need no guessing."""
    state = StateDirectory(options.state)
    if not state.is_cloud:
        write_private(state.config, _TEMPLATE.format(settings=settings, ports=settings.ports))
    return replace(options, mode=settings.mode)


_TEMPLATE = """\
# nacre's configuration.  Every key is optional; docs/reference names them all.

[cloud]
name = "{settings.name}"
mode = "{settings.mode}"
listen = "{settings.listen}"
ports = "{ports}"
region = "{settings.region}"
host = "{settings.host}"
external_cidr = "{settings.external_cidr}"
private_cidr = "{settings.private_cidr}"
simulated_hosts = {settings.simulated_hosts}
"""


def _name_for(state: Path) -> str:
    """Name a cloud: plain for the default directory, else told apart by its path."""
    if state == default_state():
        return "nacre"
    return "nacre-" + hashlib.sha256(str(state).encode()).hexdigest()[:6]


def _free_network(mode: Mode) -> str:
    """Choose a network for floating IPs to which this machine has no route yet."""
    if mode is Mode.SIMULATED:
        return EXTERNAL_CANDIDATES[0]
    found = free_networks.take(EXTERNAL_CANDIDATES)
    if found is None:
        raise ConfigError("No network is free for floating IPs; set [cloud] external_cidr.")
    return found
