"""`nacre look`: what each background job last did and why it waits; or the whole story of one thing.

It reads the services' databases, so it works while the cloud is down, which may be when it is wanted most.
The life of a server is compute's to tell (`GET /v2.1/nacre-timelines/ID` says the same); of anything else
the jobs are told.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from nacre.cloud import databases
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
SERVER = "server"


def run(
    options: Options, *, kind: str | None = None, identifier: str | None = None, as_json: bool = False
) -> None:
    """Print the jobs of every service, or the story of one thing."""
    terminal = Terminal()
    state, config, _ = databases.configured(options)
    if kind == SERVER and identifier:
        _tell_of_server(terminal, options, identifier, as_json)
        return
    found: list[tuple[str, Job]]
    if kind and identifier:
        found = list(_stories(state, config, kind, identifier))
        if not found:
            raise NotFound(f"No background job is known about {kind} {identifier}.")
    else:
        found = [
            (name, job) for name, database in _databases(state, config) for job in database.read(_recent)
        ]
    if as_json:
        terminal.say(_as_json([{"service": name, **msgspec.structs.asdict(job)} for name, job in found]))
        return
    for service, job in found:
        if kind:
            _tell(terminal, service, job)
        else:
            terminal.say(_line(service, job))


def _tell_of_server(terminal: Terminal, options: Options, server_id: str, as_json: bool) -> None:
    """Print the life of a server, also of one that was deleted."""
    from nacre.cloud.server_story import Story
    from nacre.services.compute.api.timelines import shown
    from nacre.services.compute.app import timelines

    with databases.of_cloud(options) as (_, found):
        kept = {each.service: each.db for each in found}
        timeline = kept["compute"].read(timelines.read, server_id)
        if timeline is None:
            raise NotFound(f"No server {server_id} is known, and none that was deleted.")
        if as_json:
            terminal.say(_as_json(shown(timeline)))
            return
        names = _names_in(kept["identity"], timeline)
    for line in Story(timeline, names, coloured=terminal.is_interactive).lines():
        terminal.say(line)


def _names_in(identity: Database, timeline: Any) -> dict[str, str]:
    """Return the names of the users and projects that a timeline speaks of, as far as they are known."""
    from nacre.services.identity.db import projects, users

    entries, server = timeline.entries, timeline.server
    user_ids = {server.user_id, *(entry.user_id for entry in entries if entry.user_id)}
    project_ids = {server.project_id, *(entry.project_id for entry in entries if entry.project_id)}
    known: dict[str, Any] = {
        **identity.read(users.find_all, sorted(user_ids)),
        **identity.read(projects.find_all, sorted(project_ids)),
    }
    return {identifier: thing.name for identifier, thing in known.items()}


def _as_json(thing: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(thing), indent=2).decode()


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
