"""What was measured so far, kept in a file so that a page can be written of several runs."""

import dataclasses
import json
from collections.abc import Sequence
from typing import Any

from clouds import Cloud
from figures import machine
from figures.sample import Figure, Sample
from peer import places
from work import Phase

FILE = places.ROOT.parent / "results.json"


def add(measured_at: str, cloud: Cloud, phase: Phase, samples: Sequence[Sample]) -> None:
    """Keep what the rounds of a phase say, instead of what was known of it."""
    figure = Figure.of(samples)
    record = {
        "measured_at": measured_at,
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


def add_floor(title: str, wall_ms: float, cpu_ms: float) -> None:
    """Keep what a bare thing takes."""
    known = read()
    known.setdefault("floors", {})[title] = {"wall_ms": wall_ms, "cpu_ms": cpu_ms}
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
    """Replace everything known."""
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text(json.dumps(known, indent=1))
