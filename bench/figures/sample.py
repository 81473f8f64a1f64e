"""One measurement of one phase on one cloud, and what several of them say together."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Sample:
    """What one round measured; `things` are what the phase counts: requests, servers, MiB."""

    things: int
    seconds: float
    p50_ms: float
    p99_ms: float
    cpu_ms: float
    idle_bytes: int
    peak_bytes: int
    others: float
    errors: Sequence[str] = field(default_factory=tuple)

    @property
    def rate(self) -> float:
        """Return things per second."""
        return self.things / self.seconds

    @property
    def cpu_ms_each(self) -> float:
        """Return the server's CPU milliseconds for each thing."""
        return self.cpu_ms / max(1, self.things)


@dataclass(frozen=True, kw_only=True)
class Spread:
    """The median of some values, and between which they lie."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Sum up some values."""
        return cls(median=statistics.median(values), least=min(values), most=max(values))


@dataclass(frozen=True, kw_only=True)
class Figure:
    """What all rounds say of one phase on one cloud."""

    rounds: int
    failed_rounds: int
    errors: int
    rate: Spread
    p50_ms: Spread
    p99_ms: Spread
    cpu_ms_each: Spread
    idle_bytes: Spread
    peak_bytes: Spread
    others: Spread

    @classmethod
    def of(cls, samples: Sequence[Sample]) -> "Figure | None":
        """Sum up the rounds without errors; None if there is none."""
        good = [sample for sample in samples if not sample.errors]
        if not good:
            return None
        names = ("rate", "p50_ms", "p99_ms", "cpu_ms_each", "idle_bytes", "peak_bytes", "others")
        spreads = {name: Spread.of([getattr(sample, name) for sample in good]) for name in names}
        errors = sum(len(sample.errors) for sample in samples)
        return cls(rounds=len(good), failed_rounds=len(samples) - len(good), errors=errors, **spreads)


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which a share of the values lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
