"""Who works on which job: claims, leases, and writes that only the present holder may make.

A claim reads a few due rows and takes one by compare-and-swap: the update names the turn that was
read, so of two workers only one succeeds.  (SELECT … SKIP LOCKED over "ready or expired" gave
deadlock storms on MariaDB; this gives none.)  Each claim counts up the row's `turn`, and every later
write of the holder names it.  So a worker that slept through the end of its lease finds its writes
refused, whoever has the job by then: its notes, and whatever its step writes into the same database.
"""

import random
from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import and_, bindparam, case, exists, false, or_, select, true

from nacre.kernel.db import Database, Duplicate, Transaction, UtcDateTime
from nacre.kernel.tasks.jobs import ACTIVE
from nacre.kernel.tasks.tables import ClaimedJob, JobState, jobs

#: How many due rows a worker reads before it takes one of them.
CANDIDATES = 8
PRUNE_AT_ONCE = 500


class LeaseLost(Exception):
    """Somebody else has the job by now; whoever hears this lets go of it and writes nothing more."""


class CancelRequested(Exception):
    """The job has been called off; the write was not made."""


class Candidate(msgspec.Struct, frozen=True):
    """A row that may be due."""

    id: int
    turn: int
    state: JobState
    due_at: datetime
    resource: str | None


def look(
    db: Database, kinds: Collection[str], held: Collection[int]
) -> tuple[list[Candidate], datetime | None]:
    """Return some jobs that are due, and when the next one will be, if that is known.

    A job behind an earlier one of its resource is not seen.
    """
    seen = db.read(lambda tx: tx.all(_CANDIDATES, Candidate, {"kinds": list(kinds)}))
    now = db.clock.now()
    due = [each for each in seen if each.due_at <= now and each.id not in held]
    random.shuffle(due)
    return due, min((each.due_at for each in seen if each.due_at > now), default=None)


def claim(db: Database, candidate: Candidate, owner: str, lease_seconds: float) -> ClaimedJob | None:
    """Take a job, unless another worker was faster."""
    try:
        return db.run(_claim, candidate, owner, lease_seconds)
    except Duplicate:  # another job of the resource is running
        return None


def _claim(tx: Transaction, seen: Candidate, owner: str, lease_seconds: float) -> ClaimedJob | None:
    now = tx.now()
    # A row that was running has come to the end of its lease: its worker died in the middle of a step.
    died = seen.state is JobState.RUNNING
    values: dict[str, Any] = {
        "state": JobState.RUNNING,
        "owner": owner,
        "turn": seen.turn + 1,
        "due_at": now + timedelta(seconds=lease_seconds),
        "holds": seen.resource,
        "woken": False,
    }
    statement = _TAKE_OVER if died else _TAKE
    seen_as = {"job_id": seen.id, "seen_turn": seen.turn, "seen_state": seen.state, "now": now}
    if tx.execute(statement, {**values, **seen_as}).rowcount == 0:
        return None
    return tx.one(_CLAIMED, ClaimedJob, {"job_id": seen.id})


def save(
    tx: Transaction,
    job: ClaimedJob,
    values: dict[str, Any],
    *,
    also: Callable[[Transaction], object] | None = None,
    heed_cancel: bool = False,
) -> ClaimedJob:
    """Write to a job that is held, and return it as it is then; its end lets the next one begin.

    `also(tx)` is written with it.  Raises LeaseLost if it is not held any more; with `heed_cancel`,
    CancelRequested if it has been called off.
    """
    values = {**values, "updated_at": tx.now()}
    _write(tx, _SAVE_UNLESS_CANCELLED if heed_cancel else _SAVE, job, values)
    if also is not None:
        also(tx)
    if job.resource is not None and values.get("active") is False:
        _unblock_next(tx, job.resource)
    return msgspec.structs.replace(job, **{name: values[name] for name in _KNOWN & values.keys()})


def _unblock_next(tx: Transaction, resource: str) -> None:
    blocked = tx.scalar(_FIRST_BLOCKED, {"resource": resource})
    if blocked is not None:
        tx.update(jobs, blocked, {"state": JobState.QUEUED, "due_at": tx.now()})


def park(tx: Transaction, job: ClaimedJob, until: datetime, values: dict[str, Any]) -> None:
    """Let go of a job until a moment; if it was woken or called off since it was claimed, until now."""
    now = tx.now()
    values = {**values, "owner": None, "updated_at": now}
    _write(tx, _PARK, job, {**values, "now": now, "until": until})


def _write(tx: Transaction, statement: Any, job: ClaimedJob, values: dict[str, Any]) -> None:
    if tx.execute(statement, {**values, "job_id": job.id, "job_turn": job.turn}).rowcount == 0:
        if tx.scalar(_TURN, {"job_id": job.id}) == job.turn:
            raise CancelRequested
        raise LeaseLost


def renew(db: Database, owner: str, held: Collection[int], lease_seconds: float) -> int:
    """Put off the end of the leases of an owner's jobs; return how many are still theirs."""

    def renew(tx: Transaction) -> int:
        until = tx.now() + timedelta(seconds=lease_seconds)
        return tx.update(jobs, and_(_LEASED, jobs.c.owner == owner, jobs.c.id.in_(held)), {"due_at": until})

    return db.run(renew)


def hold(tx: Transaction, job: ClaimedJob) -> None:
    """Raise LeaseLost when another worker has the job by now."""
    if tx.scalar(_TURN, {"job_id": job.id}) != job.turn:
        raise LeaseLost


def give_back(tx: Transaction, job: ClaimedJob) -> bool:
    """Make a job due now that was held and could not be noted; tell whether it was still held.

    If not, it was noted, or another has it by now.  Its step counts as tried: whoever turns back must know that it
    may have done something.
    """
    values = {"state": JobState.RETRYING, "owner": None, "due_at": tx.now()}
    return tx.execute(_GIVE_BACK, {**values, "job_id": job.id, "job_turn": job.turn}).rowcount > 0


def release_leases_of_the_dead(db: Database, former: str, present: str) -> int:
    """Make due now what earlier runners of the same name were working on; return how many jobs.

    The caller knows that they are dead.
    """

    def release(tx: Transaction) -> int:
        theirs = and_(jobs.c.owner.startswith(former, autoescape=True), jobs.c.owner != present)
        return tx.update(jobs, and_(_LEASED, theirs), {"due_at": tx.now()})

    return db.run(release)


def prune(db: Database) -> int:
    """Forget the jobs that ended long enough ago; return how many."""

    def prune_some(tx: Transaction) -> int:
        old = and_(jobs.c.active == false(), jobs.c.due_at <= tx.now())
        ids = tx.scalars(select(jobs.c.id).where(old).limit(PRUNE_AT_ONCE))
        return tx.delete(jobs, jobs.c.id.in_(ids)) if ids else 0

    total = 0
    while pruned := db.run(prune_some):
        total += pruned
    return total


_LEASED = and_(ACTIVE, jobs.c.state == JobState.RUNNING)
_KNOWN = frozenset(ClaimedJob.__struct_fields__)
_NOW = bindparam("now", type_=UtcDateTime())

_other = jobs.alias("other")
# Free to run: about nothing in particular, or begun already, or the first of its resource.
_FREE = or_(
    jobs.c.resource.is_(None),
    jobs.c.holds.is_not(None),
    ~exists().where(
        _other.c.resource == jobs.c.resource,
        _other.c.active == true(),
        or_(_other.c.id < jobs.c.id, _other.c.holds.is_not(None)),
    ),
)
_CANDIDATES = (
    select(jobs.c.id, jobs.c.turn, jobs.c.state, jobs.c.due_at, jobs.c.resource)
    .where(ACTIVE, jobs.c.kind.in_(bindparam("kinds", expanding=True)), _FREE)
    .order_by(jobs.c.due_at)
    .limit(CANDIDATES)
)
_CLAIMED = select(*[jobs.c[name] for name in ClaimedJob.__struct_fields__]).where(
    jobs.c.id == bindparam("job_id")
)
_FIRST_BLOCKED = (
    select(jobs.c.id)
    .where(jobs.c.resource == bindparam("resource"), ACTIVE, jobs.c.state == JobState.BLOCKED)
    .order_by(jobs.c.active, jobs.c.id)
    .limit(1)
)
_TURN = select(jobs.c.turn).where(jobs.c.id == bindparam("job_id"))

_TAKE = jobs.update().where(
    jobs.c.id == bindparam("job_id"),
    jobs.c.turn == bindparam("seen_turn"),
    jobs.c.state == bindparam("seen_state"),
    jobs.c.due_at <= _NOW,
    ACTIVE,
)
_TAKE_OVER = _TAKE.values(attempts=jobs.c.attempts + 1, crashes=jobs.c.crashes + 1)
_SAVE = jobs.update().where(jobs.c.id == bindparam("job_id"), jobs.c.turn == bindparam("job_turn"))
_SAVE_UNLESS_CANCELLED = _SAVE.where(jobs.c.cancelled != true())
_GIVE_BACK = _SAVE.where(_LEASED).values(attempts=jobs.c.attempts + 1)
_PARK = _SAVE.values(
    due_at=case(
        (or_(jobs.c.woken == true(), and_(jobs.c.cancelled == true(), jobs.c.ending.is_(None))), _NOW),
        else_=bindparam("until", type_=UtcDateTime()),
    )
)
