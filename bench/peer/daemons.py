"""Start and end daemons that outlive the command, and touch no process that is not ours.

A daemon leads a session of its own.  Its number is written down together with the moment at which the kernel
started it, so that a number which was given to another process meanwhile is never mistaken for it.
"""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path


class Daemons:
    """The daemons whose records are in one directory, each with a log in another."""

    def __init__(self, run: Path, log: Path) -> None:
        """Keep records in `run` and logs in `log`."""
        self.run, self.log = run, log

    def start(
        self, name: str, command: Sequence[object], environment: Mapping[str, str] | None = None
    ) -> None:
        """Start a daemon unless it runs."""
        if self.pid(name) is not None:
            return
        self.run.mkdir(parents=True, exist_ok=True)
        self.log.mkdir(parents=True, exist_ok=True)
        with (self.log / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [str(word) for word in command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **(environment or {})},
                start_new_session=True,
            )
        self._record(name).write_text(f"{process.pid} {_started_at(process.pid)}")

    def stop(self, name: str, patience_seconds: float = 10.0) -> None:
        """End a daemon and what is left of its session."""
        number = self.pid(name)
        if number is not None:
            os.kill(number, signal.SIGTERM)
            deadline = time.monotonic() + patience_seconds
            while self.pid(name) is not None and time.monotonic() < deadline:
                time.sleep(0.05)
            for member in _session(number):
                _kill(member)
        self._record(name).unlink(missing_ok=True)

    def pid(self, name: str) -> int | None:
        """Return the number of a daemon that runs."""
        try:
            number, started_at = self._record(name).read_text().split()
        except (OSError, ValueError):
            return None
        _reap(int(number))
        return int(number) if _started_at(int(number)) == started_at else None

    def pids(self) -> dict[str, int]:
        """Return the daemons that run: name → number."""
        known = (record.stem for record in sorted(self.run.glob("*.pid")))
        return {name: number for name in known if (number := self.pid(name)) is not None}

    def _record(self, name: str) -> Path:
        return self.run / f"{name}.pid"


def _stat(number: int) -> list[str]:
    """Return the fields of /proc/N/stat after the name, which may hold spaces; none for a dead process."""
    try:
        fields = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
    return [] if fields[0] in "ZX" else fields


def _started_at(number: int) -> str:
    fields = _stat(number)
    return fields[19] if fields else ""


def _session(leader: int) -> list[int]:
    numbers = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
    return [number for number in numbers if (fields := _stat(number)) and int(fields[3]) == leader]


def _kill(number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(number, signal.SIGKILL)


def _reap(number: int) -> None:
    """Let go of a child that has ended, if it was ours."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(number, os.WNOHANG)
