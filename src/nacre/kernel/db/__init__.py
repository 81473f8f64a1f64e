"""A service's state: its tables, its transactions and its lists, on SQLite, PostgreSQL or MariaDB.

SQLAlchemy Core does the talking, without its ORM: a service writes its queries by hand, in `db/` and
nowhere else, and gets frozen structs back.  What is here settles what thirty services would
otherwise settle each in its own way:

    columns       types that mean the same on all three engines
    database      Database.run / .read: a transaction is a function, retried when it must be
    transaction   the words inside it: one, find, all, insert, update, delete, lock, after_commit
    records       rows as frozen structs at nearly the speed of rows
    filters       where-clauses from what a caller asks for
    membership    one of several ids, for statements that are built once
    paging        marker, limit, sort keys
    troubles      Duplicate, StillReferenced; which complaints are worth another try
    migrations    fresh tables quickly, old ones by Alembic

A service's `db/tables.py`, and then a file of queries for each noun:

    metadata = new_metadata()
    jobs = tasks.tables(metadata)
    servers = Table("servers", metadata, column("id", Id, key=True), column("name", Name), …)
    SCHEMA = Schema(metadata)

    class Server(msgspec.Struct, frozen=True):       # fields named like the columns
        id: str
        name: str
        host: str | None = None

    def get(tx: Transaction, server_id: str) -> Server:
        query = select(servers).where(servers.c.id == server_id)
        return tx.one(query, Server, otherwise=ServerNotFound(server_id))

    def index(tx: Transaction, project_id: str, wanted: dict[str, object], page: Page) -> list[Server]:
        query = select(servers).where(servers.c.project_id == project_id)
        return paging.page(tx, query.where(*conditions(servers.c, wanted)), Server, servers, page)

and in `app/`:

    server = ctx.db.read(servers.get, server_id)
    ctx.db.run(servers.record_host, server_id, host)

Two promises that a transaction function makes: it may run twice, and it calls nothing but the
database.  `tx.after_commit(act)` is for what must follow.
"""

from nacre.kernel.db.columns import (
    Big,
    Bytes,
    Id,
    Json,
    LongText,
    Name,
    OneOf,
    Serial,
    UtcDateTime,
    column,
    new_metadata,
    sized,
)
from nacre.kernel.db.database import Database, transaction_is_open
from nacre.kernel.db.filters import Match, condition, conditions
from nacre.kernel.db.membership import among
from nacre.kernel.db.migrations import Schema, prepare
from nacre.kernel.db.paging import MarkerNotFound, Page, Sort, UnknownSortKey, page
from nacre.kernel.db.transaction import Transaction
from nacre.kernel.db.troubles import Duplicate, StillReferenced

__all__ = [
    "Big",
    "Bytes",
    "Database",
    "Duplicate",
    "Id",
    "Json",
    "LongText",
    "MarkerNotFound",
    "Match",
    "Name",
    "OneOf",
    "Page",
    "Schema",
    "Serial",
    "Sort",
    "StillReferenced",
    "Transaction",
    "UnknownSortKey",
    "UtcDateTime",
    "among",
    "column",
    "condition",
    "conditions",
    "new_metadata",
    "page",
    "prepare",
    "sized",
    "transaction_is_open",
]
