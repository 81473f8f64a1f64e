"""What nacre is to reach, and what is said where it does not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Figures = Mapping[str, Any]


def cpu(mine: Figures, theirs: Figures) -> float:
    """Return how many times nacre's CPU the peer takes."""
    return _median(theirs, "cpu_ms_each") / _median(mine, "cpu_ms_each")


def memory(mine: Figures, theirs: Figures) -> float:
    """Return how many times nacre's memory the peer holds."""
    return _median(theirs, "idle_bytes") / _median(mine, "idle_bytes")


def speed(mine: Figures, theirs: Figures) -> float:
    """Return how many times as fast nacre is."""
    return _median(mine, "rate") / _median(theirs, "rate")


def rate(mine: Figures, theirs: Figures) -> float:
    """Return how many nacre does in a second."""
    return _median(mine, "rate")


@dataclass(frozen=True, kw_only=True)
class Goal:
    """A bound that a comparison is to reach."""

    says: str
    value: Callable[[Figures, Figures], float]
    least: float
    unit: str = " ×"


READS = Goal(says="CPU: a twentieth of the peer's", value=cpu, least=20)
BOOTS = Goal(says="CPU: a fiftieth of the peer's", value=cpu, least=50)
PASSWORDS = Goal(says="CPU: a tenth of the peer's", value=cpu, least=10)

GOALS: dict[str, tuple[Goal, ...]] = {
    "start to the first answer of all APIs": (
        Goal(says="ready within two seconds", value=rate, least=0.5, unit=" starts/s"),
    ),
    "idle": (Goal(says="memory: a twentieth of the peer's", value=memory, least=20),),
    "password token": (PASSWORDS,),
    "password token, 8 clients": (PASSWORDS,),
    "boot one server to ACTIVE": (READS,),
    "boot 50 servers at once": (
        BOOTS,
        Goal(says="30 servers a second", value=rate, least=30, unit=" servers/s"),
    ),
    "upload an image of 512 MiB": (Goal(says="twice the bytes for each second of CPU", value=cpu, least=2),),
    "download it": (Goal(says="no slower", value=speed, least=1),),
}
"""Phase → its goals; any other phase has that of reads, creations and deletions."""

TOKENS = "a third of it is the request itself; the rest reads user, project and roles, and seals the token"
IMAGES = "a hundred images with their properties and tags are rendered, 10 µs each"
ROWS = "a hundred rows are read, built and rendered, 7 µs each"
WHY: dict[str, str] = {
    "token from token": TOKENS,
    "token from token, 8 clients": TOKENS,
    "list 100 projects": ROWS,
    "list 100 images": IMAGES,
    "list 100 images, 8 clients": IMAGES,
    "allocation candidates, 1,000 providers": "six rows of SQLite are read for each candidate: half of it",
    "upload an image of 512 MiB": "both compute SHA-512 and MD5 of every byte: 2.0 of 2.6 ms",
}
"""Phase → why its goal is missed, where somebody found out."""


def of(title: str) -> tuple[Goal, ...]:
    """Return the goals of a phase."""
    return GOALS.get(title, (READS,))


def _median(figures: Figures, name: str) -> float:
    return float(figures[name]["median"])
