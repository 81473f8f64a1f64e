"""`nacre db move`: carry a cloud's state from SQLite to PostgreSQL or MariaDB, ids and all.

The control plane stands still meanwhile: a running one is stopped first and started again on the new
databases; guests and packets go on.  A service whose writes were merely refused for a while would have to be told
of its new database in the middle of its work; a stop of some seconds is the honest way, and if anything
goes wrong the cloud is started again on what it had, which nobody has touched.

What was copied is verified table by table before the configuration names the new place.  An interrupted
move is simply started again: a table that is the same on both sides already is left alone.
"""

from __future__ import annotations

import socket
import tomllib
from dataclasses import replace
from pathlib import Path

import msgspec

from nacre.cloud import databases, down, up
from nacre.cloud.databases import PLACE, ServiceDatabase
from nacre.cloud.options import Options
from nacre.cloud.state import StateDirectory, write_private
from nacre.cloud.terminal import Terminal
from nacre.kernel.attendance import living
from nacre.kernel.db import migrations, prepare
from nacre.kernel.db.copying import CopyFailed, claim, copy, release
from nacre.kernel.db.engines import kind_and_name
from nacre.kernel.db.kernel_tables import processes
from nacre.kernel.errors import BadRequest, Conflict, Unavailable
from nacre.services import NAMES

MOVED = ".moved"
SERVERS = ("postgresql", "mysql", "mariadb")


def run(options: Options, *, to: str) -> None:
    """Move the state of all services; start the cloud again if it ran."""
    terminal = Terminal()
    state, _, database = databases.configured(options)
    if database.url is not None and kind_and_name(database.url)[0] != "sqlite":
        raise Conflict(f"The cloud in {state.root} keeps its state in a database server already.")
    urls = _targets(to)
    running = state.running()
    if running is not None:
        with terminal.step("stopped the control plane; servers go on"):
            down.stop(state, running)
    try:
        state.prepare()
        with (
            state.held(),
            databases.opened({n: databases.url_of(database, state, n) for n in NAMES}) as sources,
            databases.opened(urls) as targets,
        ):
            _move(terminal, state, sources, targets)
            write_url(options.config or state.config, to)
            for name in NAMES:
                _put_aside(databases.sqlite_file(state, name))
        terminal.note(f"{options.config or state.config} names the new databases")
    finally:
        if running is not None:
            terminal.say("starting the cloud again, in the background")
            up.run(replace(options, detach=True))


def _targets(to: str) -> dict[str, str]:
    """Return the URL of each service's new database."""
    try:
        kind, name = kind_and_name(to)
    except ValueError:
        raise BadRequest("That is no URL of a database.") from None
    if kind not in SERVERS:
        raise BadRequest(f"State is moved to postgresql://… or mysql://…, not to {kind}.")
    if PLACE not in name:
        raise BadRequest(
            f"Each service has a database of its own: name them with {PLACE}, as in nacre_{PLACE}."
        )
    return {name: to.replace(PLACE, name) for name in NAMES}


def _move(
    terminal: Terminal, state: StateDirectory, sources: list[ServiceDatabase], targets: list[ServiceDatabase]
) -> None:
    for source in sources:
        _refuse_users(source, state)
    for target in targets:
        _claim(target, state)
    for source, target in zip(sources, targets, strict=True):
        for schema in source.schemas:
            prepare(source.db, schema)
            prepare(target.db, schema)
        with terminal.step(f"moved {source.service}") as seen:
            seen.append(_move_service(source, target))
    for target in targets:
        release(target.db)


def _refuse_users(source: ServiceDatabase, state: StateDirectory) -> None:
    """Raise Conflict while any process uses a database."""
    if users := source.db.read(living, state.root / "db"):
        names = ", ".join(row.where for row in users)
        raise Conflict(f"The database of {source.service} is in use by {names}; end that first.")


def _claim(target: ServiceDatabase, state: StateDirectory) -> None:
    """Mark a target as ours; Conflict where it has anything that we have not put there."""
    try:
        claim(target.db, f"{socket.gethostname()}:{state.root}")
    except Unavailable as error:
        _, name = kind_and_name(target.db.url.render_as_string())
        needed = [f"CREATE DATABASE {name.replace(target.service, each)}" for each in NAMES]
        raise Unavailable(
            f"The new database of {target.service} does not answer.",
            detail=f"{error.detail or error}\nEach service needs an empty one: {', '.join(needed)}",
        ) from error


def _move_service(source: ServiceDatabase, target: ServiceDatabase) -> str:
    """Copy all tables of a service; return what that came to."""
    tables, total, copied = 0, 0, 0
    for schema in source.schemas:
        for table in schema.metadata.sorted_tables:
            if table.name == processes.name:
                continue  # who used the old database
            try:
                summed, anew = copy(source.db, target.db, table)
            except CopyFailed as error:
                raise Unavailable(f"{source.service}: {error}.") from error
            tables, total, copied = tables + 1, total + summed.rows, copied + anew
    if migrations.revision_of(source.db) != migrations.revision_of(target.db):
        raise Unavailable(f"{source.service}: the revisions differ.")
    same = f", {tables - copied} of them the same already" if copied < tables else ""
    return f"{total} rows in {tables} tables{same}, verified"


def write_url(path: Path, url: str) -> None:
    """Write `url` into the section [database] of a configuration, and leave the rest as it is."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    line = f"url = {msgspec.json.encode(url).decode()}"
    lines = text.splitlines()
    header = next((n for n, each in enumerate(lines) if each.split("#")[0].strip() == "[database]"), None)
    if header is None:
        lines += ["", "[database]", line]
    else:
        end = next(
            (n for n in range(header + 1, len(lines)) if lines[n].lstrip().startswith("[")), len(lines)
        )
        rest = [each for each in lines[header + 1 : end] if each.split("=")[0].strip() != "url"]
        lines[header + 1 : end] = [line, *rest]
    written = "\n".join(lines) + "\n"
    if tomllib.loads(written).get("database", {}).get("url") != url:
        raise BadRequest(f"The URL cannot be written to {path}; write it into its section [database].")
    write_private(path, written)


def _put_aside(path: Path) -> None:
    """Keep the old file under another name, so that nobody goes on with it by accident."""
    if path.exists():
        path.rename(path.with_name(path.name + MOVED))
