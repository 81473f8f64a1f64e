"""nacre with many simulated hosts in its process; it can be killed and started again, and its messages are counted."""

import json
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from clouds.nacre import ROOT, STATE, Nacre, Sections

PYTHON = ROOT / ".venv" / "bin" / "python"
TALLY = Path(__file__).with_name("tally.py")
CROWD = STATE.with_name("crowd")
START_SECONDS = 900.0
LOOK_SECONDS = 0.1
END_SECONDS = 120.0

Tally = Mapping[str, Any]


class Crowd(Nacre):
    """`nacre up --simulated` with so many hosts, run through the tally."""

    name = "crowd"
    title = "nacre (one process, SQLite), many simulated hosts"

    def __init__(self, hosts: int, state: Path = CROWD) -> None:
        """Let each host be as large as a simulated host is by default."""
        settings: Sections = {"cloud": {"simulated_hosts": hosts}, "simulated_compute": {}}
        super().__init__(state, settings)
        self._running: subprocess.Popen[bytes] | None = None

    def start_services(self) -> None:
        self._counted = self._state / "tally.jsonl"
        self._counted.unlink(missing_ok=True)
        command = [PYTHON, "-P", TALLY, self._counted, "up", "--simulated", "--state", self._state]
        command += ["--config", self._state / "bench.toml", "--ports", f"single:{self._port}"]
        with (self._state / "output").open("wb") as output:
            self._running = subprocess.Popen([*map(str, command)], stdout=output, stderr=output)
        deadline = time.monotonic() + START_SECONDS
        while not self._is_ready():
            if self._running.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the cloud did not start: {(self._state / 'output').read_text()[-2000:]}")
            time.sleep(LOOK_SECONDS)

    def stop_services(self) -> None:
        if self._running is not None:
            self._running.terminate()
            self._running.wait(END_SECONDS)
            self._running = None

    def kill(self) -> None:
        """End it as a power cut does."""
        assert self._running is not None
        self._running.kill()
        self._running.wait(END_SECONDS)
        self._running = None

    def close(self) -> None:
        self.stop_services()
        shutil.rmtree(self._state, ignore_errors=True)  # simulated hosts leave nothing elsewhere

    def leaders(self) -> list[int]:
        return [self._running.pid] if self._running is not None else []

    def tallies(self) -> Iterator[Tally]:
        """Return what was counted since it was started, second by second."""
        for line in self._counted.read_text().splitlines():
            with suppress(ValueError):  # a line that is being written
                yield json.loads(line)

    def _is_ready(self) -> bool:
        with suppress(OSError, ValueError, KeyError):
            noted = json.loads((self._state / "run" / "cloud.json").read_text())
            return bool(noted["ready"]) and self._running is not None and noted["pid"] == self._running.pid
        return False
