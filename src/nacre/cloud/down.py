"""`nacre down`: stop the control plane; with --purge remove every trace of the cloud.

On a machine that has only agents of a larger cloud there is nothing to stop but them, which whoever started
them does; --purge then removes what they made on this machine.
"""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from nacre.cloud import settings
from nacre.cloud.agent import held
from nacre.cloud.options import Mode, Options
from nacre.cloud.state import Running, StateDirectory
from nacre.cloud.terminal import Terminal
from nacre.kernel.errors import NotFound, Unavailable

PATIENCE_SECONDS = 120.0


def run(options: Options, *, purge: bool) -> None:
    """Stop what runs; then, if asked to, remove servers, networks, disks and state."""
    terminal = Terminal()
    state = StateDirectory(options.state)
    if not state.is_cloud and not any(path.is_dir() for path in (state.root / "run", state.hosts)):
        raise NotFound(f"There is no cloud in {state.root}.")
    running = state.running()
    if running:
        with terminal.step("stopped the control plane"):
            stop(state, running)
    elif not purge:
        terminal.say(f"No cloud runs in {state.root}.")
    if purge:
        section, config = settings.read(options)
        state.prepare()
        with state.held(), agents_held(state):
            if section.mode and Mode(section.mode) is Mode.REAL:
                from nacre.cloud.assembly import purge_data_plane

                settled = settings.settle(options, section, Mode.REAL)
                with terminal.step("removed servers and networks"):
                    purge_data_plane(state, settled, config)
            with terminal.step(f"removed {state.root}"):
                remove(state.root)


def stop(state: StateDirectory, running: Running) -> None:
    """End the process that runs the cloud, and wait until it has gone."""
    os.kill(running.pid, signal.SIGTERM)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while state.running() is not None or _is_alive(running.pid):
        if time.monotonic() > deadline:
            raise Unavailable(f"Process {running.pid} does not stop; its log is {state.log}.")
        time.sleep(0.02)


@contextmanager
def agents_held(state: StateDirectory) -> Iterator[None]:
    """Keep agents of this machine from running meanwhile; Conflict if one runs."""
    with ExitStack() as stack:
        for where in state.hosts.glob("*/*/"):
            stack.enter_context(held(where))
        yield


def remove(root: Path) -> None:
    """Remove a cloud's state; the directory itself too, unless it is a mount point."""
    for entry in root.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
    if not root.is_mount():
        root.rmdir()


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
