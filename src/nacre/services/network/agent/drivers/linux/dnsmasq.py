"""dnsmasq processes: start, reload, watch and stop them, one directory each.

A directory holds `pid` and one `conf-<digest>`; the digest stands in the process's command line, so whether the
running process has the wanted configuration can be read from /proc, whatever happened to us meanwhile.
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
        complete = f"{configuration}pid-file={self.directory / 'pid'}\nuser={self._user()}\n"
        wanted = self.directory / f"conf-{hashlib.sha256(complete.encode()).hexdigest()[:16]}"
        pid = self.pid()
        if pid is not None and self._has_argument(pid, wanted):
            if reload:
                os.kill(pid, signal.SIGHUP)
            return
        self.stop()
        write(wanted, complete)
        for former in self.directory.glob("conf-*"):
            if former != wanted:
                former.unlink()
        namespaces.command([PROGRAM, f"--conf-file={wanted}"], inside=self._namespace)

    def pid(self) -> int | None:
        """Return the process's id if it runs and is ours."""
        try:
            pid = int((self.directory / "pid").read_text())
        except (OSError, ValueError):
            return None
        return pid if self._is_ours(pid) else None

    def stop(self) -> None:
        """End the process and wait until it is gone."""
        pid = self.pid()
        if pid is None:
            return
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
            ends_at = time.monotonic() + STOP_SECONDS
            while time.monotonic() < ends_at:
                if not self._is_ours(pid):
                    return
                time.sleep(0.01)
        raise DriverError(f"dnsmasq process {pid} of {self.directory} does not end")

    def remove(self) -> None:
        """Stop, and delete the directory."""
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def _is_ours(self, pid: int) -> bool:
        return any(self._has_argument(pid, path) for path in (self.directory / "conf-",))

    def _has_argument(self, pid: int, path: Path) -> bool:
        """Tell whether a process was started with this configuration (or one whose path begins so)."""
        try:
            arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            return False
        return any(argument.startswith(f"--conf-file={path}".encode()) for argument in arguments)

    def _user(self) -> str:
        """Give up root where an ordinary user can read the directory."""
        readable = all(parent.stat().st_mode & 0o001 for parent in (self.directory, *self.directory.parents))
        return "nobody" if readable else "root"


def write(path: Path, text: str) -> bool:
    """Replace a file as a whole; False when it had this text already."""
    with contextlib.suppress(OSError):
        if path.read_text() == text:
            return False
    temporary = path.with_name(path.name + ".new")
    temporary.write_text(text)
    temporary.replace(path)
    return True
