"""What sweeps mend in the rows: what hosts are said to carry, what leads nowhere, what hosts report."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from nacre.kernel.context import Context
from nacre.kernel.db import Transaction
from nacre.kernel.drift import Drift, healed, left, record
from nacre.services.network import rpc
from nacre.services.network.app.news import News, write
from nacre.services.network.db import drift, floating_ips, presences


def kind_of(repair: rpc.Repair) -> str:
    """Name what a host's agent found: "port_broken", "network_stray"."""
    return f"{repair.kind}_{'stray' if repair.stray else 'broken'}"


KINDS = frozenset(
    f"{kind}_{what}"
    for kind in ("network", "port", "router", "security_group", "neighbours")
    for what in ("stray", "broken")
)


def of_repairs(host: str, repairs: Iterable[rpc.Repair]) -> Iterator[Drift]:
    """Turn what a host's agent found into findings; what it could not mend it tries again by itself."""
    for repair in repairs:
        kind, thing = kind_of(repair), repair.id or host
        if repair.error:
            text = f"{repair.fault}. The host cannot mend it, and goes on trying: {repair.error}"
            yield left(kind, thing, text.removeprefix(". "), host=host, command="")
        else:
            did = "removed" if repair.stray else "mended"
            yield healed(kind, thing, f"On the host: {repair.fault}; {did}.", host=host)


def hear_repairs(ctx: Context, host: str, repairs: Iterable[rpc.Repair]) -> None:
    """Remember what a host mended by itself."""
    found = list(of_repairs(host, repairs))
    if found:
        ctx.db.run(record, found)


def mend_presences(ctx: Context, host: str) -> list[str]:
    """Bring up to date what a host is said to carry; return in words what was not."""
    said, real = ctx.db.read(_said_and_real, host)
    return write(ctx, _mend_presences, host) if said != real else []


def _said_and_real(tx: Transaction, host: str) -> tuple[dict[str, set[str]], dict[str, set[str]]]:
    return presences.of_host(tx, host), drift.carried(tx, host)


def _mend_presences(tx: Transaction, news: News, host: str) -> list[str]:
    said, real = _said_and_real(tx, host)
    words = []
    for kind in real:
        for id in sorted(real[kind] - said[kind]):
            presences.appear(tx, kind, id, host)
            words.append(f"it carries {kind} {id} and was not told so")
        for id in sorted(said[kind] - real[kind]):
            presences.fade(tx, kind, id, host, lambda: False)
            words.append(f"it was told of {kind} {id} and does not carry it")
        for id in real[kind] ^ said[kind]:
            (news.group if kind == presences.GROUP else news.network)(id)
    news.hosts.add(host)
    return words


def lead_nowhere(ctx: Context, floating_ip_id: str) -> bool:
    """Let a floating IP lead nowhere whose port does not exist."""
    return write(ctx, _lead_nowhere, floating_ip_id)


def _lead_nowhere(tx: Transaction, news: News, floating_ip_id: str) -> bool:
    floating_ips.lock(tx, floating_ip_id)
    if not drift.is_astray(tx, floating_ip_id):
        return False
    floating_ip = floating_ips.get(tx, floating_ip_id)
    news.router(floating_ip.router_id or "", floating_ips.host_of(tx, floating_ip))
    floating_ips.dissociate(tx, floating_ip_id)
    return True


def clear_remains(ctx: Context, port_id: str) -> bool:
    """Remove what is left of a port whose row is gone."""
    return write(ctx, lambda tx, news: _clear_remains(tx, news, port_id))


def _clear_remains(tx: Transaction, news: News, port_id: str) -> bool:
    if not drift.clear_remains(tx, port_id):
        return False
    news.shown(port_id)
    return True
