"""`nacre serve`: some services as a process of their own, here and on any number of machines.

On the machine of `nacre up` it serves beside that, from the same state directory.  Where there is no such
machine, `[cloud] key_file` names the secret that all control nodes share: then any process may start first, and
whichever serves identity sees to it that the first accounts and the catalog are there.
"""

from __future__ import annotations

import logging
import signal
from collections.abc import Sequence
from pathlib import Path

from nacre.cloud import memory, policies, settings
from nacre.cloud.options import Mode, Options
from nacre.cloud.settings import CloudSection, Settings
from nacre.cloud.state import StateDirectory
from nacre.cloud.terminal import Terminal
from nacre.cloud.welcome import told_to_hosts
from nacre.kernel import log
from nacre.kernel.bus import BusOptions
from nacre.kernel.config import ConfigError, ConfigFile
from nacre.kernel.config import Options as Section
from nacre.kernel.errors import BadRequest, NotFound
from nacre.kernel.process import IDENTITY, Process, ProcessOptions, ServiceUser, public_address
from nacre.kernel.shared_key import SharedKey
from nacre.services import NAMES, manifests

logger = logging.getLogger(__name__)

SERVICE_USER = "nacre"
ALL = "all"
IDENTITY_PORT = 5000  # as its manifest says, which only processes that serve it load


class Elsewhere(Section, frozen=True, kw_only=True):
    """The section [elsewhere]: the base address of each service that another process serves."""

    services: dict[str, str] = {}
    """Service → base address. With `[cloud] key_file` none is needed: the catalog knows."""


def run(options: Options, *, services: Sequence[str]) -> None:
    """Serve these services in the foreground until told to end."""
    services = NAMES if tuple(services) == (ALL,) else tuple(services)
    if unknown := set(services) - set(NAMES):
        known = ", ".join((*NAMES, ALL))
        raise BadRequest(f"There is no service {', '.join(sorted(unknown))}; there are {known}.")
    section, config = settings.read(options)
    state = StateDirectory(options.state)
    key = shared_key(section, config)
    if key is not None:
        state.prepare()
        state.adopt(key)
    elif not state.is_cloud:
        raise NotFound(
            f"There is no cloud in {state.root}.",
            detail="`nacre up` makes one; on several machines [cloud] key_file is needed",
        )
    settled = settings.settle(options, section, Mode(section.mode or Mode.AUTO))
    memory.keep_small()
    log.configure(None)
    process = make_process(services, state, settled, config, key)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: process.end())
    try:
        if process.wait_for_databases(logger.warning):
            process.start()
            if key is not None and IDENTITY in services:
                _announce(process, state, settled)
            memory.settle()
            process.serve(
                on_ready=lambda: Terminal().say(f"serving {', '.join(services)}"), front=key is None
            )
    finally:
        process.stop()


def shared_key(section: CloudSection, config: ConfigFile) -> SharedKey | None:
    """Return the key that the control nodes share; None for a cloud of one control node."""
    if section.key_file is None:
        return None
    if config.section("bus", BusOptions).url is None:
        raise ConfigError("section [bus]: url: processes on several machines need a broker, amqp://HOST")
    if section.external_cidr is None or section.name is None:
        raise ConfigError("section [cloud]: name and external_cidr must be set where there is a key_file")
    return SharedKey.read(Path(section.key_file))


def make_process(
    services: Sequence[str],
    state: StateDirectory,
    settled: Settings,
    config: ConfigFile,
    key: SharedKey | None,
) -> Process:
    """Assemble the services of one process."""
    elsewhere = dict(config.section("elsewhere", Elsewhere).services)
    if key is not None and IDENTITY not in services:
        elsewhere.setdefault(IDENTITY, identity_address(settled, config))
    return Process(
        manifests(services),
        state=state.root,
        ports=settled.ports,
        config=state.shared(config),
        address=settled.listen,
        service_user=ServiceUser(name=SERVICE_USER, password=state.secrets().service_password),
        shared_key=key,
        told_to_hosts=told_to_hosts(settled, config, state.secrets().metadata_secret),
        elsewhere=elsewhere,
        policy_overrides=policies.overrides(state, config),
    )


def identity_address(settled: Settings, config: ConfigFile) -> str:
    """Return where identity is in a cloud of several control nodes: at the address of them all."""
    options = config.section("process", ProcessOptions)
    return public_address(options, settled.ports, settled.listen, IDENTITY_PORT, IDENTITY)


def _announce(process: Process, state: StateDirectory, settled: Settings) -> None:
    """Make the first accounts, and tell in the catalog where all services of the cloud are."""
    from nacre.services.identity.setup import CatalogService, set_up

    others = [
        CatalogService(
            type=api.catalog.type, name=api.catalog.name, url=process.address_of(api) + api.catalog.path
        )
        for manifest in manifests()
        if manifest.name not in process.services
        for api in manifest.apis
        if api.catalog is not None
    ]
    set_up(
        process,
        admin_password=state.secrets().admin_password,
        service_user=ServiceUser(name=SERVICE_USER, password=state.secrets().service_password),
        region=settled.region,
        more=others,
    )
