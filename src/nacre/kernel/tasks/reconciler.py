"""A reconciler: compares what should be with what is, for ever, and heals what it safely can.

    def sync(ctx: Context) -> Report:
        …
        return Report(found=3, healed=2, left=1, notes=("server 1f… is on two hosts",))

    server_sync = Reconciler("server_sync", every_seconds=60, run=sync)

One process at a time takes a turn.  It has no input and does not retry inside: the next turn is the
retry.  What the last turn came to is kept in its row of the table of jobs.  A turn need not be
waited for: `wake(tx, kind="server_sync")` brings it forward.
"""

import logging
import random
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
from sqlalchemy import and_

from nacre.kernel.db import Database, Transaction
from nacre.kernel.tasks import leases
from nacre.kernel.tasks.execution import NOT_BEGUN, OUTAGES, in_words
from nacre.kernel.tasks.jobs import NEW
from nacre.kernel.tasks.tables import ClaimedJob, JobState, Report, jobs

log = logging.getLogger(__name__)

JITTER = 0.1


class Reconciler(msgspec.Struct, frozen=True):
    """A function that is called every so many seconds, by one process at a time; or sooner while it left anything."""

    name: str
    every_seconds: float
    run: Callable[[Any], Report | None]
    while_left_seconds: float | None = None

    def pause_seconds(self, report: Report | None) -> float:
        """Return when the next turn is due after one that came to this; None: it failed."""
        if self.while_left_seconds is not None and (report is None or report.left):
            return self.while_left_seconds
        return self.every_seconds

    @property
    def resource(self) -> str:
        """What its one row in the table of jobs is about."""
        return f"reconciler/{self.name}"


def enlist(tx: Transaction, reconciler: Reconciler) -> None:
    """Give a reconciler its row, due now; one that has it keeps its turn, unless it became more frequent."""
    now = tx.now()
    row = {
        **NEW,
        "kind": reconciler.name,
        "resource": reconciler.resource,
        "holds": reconciler.resource,
        "due_at": now,
        "input": {},
        "created_at": now,
        "updated_at": now,
    }
    if not tx.insert_if_absent(jobs, row):
        latest = now + timedelta(seconds=reconciler.every_seconds)
        waits = and_(jobs.c.holds == reconciler.resource, jobs.c.state != JobState.RUNNING)
        late = and_(waits, jobs.c.due_at > latest)
        tx.update(jobs, late, {"due_at": latest})


def take_turn(
    db: Database,
    reconciler: Reconciler,
    job: ClaimedJob,
    make_context: Callable[[ClaimedJob], Any],
    call: Callable[..., Any],
) -> None:
    """Call a reconciler once and write down what it came to, and when the next turn is due."""
    begun_at = db.clock.now()
    values: dict[str, Any] = {**NOT_BEGUN, "begun_at": begun_at, "waits_for": "its next turn"}
    try:
        values["report"] = call(reconciler.run, make_context(job)) or Report()
    except Exception as error:  # noqa: BLE001 - the next turn is the retry
        if isinstance(error, OUTAGES):
            log.warning("%s could not finish its turn: %s", reconciler.name, in_words(error))
        else:
            log.error("%s failed", reconciler.name, exc_info=error)
        values.update(error=in_words(error), attempts=job.attempts + 1)
    now, pause = db.clock.now(), reconciler.pause_seconds(values.get("report"))
    # A little early, each time by another little: what was begun at once does not go on in step for ever.
    until = now + timedelta(seconds=pause * random.uniform(1 - JITTER, 1))
    db.run(leases.park, job, until, {**values, "state": JobState.WAITING, "ended_at": now})
