"""The life of a server as a timeline: what was asked, by whom, what was done for it, where, and what went wrong.

Everything here was written down anyway by whoever did it, in the transaction that did it: actions when they were
asked for, jobs with each step, every search for a host with what spoke against each, what hosts were told, faults.
This file only puts it in the order of time.  One request id runs through all that one request caused.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum

import msgspec

from nacre.kernel.context import Context
from nacre.kernel.db import Transaction
from nacre.kernel.tasks import Job, JobState
from nacre.kernel.tasks import jobs as job_rows
from nacre.services.compute.app import jobs
from nacre.services.compute.db import actions, host_messages, servers
from nacre.services.compute.db.history_tables import Refusal
from nacre.services.compute.db.servers import Server
from nacre.services.compute.errors import ServerNotFound

HOST = "host"  # who refused, where it was the host itself (see tasks/server_build.py)
#: Of each kind of entry so many, the newest.
MOST = 200


class Kind(StrEnum):
    """What an entry is about."""

    REQUEST = "request"  # somebody asked for something
    SCHEDULING = "scheduling"  # a host was looked for
    JOB = "job"  # work was begun
    STEP = "step"  # a step of it
    MESSAGE = "message"  # a host was told something
    UNDO = "undo"  # a step was taken back
    END = "end"  # the work ended
    FAULT = "fault"  # the server was left in ERROR
    DELETED = "deleted"


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of a timeline.  `problem` is what went wrong; `refusals` what spoke against hosts."""

    at: datetime
    kind: Kind
    what: str
    until: datetime | None = None
    request_id: str | None = None
    user_id: str | None = None
    project_id: str | None = None
    job: int | None = None
    host: str | None = None
    tries: int = 1
    problem: str | None = None
    detail: str | None = None
    refusals: list[Refusal] = []


class Timeline(msgspec.Struct, frozen=True):
    """A server and all that is still known of its life."""

    server: Server
    entries: list[Entry]


def get(ctx: Context, server_id: str) -> Timeline:
    """Return a server's timeline, also of one that was deleted."""
    found = ctx.db.read(read, server_id)
    if found is None:
        raise ServerNotFound(server_id)
    return found


def read(tx: Transaction, server_id: str) -> Timeline | None:
    """Return a server's timeline from the database, or None where there never was such a server."""
    server = servers.find(tx, server_id, deleted=True)
    if server is None:
        return None
    entries = [
        *_requests(tx, server_id),
        *_schedulings(tx, server_id),
        *(entry for job in job_rows.for_resource(tx, jobs.of(server_id))[:MOST] for entry in _of_job(job)),
        *_messages(tx, server_id),
        *_faults(tx, server_id),
    ]
    if server.deleted_at is not None:
        entries.append(Entry(at=server.deleted_at, kind=Kind.DELETED, what="the server was deleted"))
    order = list(Kind)
    return Timeline(server, sorted(entries, key=lambda entry: (entry.at, order.index(entry.kind))))


def _requests(tx: Transaction, server_id: str) -> Iterator[Entry]:
    found = actions.newest(tx, server_id, MOST)
    failed: dict[int, actions.Event] = {
        event.action_id: event
        for event in actions.events_of(tx, [each.id for each in found])
        if event.details is not None
    }
    for each in found:
        event = failed.get(each.id)
        yield Entry(
            at=each.started_at,
            kind=Kind.REQUEST,
            what=each.action,
            request_id=each.request_id,
            user_id=each.user_id,
            project_id=each.project_id,
            problem=event.details if event else None,
        )


def _schedulings(tx: Transaction, server_id: str) -> Iterator[Entry]:
    for each in actions.schedulings_of(tx, server_id)[-MOST:]:
        hosts = "1 host" if each.considered == 1 else f"{each.considered} hosts"
        what = f"{each.host} was chosen among {hosts}" if each.host else f"none of {hosts} was taken"
        if each.host is None and all(refusal.by == HOST for refusal in each.refusals):
            what = f"{', '.join(refusal.host for refusal in each.refusals)} is left out from now on"
        yield Entry(
            at=each.created_at,
            kind=Kind.SCHEDULING,
            what=what,
            request_id=each.request_id,
            host=each.host,
            refusals=list(each.refusals),
        )


def _of_job(job: Job) -> Iterator[Entry]:
    yield Entry(
        at=job.created_at,
        kind=Kind.JOB,
        what=job.kind,
        request_id=job.request_id,
        user_id=job.user_id,
        project_id=job.project_id,
        job=job.id,
    )
    for record in job.history:
        yield Entry(
            at=record.started_at,
            kind=Kind.STEP,
            what=record.step,
            until=record.ended_at,
            request_id=job.request_id,
            job=job.id,
            host=record.result.get("host") if isinstance(record.result, dict) else None,
            tries=record.attempts,
            problem=record.error,
        )
        if record.undone_at is not None:
            yield Entry(
                at=record.undone_at,
                kind=Kind.UNDO,
                what=record.step,
                request_id=job.request_id,
                job=job.id,
                problem=record.undo_error,
            )
    yield _present(job) if job.ended_at is None else _end(job, job.ended_at)


def _present(job: Job) -> Entry:
    """Return where a job stands that has not ended."""
    what = f"{job.state} at {job.step}" if job.step else str(job.state)
    return Entry(
        at=job.begun_at or job.updated_at,
        kind=Kind.STEP,
        what=f"{what}, for {job.waits_for}" if job.waits_for else what,
        request_id=job.request_id,
        job=job.id,
        tries=max(job.attempts, 1),
        problem=job.error,
    )


def _end(job: Job, ended_at: datetime) -> Entry:
    failure = job.failure if job.state is JobState.FAILED else None
    return Entry(
        at=ended_at,
        kind=Kind.END,
        what=f"{job.kind} {job.state}",
        request_id=job.request_id,
        job=job.id,
        problem=f"at {failure.step}: {failure.message}" if failure else None,
        detail=failure.detail if failure else None,
    )


def _messages(tx: Transaction, server_id: str) -> Iterator[Entry]:
    for each in host_messages.of_server(tx, server_id):
        yield Entry(
            at=each.sent_at,
            kind=Kind.MESSAGE,
            what=f"{each.method} ({each.command_id})" + ("" if each.answered_at else ": no answer"),
            until=each.finished_at,
            request_id=each.request_id,
            host=each.host,
            problem=each.failure,
        )


def _faults(tx: Transaction, server_id: str) -> Iterator[Entry]:
    for each in actions.faults(tx, server_id, MOST):
        yield Entry(
            at=each.created_at,
            kind=Kind.FAULT,
            what=f"error {each.code}",
            problem=each.message,
            detail=each.detail,
        )
