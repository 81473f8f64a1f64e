"""What the processes of a cloud use, from /proc: every descendant of its leaders, database and broker included.

CPU is user and system time, with that of children that have ended (their parent keeps it).  Memory is proportional
(PSS): a page that two processes share counts half for each, so that workers which were forked are not counted twice.
The kernel keeps no peak of that; the peak here is PSS before the work, plus what each process grew by at its largest.
"""

import contextlib
import os
import time
from collections.abc import Iterable
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
PROC = Path("/proc")
FORGET_PEAK = "5"  # see proc(5), clear_refs


class Processes:
    """The processes of one cloud at this moment."""

    def __init__(self, leaders: Iterable[int]) -> None:
        """Find them."""
        children: dict[int, list[int]] = {}
        for entry in PROC.iterdir():
            if entry.name.isdigit() and (fields := _stat(int(entry.name))):
                children.setdefault(int(fields[1]), []).append(int(entry.name))
        self.pids: list[int] = []
        waiting = list(leaders)
        while waiting:
            pid = waiting.pop()
            self.pids.append(pid)
            waiting += children.get(pid, [])

    def cpu_seconds(self) -> dict[int, float]:
        """Return what each has used in its life."""
        return {pid: sum(map(int, fields[11:15])) / TICKS for pid in self.pids if (fields := _stat(pid))}

    def pss_bytes(self) -> int:
        """Return the memory they hold, shared pages split."""
        return sum(_kilobytes(pid, "smaps_rollup", "Pss") for pid in self.pids) * 1024

    def threads(self) -> int:
        """Return how many threads they have."""
        return sum(int(fields[17]) for pid in self.pids if (fields := _stat(pid)))

    def watch_peak(self) -> "Peak":
        """Begin to watch for the largest memory."""
        return Peak(self)


class Peak:
    """How large the processes grow from now on."""

    def __init__(self, processes: Processes) -> None:
        """Note what they hold, and have the kernel forget older peaks."""
        self.before_bytes = processes.pss_bytes()
        self._resident: dict[int, int] = {}
        for pid in processes.pids:
            with contextlib.suppress(OSError):
                (PROC / str(pid) / "clear_refs").write_text(FORGET_PEAK)
                self._resident[pid] = _kilobytes(pid, "status", "VmRSS")

    def bytes(self) -> int:
        """Return the peak so far."""
        grown = (max(0, _kilobytes(pid, "status", "VmHWM") - was) for pid, was in self._resident.items())
        return self.before_bytes + sum(grown) * 1024


def used(before: dict[int, float], after: dict[int, float]) -> float:
    """Return the CPU seconds between two moments; what started in between counts whole."""
    return sum(seconds - before.get(pid, 0.0) for pid, seconds in after.items())


def machine_cpu_seconds() -> float:
    """Return what the whole machine has used since it started."""
    fields = [int(field) for field in (PROC / "stat").read_text().splitlines()[0].split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / TICKS  # without idle and waiting for disks


def own_cpu_seconds() -> float:
    """Return what this process has used."""
    return time.process_time()


def _stat(pid: int) -> list[str]:
    try:
        return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _kilobytes(pid: int, file: str, key: str) -> int:
    with contextlib.suppress(OSError):
        for line in (PROC / str(pid) / file).read_text().splitlines():
            if line.startswith(f"{key}:"):
                return int(line.split()[1])
    return 0
