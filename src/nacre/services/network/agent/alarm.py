"""What ends an agent's pause: somebody who wants something now, or something that may wait a little."""

import threading
import time


class Alarm:
    """One thread waits, others ring."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._rung = False
        self._rings_at: float | None = None

    def ring(self) -> None:
        """End the pause, or the next one."""
        with self._changed:
            self._rung = True
            self._changed.notify()

    def ring_in(self, seconds: float) -> None:
        """End the pause in a while, unless that is to happen sooner already."""
        at = time.monotonic() + seconds
        with self._changed:
            if self._rings_at is None or at < self._rings_at:
                self._rings_at = at
                self._changed.notify()

    def wait(self, seconds: float) -> bool:
        """Pause so long at the most; tell whether somebody ended it."""
        ends_at, rung = time.monotonic() + seconds, True
        with self._changed:
            while not self._rung:
                now = time.monotonic()
                if self._rings_at is not None and self._rings_at <= now:
                    self._rings_at = None
                    break
                if now >= ends_at:
                    rung = False
                    break
                self._changed.wait(min(ends_at, self._rings_at or ends_at) - now)
            self._rung = False
        return rung
