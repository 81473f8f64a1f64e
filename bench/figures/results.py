"""What was measured so far, kept in a file so that a page can be written of several runs."""

import dataclasses
import json
import time
from collections.abc import Sequence
from typing import Any

from clouds import Cloud
from figures import machine
from figures.sample import Figure, Sample
from peer import places
from work import Phase

FILE = places.ROOT.parent / "results.json"


def add(work: str, cloud: Cloud, phase: Phase, samples: Sequence[Sample]) -> None:
    """Keep what the rounds of a phase say so far, instead of what was known of it."""
    figure = Figure.of(samples)
    record = {
        "measured_at": _now(),
        "work": work,
        "unit": phase.unit,
        "version": cloud.versions(),
        "title": cloud.title,
        "failed": [error for sample in samples for error in sample.errors],
        "figure": dataclasses.asdict(figure) if figure else None,
    }
    known = read()
    known["machine"] = machine.describe()
    known.setdefault("phases", {}).setdefault(phase.title, {})[cloud.name] = record
    write(known)


def add_whole(work: str, cloud: Cloud, rounds: int) -> None:
    """Keep that so many rounds of a work were measured to their end."""
    known = read()
    whole = {"rounds": rounds, "version": cloud.versions(), "measured_at": _now()}
    known.setdefault("works", {}).setdefault(work, {})[cloud.name] = whole
    write(known)


def is_whole(work: str, cloud: Cloud, rounds: int) -> bool:
    """Tell whether so many rounds of a work are kept, of this version of the cloud."""
    whole = read().get("works", {}).get(work, {}).get(cloud.name)
    return bool(whole) and whole["version"] == cloud.versions() and whole["rounds"] >= rounds


def add_floor(title: str, wall_ms: float, cpu_ms: float, rounds: int) -> None:
    """Keep what a bare thing takes."""
    known = read()
    known.setdefault("floors", {})[title] = {"wall_ms": wall_ms, "cpu_ms": cpu_ms, "rounds": rounds}
    write(known)


def set_curve(curve: dict[str, dict[str, float]]) -> None:
    """Keep what requests took at each size of the cloud: size → phase → milliseconds of CPU."""
    write(read() | {"curve": curve})


def read() -> dict[str, Any]:
    """Return everything known."""
    try:
        known: dict[str, Any] = json.loads(FILE.read_text())
    except FileNotFoundError:
        return {}
    return known


def write(known: dict[str, Any]) -> None:
    """Replace everything known; whoever is killed meanwhile leaves the old."""
    FILE.parent.mkdir(parents=True, exist_ok=True)
    new = FILE.with_suffix(".new")
    new.write_text(json.dumps(known, indent=1))
    new.replace(FILE)


def _now() -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.gmtime())
