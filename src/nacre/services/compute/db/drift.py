"""What the sweeps ask of the servers' rows: which exist or existed, and which somebody is working on."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime

from sqlalchemy import exists, literal, select, true

from nacre.kernel import tasks
from nacre.kernel.db import Transaction
from nacre.services.compute.db.servers import Server
from nacre.services.compute.db.tables import VmState, jobs, servers

BATCH = 500
_ALL = select(*[servers.c[name] for name in Server.__struct_fields__])


def known(tx: Transaction, server_ids: Collection[str]) -> dict[str, Server]:
    """Return those of these servers that exist or existed, deleted ones included."""
    found: dict[str, Server] = {}
    for some in _batches(server_ids):
        found |= {each.id: each for each in tx.all(_ALL.where(servers.c.id.in_(some)), Server)}
    return found


def worked_on(tx: Transaction, server_ids: Collection[str]) -> set[str]:
    """Return those of these servers with which a job has something to do, now or next."""
    found: set[str] = set()
    for some in _batches(server_ids):
        names = [f"server/{server_id}" for server_id in some]
        query = select(jobs.c.resource).where(jobs.c.resource.in_(names), jobs.c.active == true())
        found |= {str(name).partition("/")[2] for name in tx.scalars(query)}
    return found


def is_settled(server: Server, busy: Collection[str]) -> bool:
    """Tell whether nothing is under way with a server: no task, no job, no change of size to confirm."""
    return (
        server.task_state is None
        and server.vm_state not in (VmState.BUILDING, VmState.RESIZED)
        and server.old_flavor is None
        and server.id not in busy
    )


def is_at_rest(tx: Transaction, server: Server) -> bool:
    """Tell whether a server is still what and where it was, and settled: asked right before it is mended."""
    present = known(tx, [server.id]).get(server.id)
    return (
        present is not None
        and (present.host, present.flavor, present.deleted) == (server.host, server.flavor, server.deleted)
        and is_settled(present, worked_on(tx, [server.id]))
    )


def tasks_without_jobs(tx: Transaction, after: str, before: datetime, limit: int) -> list[Server]:
    """Return servers whose task has stood still since a moment without a job that could end it."""
    behind = exists().where(
        jobs.c.resource == literal("server/").concat(servers.c.id), jobs.c.active == true()
    )
    query = _ALL.where(
        servers.c.deleted.is_(False),
        servers.c.id > after,
        servers.c.task_state.is_not(None),
        servers.c.updated_at <= before,
        ~behind,
    )
    return tx.all(query.order_by(servers.c.id).limit(limit), Server)


def has_job(tx: Transaction, server_id: str) -> bool:
    """Tell whether a job has something to do with a server."""
    found = tasks.jobs.for_resource(tx, ("server", server_id))
    return any(job.ended_at is None for job in found)


def _batches(ids: Iterable[str]) -> Iterator[list[str]]:
    whole = sorted(set(ids))
    for start in range(0, len(whole), BATCH):
        yield whole[start : start + BATCH]
