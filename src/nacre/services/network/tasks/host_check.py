"""Have every host's network agent look at what it made, and look whether it was told all that it carries.

Agents look by themselves once a minute and mend what they find; this asks them to do so now, and to say what
they found.  What they mend between two such questions comes with their reports.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from nacre.kernel import errors
from nacre.kernel.bus import Method
from nacre.kernel.context import Context
from nacre.kernel.drift import Drift, Sweep, healed
from nacre.services.network import rpc
from nacre.services.network.app import binding, drift
from nacre.services.network.db import drift as rows
from nacre.services.network.db import hosts

PRESENCE = "host_view_wrong"
EXAMINE: Method[rpc.Examine, rpc.Examined] = rpc.EXAMINE
ANSWER_SECONDS = 60.0


def _page(ctx: Context, after: str, limit: int) -> Sequence[str]:
    return ctx.db.read(rows.hosts_after, after, limit)


def check(ctx: Context, name: str) -> Iterator[Drift]:
    """Have one host look at itself."""
    host = ctx.db.read(hosts.find, name)
    if host is None:
        return
    for words in drift.mend_presences(ctx, name):
        yield healed(PRESENCE, name, f"{words[0].upper()}{words[1:]}.", host=name)
    if not binding.is_alive(ctx, host):
        raise errors.Unavailable(f"The network agent of host {name} is silent.")
    answer = ctx.bus.call(rpc.host_topic(name), EXAMINE, rpc.Examine(), deadline_seconds=ANSWER_SECONDS)
    yield from drift.of_repairs(name, answer.repairs)


SWEEP = Sweep(
    "network_host_check",
    kinds=(PRESENCE, *drift.KINDS),
    page=_page,
    key=lambda name: name,
    check=check,
    host_of=lambda name: name,
    at_once=20,
)
