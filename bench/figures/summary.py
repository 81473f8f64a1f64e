"""The short form of the figures in README.md, between two marks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from figures import goals

BEGIN = "<!-- performance: written by bench/compare --write -->"
END = "<!-- performance ends -->"
SHOWN = {
    "boot 50 servers at once": "booting fifty servers, for each",
    "delete 50 servers": "deleting them, for each",
    "create a network with a subnet": "a network with a subnet",
    "create a port": "a port",
    "GET /servers/detail, 100 servers": "a list of 100 servers with details",
    "list 500 ports": "a list of 500 ports",
    "token validation": "asking what a token is worth",
    "allocation candidates, 1 provider": "allocation candidates",
}
"""Phase → what the README calls it."""


def write(readme: Path, results: Mapping[str, Any]) -> None:
    """Replace what stands between the marks."""
    text = readme.read_text()
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{readme} lacks the marks between which the figures stand")
    readme.write_text("\n".join([before + BEGIN, *_lines(results), END + after]))


def _lines(results: Mapping[str, Any]) -> Iterator[str]:
    yield ""
    yield "| the server's CPU, ms | nacre | OpenStack | |"
    yield "|---|---|---|---|"
    rounds: list[int] = []
    for title, words in SHOWN.items():
        phase = results["phases"].get(title, {})
        mine, theirs = (phase.get(name, {}).get("figure") for name in ("nacre", "openstack"))
        if mine and theirs:
            one, other = (each["cpu_ms_each"]["median"] for each in (mine, theirs))
            yield f"| {words} | {_short(one)} | {_short(other)} | {goals.cpu(mine, theirs):.0f} × |"
            rounds.append(min(mine["rounds"], theirs["rounds"]))
    mine, theirs = (
        results["phases"].get("idle", {}).get(name, {}).get("figure") for name in ("nacre", "openstack")
    )
    if mine and theirs:
        one, other = (each["idle_bytes"]["median"] / 2**20 for each in (mine, theirs))
        yield f"| memory of the idle cloud, MiB | {one:.0f} | {other:,.0f} | {goals.memory(mine, theirs):.0f} × |"
    yield ""
    yield f"Medians of at least {min(rounds, default=0)} round(s) on {results['machine'].partition(',')[0]}."
    yield ""


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 1 else f"{value:.2f}"
