"""Findings in the database: one row for a kind of difference, a thing and a host."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta

from sqlalchemy import and_, select

from nacre.kernel.db import Page, Sort, Transaction, conditions, paging
from nacre.kernel.drift.tables import Drift, Finding, State, findings

#: For how long what is over can be read about.
REMEMBERED = timedelta(days=7)

_ALL = select(*[findings.c[name] for name in Finding.__struct_fields__])


def record(tx: Transaction, drifts: Iterable[Drift]) -> None:
    """Remember differences.  One that was over and is there again counts as a new one."""
    now = tx.now()
    for drift in drifts:
        which = and_(
            findings.c.kind == drift.kind,
            findings.c.resource_id == drift.resource_id,
            findings.c.host == drift.host,
        )
        news = {"state": drift.state, "text": drift.text, "command": drift.command, "last_seen_at": now}
        known = tx.find(_ALL.where(which), Finding)
        if known is None:
            row = {"kind": drift.kind, "resource_id": drift.resource_id, "host": drift.host, **news}
            if tx.insert_if_absent(findings, {**row, "first_seen_at": now}):
                continue
        elif known.state is State.HEALED:
            news["first_seen_at"] = now
        tx.update(findings, which, news)


def standing(tx: Transaction, kinds: Collection[str]) -> list[Finding]:
    """Return the findings of these kinds that are not over."""
    query = _ALL.where(findings.c.state != State.HEALED, findings.c.kind.in_(list(kinds)))
    return tx.all(query.order_by(findings.c.id), Finding)


def close(tx: Transaction, finding_id: int) -> None:
    """Note that a difference is over."""
    tx.update(findings, finding_id, {"state": State.HEALED, "last_seen_at": tx.now()})


def close_unseen(tx: Transaction, kinds: Collection[str], since: datetime, but: Collection[str]) -> int:
    """Note that what a whole sweep did not see any more is over, except on hosts that it missed."""
    unseen = and_(
        findings.c.state != State.HEALED,
        findings.c.kind.in_(list(kinds)),
        findings.c.last_seen_at < since,
        findings.c.host.not_in(list(but)),
    )
    return tx.update(findings, unseen, {"state": State.HEALED, "last_seen_at": tx.now()})


def forget(tx: Transaction) -> int:
    """Forget what has been over for long."""
    old = and_(findings.c.state == State.HEALED, findings.c.last_seen_at < tx.now() - REMEMBERED)
    return tx.delete(findings, old)


def get(tx: Transaction, kind: str, resource_id: str, host: str | None) -> list[Finding]:
    """Return the findings of one thing that are not over, on one host or on any."""
    query = _ALL.where(
        findings.c.state != State.HEALED,
        findings.c.kind == kind,
        findings.c.resource_id == resource_id,
    )
    return tx.all(query if host is None else query.where(findings.c.host == host), Finding)


def page(tx: Transaction, asked: Page, wanted: Mapping[str, object]) -> list[Finding]:
    """Return one page of the findings, the newest first."""
    asked = Page(limit=asked.limit, marker=asked.marker, sort=(Sort("id", "desc"),))
    return paging.page(tx, _ALL.where(*conditions(findings.c, wanted)), Finding, findings, asked)
