"""Weighers: each gives a host a number, more is better; a wish's hosts are ranked by their weighted sum.

Numbers are first stretched over 0 to 1 among the hosts at hand, so that megabytes do not outweigh processors.
Hosts that weigh the same come in random order, so that many schedulers do not all run to the same one.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from nacre.services.compute.app.scheduling.hosts import Candidate, Wish

Weigher = Callable[[Candidate, Wish], float]

SOFT_AFFINITY, SOFT_ANTI_AFFINITY = "soft-affinity", "soft-anti-affinity"


def free_memory(host: Candidate, wish: Wish) -> float:
    """Spread servers: prefer the host with more memory left."""
    return host.free.get("MEMORY_MB", 0.0)


def free_processors(host: Candidate, wish: Wish) -> float:
    """Prefer the host with more processors left."""
    return host.free.get("VCPU", 0.0)


def free_disk(host: Candidate, wish: Wish) -> float:
    """Prefer the host with more disk left."""
    return host.free.get("DISK_GB", 0.0)


def idle(host: Candidate, wish: Wish) -> float:
    """Prefer the host with less work waiting."""
    return -float(host.busy)


def group(host: Candidate, wish: Wish) -> float:
    """Follow the soft policies of server groups."""
    members = float(wish.group_hosts.get(host.name, 0))
    if wish.group_policy == SOFT_AFFINITY:
        return members
    return -members if wish.group_policy == SOFT_ANTI_AFFINITY else 0.0


WEIGHERS: tuple[tuple[float, Weigher], ...] = (
    (1.0, free_memory),
    (1.0, free_processors),
    (1.0, free_disk),
    (1.0, idle),
    (10.0, group),
)


def rank(hosts: Sequence[Candidate], wish: Wish) -> list[Candidate]:
    """Return the hosts, the best one first."""
    shuffled = list(hosts)
    random.shuffle(shuffled)
    totals = dict.fromkeys((host.name for host in shuffled), 0.0)
    for weight, weigher in WEIGHERS:
        values = {host.name: weigher(host, wish) for host in shuffled}
        least, most = min(values.values(), default=0.0), max(values.values(), default=0.0)
        if most > least:
            for name, value in values.items():
                totals[name] += weight * (value - least) / (most - least)
    return sorted(shuffled, key=lambda host: -totals[host.name])
