"""Measure the bare things, print their medians and keep them."""

import statistics
import sys
import traceback

from figures import results
from floors import FLOORS


def measure(rounds: int) -> int:
    """Run all floors so often; return how many could not be."""
    failed = 0
    for title, run in FLOORS.items():
        try:
            found = [run() for _ in range(rounds)]
        except Exception:  # noqa: BLE001 - the others can be measured without it
            traceback.print_exc()
            failed += 1
            continue
        wall, cpu = (statistics.median(getattr(one, name) for one in found) for name in ("wall_ms", "cpu_ms"))
        results.add_floor(title, wall, cpu, rounds)
        sys.stdout.write(f"{title:55} {wall:9.3f} ms, {cpu:9.3f} ms of CPU\n")
        sys.stdout.flush()
    return failed
