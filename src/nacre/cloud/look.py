"""`nacre look`: what each background job last did and why it waits; or the whole story of one thing.

It reads the jobs from the services' databases, so it works while the cloud is down, which may be
when it is wanted most.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from nacre.cloud import settings
from nacre.cloud.options import Options
from nacre.cloud.state import StateDirectory
from nacre.cloud.terminal import Terminal
from nacre.kernel.config import ConfigFile
from nacre.kernel.db import Database, Page, Transaction
from nacre.kernel.errors import NotFound
from nacre.kernel.process import DatabaseOptions
from nacre.kernel.tasks import Job, jobs
from nacre.services import NAMES

RECENT = 20


def run(options: Options, *, kind: str | None = None, identifier: str | None = None) -> None:
    """Print the jobs of every service, or those of one thing with all their steps."""
    terminal = Terminal()
    state = StateDirectory(options.state)
    if not state.is_cloud:
        raise NotFound(f"There is no cloud in {state.root}.")
    _, config = settings.read(options)
    if kind and identifier:
        stories = list(_stories(state, config, kind, identifier))
        if not stories:
            raise NotFound(f"No background job is known about {kind} {identifier}.")
        for service, job in stories:
            _tell(terminal, service, job)
        return
    for service, database in _databases(state, config):
        for job in database.read(_recent):
            terminal.say(_line(service, job))


def _databases(state: StateDirectory, config: ConfigFile) -> Iterator[tuple[str, Database]]:
    """Yield the databases that hold jobs."""
    url = config.section("database", DatabaseOptions).url
    for name in NAMES:
        path = state.root / "db" / f"{name}.sqlite"
        if url is None and not path.exists():
            continue
        database = Database(url.replace("{service}", name) if url else f"sqlite:///{path}")
        try:
            if database.read(jobs.are_kept):
                yield name, database
        finally:
            database.close()


def _recent(tx: Transaction) -> list[Job]:
    """Return what is under way, and the last jobs that ended."""
    active = jobs.page(tx, Page(limit=1000), {"active": True})
    ended = jobs.page(tx, Page(limit=RECENT), {"active": False})
    return [*active, *ended]


def _stories(
    state: StateDirectory, config: ConfigFile, kind: str, identifier: str
) -> Iterator[tuple[str, Job]]:
    for service, database in _databases(state, config):
        for job in reversed(database.read(jobs.for_resource, (kind, identifier))):
            yield service, job


def _line(service: str, job: Job) -> str:
    """Put a job into one line: what, about what, how it stands, since when, and why it waits."""
    about = job.resource or ""
    why = job.waits_for or (job.failure.message if job.failure else None) or job.error or ""
    if job.report is not None:
        why = f"found {job.report.found}, healed {job.report.healed}, left {job.report.left}"
    step = f" at {job.step}" if job.step else ""
    return f"{service:10} {job.kind:22} {about:44} {job.state}{step} {_ago(job.updated_at)}  {why}".rstrip()


def _tell(terminal: Terminal, service: str, job: Job) -> None:
    """Print a job with all its steps."""
    terminal.say(
        f"{_clock(job.created_at)}  {service} {job.kind}: {job.state}  ({job.request_id or 'no request'})"
    )
    if job.user_id or job.project_id:
        terminal.say(f"{'':10}asked by user {job.user_id or '?'} in project {job.project_id or '?'}")
    for record in job.history:
        took = (
            f"{(record.ended_at - record.started_at).total_seconds():.2f} s"
            if record.ended_at
            else "not finished"
        )
        tries = f", {record.attempts} tries" if record.attempts > 1 else ""
        undone = f", undone {_clock(record.undone_at)}" if record.undone_at else ""
        error = f": {record.error}" if record.error else ""
        terminal.say(f"  {_clock(record.started_at)}  {record.step} ({took}{tries}{undone}){error}")
    if job.waits_for:
        terminal.say(f"  waits for {job.waits_for}")
    if job.failure:
        terminal.say(f"  failed at {job.failure.step}: {job.failure.message}")
        if job.failure.detail:
            terminal.say(f"    {job.failure.detail}")


def _clock(moment: datetime | None) -> str:
    return moment.strftime("%H:%M:%S") if moment else "?"


def _ago(moment: datetime) -> str:
    seconds = int((datetime.now(UTC) - moment).total_seconds())
    return f"{seconds} s ago" if seconds < 120 else f"{seconds // 60} min ago"
