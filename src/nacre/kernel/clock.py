"""The time of day, as something that a test can turn.

Services ask `ctx.clock.now()` and never the system, so that a test of a token's expiry or of
a lease takes no time at all.
"""

import threading
import time
from datetime import UTC, datetime, timedelta


class Clock:
    """The system's clock in UTC."""

    def now(self) -> datetime:
        """Return the present moment, aware, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds from an arbitrary start that never go back."""
        return time.monotonic()


class TurnedClock(Clock):
    """A clock that runs on, but that a test may turn forward."""

    def __init__(self) -> None:
        self._ahead = timedelta()
        self._lock = threading.Lock()

    def now(self) -> datetime:
        return super().now() + self._ahead

    def monotonic(self) -> float:
        return super().monotonic() + self._ahead.total_seconds()

    def turn(self, **duration: float) -> None:
        """Turn the clock forward by a duration in timedelta's words (seconds=…, hours=…)."""
        with self._lock:
            self._ahead += timedelta(**duration)


def isoformat(moment: datetime | None) -> str | None:
    """Render a moment as most OpenStack APIs do: 2026-11-21T09:00:00Z."""
    return None if moment is None else f"{moment.isoformat()[:19]}Z"


def isoformat_micros(moment: datetime | None) -> str | None:
    """Render a moment with microseconds: 2026-11-21T09:00:00.000000Z."""
    return None if moment is None else f"{isoformat_bare(moment)}Z"


def isoformat_bare(moment: datetime | None) -> str | None:
    """Render a moment without a zone but with microseconds: 2026-11-21T09:00:00.000000."""
    return None if moment is None else moment.isoformat(timespec="microseconds")[:26]
