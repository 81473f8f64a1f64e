"""Write docs/performance.md and its picture from what was measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from figures import goals, picture, summary
from work import WORKS

Results = Mapping[str, Any]

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
MINE, THEIRS = "nacre", "openstack"
TITLES = {"nacre": "nacre", "nacre-multi": "nacre, many processes", "openstack": "OpenStack"}
MIB = 1 << 20
ENOUGH_ROUNDS, QUIET = 5, 0.15


def write(results: Results) -> None:
    """Write page and picture, and what the README says of them."""
    results = {**results, "phases": _in_order(results["phases"])}
    (DOCS / "performance.svg").write_text(picture.draw(_ratios(results)))
    (DOCS / "performance.md").write_text("\n".join(_page(results)) + "\n")
    summary.write(ROOT / "README.md", results)


def _in_order(phases: Results) -> Results:
    """Return phases in the order of their works, however runs were cut; what is measured no more is left out."""
    order = {name: number for number, name in enumerate(WORKS)}
    places = {
        title: place
        for title, phase in phases.items()
        if (place := min(order.get(record.get("work"), len(order)) for record in phase.values())) < len(order)
    }
    return {title: phases[title] for title in sorted(places, key=lambda title: places[title])}


def _page(results: Results) -> Iterator[str]:
    phases = results["phases"]
    clouds = [name for name in TITLES if any(name in phase for phase in phases.values())]
    yield "<!-- Made by bench/compare --write from measurements: measure again rather than edit. -->"
    yield from INTRODUCTION
    yield ""
    yield f"Machine: {results['machine']}. Clients ran on the same cores."
    yield ""
    yield from _versions(phases, clouds)
    yield "![How many times nacre's CPU the peer takes](performance.svg)"
    yield ""
    yield "## CPU of the server, milliseconds for each"
    yield ""
    yield f"| work | each | {' | '.join(TITLES[name] for name in clouds)} | OpenStack / nacre | others |"
    yield f"|---|---|{'---|' * len(clouds)}---|---|"
    for title, phase in phases.items():
        shown = [_spread(_figure(phase, name), "cpu_ms_each") for name in clouds]
        yield f"| {title} | {_each(phase)} | {' | '.join(shown)} | {_ratio(phase)} | {_others(phase, clouds)} |"
    yield ""
    yield "*others* is the share of the machine that neither the cloud nor the client used while this was measured."
    yield from NOT_MEASURED
    yield ""
    yield "## Throughput and latency"
    yield ""
    yield f"| work | {' | '.join(f'{TITLES[name]}: rate | p50 / p99 ms' for name in clouds)} |"
    yield f"|---|{'---|---|' * len(clouds)}"
    for title, phase in phases.items():
        yield f"| {title} | {' | '.join(_speed(_figure(phase, name), phase) for name in clouds)} |"
    yield ""
    yield "## Memory, MiB (proportional): before the work, at most during it"
    yield ""
    yield f"| work | {' | '.join(TITLES[name] for name in clouds)} |"
    yield f"|---|{'---|' * len(clouds)}"
    for title, phase in phases.items():
        yield f"| {title} | {' | '.join(_memory(_figure(phase, name)) for name in clouds)} |"
    yield ""
    yield from _goals(phases)
    yield from _curve(results)
    yield from _floors(results)
    yield from _failures(phases)


INTRODUCTION = """\

# Performance

nacre beside the real OpenStack, measured on one machine: [bench/compare](../bench/compare) drives the same
client script against each cloud in turn. OpenStack is installed from PyPI and runs on MariaDB, RabbitMQ and memcached
with two worker processes for each API, nova with its fake driver ([bench/peer](../bench/peer/__init__.py)); nacre is
`./nacre up --simulated`, one process with SQLite. Neither moves packets or boots guests here: this is what the control
planes cost.

CPU is the figure that other load on the machine disturbs least: user and system time of every process of the cloud,
database and broker included, from the first request until the cloud is quiet again. Every figure is the median of the
rounds without errors, with the least and the most in brackets; clouds take turns in every round.
""".splitlines()


NOT_MEASURED = """\
A thousand servers are listed from nacre alone: OpenStack would boot them for half an hour on this machine, and nothing
that is scaled up from a hundred is shown as if it had been measured.
""".splitlines()


def _versions(phases: Results, clouds: list[str]) -> Iterator[str]:
    for name in clouds:
        records = [phase[name] for phase in phases.values() if name in phase]
        moments = sorted(record["measured_at"] for record in records)
        rounds = min((record["figure"]["rounds"] for record in records if record["figure"]), default=0)
        last = max(records, key=lambda record: str(record["measured_at"]))
        versions = f"{last['version']} at last"
        yield f"* {records[0]['title']}: {versions}; {rounds} rounds or more, {moments[0]} to {moments[-1]} UTC"
    yield ""
    figures = [record["figure"] for phase in phases.values() for record in phase.values() if record["figure"]]
    few = sum(figure["rounds"] < ENOUGH_ROUNDS for figure in figures)
    noisy = sum(figure["others"]["median"] > QUIET for figure in figures)
    if few or noisy:
        yield (
            f"**Preliminary.** Of {len(figures)} figures {few} have fewer than {ENOUGH_ROUNDS} rounds, and {noisy} were"
            f" taken while others used more than {QUIET:.0%} of the machine: rates, latencies and even CPU are worse"
            " then, for both."
        )
        yield ""


def _goals(phases: Results) -> Iterator[str]:
    yield "## Goals"
    yield ""
    yield "| work | goal | reached | |"
    yield "|---|---|---|---|"
    missed = []
    for title, phase in phases.items():
        mine, theirs = _figure(phase, MINE), _figure(phase, THEIRS)
        for goal in goals.of(title) if mine and theirs else ():
            value = goal.value(mine, theirs)
            verdict = "yes" if value >= goal.least else f"missed: {value / goal.least:.0%} of it"
            yield f"| {title} | {goal.says} | {_short(value)}{goal.unit} | {verdict} |"
            if value < goal.least:
                missed.append(title)
    yield ""
    for title in dict.fromkeys(missed):
        yield f"* {title}: {goals.WHY.get(title, 'not found out yet')}"
    yield ""


def _curve(results: Results) -> Iterator[str]:
    if not (curve := results.get("curve")):
        return
    yield "## From ten servers to ten thousand"
    yield ""
    yield "nacre alone, milliseconds of CPU for each request (`bench/curve`). All servers are one project's, on one"
    yield "host and one network. A name in a filter may stand anywhere in a server's, as upstream: all are looked at."
    yield ""
    sizes = list(curve)
    yield f"| with so many servers | {' | '.join(f'{int(size):,}' for size in sizes)} |"
    yield f"|---|{'---|' * len(sizes)}"
    for title in curve[sizes[0]]:
        yield f"| {title} | {' | '.join(_short(curve[size].get(title, 0.0)) for size in sizes)} |"
    yield ""


def _floors(results: Results) -> Iterator[str]:
    if not (floors := results.get("floors")):
        return
    yield "## The floor"
    yield ""
    yield "What this machine takes for the bare thing, without any cloud (`bench/floor`)."
    yield ""
    yield "| bare thing | ms | ms of CPU |"
    yield "|---|---|---|"
    for title, found in floors.items():
        yield f"| {title} | {_short(found['wall_ms'])} | {_short(found['cpu_ms'])} |"
    yield ""
    yield "| work | floor | nacre's CPU is |"
    yield "|---|---|---|"
    for work, floor, times in FLOOR_OF:
        figure = _figure(results["phases"].get(work, {}), MINE)
        if figure and floor in floors:
            ratio = figure["cpu_ms_each"]["median"] * times / floors[floor]["cpu_ms"]
            yield f"| {work} | {floor} | {ratio:.1f} times that |"
    yield ""


BARE = "a request that bare uvicorn answers with {}"
FLOOR_OF = (
    ("password token", "Argon2id of one password at the product's parameters", 1),
    ("token validation", BARE, 1),
    ("list flavors", BARE, 1),
    ("create a port", BARE, 1),
    ("create a port", "a row inserted into SQLite (WAL, synchronous=NORMAL)", 1),
    ("upload an image of 512 MiB", "sha512sum of 512 MiB", 512),
    ("download it", "cp of 512 MiB", 512),
)
"""Work, the floor under it, and how many of the work's things the floor does."""


def _failures(phases: Results) -> Iterator[str]:
    lines = [
        f"* {title}, {TITLES[name]}: {len(record['failed'])} errors, such as `{record['failed'][0][:200]}`"
        for title, phase in phases.items()
        for name, record in phase.items()
        if record["failed"]
    ]
    yield "## Errors"
    yield ""
    yield "A round with errors is not a result."
    yield ""
    yield from lines or ["There were none."]


def _ratios(results: Results) -> list[tuple[str, float]]:
    found = []
    for title, phase in results["phases"].items():
        mine, theirs = _figure(phase, MINE), _figure(phase, THEIRS)
        if mine and theirs and mine["cpu_ms_each"]["median"]:
            found.append((title, goals.cpu(mine, theirs)))
    return found


def _figure(phase: Results, name: str) -> Any:
    return phase.get(name, {}).get("figure")


def _ratio(phase: Results) -> str:
    mine, theirs = _figure(phase, MINE), _figure(phase, THEIRS)
    if not mine or not theirs or not mine["cpu_ms_each"]["median"]:
        return ""
    return f"**{_short(goals.cpu(mine, theirs))} ×**"


def _others(phase: Results, clouds: list[str]) -> str:
    figures = [figure for name in clouds if (figure := _figure(phase, name))]
    return " / ".join(f"{figure['others']['median']:.0%}" for figure in figures)


def _each(phase: Results) -> str:
    return next(iter(phase.values()))["unit"]


def _speed(figure: Any, phase: Results) -> str:
    if not figure:
        return " | "
    unit = _each(phase)
    rate = _short(figure["rate"]["median"])
    return f"{rate} {unit}/s | {_short(figure['p50_ms']['median'])} / {_short(figure['p99_ms']['median'])}"


def _memory(figure: Any) -> str:
    if not figure:
        return ""
    return f"{figure['idle_bytes']['median'] / MIB:,.0f}, {figure['peak_bytes']['median'] / MIB:,.0f}"


def _spread(figure: Any, name: str) -> str:
    if not figure:
        return ""
    values = figure[name]
    return f"{_short(values['median'])} [{_short(values['least'])} – {_short(values['most'])}]"


def _short(value: float) -> str:
    """Write a number with about three digits."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}" if value >= 0.1 else f"{value:.3f}"
