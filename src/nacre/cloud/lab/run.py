"""`nacre lab up`, `down`, `cut` and `mend`: the test bed for people.

It brings its own database server, broker and proxy, from Debian's packages; everything ends with it.  A lab that was
killed is cleared away by `down`, or by the next `up` in the same place.
"""

from __future__ import annotations

import os
import shutil
import signal
import threading
import time
from contextlib import ExitStack, suppress
from pathlib import Path

import msgspec

from nacre.cloud import packages
from nacre.cloud.lab import real_hosts, switch
from nacre.cloud.lab.bed import Bed
from nacre.cloud.lab.switch import Switch
from nacre.cloud.state import write_private
from nacre.cloud.terminal import Terminal
from nacre.kernel.errors import Conflict, NacreError, NotFound, Unavailable

PACKAGES = {"postgresql": "postgresql", "mariadb": "mariadb-server"}
DOWN_SECONDS = 120.0
NOTE = "lab.json"
HOST = "host-1"


class NotACheckout(NacreError):
    """What starts databases and brokers for tests is not here: only a checkout has it."""

    status = 404


def up(where: Path, *, control: int, hosts: int, engine: str, real: bool, tls: bool) -> None:
    """Start everything and stay until told to end."""
    try:
        from nacre.cloud.lab import lab
    except ImportError:
        raise NotACheckout("The lab runs from a checkout: ./nacre lab up.") from None
    terminal = Terminal()
    if (note := _noted(where)) and note.runs:
        raise Conflict(f"A lab runs in {where} already.")
    packages.install(("haproxy", "rabbitmq-server", PACKAGES[engine]), terminal.note)
    _forget(where)
    if where.exists() and any(where.iterdir()):
        raise Conflict(f"{where} holds something else than a lab; choose another --state.")
    where.mkdir(parents=True, exist_ok=True, mode=0o700)
    _note(where, Note(pid=os.getpid()))
    finished = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: finished.set())
    with ExitStack() as stack:
        stack.callback(_forget, where)
        terminal.note("starting a database server and a broker")
        names = tuple(f"host-{number}" for number in range(1, hosts + 1))
        if real:
            real_hosts.prepare(where, names, terminal.note)
        made = stack.enter_context(
            lab.laid_out(where, engine=engine, control=control, hosts=names, real=real, tls=tls)
        )
        below = made.infrastructure
        directories = tuple(str(each.directory) for each in (below.database, below.broker))
        name = made.ground.name if isinstance(made.ground, Switch) else ""
        _note(where, Note(pid=os.getpid(), switch=name, directories=directories))
        terminal.note(f"starting {control} control nodes, {hosts} hosts and a proxy")
        made.bed.start()
        _say_how_to_use(terminal, made.bed)
        finished.wait()
        terminal.say("ending the lab")


def down(where: Path) -> None:
    """End a lab, and wait until it has gone; of one that was killed, clear away what it left."""
    note = _noted(where)
    if note is None:
        raise NotFound(f"There is no lab in {where}.")
    if not note.runs:
        _forget(where)
        return
    os.kill(note.pid, signal.SIGTERM)
    deadline = time.monotonic() + DOWN_SECONDS
    while note.runs:
        if time.monotonic() > deadline:
            raise Unavailable(f"Process {note.pid} does not end.")
        time.sleep(0.1)


def cut(where: Path, machine: str) -> None:
    """Pull a machine's cables."""
    switch.cut(_switch_of(where), machine)


def mend(where: Path, machine: str) -> None:
    """Put a machine's cables back."""
    switch.mend(_switch_of(where), machine)


def _say_how_to_use(terminal: Terminal, bed: Bed) -> None:
    state = bed.state_of("control-1")
    terminal.note("the lab is ready")
    terminal.say()
    terminal.say(f"  identity   {bed.auth_url}")
    terminal.say(f"  use it     . {state.root}/openrc     (openrc-admin for the administrator)")
    terminal.say(f"  proxy      http://{bed.plan.stats}/stats")
    terminal.say(f"  check      ./nacre deploy check --config {bed.config} --state {state.root}")
    if isinstance(bed.ground, Switch):
        terminal.say(f"  partition  ./nacre lab cut {HOST}, ./nacre lab mend {HOST}")
    for machine in bed.machines:
        terminal.say(f"  {machine.name:10} {machine.address:15} {machine.namespace or ''}")
    for name, program in bed.programs.items():
        terminal.say(f"  {name:40} process {program.pid}, {program.log}")
    terminal.say()


# -- what a lab writes down about itself -------------------------------------------------------------


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """Which process runs a lab, the name of its switch, and where else it keeps files."""

    pid: int
    switch: str = ""
    directories: tuple[str, ...] = ()

    @property
    def runs(self) -> bool:
        """Tell whether that process is there, and is a lab's."""
        try:
            return "lab" in Path(f"/proc/{self.pid}/cmdline").read_text().split("\0")
        except (FileNotFoundError, ProcessLookupError):
            return False


def _note(where: Path, note: Note) -> None:
    write_private(where / NOTE, msgspec.json.encode(note))


def _noted(where: Path) -> Note | None:
    """Return what the lab there, or the last one there, wrote down."""
    try:
        return msgspec.json.decode((where / NOTE).read_bytes(), type=Note)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def _switch_of(where: Path) -> str:
    note = _noted(where)
    if note is None or not note.runs:
        raise NotFound(f"No lab runs in {where}.")
    if not note.switch:
        raise NotFound("The machines of that lab are addresses of the loopback, which nobody can cut.")
    return note.switch


def _forget(where: Path) -> None:
    """Remove all that a lab left, and nothing that is not one."""
    note = _noted(where)
    if note is None:
        return
    if note.switch:
        for pid in switch.processes(note.switch):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        switch.remove(note.switch)
    for directory in (*map(Path, note.directories), where):
        shutil.rmtree(directory, ignore_errors=True)
