"""`nacre up`: from nothing, or from the last state, to a cloud that answers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from nacre.cloud import credentials, first_process, first_start, memory, novnc, settings, simulated_image
from nacre.cloud.client import CloudClient
from nacre.cloud.options import Mode, Options
from nacre.cloud.settings import Settings
from nacre.cloud.state import Running, StateDirectory
from nacre.cloud.terminal import Terminal
from nacre.kernel import log
from nacre.kernel.errors import Conflict, NacreError, Unavailable

if TYPE_CHECKING:
    from nacre.cloud.assembly import Cloud

LONGEST_START_SECONDS = 1800.0
HOSTS_SECONDS = 300.0  # on a machine with much else to do; a human reads why by then


class CannotStart(NacreError):
    """The cloud cannot be started as asked; the text says why."""

    status = 503


def run(options: Options) -> None:
    """Start the cloud, in the foreground or in the background."""
    first_process.step_aside()
    terminal = Terminal()
    state = StateDirectory(options.state)
    state.prepare()
    if running := state.running():
        raise Conflict(f"The cloud in {state.root} is running already (process {running.pid}).")
    if options.detach:
        _detach(options, state, terminal)
    else:
        with state.held():
            state.forget_running()  # a cloud that was killed could not
            _run_in_foreground(options, state, terminal)


def _run_in_foreground(options: Options, state: StateDirectory, terminal: Terminal) -> None:
    from nacre.cloud.assembly import Cloud

    settled = _settle(options, state, terminal)
    memory.keep_small()
    log.configure(state.log)
    _, config = settings.read(options)
    cloud = Cloud(state, settled, config)
    finished = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: finished.set())
    try:
        cloud.start()
        running = Running(
            pid=os.getpid(), mode=settled.mode, auth_url=cloud.auth_url, front_url=cloud.front_url
        )
        state.note_running(running)
        credentials.write(state, settled, state.secrets(), cloud.auth_url)
        if not state.furnished.exists():
            _furnish(cloud.auth_url, settled, state, terminal)
            state.furnished.touch()
        _wait_for_hosts(cloud, state, finished)
        memory.settle()
        state.note_running(msgspec.structs.replace(running, ready=True))
        _say_how_to_use(terminal, state, settled, cloud.auth_url)
        while not finished.wait(1.0):
            if cloud.failure is not None:
                raise CannotStart("The cloud stopped by itself.", detail=str(cloud.failure))
    finally:
        state.forget_running()
        terminal.say("stopping the control plane; servers go on" if not settled.simulated else "stopping")
        cloud.stop()


def _settle(options: Options, state: StateDirectory, terminal: Terminal) -> Settings:
    """Choose the mode, install what real mode needs, and write down what was chosen."""
    section, _ = settings.read(options)
    mode = options.mode if options.mode is not Mode.AUTO else Mode(section.mode or Mode.AUTO)
    if section.mode and mode != section.mode:
        raise CannotStart(
            f"The cloud in {state.root} is {section.mode}; it cannot be continued as {mode}. "
            "Choose another --state, or `nacre down --purge` first."
        )
    if mode is not Mode.SIMULATED:
        from nacre.cloud import real_mode

        reasons = real_mode.obstacles(state.hosts / settings.host_name(section))
        if reasons and mode is Mode.REAL:
            raise CannotStart("Real mode is not possible here:\n  " + "\n  ".join(reasons))
        if reasons:
            terminal.say(f"simulated mode, since {'; '.join(reasons)}")
            mode = Mode.SIMULATED
        else:
            if not section.mode:
                terminal.say("real mode: servers will be QEMU processes, networks will carry packets")
            real_mode.prepare(terminal.note)
            novnc.ensure(state.novnc, terminal.note)
            mode = Mode.REAL
    settled = settings.settle(options, section, mode)
    settings.remember(options, settled)
    return settled


def _furnish(auth_url: str, settled: Settings, state: StateDirectory, terminal: Terminal) -> None:
    secrets = state.secrets()
    admin = CloudClient(auth_url, "admin", secrets.admin_password, "admin")
    demo = CloudClient(auth_url, "demo", secrets.demo_password, "demo")

    def image() -> Path:
        if settled.simulated:
            return simulated_image.write(state.root / "run")
        from nacre.cloud import guest_images

        return guest_images.ensure_tiny(guest_images.cache_directory(), terminal.note)

    first_start.furnish(admin, demo, settled, state, image, terminal.note)


def _wait_for_hosts(cloud: Cloud, state: StateDirectory, finished: threading.Event) -> None:
    """Wait until this machine's agents work and the scheduler knows its hosts; a hypervisor takes seconds."""
    admin = CloudClient(cloud.auth_url, "admin", state.secrets().admin_password, "admin")
    in_the_way: list[str] = []

    def look() -> bool:
        if cloud.failure is not None:
            raise CannotStart("The cloud stopped by itself.", detail=str(cloud.failure))
        known = len(admin.get("placement", "/resource_providers")["resource_providers"])
        unknown = f"the scheduler knows {known} of {len(cloud.hosts)} hosts"
        in_the_way[:] = [*cloud.troubles(), *([unknown] if known < len(cloud.hosts) else [])]
        return not in_the_way or finished.is_set()

    try:
        admin.wait(look, bool, seconds=HOSTS_SECONDS)
    except Unavailable as error:
        raise CannotStart(
            f"Not ready for servers after {HOSTS_SECONDS:.0f} seconds:\n  "
            + "\n  ".join(in_the_way or [error.message]),
            detail=f"More is in {state.log}.",
        ) from None


def _say_how_to_use(terminal: Terminal, state: StateDirectory, settled: Settings, auth_url: str) -> None:
    terminal.note(f"the cloud is ready ({settled.mode})")
    terminal.say()
    terminal.say(f"  identity   {auth_url}")
    terminal.say(f"  use it     . {state.root}/openrc     (openrc-admin for the administrator)")
    terminal.say(f"  or         export OS_CLIENT_CONFIG_FILE={state.root}/clouds.yaml OS_CLOUD=nacre")
    terminal.say("  try        ./nacre demo")
    terminal.say(f"  log        {state.log}")
    terminal.say()


def _detach(options: Options, state: StateDirectory, terminal: Terminal) -> None:
    """Start a process of its own and pass its lines on until it is ready."""
    from nacre.cloud.options import Ports

    arguments = ["--state", str(options.state)]
    if options.config:
        arguments += ["--config", str(options.config)]
    if options.listen:
        arguments += ["--listen", options.listen]
    if isinstance(options.ports, Ports):
        arguments += ["--ports", str(options.ports)]
    if options.mode is not Mode.AUTO:
        arguments.append(f"--{options.mode}")
    with open(state.output, "wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "nacre", "up", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    with open(state.output, encoding="utf-8", errors="replace") as lines:
        deadline = time.monotonic() + LONGEST_START_SECONDS
        while time.monotonic() < deadline:
            for line in lines:
                terminal.say(line.rstrip("\n"))
            running = state.running()
            if running and running.ready and running.pid == process.pid:
                for line in lines:
                    terminal.say(line.rstrip("\n"))
                return
            if process.poll() is not None:
                for line in lines:
                    terminal.say(line.rstrip("\n"))
                raise CannotStart("The cloud did not start.", detail=f"Its output is in {state.output}.")
            time.sleep(0.02)
    raise CannotStart("The cloud was not ready in time.", detail=f"Its output is in {state.output}.")
