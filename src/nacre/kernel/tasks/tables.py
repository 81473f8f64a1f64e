"""The table of jobs, and what one row of it says to people.

Every service with background work has this table among its own, so that a job and the resource it
is about are written in one transaction.  Three columns carry the machinery:

    due_at   when the row next wants attention: the next run of a job that waits, the end of the lease
             of one that runs, the moment to forget one that has ended
    turn     counted up by each claim; whoever writes as an earlier turn has lost the job and is refused
    holds    the resource, from the first claim to the end; being unique, it keeps two jobs of one
             resource from running side by side even if they were written in the same instant
"""

from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec
from sqlalchemy import Boolean, Index, Integer, MetaData, Table, UniqueConstraint

from nacre.kernel.db import Json, LongText, OneOf, Serial, UtcDateTime, column, new_metadata, sized


class JobState(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"  # wants a worker
    BLOCKED = "blocked"  # comes after an earlier job of its resource
    RUNNING = "running"  # leased by one
    WAITING = "waiting"  # a step asked to be woken
    RETRYING = "retrying"  # something was away; tries again later
    DONE = "done"
    FAILED = "failed"  # undone, and the resource says why
    CANCELLED = "cancelled"  # undone because somebody asked


class StepRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """One step in a job's history; without `ended_at` it was begun but never finished."""

    step: str
    started_at: datetime
    ended_at: datetime | None = None
    attempts: int = 1
    result: Any = None
    error: str | None = None
    undone_at: datetime | None = None
    undo_error: str | None = None


class Failure(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why a job is being undone: the step, the name of the condition, a text for the user and one for
    the operator."""

    step: str
    kind: str
    message: str
    detail: str | None = None


class Report(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a reconciler's turn came to: differences found, healed, and left for people."""

    found: int = 0
    healed: int = 0
    left: int = 0
    notes: tuple[str, ...] = ()


def tables(metadata: MetaData) -> Table:
    """Add the table of jobs to a service's tables."""
    return jobs.to_metadata(metadata)


jobs = Table(
    "jobs",
    new_metadata(),
    column("id", Serial, key=True),
    column("kind", sized(64)),
    column("resource", sized(191), null=True),
    column("state", OneOf(JobState, 16)),
    column("active", Boolean),
    column("due_at", UtcDateTime),
    column("turn", Integer),
    column("owner", sized(255), null=True),
    column("holds", sized(191), null=True),
    column("woken", Boolean),
    column("cancelled", Boolean),
    column("ending", OneOf(JobState, 16), null=True),
    column("step", sized(64), null=True),
    column("begun_at", UtcDateTime, null=True),
    column("attempts", Integer),
    column("crashes", Integer),
    column("troubled_at", UtcDateTime, null=True),
    column("waits_for", LongText, null=True),
    column("error", LongText, null=True),
    column("failure", Json(Failure), null=True),
    column("input", Json()),
    column("history", Json(list[StepRecord])),
    column("report", Json(Report), null=True),
    column("request_id", sized(64), null=True),
    column("user_id", sized(64), null=True),
    column("project_id", sized(64), null=True),
    column("created_at", UtcDateTime),
    column("updated_at", UtcDateTime),
    column("ended_at", UtcDateTime, null=True),
    Index("jobs_by_due", "active", "due_at"),
    Index("jobs_by_resource", "resource", "active", "id"),
    UniqueConstraint("holds", name="jobs_one_for_each_resource"),
)


class Job(msgspec.Struct, frozen=True):
    """A job as people look at it.

    `resource` is "type/id"; `ending` is what the job will end as while it is being undone;
    `begun_at`, `attempts` and `error` are about the present step.
    """

    id: int
    kind: str
    resource: str | None
    state: JobState
    due_at: datetime
    owner: str | None
    ending: JobState | None
    cancelled: bool
    step: str | None
    begun_at: datetime | None
    attempts: int
    waits_for: str | None
    error: str | None
    failure: Failure | None
    history: list[StepRecord]
    report: Report | None
    request_id: str | None
    user_id: str | None
    project_id: str | None
    created_at: datetime
    updated_at: datetime
    ended_at: datetime | None


class ClaimedJob(Job, frozen=True):
    """A job in a worker's hands, with what only the worker needs."""

    input: Any
    turn: int
    crashes: int
    troubled_at: datetime | None
