"""`nacre agent`: one agent of this host as a process of its own."""

from __future__ import annotations

from nacre.cloud.options import Options
from nacre.kernel.errors import NotImplementedHere


def run(options: Options, *, kind: str, host: str | None) -> None:
    """Refuse, and say why: an agent apart from the control plane needs a bus between processes."""
    raise NotImplementedHere(
        f"The {kind} agent runs inside `nacre up`: this nacre has no bus between processes yet.",
        detail="A broker's driver for the bus is what is missing (docs/decisions/0005).",
    )
