"""Look for rows that lead to ports which do not exist, as after a row was deleted by hand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from nacre.kernel.context import Context
from nacre.kernel.drift import Drift, Sweep, healed
from nacre.services.network.app import drift
from nacre.services.network.db import drift as rows

ASTRAY, REMAINS = "floating_ip_astray", "port_remains"


def _astray(ctx: Context, after: str, limit: int) -> Sequence[str]:
    return ctx.db.read(rows.floating_ips_astray, after, limit)


def _remains(ctx: Context, after: str, limit: int) -> Sequence[str]:
    return ctx.db.read(rows.remains_of_ports, after, limit)


def check_floating_ip(ctx: Context, floating_ip_id: str) -> Iterator[Drift]:
    """Let a floating IP lead nowhere instead of to a port that is not there."""
    if drift.lead_nowhere(ctx, floating_ip_id):
        text = "It led to a port that does not exist; now it leads nowhere and can be used again."
        yield healed(ASTRAY, floating_ip_id, text)


def check_remains(ctx: Context, port_id: str) -> Iterator[Drift]:
    """Free the addresses of a port that is not there."""
    if drift.clear_remains(ctx, port_id):
        text = "The port's row was gone, and its addresses and groups were still taken; they are free again."
        yield healed(REMAINS, port_id, text)


FLOATING_IPS = Sweep(
    "floating_ip_sync", kinds=(ASTRAY,), page=_astray, key=str, check=check_floating_ip, at_once=200
)
PORTS = Sweep("port_remains_sync", kinds=(REMAINS,), page=_remains, key=str, check=check_remains, at_once=200)
