"""Ask for background work, call it off, wake it, look at it.

Everything here happens inside the caller's transaction, together with the row that the work is about;
workers hear of it after the commit.
"""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Update, bindparam, case, inspect, select, true

from nacre.kernel.db import Page, Sort, Transaction, UtcDateTime, conditions, paging
from nacre.kernel.tasks.tables import Job, JobState, jobs
from nacre.kernel.tasks.wakeups import announce
from nacre.kernel.tasks.workflow import Workflow

I = TypeVar("I")  # noqa: E741

#: What a job is about: ("server", id).
Resource = tuple[str, str]

ACTIVE = jobs.c.active == true()
_COLUMNS = [jobs.c[name] for name in Job.__struct_fields__]
_NEWEST_FIRST = (Sort("id", "desc"),)
_FIRST_PAGE = Page(limit=100)
#: A blocked job is due when the one before it ends.  This is for the day when somebody mends by hand.
BLOCKED_AT_MOST = timedelta(days=1)


def start(
    tx: Transaction,
    workflow: Workflow[I],
    input: I,
    *,
    resource: Resource | None = None,
    ctx: Any = None,
    after_seconds: float = 0,
) -> int:
    """Write down that a workflow is to be run; return the job's id.

    Jobs of one resource run one at a time, in the order in which they were started.  `ctx` says who
    asked (request, user, project) and may be None for the system itself.
    """
    first = workflow.first_step
    now = tx.now()
    key = None if resource is None else _key(resource)
    due_at, state = now + timedelta(seconds=after_seconds), JobState.QUEUED
    if key is not None and not after_seconds and tx.scalars(_EARLIER, {"key": key}):
        due_at, state = now + BLOCKED_AT_MOST, JobState.BLOCKED
    tx.after_commit(partial(announce, tx.db))
    job_id: int = tx.insert(
        jobs,
        {
            **NEW,
            "kind": workflow.name,
            "resource": key,
            "state": state,
            "due_at": due_at,
            "step": first.name,
            "input": msgspec.to_builtins(input),
            "request_id": getattr(ctx, "request_id", None),
            "user_id": getattr(ctx, "user_id", None),
            "project_id": getattr(ctx, "project_id", None),
            "created_at": now,
            "updated_at": now,
        },
    )
    return job_id


def cancel(tx: Transaction, resource: Resource, *, only: int | None = None) -> int:
    """Call off every job of a resource, or only one, that is not being undone already; return how many.

    A running one stops after its present step, all are undone and end `cancelled`; a job that is
    started afterwards waits for that.
    """
    tx.after_commit(partial(announce, tx.db))
    statement = _CANCEL if only is None else _CANCEL.where(jobs.c.id == only)
    return tx.execute(statement, {"key": _key(resource), "now": tx.now()}).rowcount


def wake(where: Any, *, resource: Resource | None = None, kind: str | None = None) -> int:
    """Make the waiting and retrying jobs of a resource, or of a kind, due now; return how many.

    `where` is an open transaction, or a ctx whose database is used.  A job that runs at this moment
    will not sleep over it: its next Wait ends at once.
    """
    if not isinstance(where, Transaction):
        woken: int = where.db.run(wake, resource=resource, kind=kind)
        return woken
    if resource is None and kind is None:
        raise ValueError("say which resource or which kind of job is to be woken")
    where.after_commit(partial(announce, where.db))
    wanted = {} if resource is None else {"wanted_resource": _key(resource)}
    if kind is not None:
        wanted["wanted_kind"] = kind
    return where.execute(_WAKE[tuple(wanted)], {**wanted, "now": where.now()}).rowcount


def make_up_for_outage(tx: Transaction, reconcilers: Iterable[str]) -> None:
    """Have reconcilers take their turns now, and let what was to be tried again be tried now."""
    tx.after_commit(partial(announce, tx.db))
    now = {"now": tx.now()}
    for name in reconcilers:
        tx.execute(_WAKE[("wanted_kind",)], {"wanted_kind": name, **now})
    tx.execute(_RETRY, now)


def are_kept(tx: Transaction) -> bool:
    """Tell whether this database has a table of jobs."""
    return inspect(tx.connection).has_table(jobs.name)


def get(tx: Transaction, job_id: int) -> Job | None:
    """Return a job, or None when there is none (any more)."""
    return tx.find(select(*_COLUMNS).where(jobs.c.id == job_id), Job)


def for_resource(tx: Transaction, resource: Resource) -> list[Job]:
    """Return a resource's jobs, the newest first."""
    # The order of the index, and of the ids too: what is active came after what has ended.
    order = (jobs.c.active.desc(), jobs.c.id.desc())
    return tx.all(select(*_COLUMNS).where(jobs.c.resource == _key(resource)).order_by(*order), Job)


def page(tx: Transaction, page: Page = _FIRST_PAGE, wanted: Mapping[str, object] | None = None) -> list[Job]:
    """Return one page of jobs, the newest first unless the page says otherwise.

    `wanted` filters by columns: {"active": True}, {"kind": "server_build", "state": ["failed"]}.
    """
    if not page.sort:
        page = msgspec.structs.replace(page, sort=_NEWEST_FIRST)
    query = select(*_COLUMNS).where(*conditions(jobs.c, wanted or {}))
    return paging.page(tx, query, Job, jobs, page)


def _key(resource: Resource) -> str:
    type, id = resource
    if "/" in type:
        raise ValueError(f"a resource's type has no slash: {type!r}")
    return f"{type}/{id}"


#: What a new row says besides its own values.
NEW: dict[str, Any] = {
    "state": JobState.QUEUED,
    "active": True,
    "turn": 0,
    "owner": None,
    "holds": None,
    "woken": False,
    "cancelled": False,
    "ending": None,
    "begun_at": None,
    "attempts": 0,
    "crashes": 0,
    "troubled_at": None,
    "waits_for": None,
    "error": None,
    "failure": None,
    "history": [],
    "report": None,
    "ended_at": None,
}

# Locking them, so that none of them ends unseen between our looking and our commit: who ends a job
# makes the next one of its resource due, and must not miss this one.
_EARLIER = (
    select(jobs.c.id)
    .where(jobs.c.resource == bindparam("key"), ACTIVE)
    .order_by(jobs.c.active, jobs.c.id)
    .with_for_update()
)
# A running job's due_at is the end of its lease, which is not ours to move; a blocked one's is not
# worth moving.
_SOONER = case(
    (jobs.c.state.in_([JobState.RUNNING, JobState.BLOCKED]), jobs.c.due_at),
    else_=bindparam("now", type_=UtcDateTime()),
)
_CANCEL = (
    jobs.update()
    .where(jobs.c.resource == bindparam("key"), ACTIVE, jobs.c.ending.is_(None))
    .values(cancelled=True, due_at=_SOONER)
)
_RETRY = jobs.update().where(ACTIVE, jobs.c.state == JobState.RETRYING).values(due_at=_SOONER)
_OF = {
    "wanted_resource": jobs.c.resource == bindparam("wanted_resource"),
    "wanted_kind": jobs.c.kind == bindparam("wanted_kind"),
}
_WAKE: dict[tuple[str, ...], Update] = {
    wanted: jobs.update()
    .where(
        ACTIVE,
        jobs.c.state.in_([JobState.RUNNING, JobState.WAITING, JobState.RETRYING]),
        *[_OF[name] for name in wanted],
    )
    .values(woken=True, due_at=_SOONER)
    for wanted in (("wanted_resource",), ("wanted_kind",), ("wanted_resource", "wanted_kind"))
}
