"""Waking hosts, so that a change reaches them now and not when they next ask by themselves.

A network may be on a thousand hosts.  Were all of them woken for each port there, a port would cost the
control plane a thousand questions.  So hosts that only have neighbours to learn of look after a pause that
grows with the number of those that are to look, on whatever network, and within it they are not woken again:
what comes of it is so many questions a second, and not hosts times ports.
"""

from __future__ import annotations

import threading
from collections.abc import Collection

from nacre.kernel.context import Context
from nacre.services.network import rpc

_STATE = "network.wakes"
SECONDS_PER_HOST = 0.005
SHORTEST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.05, 5.0


class Told:
    """Which hosts will look by themselves soon, because this process told them to."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._until: dict[str, float] = {}

    def fresh(self, hosts: Collection[str], now: float) -> tuple[list[str], float]:
        """Return those that must be told that they look after a pause, and the pause; they count as told then.

        Where they are so few that no pause is worth it, they may be told at once and every time.
        """
        with self._lock:
            self._until = {host: until for host, until in self._until.items() if until > now}
            found = [host for host in hosts if host not in self._until]
            pause = min(SECONDS_PER_HOST * (len(self._until) + len(found)), LONGEST_PAUSE_SECONDS)
            if pause < SHORTEST_PAUSE_SECONDS:
                return found, 0.0
            self._until.update((host, now + pause) for host in found)
        return found, pause


def at_once(ctx: Context, hosts: Collection[str]) -> None:
    """Have hosts look now."""
    for host in sorted(hosts):
        ctx.bus.cast(rpc.host_topic(host), rpc.WAKE, rpc.Wake())


def without_haste(ctx: Context, hosts: Collection[str]) -> None:
    """Have hosts look soon: how soon depends on how many are to look."""
    if not hosts:
        return
    told: Told = ctx.service.memory.setdefault(_STATE, Told())
    found, pause = told.fresh(hosts, ctx.clock.monotonic())
    for host in sorted(found):
        ctx.bus.cast(rpc.host_topic(host), rpc.WAKE, rpc.Wake(patience_seconds=pause))
