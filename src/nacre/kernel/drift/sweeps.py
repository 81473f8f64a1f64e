"""A sweep: a reconciler's way through everything that a service keeps, a few things at each turn.

Where it is stands in the database, so it goes on after a restart instead of beginning anew, and whichever
process takes the next turn knows where.  When somebody asks for it, it begins again and goes through
to the end in one turn.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import timedelta
from functools import partial
from typing import Any, Generic, TypeVar

from nacre.kernel import errors
from nacre.kernel.db import Transaction
from nacre.kernel.drift import findings
from nacre.kernel.drift.tables import Drift, Progress, State, sweeps
from nacre.kernel.tasks import Reconciler, Report, wake

log = logging.getLogger(__name__)

T = TypeVar("T")
PAGE = 100
NOTES = 20
#: Stands for everything in the list of what a sweep missed.
EVERYTHING = "*"


class Sweep(Generic[T]):
    """What is gone through, and how one thing is looked at.

    kinds     of findings that are this sweep's to make, and so to close
    page      page(ctx, key after which, at most how many) → things in the order of their keys
    key       a thing's key, as text
    check     check(ctx, thing) → its differences, healed or not; raises where it cannot be looked at
    host_of   the host of a thing, where a thing that could not be looked at is a host that did not answer
    at_once   how many things are looked at in a turn
    rest_seconds   how long it rests when it is through
    is_long   whether it reads so much that it is asked for only by name: every byte of every image, say
    """

    def __init__(
        self,
        name: str,
        *,
        kinds: Collection[str],
        page: Callable[[Any, str, int], Sequence[T]],
        key: Callable[[T], str],
        check: Callable[[Any, T], Iterable[Drift]],
        host_of: Callable[[T], str] | None = None,
        at_once: int = 50,
        rest_seconds: float = 300.0,
        is_long: bool = False,
    ) -> None:
        self.name, self.kinds = name, frozenset(kinds)
        self.page, self.key, self.check, self.host_of = page, key, check, host_of
        self.at_once, self.rest, self.is_long = at_once, timedelta(seconds=rest_seconds), is_long

    def reconciler(self, every_seconds: float = 60.0) -> Reconciler:
        """Return the reconciler that takes this sweep's turns."""
        return Reconciler(self.name, every_seconds, partial(turn, self))


def ask(tx: Transaction, asked: Collection[Sweep[Any]]) -> None:
    """Have sweeps begin now and go through to their ends."""
    for sweep in asked:
        once_more = {"asked": sweeps.c.asked + 1}
        if not tx.update(sweeps, sweep.name, once_more) and not tx.insert_if_absent(
            sweeps, {**_NEW, "name": sweep.name, "asked": 1}
        ):
            tx.update(sweeps, sweep.name, once_more)
        wake(tx, kind=sweep.name)


def progress(tx: Transaction, asked: Collection[Sweep[Any]]) -> list[Progress]:
    """Return how far these sweeps are; one that never began is left out."""
    names = [sweep.name for sweep in asked]
    return tx.all(sweeps.select().where(sweeps.c.name.in_(names)).order_by(sweeps.c.name), Progress)


def turn(sweep: Sweep[Any], ctx: Any) -> Report:
    """Go on with a sweep, as far as a turn goes."""
    now = ctx.db.run(_begin, sweep)
    if now is None:
        return Report()
    states: list[State] = []
    notes: list[str] = []
    cursor, missed, looked_at = now.cursor, list(now.missed), 0
    while now.is_asked_for or looked_at < sweep.at_once:
        size = PAGE if now.is_asked_for else min(PAGE, sweep.at_once - looked_at)
        things = sweep.page(ctx, cursor, size)
        for thing in things:
            try:
                drifts = list(sweep.check(ctx, thing))
            except errors.NacreError as error:
                missed.append(sweep.host_of(thing) if sweep.host_of else EVERYTHING)
                notes.append(f"{sweep.key(thing)}: {error.detail or error.message}")
                continue
            except Exception as error:  # a bug must not keep the sweep from all that follows
                log.exception("%s cannot look at %s", sweep.name, sweep.key(thing))
                missed.append(EVERYTHING)
                notes.append(f"{sweep.key(thing)}: {type(error).__name__}")
                continue
            if drifts:
                ctx.db.run(findings.record, drifts)
                _tell(sweep, drifts)
                states += [drift.state for drift in drifts]
        looked_at += len(things)
        if len(things) < size:
            ctx.db.run(_end, sweep, now, missed)
            break
        cursor = sweep.key(things[-1])
        ctx.db.run(_advance, sweep, cursor, missed)
    return Report(
        found=len(states),
        healed=states.count(State.HEALED),
        left=states.count(State.LEFT),
        notes=tuple(notes[:NOTES]),
    )


def _tell(sweep: Sweep[Any], drifts: Iterable[Drift]) -> None:
    for drift in drifts:
        where = f" on host {drift.host}" if drift.host else ""
        log.warning("%s: %s%s: %s (%s)", drift.kind, drift.resource_id, where, drift.text, drift.state)


_NEW: dict[str, Any] = {
    "cursor": "", "begun_at": None, "ended_at": None, "asked": 0, "heard": 0, "answered": 0, "missed": [],
}  # fmt: skip


def _begin(tx: Transaction, sweep: Sweep[Any]) -> Progress | None:
    """Return where to go on, or None while the sweep rests."""
    query = sweeps.select().where(sweeps.c.name == sweep.name)
    now = tx.now()
    known = tx.find(query, Progress)
    if known is None:
        tx.insert_if_absent(sweeps, {**_NEW, "name": sweep.name, "begun_at": now})
        return tx.one(query, Progress)
    anew = known.asked > known.heard
    rests = known.begun_at is None and known.ended_at is not None and known.ended_at + sweep.rest > now
    if not anew and rests:
        return None
    if anew or known.begun_at is None:
        begun = {"cursor": "", "begun_at": now, "heard": known.asked, "missed": []}
        tx.update(sweeps, sweep.name, begun)
    return tx.one(query, Progress)


def _advance(tx: Transaction, sweep: Sweep[Any], cursor: str, missed: list[str]) -> None:
    tx.update(sweeps, sweep.name, {"cursor": cursor, "missed": missed})


def _end(tx: Transaction, sweep: Sweep[Any], begun: Progress, missed: list[str]) -> None:
    """Close what was not seen any more, and rest."""
    assert begun.begun_at is not None
    if EVERYTHING not in missed:
        findings.close_unseen(tx, sweep.kinds, begun.begun_at, missed)
    findings.forget(tx)
    over = {"cursor": "", "begun_at": None, "ended_at": tx.now(), "missed": missed, "answered": begun.heard}
    tx.update(sweeps, sweep.name, over)
