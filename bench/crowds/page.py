"""Write docs/scale.md from what was measured."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from crowds.fill import Boots
from crowds.lists import Answer
from crowds.restart import Restart
from figures import machine
from peer import places

PAGE = Path(__file__).resolve().parents[2] / "docs" / "scale.md"
MIB = 1 << 20
FILE = places.ROOT.parent / "scale.json"
TOGETHER, APART = "Hosts in the control plane's process", "Hosts in a process of their own, on RabbitMQ"
INTRODUCTION = """\
<!-- Made by bench/scale --write from measurements: measure again rather than edit. -->

# Many hosts, many servers

What one control plane with many simulated hosts takes, filled with servers ([bench/scale](../bench/scale)). CPU is user
and system time of the process that is measured, whatever else it does meanwhile included. Where the agents of all hosts
live in the control plane's process, what they take is in every figure; where they live apart, it is in none.
Rates and times are those of a machine with other work to do, where the load says so.
"""
SPANS = ((0, 0), (1, 5), (6, 10), (11, 20), (21, 30), (31, 40), (41, 50), (51, 60))


@dataclass(kw_only=True)
class Figures:
    """Everything that one run measured."""

    version: str
    hosts: int
    projects: int
    apart: bool
    load: float = 0.0
    start_seconds: float = 0.0
    start_cpu_seconds: float = 0.0
    memory: dict[int, int] = field(default_factory=dict)
    idle: dict[int, float] = field(default_factory=dict)
    threads: int = 0
    boots: list[Boots] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    restart: Restart | None = None


def words(figures: Figures) -> Iterator[str]:
    """Say what was measured, line by line."""
    yield f"## {APART if figures.apart else TOGETHER}"
    yield ""
    yield (
        f"{figures.version}, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC. Machine: {machine.describe()}; "
        f"load average {figures.load:.0f} at the end."
    )
    yield ""
    yield (
        f"{figures.hosts:,} hosts; servers of {figures.projects} projects, on a network each. "
        f"The first start took {figures.start_seconds:.1f} s until every host had reported, and "
        f"{figures.start_cpu_seconds:.1f} s of CPU; the process has {figures.threads:,} threads."
    )
    yield ""
    yield "### At rest"
    yield ""
    yield "| servers | memory (PSS) MiB | CPU, % of a core |"
    yield "|---|---|---|"
    for size, share in figures.idle.items():
        yield f"| {size:,} | {figures.memory[size] / MIB:,.0f} | {100 * share:.1f} |"
    yield ""
    yield from _boots(figures.boots)
    yield from _answers(figures.answers)
    if figures.restart is not None:
        yield from _restart(figures.restart, apart=figures.apart)


def _boots(boots: Sequence[Boots]) -> Iterator[str]:
    yield "### Booting"
    yield ""
    yield "| servers there | booted | servers/s | CPU ms each |"
    yield "|---|---|---|---|"
    for each in boots:
        yield f"| {each.there:,} | {each.count:,} | {each.count / each.seconds:.1f} | {each.cpu_ms_each:.1f} |"
    yield ""


def _answers(answers: Sequence[Answer]) -> Iterator[str]:
    yield "### Lists of the full cloud"
    yield ""
    yield "| list | things | ms | CPU ms | CPU µs for each |"
    yield "|---|---|---|---|---|"
    for each in answers:
        one = f"{1000 * each.cpu_ms / each.things:,.0f}" if each.things else ""
        yield f"| {each.title} | {each.things:,} | {each.wall_ms:,.1f} | {each.cpu_ms:,.1f} | {one} |"
    yield ""


def _restart(restart: Restart, *, apart: bool) -> Iterator[str]:
    yield "### Killed and started again"
    yield ""
    what = "The control plane alone" if apart else "The process, control plane and agents,"
    yield (
        f"{what} was killed (SIGKILL) and started again: ready after {restart.ready_seconds:.1f} s and "
        f"{restart.cpu_seconds:.1f} s of CPU. From there on, each second:"
    )
    yield ""
    yield "| seconds after | CPU, % of a core | writing transactions, each s | messages, each s | most of them |"
    yield "|---|---|---|---|---|"
    for first, last in SPANS:
        some = [each for each in restart.seconds if first <= each.after_seconds <= last]
        if not some:
            continue
        length = max(1, len(some))
        messages = sum((each.messages for each in some), Counter())
        each = 1 if first == 0 else length
        most = ", ".join(f"{name} {count / each:,.4g}" for name, count in messages.most_common(4))
        cpu = sum(each.cpu_seconds for each in some)
        if first == last == 0:
            yield (
                f"| before | {cpu:.1f} s | {sum(each.writes for each in some):,} in all "
                f"| {messages.total():,} in all | {most} |"
            )
            continue
        writes = sum(each.writes for each in some) / length
        share, total = 100 * cpu / length, messages.total() / length
        yield f"| {first} to {last} | {share:.1f} | {writes:,.1f} | {total:,.1f} | {most} |"
    yield ""


def write(figures: Figures) -> None:
    """Write the page of what is known: the last run of each kind."""
    known: dict[str, str] = json.loads(FILE.read_text()) if FILE.exists() else {}
    known[APART if figures.apart else TOGETHER] = "\n".join(words(figures)).rstrip() + "\n"
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text(json.dumps(known))
    PAGE.write_text("\n".join([INTRODUCTION, *(known[kind] for kind in (TOGETHER, APART) if kind in known)]))
