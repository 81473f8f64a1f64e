"""Network namespaces: make them, remove them, and do things inside them.

A thread can step into a namespace without taking the rest of the process along, and what it opens or
starts there (a socket, a process) stays there.  So `run_in` lends a short-lived thread to a function,
and nothing here needs `ip netns exec`, which would also take the control groups away from what it
starts.
"""

import ctypes
import os
import subprocess
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from nacre.kernel.pool import blocking
from nacre.services.network.agent.drivers.base import DriverError

DIRECTORY = Path("/run/netns")
CLONE_NEWNET = 0x40000000
COMMAND_TIMEOUT_SECONDS = 60

T = TypeVar("T")
_libc = ctypes.CDLL(None, use_errno=True)


def path(name: str) -> Path:
    """Return where a namespace is bound."""
    return DIRECTORY / name


def present() -> list[str]:
    """List all namespaces of the machine that have a name."""
    try:
        return sorted(os.listdir(DIRECTORY))
    except FileNotFoundError:
        return []


def exists(name: str) -> bool:
    """Tell whether there is a namespace behind the name, and not only the file of a half-made one."""
    try:
        _enter_check(name)
    except OSError:
        return False
    return True


def ensure(name: str) -> bool:
    """Make a namespace with a loopback interface that is up.  True when it is new."""
    created = False
    if not exists(name):
        if path(name).exists():  # we died between making the file and binding the namespace to it
            path(name).unlink()
        command(["ip", "netns", "add", name])
        created = True
    command(["ip", "-n", name, "link", "set", "lo", "up"])
    return created


def remove(name: str) -> None:
    """Remove a namespace.  Its interfaces go when the last process inside has ended."""
    if not path(name).exists():
        return
    if not exists(name):
        path(name).unlink()
        return
    command(["ip", "netns", "delete", name])


def run_in(name: str | None, function: Callable[..., T], *args: object) -> T:
    """Call a function inside a namespace and return what it returns; None is where the agent runs."""
    if name is None:
        return function(*args)
    outcome: list[T] = []
    failure: list[BaseException] = []

    def work() -> None:
        try:
            _enter(name)
            outcome.append(function(*args))
        except BaseException as error:  # noqa: BLE001 - carried to the caller's thread
            failure.append(error)

    thread = threading.Thread(target=work, name=f"in-{name}")
    with blocking():
        thread.start()
        thread.join()
    if failure:
        raise failure[0]
    return outcome[0]


def command(arguments: Sequence[str], *, inside: str | None = None, text: str | None = None) -> str:
    """Run a program to its end and return what it printed; what it complains about becomes the error."""
    return run_in(inside, _command, tuple(arguments), text)


def sysctl(name: str, settings: dict[str, str | int]) -> None:
    """Set kernel parameters inside a namespace, by path under /proc/sys/net; unknown ones are skipped."""
    run_in(name, _write_parameters, settings)


def _command(arguments: tuple[str, ...], text: str | None) -> str:
    try:
        with blocking():
            done = subprocess.run(
                arguments,
                input=text,
                text=True,
                capture_output=True,
                check=False,
                timeout=COMMAND_TIMEOUT_SECONDS,
                stdin=subprocess.DEVNULL if text is None else None,
            )
    except FileNotFoundError:
        raise DriverError(f"the program {arguments[0]} is not installed") from None
    except subprocess.TimeoutExpired:
        raise DriverError(f"{arguments[0]} did not end within {COMMAND_TIMEOUT_SECONDS} seconds") from None
    if done.returncode:
        complaint = (done.stderr or done.stdout).strip()
        raise DriverError(f"{' '.join(arguments[:6])} failed: {complaint[:2000]}")
    return done.stdout


def _write_parameters(settings: dict[str, str | int]) -> None:
    for name, value in settings.items():
        parameter = Path("/proc/sys/net") / name
        try:
            parameter.write_text(str(value))
        except FileNotFoundError:
            continue


def _enter(name: str) -> None:
    descriptor = os.open(path(name), os.O_RDONLY | os.O_CLOEXEC)
    try:
        if _libc.setns(descriptor, CLONE_NEWNET) != 0:
            number = ctypes.get_errno()
            raise OSError(number, f"cannot enter network namespace {name}: {os.strerror(number)}")
    finally:
        os.close(descriptor)


def _enter_check(name: str) -> None:
    """Raise OSError unless the file is bound to a namespace: those live on a file system of their own."""
    if os.stat(path(name)).st_dev == os.stat(DIRECTORY).st_dev:
        raise OSError(f"{name} is a plain file")
