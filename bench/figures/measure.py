"""Measure one phase of work on one cloud.

CPU is counted from the first request until the cloud is quiet again, so that work which it put off is counted with
the requests that caused it.  Latency and throughput are those of the client.
"""

import os
import threading
import time
from dataclasses import dataclass

from clouds import Cloud
from figures import processes
from figures.processes import Processes
from figures.sample import Sample, percentile
from work.phase import Phase

QUIET_CORES = 0.12  # the peer's idle work takes 0.03 to 0.06
QUIET_WINDOW_SECONDS = 0.15
DRAIN_SECONDS = 3.0


@dataclass(frozen=True, kw_only=True)
class Care:
    """How long a phase runs, and how patiently we wait for a quiet machine before it."""

    seconds: float = 3.0
    patience_seconds: float = 0.0
    calm: float = 0.10  # the share of the machine that others may use


def measure(cloud: Cloud, phase: Phase, care: Care) -> Sample:
    """Run one round."""
    if phase.before:
        phase.before()
    _wait_until_quiet(cloud, DRAIN_SECONDS)
    _wait_until_alone(care)
    found = Processes(cloud.leaders())
    peak = found.watch_peak()
    cpu, machine, own = found.cpu_seconds(), processes.machine_cpu_seconds(), processes.own_cpu_seconds()
    began = time.perf_counter()
    latencies, errors = _drive(phase, care.seconds)
    seconds = time.perf_counter() - began
    if phase.drain:
        _wait_until_quiet(cloud, DRAIN_SECONDS)
    lasted = time.perf_counter() - began
    after = Processes(cloud.leaders())
    used = processes.used(cpu, after.cpu_seconds())
    own = processes.own_cpu_seconds() - own
    others = (processes.machine_cpu_seconds() - machine - used - own) / lasted / (os.cpu_count() or 1)
    sample = Sample(
        things=max(1, len(latencies)) * phase.things,
        seconds=seconds,
        p50_ms=percentile(latencies, 0.50) * 1000 if latencies else 0.0,
        p99_ms=percentile(latencies, 0.99) * 1000 if latencies else 0.0,
        cpu_ms=used * 1000,
        idle_bytes=peak.before_bytes,
        peak_bytes=max(peak.bytes(), after.pss_bytes()),
        others=max(0.0, others),
        errors=tuple(errors),
    )
    if phase.after:
        phase.after()
    return sample


def _drive(phase: Phase, seconds: float) -> tuple[list[float], list[str]]:
    """Let all clients work; return how long each operation took, and what failed."""
    latencies: list[float] = []
    errors: list[str] = []
    numbers = iter(range(phase.operations) if phase.operations else range(1 << 62))
    turn = threading.Lock()
    end = time.perf_counter() + seconds

    def work() -> None:
        while phase.operations or time.perf_counter() < end:
            with turn:
                number = next(numbers, None)
            if number is None:
                return
            began = time.perf_counter()
            try:
                phase.run(number)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is counted and shown
                errors.append(repr(error)[:300])
                if len(errors) > 20:
                    return
            else:
                latencies.append(time.perf_counter() - began)

    threads = [threading.Thread(target=work) for _ in range(phase.clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return latencies, errors


def _wait_until_quiet(cloud: Cloud, patience_seconds: float) -> None:
    """Return when the cloud does nothing worth counting, or when patience ends."""
    deadline = time.monotonic() + patience_seconds
    while time.monotonic() < deadline:
        found = Processes(cloud.leaders())
        before = found.cpu_seconds()
        time.sleep(QUIET_WINDOW_SECONDS)
        if processes.used(before, found.cpu_seconds()) < QUIET_CORES * QUIET_WINDOW_SECONDS:
            return


def _wait_until_alone(care: Care) -> None:
    """Return when others leave the machine to us, or when patience ends."""
    deadline = time.monotonic() + care.patience_seconds
    while time.monotonic() < deadline:
        before, began = processes.machine_cpu_seconds(), time.monotonic()
        time.sleep(1.0)
        cores = (processes.machine_cpu_seconds() - before) / (time.monotonic() - began)
        if cores / (os.cpu_count() or 1) < care.calm:
            break
