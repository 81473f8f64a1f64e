"""Waking hosts, so that a change reaches them now and not when they next ask by themselves.

A network may be on a thousand hosts.  Were all of them woken for each port there, a port would cost the
control plane a thousand questions.  So hosts that only have neighbours to learn of look after a pause that
grows with their number, and within it they are not woken again: what a network costs grows with its
hosts, and not with hosts times ports.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable

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

    def fresh(self, hosts: Iterable[str], now: float, pause: float) -> list[str]:
        """Return those that must be told that they look after the pause; they count as told from now on."""
        with self._lock:
            found = [host for host in hosts if self._until.get(host, 0.0) <= now]
            self._until.update((host, now + pause) for host in found)
        return found


def at_once(ctx: Context, hosts: Collection[str]) -> None:
    """Have hosts look now."""
    for host in sorted(hosts):
        ctx.bus.cast(rpc.host_topic(host), rpc.WAKE, rpc.Wake())


def without_haste(ctx: Context, hosts: Collection[str]) -> None:
    """Have hosts look soon: how soon depends on how many they are."""
    pause = min(SECONDS_PER_HOST * len(hosts), LONGEST_PAUSE_SECONDS)
    if pause < SHORTEST_PAUSE_SECONDS:
        at_once(ctx, hosts)
        return
    told: Told = ctx.service.memory.setdefault(_STATE, Told())
    for host in sorted(told.fresh(hosts, ctx.clock.monotonic(), pause)):
        ctx.bus.cast(rpc.host_topic(host), rpc.WAKE, rpc.Wake(patience_seconds=pause))
