"""Programs of the lab: each a process with a log of its own, started until it says that it is ready."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from nacre.kernel.errors import Unavailable

START_SECONDS = 120.0
END_SECONDS = 120.0
LOOK_SECONDS = 0.05

NACRE = (sys.executable, "-P", "-m", "nacre")


class Failed(Unavailable):
    """A program did not do what it should; the detail is the end of its log."""


class Program:
    """One program; `start` it, `stop` or `kill` it, `start` it again."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        log: Path,
        *,
        ready: str | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Describe it; `ready` is what it prints once it is of use (nothing: at once).

        `environment` is what it has in its own beside what this process has.
        """
        self._environment = environment or {}
        self.name, self.log = name, log
        self._command, self._ready = list(command), ready
        self._process: subprocess.Popen[bytes] | None = None
        self._began_at = 0

    @property
    def runs(self) -> bool:
        """Tell whether it runs."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The process's number, while there is one."""
        assert self._process is not None
        return self._process.pid

    def begin(self) -> None:
        """Start it and do not wait."""
        with self.log.open("ab") as output:
            self._began_at = output.tell()
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **self._environment},
            )

    def wait_until_ready(self) -> None:
        """Return once it is of use."""
        deadline = time.monotonic() + START_SECONDS
        while self._ready is not None and self._ready not in self.said():
            if not self.runs or time.monotonic() > deadline:
                raise Failed(f"{self.name} does not start.", detail=self.said()[-3000:])
            time.sleep(LOOK_SECONDS)

    def start(self) -> None:
        """Start it; returns once it is of use."""
        self.begin()
        self.wait_until_ready()

    def said(self) -> str:
        """Return what it printed since its last start."""
        with self.log.open("rb") as log:
            log.seek(self._began_at)
            return log.read().decode(errors="replace")

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)

    def stop(self) -> int:
        """Have it end in order; return its exit code.  One that does not end is killed, and Failed says so."""
        if self._process is None:
            return 0
        self.signal(signal.SIGTERM)
        try:
            return self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise Failed(f"{self.name} does not end.", detail=self.said()[-3000:]) from None

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
