"""Bring a service's tables to the shape that its code expects, at every start, without delay.

Each database remembers its revision in one row.  A fresh database gets all tables as they are
declared now and is stamped; one that is at the expected revision needs one SELECT.  Only when the
two differ is Alembic imported (a quarter of a second) and the missing migrations are run.

    SCHEMA = Schema(metadata, revision="0003", migrations=Path(__file__).parent / "migrations")
    prepare(db, SCHEMA)

A migration is a file `0003_server_tags.py` in that folder, in Alembic's own form (`revision`,
`down_revision`, `upgrade()`); `draft` writes one from the difference between the tables and a
database.  Processes that start at the same time wait for each other.
"""

import logging
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
#: Any number that no other program uses for PostgreSQL's advisory locks.
_LOCK_NUMBER = 0x6E61637265
_LOCK_OF_DATABASE = "CONCAT('nacre/', MD5(DATABASE()))"  # MariaDB's locks are the whole server's

_versions = Table(VERSION_TABLE, MetaData(), Column("version_num", String(32), primary_key=True))


class UnknownRevision(NacreError):
    """The database was made by a newer nacre, or its migrations are missing."""


class Schema(msgspec.Struct, frozen=True):
    """A service's tables, the revision they are at, and the folder of the migrations that led there."""

    metadata: MetaData
    revision: str = FIRST
    migrations: Path | None = None


def prepare(db: Database, schema: Schema) -> None:
    """Create or upgrade the tables of a service's database.  May run twice, and in many processes."""
    if _stamped(db) != schema.revision:
        db.run(_prepare_alone, schema)


def revision_of(db: Database) -> str | None:
    """Return the revision that a database is at, or None for a fresh one."""
    return _stamped(db)


def differences(db: Database, schema: Schema) -> list[Any]:
    """Return how a database differs from the declared tables, in Alembic's words; a test wants []."""
    from alembic.autogenerate import compare_metadata

    return db.read(lambda tx: compare_metadata(_alembic(tx.connection), schema.metadata))


def draft(db: Database, schema: Schema, revision: str, title: str) -> str:
    """Return the text of a migration that would make a database like the declared tables."""
    from alembic.autogenerate import produce_migrations, render_python_code

    def render(tx: Transaction) -> str:
        changes = produce_migrations(_alembic(tx.connection), schema.metadata).upgrade_ops
        return "" if changes is None else render_python_code(changes, render_as_batch=True)

    return _TEMPLATE.format(title=title, revision=revision, before=revision_of(db), upgrade=db.read(render))


_TEMPLATE = '''"""{title}"""

import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = "{before}"


def upgrade() -> None:
    {upgrade}
'''


def _stamped(db: Database) -> str | None:
    def look(tx: Transaction) -> str | None:
        return tx.scalar(select(_versions)) if inspect(tx.connection).has_table(VERSION_TABLE) else None

    return db.read(look)


def _prepare_alone(tx: Transaction, schema: Schema) -> None:
    """Create or upgrade while no other process does.

    MariaDB commits each table at once; the revision is written last, and what exists is not created
    again, so dying in between is harmless.
    """
    if tx.db.kind == "mariadb":
        tx.execute(text(f"SELECT GET_LOCK({_LOCK_OF_DATABASE}, 60)"))
        try:
            _create_or_upgrade(tx, schema)
            tx.connection.commit()  # or the next process, once it has the lock, would not see it
        finally:
            tx.execute(text(f"SELECT RELEASE_LOCK({_LOCK_OF_DATABASE})"))
    else:
        if tx.db.kind == "postgresql":
            tx.execute(select(func.pg_advisory_xact_lock(_LOCK_NUMBER)))
        _create_or_upgrade(tx, schema)


def _create_or_upgrade(tx: Transaction, schema: Schema) -> None:
    connection = tx.connection
    _versions.create(connection, checkfirst=True)
    found = tx.scalar(select(_versions))
    if found is None:
        schema.metadata.create_all(connection)
        tx.insert(_versions, {"version_num": schema.revision})
    elif found != schema.revision:
        _upgrade(connection, schema, found)


def _upgrade(connection: Connection, schema: Schema, found: str) -> None:
    from alembic.config import Config
    from alembic.operations import Operations
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(schema.migrations).replace("%", "%%"))
    config.set_main_option("version_locations", str(schema.migrations).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    scripts = ScriptDirectory.from_config(config)
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

    context = _alembic(connection, fn=steps)
    with Operations.context(context):
        context.run_migrations()


def _alembic(connection: Connection, **options: Any) -> Any:
    """Return Alembic's view of a connection whose transaction is ours."""
    from alembic.migration import MigrationContext

    return MigrationContext.configure(
        connection,
        opts={
            "version_table": VERSION_TABLE,
            "render_as_batch": True,
            "compare_type": False,
            "transactional_ddl": connection.dialect.name in ("sqlite", "postgresql"),
            "include_name": lambda name, kind, parents: not (kind == "table" and name == VERSION_TABLE),
            **options,
        },
    )
