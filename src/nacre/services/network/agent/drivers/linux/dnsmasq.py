"""dnsmasq processes: start, reload, watch and stop them, one directory each.

A directory holds `pid` and one `conf-<digest>`; the digest stands in the process's command line, so
whether the running process has the wanted configuration can be read from /proc, whatever happened to us
meanwhile.
"""

import contextlib
import hashlib
import os
import shutil
import signal
import time
from pathlib import Path

from nacre.services.network.agent.drivers.base import DriverError
from nacre.services.network.agent.drivers.linux import namespaces

PROGRAM = "dnsmasq"
STOP_SECONDS = 5.0


def installed() -> bool:
    return shutil.which(PROGRAM) is not None


class Dnsmasq:
    """One process in one namespace."""

    def __init__(self, directory: Path, namespace: str) -> None:
        self.directory, self._namespace = directory, namespace

    def ensure(self, configuration: str, *, reload: bool = False) -> None:
        """Run with exactly this configuration; when it runs already, re-read its tables if asked."""
        self.directory.mkdir(parents=True, exist_ok=True)
        complete = f"{configuration}pid-file={self._pid_file}\nuser={self._user()}\n"
        wanted = self.directory / f"conf-{hashlib.sha256(complete.encode()).hexdigest()[:16]}"
        running = self._running()
        if len(running) == 1 and _runs_by(running[0], str(wanted)):
            write(self._pid_file, f"{running[0]}\n")
            if reload:
                os.kill(running[0], signal.SIGHUP)
            return
        self.stop()
        write(wanted, complete)
        for former in self.directory.glob("conf-*"):
            if former != wanted:
                former.unlink()
        namespaces.command([PROGRAM, f"--conf-file={wanted}"], inside=self._namespace)

    def pid(self) -> int | None:
        """Return the process's id if it runs and is ours, by its pid file."""
        try:
            pid = int(self._pid_file.read_text())
        except (OSError, ValueError):
            return None
        return pid if _runs_by(pid, self._configurations) else None

    def stop(self) -> None:
        """End the process and wait until it is gone."""
        end_processes(self._configurations)

    def remove(self) -> None:
        """Stop, and delete the directory."""
        if self.directory.exists():
            self.stop()
            shutil.rmtree(self.directory, ignore_errors=True)

    @property
    def _pid_file(self) -> Path:
        return self.directory / "pid"

    @property
    def _configurations(self) -> str:
        return f"{self.directory}/conf-"

    def _running(self) -> list[int]:
        """Return our processes; looks beyond the pid file only when that names none."""
        pid = self.pid()
        return [pid] if pid is not None else processes(self._configurations)

    def _user(self) -> str:
        """Give up root where an ordinary user can read the directory."""
        readable = all(parent.stat().st_mode & 0o001 for parent in (self.directory, *self.directory.parents))
        return "nobody" if readable else "root"


def processes(prefix: str) -> list[int]:
    """Return all processes that run by a configuration whose path begins so."""
    pids = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
    return [pid for pid in pids if _runs_by(pid, prefix)]


def end_processes(prefix: str) -> None:
    """End all processes that run by a configuration whose path begins so, and wait until they are gone."""
    running = processes(prefix)
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in running:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        ends_at = time.monotonic() + STOP_SECONDS
        while running and time.monotonic() < ends_at:
            running = [pid for pid in running if _runs_by(pid, prefix)]
            time.sleep(0.005)
        if not running:
            return
    raise DriverError(f"dnsmasq processes {running} of {prefix} do not end")


def _runs_by(pid: int, prefix: str) -> bool:
    """Tell whether a process was started with a configuration whose path begins so."""
    try:
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return any(argument.startswith(f"--conf-file={prefix}".encode()) for argument in arguments)


def write(path: Path, text: str) -> bool:
    """Replace a file as a whole; False when it had this text already."""
    with contextlib.suppress(OSError):
        if path.read_text() == text:
            return False
    temporary = path.with_name(path.name + ".new")
    temporary.write_text(text)
    temporary.replace(path)
    return True
