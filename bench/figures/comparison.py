"""Run works on clouds in turn, and say what each phase took.

What fails is left out and said: a cloud that does not start, from everything; one that cannot be set up for a work or
dies during it, from that work.  Each round is kept as soon as it is measured, so that a run which is cut short loses
nothing but the round in which it was; with `resume`, works that are whole are not done again.
"""

import sys
import time
import traceback
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from clouds import Cloud
from figures import results
from figures.measure import Care, measure
from figures.sample import Figure, Sample
from work import WORKS, Phase, Scale


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How works are run.

    keep_running  whether the clouds run on afterwards
    record        whether results are kept
    resume        whether works are left out of which as many rounds of the same versions are kept
    ends_at       when no further round begins, by the monotonic clock
    """

    rounds: int
    care: Care
    scale: Scale
    keep_running: bool = False
    record: bool = True
    resume: bool = False
    ends_at: float = float("inf")

    def is_over(self) -> bool:
        """Tell whether time is up."""
        return time.monotonic() > self.ends_at


@dataclass
class Stand:
    """One cloud in one work: its phases, and the samples of each."""

    cloud: Cloud
    phases: Sequence[Phase]
    samples: list[list[Sample]] = field(init=False)

    def __post_init__(self) -> None:
        """Begin without samples."""
        self.samples = [[] for _ in self.phases]

    def whole_rounds(self) -> int:
        """Return in how many rounds all phases were measured."""
        return min(map(len, self.samples), default=0)


def prepare(clouds: Sequence[Cloud]) -> list[Cloud]:
    """Start clouds; return those that did."""
    running = []
    for cloud in clouds:
        try:
            cloud.prepare()
        except Exception:  # noqa: BLE001 - the others can be measured without it
            _tell(f"{cloud.name} does not start and is left out")
        else:
            running.append(cloud)
    return running


def compare(names: Sequence[str], clouds: Sequence[Cloud], plan: Plan) -> int:
    """Run works on clouds that are prepared; return how many errors there were."""
    errors = 0
    for name in names:
        if plan.is_over():
            _say(f"time is up: {name} and what follows are left out; --resume goes on here")
            break
        if plan.resume and all(results.is_whole(name, cloud, plan.rounds) for cloud in clouds):
            _say(f"{name} is known")
            continue
        began = time.monotonic()
        errors += _compare_work(name, clouds, plan)
        _say(f"{name}: {time.monotonic() - began:.0f} s")
    return errors


def _compare_work(name: str, clouds: Sequence[Cloud], plan: Plan) -> int:
    """Run one work on all clouds; return how many errors there were."""
    errors = 0
    with ExitStack() as all_of_it:
        stands = []
        for cloud in clouds:
            try:
                stands.append(Stand(cloud, all_of_it.enter_context(WORKS[name](cloud, plan.scale))))
            except Exception:  # noqa: BLE001 - the others can be measured without it
                errors += 1
                _tell(f"{cloud.name} cannot be set up for {name} and is left out of it")
        for number in range(plan.rounds):
            if plan.is_over():
                break
            for stand in list(stands):
                try:
                    errors += _round(name, stand, number, plan)
                except Exception:  # noqa: BLE001 - the others can be measured without it
                    errors += 1
                    _tell(f"{stand.cloud.name} is left out of the rest of {name}")
                    stands.remove(stand)
        _say_ratios(stands)
        try:
            all_of_it.close()
        except Exception:  # noqa: BLE001 - what was measured stands; what was not cleared up is told
            errors += 1
            _tell(f"what {name} made is not all removed")
    if plan.record:
        for stand in stands:
            results.add_whole(name, stand.cloud, stand.whole_rounds())
    return errors


def _round(name: str, stand: Stand, number: int, plan: Plan) -> int:
    """Measure all phases once; return how many errors there were."""
    errors = 0
    for phase, samples in zip(stand.phases, stand.samples, strict=True):
        sample = measure(stand.cloud, phase, plan.care)
        samples.append(sample)
        errors += len(sample.errors)
        _say_sample(stand.cloud, phase, number, sample)
        if plan.record:
            results.add(name, stand.cloud, phase, samples)
    return errors


def _say_sample(cloud: Cloud, phase: Phase, number: int, sample: Sample) -> None:
    """Print one round."""
    _say(
        f"{phase.title:44} {number + 1} {cloud.name:11} {sample.rate:9.2f} {phase.unit}s/s"
        f"  p50 {sample.p50_ms:8.2f} p99 {sample.p99_ms:8.2f} ms  CPU {sample.cpu_ms_each:9.3f} ms"
        f"  {sample.idle_bytes / 2**20:5.0f} to {sample.peak_bytes / 2**20:5.0f} MiB  others {sample.others:.2f}"
    )
    if sample.errors:
        _say(f"    {len(sample.errors)} errors, such as {sample.errors[0]}")


def _say_ratios(stands: Sequence[Stand]) -> None:
    """Print how many times the first cloud's CPU each other one takes."""
    if not stands:
        return
    first, *others = stands
    for index, phase in enumerate(first.phases):
        mine = Figure.of(first.samples[index])
        for other in others:
            theirs = Figure.of(other.samples[index]) if index < len(other.samples) else None
            if mine and theirs and mine.cpu_ms_each.median:
                times = theirs.cpu_ms_each.median / mine.cpu_ms_each.median
                _say(f"{phase.title:46} {other.cloud.name}: {times:.1f} times the CPU")


def _tell(what: str) -> None:
    """Print the exception at hand and what follows from it."""
    traceback.print_exc()
    _say(what)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
