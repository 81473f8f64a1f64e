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
from sqlalchemy import Column, MetaData, String, Table, inspect, make_url, select
from sqlalchemy.exc import ArgumentError

from nacre.cloud import databases, down, up
from nacre.cloud.databases import PLACE, ServiceDatabase
from nacre.cloud.options import Options
from nacre.cloud.state import StateDirectory, write_private
from nacre.cloud.terminal import Terminal
from nacre.kernel.attendance import living
from nacre.kernel.db import Transaction, migrations, prepare
from nacre.kernel.db.copying import CopyFailed, copy
from nacre.kernel.db.kernel_tables import processes
from nacre.kernel.errors import BadRequest, Conflict, Unavailable
from nacre.services import NAMES

MOVED = ".moved"
SERVERS = ("postgresql", "mysql", "mariadb")
#: Present in a target while a move is under way, with where it comes from.
_mark = Table("kernel_move", MetaData(), Column("source", String(255), primary_key=True))


def run(options: Options, *, to: str) -> None:
    """Move the state of all services; start the cloud again if it ran."""
    terminal = Terminal()
    state, _, database = databases.configured(options)
    if database.url is not None and make_url(database.url).get_backend_name() != "sqlite":
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
        url = make_url(to)
        kind = url.get_backend_name()
    except ArgumentError:
        raise BadRequest("That is no URL of a database.") from None
    if kind not in SERVERS:
        raise BadRequest(f"State is moved to postgresql://… or mysql://…, not to {kind}.")
    if PLACE not in (url.database or ""):
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
        target.db.run(lambda tx: _mark.drop(tx.connection))


def _refuse_users(source: ServiceDatabase, state: StateDirectory) -> None:
    """Raise Conflict while any process uses a database."""
    if not source.db.read(lambda tx: inspect(tx.connection).has_table(processes.name)):
        return
    if users := source.db.read(living, state.root / "db"):
        names = ", ".join(row.where for row in users)
        raise Conflict(f"The database of {source.service} is in use by {names}; end that first.")


def _claim(target: ServiceDatabase, state: StateDirectory) -> None:
    """Mark a target as ours; raise Conflict where it has anything that we have not put there."""
    ours = f"{socket.gethostname()}:{state.root}"[:255]

    def claim(tx: Transaction) -> None:
        present = set(inspect(tx.connection).get_table_names())
        if _mark.name in present:
            found = tx.scalar(select(_mark.c.source))
            if found not in (ours, None):
                raise Conflict(f"{target.db!r} is the target of a move from {found}.")
        elif present:
            raise Conflict(f"{target.db!r} is not empty: it has {', '.join(sorted(present)[:3])} …")
        _mark.create(tx.connection, checkfirst=True)
        tx.insert_if_absent(_mark, {"source": ours})

    try:
        target.db.run(claim)
    except Unavailable as error:
        raise Unavailable(
            f"The new database of {target.service} does not answer.",
            detail=f"{error.detail or error}\nEach service needs an empty one: "
            + ", ".join(
                f"CREATE DATABASE {str(target.db.url.database).replace(target.service, n)}" for n in NAMES
            ),
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
