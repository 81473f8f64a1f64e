"""Run works on clouds in turn, and say what each phase took."""

import sys
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import ExitStack

from clouds import Cloud
from figures.measure import Care, measure
from figures.sample import Figure, Sample
from work import Phase, Scale, Work

Found = Callable[[str, Cloud, Phase, Sequence[Sample]], None]


def compare(
    works: Sequence[Work],
    clouds: Sequence[Cloud],
    rounds: int,
    care: Care,
    scale: Scale,
    *,
    keep: bool = False,
    found: Found | None = None,
) -> int:
    """Run all works on all clouds; return how many errors there were.  Each phase's samples go to `found`."""
    errors = 0
    try:
        for cloud in clouds:
            cloud.prepare()
        for work in works:
            try:
                errors += _compare_work(work, clouds, rounds, care, scale, found)
            except Exception:  # noqa: BLE001 - the next work may do better
                traceback.print_exc()
                errors += 1
    finally:
        for cloud in clouds:
            if not keep:
                cloud.close()
    return errors


def _compare_work(
    work: Work, clouds: Sequence[Cloud], rounds: int, care: Care, scale: Scale, found: Found | None
) -> int:
    with ExitStack() as stack:
        phases = {cloud.name: stack.enter_context(work(cloud, scale)) for cloud in clouds}
        count = len(phases[clouds[0].name])
        samples: dict[tuple[str, int], list[Sample]] = {}
        for number in range(rounds):
            for cloud in clouds:
                for index in range(count):
                    phase = phases[cloud.name][index]
                    sample = measure(cloud, phase, care)
                    samples.setdefault((cloud.name, index), []).append(sample)
                    say(cloud, phase, number, sample)
        for cloud in clouds:
            for index, phase in enumerate(phases[cloud.name]):
                if found:
                    found(
                        time.strftime("%Y-%m-%d %H:%M", time.gmtime()),
                        cloud,
                        phase,
                        samples[cloud.name, index],
                    )
        say_ratios(clouds, phases, samples)
    return sum(len(sample.errors) for each in samples.values() for sample in each)


def say(cloud: Cloud, phase: Phase, number: int, sample: Sample) -> None:
    """Print one round."""
    line = (
        f"{phase.title:44} {number + 1} {cloud.name:11} {sample.rate:9.2f} {phase.unit}s/s"
        f"  p50 {sample.p50_ms:8.2f} p99 {sample.p99_ms:8.2f} ms  CPU {sample.cpu_ms_each:9.3f} ms"
        f"  {sample.idle_bytes / 2**20:5.0f} to {sample.peak_bytes / 2**20:5.0f} MiB  others {sample.others:.2f}"
    )
    sys.stdout.write(line + "\n")
    if sample.errors:
        sys.stdout.write(f"    {len(sample.errors)} errors, such as {sample.errors[0]}\n")
    sys.stdout.flush()


def say_ratios(
    clouds: Sequence[Cloud],
    phases: dict[str, Sequence[Phase]],
    samples: dict[tuple[str, int], list[Sample]],
) -> None:
    """Print how many times the first cloud's CPU each other one takes."""
    first, *others = clouds
    for index, phase in enumerate(phases[first.name]):
        mine = Figure.of(samples[first.name, index])
        for other in others:
            theirs = Figure.of(samples[other.name, index])
            if mine and theirs and mine.cpu_ms_each.median:
                times = theirs.cpu_ms_each.median / mine.cpu_ms_each.median
                sys.stdout.write(f"{phase.title:46} {other.name}: {times:.1f} times the CPU\n")
