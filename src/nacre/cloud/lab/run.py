"""`nacre lab up` and `nacre lab down`: the test bed for people.

It brings its own database server, broker and proxy, from Debian's packages, in temporary directories and on
loopback addresses; everything ends with it.
"""

from __future__ import annotations

import os
import shutil
import signal
import threading
import time
from contextlib import ExitStack
from pathlib import Path

from nacre.cloud import credentials, packages
from nacre.cloud.deploy.commands import settle
from nacre.cloud.lab.bed import Bed
from nacre.cloud.options import Options
from nacre.cloud.terminal import Terminal
from nacre.kernel.errors import Conflict, NacreError, NotFound, Unavailable
from nacre.services import NAMES

ENGINES = ("postgresql", "mariadb")
PACKAGES = {"postgresql": "postgresql", "mariadb": "mariadb-server"}
REALM = "lab"
DOWN_SECONDS = 120.0
PID = "lab.pid"


class NotACheckout(NacreError):
    """What starts databases and brokers for tests is not here: only a checkout has it."""

    status = 404


def up(where: Path, *, control: int, hosts: int, engine: str) -> None:
    """Start everything and stay until told to end."""
    try:
        from nacre.kernel.testing import brokers, databases
    except ImportError:
        raise NotACheckout("The lab runs from a checkout: ./nacre lab up.") from None
    terminal = Terminal()
    if _runs(where):
        raise Conflict(f"A lab runs in {where} already.")
    packages.install(("haproxy", "rabbitmq-server", PACKAGES[engine]), terminal.note)
    _forget(where)
    if where.exists() and any(where.iterdir()):
        raise Conflict(f"{where} holds something else than a lab; choose another --state.")
    where.mkdir(parents=True, exist_ok=True, mode=0o700)
    (where / PID).write_text(str(os.getpid()))
    finished = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: finished.set())
    with ExitStack() as stack:
        stack.callback(_forget, where)
        terminal.note("starting a broker and a database server")
        broker = stack.enter_context(brokers.running_broker(management=True))
        server = getattr(databases, f"{engine}_server")
        bed = Bed(
            where,
            database_url=stack.enter_context(server()).new_cloud(NAMES),
            broker_url=broker.url,
            realm=REALM,
            control=control,
            hosts=tuple(f"host-{number}" for number in range(1, hosts + 1)),
            sections={"bus": broker.management()},
        )
        stack.callback(bed.close)
        terminal.note(f"starting {control} control nodes, {hosts} hosts and a proxy")
        bed.start()
        _say_how_to_use(terminal, bed)
        finished.wait()
        terminal.say("ending the lab")


def down(where: Path) -> None:
    """End a lab, and wait until it has gone."""
    pid = _runs(where)
    if pid is None:
        raise NotFound(f"No lab runs in {where}.")
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + DOWN_SECONDS
    while _runs(where) is not None:
        if time.monotonic() > deadline:
            raise Unavailable(f"Process {pid} does not end.")
        time.sleep(0.1)


def _say_how_to_use(terminal: Terminal, bed: Bed) -> None:
    state = bed.state_of("control-1")
    settled, _ = settle(Options(state=state.root, config=bed.config))
    credentials.write_admin(state, settled, state.secrets(), bed.auth_url)
    terminal.note("the lab is ready")
    terminal.say()
    terminal.say(f"  identity   {bed.auth_url}")
    terminal.say(f"  use it     . {state.root}/openrc-admin")
    terminal.say(f"  proxy      http://{bed.plan.stats}/stats")
    terminal.say(f"  check      ./nacre deploy check --config {bed.config} --state {state.root}")
    for name, program in bed.programs.items():
        terminal.say(f"  {name:40} process {program.pid}, {program.log}")
    terminal.say()


def _runs(where: Path) -> int | None:
    """Return the process of the lab there."""
    try:
        pid = int((where / PID).read_text())
        return pid if "lab" in Path(f"/proc/{pid}/cmdline").read_text().split("\0") else None
    except (FileNotFoundError, ProcessLookupError, ValueError):
        return None


def _forget(where: Path) -> None:
    """Remove a lab's directory, and nothing that is not one."""
    if (where / PID).exists():
        shutil.rmtree(where, ignore_errors=True)
