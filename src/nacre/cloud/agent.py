"""`nacre agent`: one agent of this host as a process of its own, on the broker that [bus] names.

On a machine of a larger cloud there is no state directory of `nacre up`, only a configuration: a broker and an
account on it, the cloud's name and mode, and what the network agent must know of the metadata API.
On the machine of `nacre up` the agent finds these in its state directory.
"""

from __future__ import annotations

import fcntl
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nacre.cloud import agents, first_process, real_mode, settings
from nacre.cloud.assembly import Agent
from nacre.cloud.options import Mode, Options
from nacre.cloud.settings import Settings
from nacre.cloud.state import StateDirectory
from nacre.cloud.terminal import Terminal
from nacre.kernel import log
from nacre.kernel.bus import Bus, BusOptions, open_bus
from nacre.kernel.config import ConfigError, ConfigFile
from nacre.kernel.config import Options as Section
from nacre.kernel.errors import BadRequest, Conflict, Unavailable

KINDS = ("compute", "network")


class AgentSection(Section, frozen=True, kw_only=True):
    """The section [agent]: what an agent cannot find out on a machine without services."""

    metadata_url: str | None = None
    """Where the network agent asks for guests' metadata; `[compute] metadata_secret` must be as it is there."""
    metadata_secret: str | None = None
    """The secret of this host alone, as `nacre agent join` got it; then `[compute] metadata_secret` is not needed."""


def run(options: Options, *, kind: str, host: str | None) -> None:
    """Run an agent in the foreground until it is told to end; servers and packets go on."""
    if kind not in KINDS:
        raise BadRequest(f"There is no {kind} agent; there are {', '.join(KINDS)}.")
    first_process.step_aside()
    section, config = settings.read(options)
    bus_options = config.section("bus", BusOptions)
    if bus_options.url is None:
        raise ConfigError("section [bus]: url: an agent of its own needs a broker, amqp://HOST")
    state, terminal = StateDirectory(options.state), Terminal()
    settled = settings.settle(options, section, Mode(section.mode or Mode.REAL))
    host = host or settled.host
    where = state.hosts / host
    if not settled.simulated:
        if reasons := real_mode.obstacles(where):
            raise Unavailable("Real mode is not possible here:\n  " + "\n  ".join(reasons))
        real_mode.prepare(terminal.note)
    log.configure(None)
    finished = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: finished.set())
    with held(where / kind):
        bus = open_bus(bus_options, name=host)
        try:
            agent = _make(kind, host, bus, where / kind, settled, _complete(state, config))
            agent.start()
            terminal.say(f"the {kind} agent of {host} runs")
            finished.wait()
            agent.stop()
        finally:
            bus.close()


def _make(kind: str, host: str, bus: Bus, where: Path, settled: Settings, config: ConfigFile) -> Agent:
    if kind == "compute":
        return agents.compute_agent(host, bus, where, settled, config)
    section = config.section("agent", AgentSection)
    url, own = section.metadata_url or "", section.metadata_secret
    secret = own or config.values("compute").get("metadata_secret", "")
    if not settled.simulated and not (url and secret):
        raise ConfigError("section [agent]: metadata_url and metadata_secret are needed here")
    return agents.network_agent(
        host,
        bus,
        where,
        settled,
        config,
        metadata_url=url,
        metadata_secret=secret,
        metadata_host=host if own else "",
    )


def _complete(state: StateDirectory, config: ConfigFile) -> ConfigFile:
    """Add what the state directory holds, where this is the machine of `nacre up`."""
    return state.shared(config) if state.has_secrets else config


@contextmanager
def held(where: Path) -> Iterator[None]:
    """Keep a second agent of the same kind from serving the same host from here."""
    where.mkdir(parents=True, exist_ok=True, mode=0o700)
    with open(where / "agent.lock", "a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Conflict(f"The agent with the directory {where} is running already.") from None
        yield
