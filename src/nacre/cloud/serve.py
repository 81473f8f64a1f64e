"""`nacre serve`: some services as a process of their own."""

from __future__ import annotations

import signal
from collections.abc import Sequence

from nacre.cloud import policies, settings
from nacre.cloud.options import Mode, Options
from nacre.cloud.state import StateDirectory
from nacre.cloud.terminal import Terminal
from nacre.kernel import log
from nacre.kernel.config import Options as Section
from nacre.kernel.errors import BadRequest, NotFound
from nacre.kernel.process import Process, ServiceUser
from nacre.services import NAMES, manifests


class Elsewhere(Section, frozen=True, kw_only=True):
    """The section [elsewhere]: the base address of each service that another process serves."""

    services: dict[str, str] = {}
    """Service → base address."""


def run(options: Options, *, services: Sequence[str]) -> None:
    """Serve these services in the foreground, on a state directory that `nacre up` has made."""
    if unknown := set(services) - set(NAMES):
        raise BadRequest(f"There is no service {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}.")
    state = StateDirectory(options.state)
    if not state.is_cloud:
        raise NotFound(f"There is no cloud in {state.root}.")
    section, config = settings.read(options)
    settled = settings.settle(options, section, Mode(section.mode or Mode.AUTO))
    log.configure(None)
    process = Process(
        manifests(tuple(services)),
        state=state.root,
        ports=settled.ports,
        config=state.shared(config),
        address=settled.listen,
        service_user=ServiceUser(name="nacre", password=state.secrets().service_password),
        elsewhere=config.section("elsewhere", Elsewhere).services,
        policy_overrides=policies.overrides(state, config),
    )
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: process.stop_serving())
    process.start()
    try:
        process.serve(on_ready=lambda: Terminal().say(f"serving {', '.join(services)}"))
    finally:
        process.stop()
