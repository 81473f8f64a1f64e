"""Bring a service's tables to the shape that its code expects, at every start, without delay.

Each database remembers its revision in one row.  A fresh database gets all tables as they are
declared now and is stamped; one that is at the expected revision needs one SELECT.  Only when the
two differ is Alembic imported (a quarter of a second) and the missing migrations are run.

    SCHEMA = Schema(metadata, revision="0003", migrations=Path(__file__).parent / "migrations")
    prepare(db, SCHEMA)

A migration is a file `0003_server_tags.py` in that folder, in Alembic's own form (`revision`,
`down_revision`, `upgrade()`); `draft` writes one from the difference between the tables and a
database.  Processes that start at the same time wait for each other.

Processes of the release before go on while a new one starts, so `upgrade()` only *expands*: it adds
tables, columns that may be absent, indexes.  What is to go or to become strict is done by a second
function of the same file, `contract()`, once no older process is left (`nacre db migrate --contract`).
The database remembers up to which revision it was contracted; a process that knows at least that one works
on tables that are newer than itself.  Revisions are numbers with leading zeros, and compare as texts.  On
MariaDB each statement commits by itself: a migration that was interrupted runs again, so it says
`if_not_exists` and `if_exists`.
"""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Column, Connection, MetaData, String, Table, func, inspect, select, text

from nacre.kernel.db.database import Database
from nacre.kernel.db.transaction import Transaction
from nacre.kernel.errors import NacreError

log = logging.getLogger(__name__)

FIRST = "0001"
VERSION_TABLE = "schema_revision"
KERNEL_PREFIX = "kernel_"  # of the names of tables that are the kernel's, in every service's database
#: Any number that no other program uses for PostgreSQL's advisory locks.
_LOCK_NUMBER = 0x6E61637265
_LOCK_OF_DATABASE = "CONCAT('nacre/', MD5(DATABASE()))"  # MariaDB's locks are the whole server's


class UnknownRevision(NacreError):
    """The database was made by a newer nacre, or its migrations are missing."""


class Schema(msgspec.Struct, frozen=True):
    """A service's tables, the revision they are at, and the folder of the migrations that led there.

    `version_table` is where a database remembers its revision; another stands beside it, with the revision
    up to which the tables were contracted.  `loose` names columns ("table.column") that may name what is gone
    (see inspection.py).
    """

    metadata: MetaData
    revision: str = FIRST
    migrations: Path | None = None
    version_table: str = VERSION_TABLE
    loose: tuple[str, ...] = ()

    @property
    def bookkeeping(self) -> tuple[str, str]:
        """The names of the tables in which a database remembers where it stands."""
        return self.version_table, f"{self.version_table}_contracted"


class Standing(msgspec.Struct, frozen=True):
    """Where a database stands: the revision it is at (None: it is fresh) and the one it is contracted to."""

    revision: str | None
    contracted: str


def prepare(db: Database, schema: Schema) -> None:
    """Create or expand the tables of a service's database.  May run twice, and in many processes."""
    found = revision_of(db, schema)
    if found == schema.revision:
        return
    if found is not None and standing(db, schema).contracted <= schema.revision < found:
        log.warning(
            "the tables are at revision %s; this older program knows %s and goes on", found, schema.revision
        )
        return
    expand(db, schema)


def expand(db: Database, schema: Schema) -> list[str]:
    """Create the tables, or run the migrations that are missing; return what was done, by title."""
    return db.run(_alone, _create_or_upgrade, schema)


def contract(db: Database, schema: Schema) -> list[str]:
    """Take away what only older programs need; return what was done, by title."""
    return db.run(_alone, _contract, schema)


def revision_of(db: Database, schema: Schema | None = None) -> str | None:
    """Return the revision that a database is at, or None for a fresh one."""
    return db.read(_noted, VERSION_TABLE if schema is None else schema.version_table)


def standing(db: Database, schema: Schema) -> Standing:
    """Return where a database stands."""
    return db.read(_standing, schema)


def contractions(db: Database, schema: Schema) -> list[str]:
    """Return the titles of the migrations whose second half is still to be done."""
    found = standing(db, schema)
    return [title for title, _ in _second_halves(schema, found.contracted, found.revision or FIRST)]


def differences(db: Database, schema: Schema) -> list[Any]:
    """Return how a database differs from the declared tables, in Alembic's words; a test wants []."""
    from alembic.autogenerate import compare_metadata

    return db.read(lambda tx: compare_metadata(_alembic(tx.connection, schema), schema.metadata))


def draft(db: Database, schema: Schema, revision: str, title: str) -> str:
    """Return the text of a migration that would make a database like the declared tables."""
    from alembic.autogenerate import produce_migrations, render_python_code

    def render(tx: Transaction) -> str:
        changes = produce_migrations(_alembic(tx.connection, schema), schema.metadata).upgrade_ops
        return "" if changes is None else render_python_code(changes, render_as_batch=True)

    before = revision_of(db, schema)
    return _TEMPLATE.format(title=title, revision=revision, before=before, upgrade=db.read(render))


_TEMPLATE = '''"""{title}"""

import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = "{before}"


def upgrade() -> None:
    {upgrade}
'''


def _table(name: str) -> Table:
    return Table(name, MetaData(), Column("version_num", String(32), primary_key=True))


def _noted(tx: Transaction, name: str) -> str | None:
    return tx.scalar(select(_table(name))) if inspect(tx.connection).has_table(name) else None


def _note(tx: Transaction, name: str, revision: str) -> None:
    table = _table(name)
    table.create(tx.connection, checkfirst=True)
    if not tx.execute(table.update().values(version_num=revision)).rowcount and _noted(tx, name) is None:
        tx.insert(table, {"version_num": revision})


def _standing(tx: Transaction, schema: Schema) -> Standing:
    at, contracted = schema.bookkeeping
    return Standing(_noted(tx, at), _noted(tx, contracted) or FIRST)


def _alone(tx: Transaction, work: Callable[[Transaction, Schema], list[str]], schema: Schema) -> list[str]:
    """Create, expand or contract while no other process does.

    MariaDB commits each table at once; the revision is written last, and what exists is not created
    again, so dying in between is harmless.
    """
    if tx.db.kind == "mariadb":
        tx.execute(text(f"SELECT GET_LOCK({_LOCK_OF_DATABASE}, 60)"))
        try:
            done = work(tx, schema)
            tx.connection.commit()  # or the next process, once it has the lock, would not see it
        finally:
            tx.execute(text(f"SELECT RELEASE_LOCK({_LOCK_OF_DATABASE})"))
        return done
    if tx.db.kind == "postgresql":
        tx.execute(select(func.pg_advisory_xact_lock(_LOCK_NUMBER)))
    return work(tx, schema)


def _create_or_upgrade(tx: Transaction, schema: Schema) -> list[str]:
    found = _standing(tx, schema).revision
    if found is None:
        schema.metadata.create_all(tx.connection)
        for name in schema.bookkeeping[::-1]:  # the revision last: it says that all is there
            _note(tx, name, schema.revision)
        return [f"{len(schema.metadata.tables)} tables, as of revision {schema.revision}"]
    if found != schema.revision:
        return _upgrade(tx.connection, schema, found)
    return []


def _scripts(schema: Schema) -> Any:
    """Return Alembic's view of the migrations."""
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(schema.migrations).replace("%", "%%"))
    config.set_main_option("version_locations", str(schema.migrations).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return ScriptDirectory.from_config(config)


def _upgrade(connection: Connection, schema: Schema, found: str) -> list[str]:
    from alembic.operations import Operations

    scripts = _scripts(schema)
    known = [script.revision for script in scripts.walk_revisions()]
    if found not in known or schema.revision not in known:
        raise UnknownRevision(
            f"The database is at revision {found!r}, this nacre expects {schema.revision!r} and has no"
            " migration from the one to the other."
        )
    if known.index(found) < known.index(schema.revision):
        raise UnknownRevision(
            f"The database is at revision {found!r}, which is newer than this nacre's {schema.revision!r}."
        )
    log.info("upgrading the tables from revision %s to %s", found, schema.revision)

    def steps(current: Any, context: Any) -> Any:
        return scripts._upgrade_revs(schema.revision, current)

    context = _alembic(connection, schema, fn=steps)
    with Operations.context(context):
        context.run_migrations()
    missing = known[known.index(schema.revision) : known.index(found)]
    return [_title(scripts.get_revision(revision)) for revision in reversed(missing)]


def _contract(tx: Transaction, schema: Schema) -> list[str]:
    from alembic.operations import Operations

    found = _standing(tx, schema)
    if found.revision is None or found.revision > schema.revision:
        raise UnknownRevision(f"The database is at revision {found.revision}, not at {schema.revision}.")
    halves = _second_halves(schema, found.contracted, found.revision)
    with Operations.context(_alembic(tx.connection, schema)):
        for _, half in halves:
            half()
    _note(tx, schema.bookkeeping[1], found.revision)
    return [title for title, _ in halves]


def _second_halves(schema: Schema, after: str, until: str) -> list[tuple[str, Callable[[], None]]]:
    """Return the titles and `contract` functions of the migrations between two revisions, in order."""
    if schema.migrations is None or after >= until:
        return []
    scripts = [script for script in _scripts(schema).walk_revisions() if after < script.revision <= until]
    return [
        (_title(script), script.module.contract)
        for script in reversed(scripts)
        if hasattr(script.module, "contract")
    ]


def _title(script: Any) -> str:
    """Return a migration's revision and the first line of its docstring."""
    return f"{script.revision} {(script.module.__doc__ or '').strip().partition(chr(10))[0]}".strip()


def _alembic(connection: Connection, schema: Schema, **options: Any) -> Any:
    """Return Alembic's view of a connection whose transaction is ours."""
    from alembic.migration import MigrationContext

    def is_ours(name: str | None, kind: str, parents: Any) -> bool:
        if kind != "table" or name is None:
            return True
        if schema.version_table.startswith(KERNEL_PREFIX):
            return name in schema.metadata.tables
        return not name.startswith(KERNEL_PREFIX) and name not in schema.bookkeeping

    return MigrationContext.configure(
        connection,
        opts={
            "version_table": schema.version_table,
            "render_as_batch": True,
            "compare_type": False,
            "transactional_ddl": connection.dialect.name in ("sqlite", "postgresql"),
            "include_name": is_ours,
            **options,
        },
    )
