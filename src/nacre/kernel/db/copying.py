"""Carry tables from one database to another, whatever the engines, and prove that nothing changed on the way.

Rows travel as plain values: texts, numbers, bytes, moments.  A table's *sum* adds up a digest of each row,
so it does not depend on their order, and needs no more memory than one batch of them.  Copying compares
the sums first: a table that is the same already is left alone, so a copy that was interrupted goes on where
it was, and one table that differs is copied anew.
"""

import hashlib
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Column, MetaData, String, Table, delete, func, insert, inspect, select, text

from nacre.kernel.db.columns import Json, LongText, OneOf, sized
from nacre.kernel.db.database import Database
from nacre.kernel.db.transaction import Transaction
from nacre.kernel.errors import Conflict

BATCH_ROWS = 1000
_SUMS_END = 2**128
#: Present in a target while a move is under way, with where it comes from.
_mark = Table("kernel_move", MetaData(), Column("source", String(255), primary_key=True))


class Sum(msgspec.Struct, frozen=True):
    """How many rows a table has, and what their digests add up to."""

    rows: int
    digest: int


class Taken(Conflict):
    """A database that was to be the target of a move has something of somebody else's."""


class CopyFailed(Exception):
    """A table differs from its copy; the text says which and how."""


def claim(db: Database, source: str) -> None:
    """Mark an empty database as the target of a move from `source`; what an earlier try left is fine.

    Raises Taken where there is anything else.
    """
    db.run(_claim, source[:255])


def _claim(tx: Transaction, source: str) -> None:
    present = set(inspect(tx.connection).get_table_names())
    if _mark.name in present:
        found = tx.scalar(select(_mark.c.source))
        if found not in (source, None):
            raise Taken(f"{tx.db!r} is the target of a move from {found}.")
    elif present:
        raise Taken(f"{tx.db!r} is not empty: it has {', '.join(sorted(present)[:3])} …")
    _mark.create(tx.connection, checkfirst=True)
    tx.insert_if_absent(_mark, {"source": source})


def release(db: Database) -> None:
    """Take the mark off a target: the move is over."""
    db.run(lambda tx: _mark.drop(tx.connection))


def plain(table: Table) -> Table:
    """Return a table such that its rows are read and written as they are stored."""
    columns: list[Column[Any]] = []
    for column in table.columns:
        type = column.type
        if isinstance(type, Json):
            type = LongText
        elif isinstance(type, OneOf):
            type = sized(type.length)
        columns.append(Column(column.name, type, primary_key=column.primary_key, nullable=column.nullable))
    return Table(table.name, MetaData(), *columns)


def sum_of(db: Database, table: Table) -> Sum:
    """Return a table's sum."""
    rows, digest = 0, 0
    for batch in _batches(db, plain(table)):
        rows += len(batch)
        for row in batch:
            digest = (digest + _digest(row)) % _SUMS_END
    return Sum(rows, digest)


def copy(source: Database, target: Database, table: Table) -> tuple[Sum, bool]:
    """Make a table of the target like the source's; return its sum, and whether anything was copied.

    Nobody may write to either meanwhile.  Raises CopyFailed when the copy is not like the original.
    """
    expected = sum_of(source, table)
    if sum_of(target, table) == expected:
        _set_counter(target, table)
        return expected, False
    rows = plain(table)
    with target.engine.begin() as connection:
        connection.execute(delete(rows))
    names = [column.name for column in rows.columns]
    for batch in _batches(source, rows):
        with target.engine.begin() as connection:
            connection.execute(insert(rows), [dict(zip(names, row, strict=True)) for row in batch])
    _set_counter(target, table)
    found = sum_of(target, table)
    if found != expected:
        raise CopyFailed(
            f"{table.name} has {expected.rows} rows with the sum {expected.digest:032x}, its copy has"
            f" {found.rows} with the sum {found.digest:032x}"
        )
    return expected, True


def _batches(db: Database, rows: Table) -> Iterator[list[tuple[Any, ...]]]:
    """Yield a table's rows, some at a time, never all of them in memory."""
    with db.engine.connect() as connection:
        result = connection.execution_options(yield_per=BATCH_ROWS).execute(select(rows))
        for batch in result.partitions():
            yield [tuple(row) for row in batch]


def _digest(row: tuple[Any, ...]) -> int:
    """Return a digest that is the same for what means the same on every engine."""
    written = msgspec.msgpack.encode([_canonical(value) for value in row])
    return int.from_bytes(hashlib.blake2b(written, digest_size=16).digest(), "big")


def _canonical(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat(" ", "microseconds")
    if isinstance(value, float):
        return f"{value:.6g}"  # MariaDB keeps no more digits of a FLOAT
    return value


def _set_counter(db: Database, table: Table) -> None:
    """Have a key that the database counts go on behind the rows that were copied."""
    counted = table.autoincrement_column
    if counted is None or db.kind != "postgresql":  # the others look at the rows by themselves
        return
    with db.engine.begin() as connection:
        highest = connection.execute(select(func.max(table.c[counted.name]))).scalar()
        connection.execute(
            text("SELECT setval(pg_get_serial_sequence(:table, :column), :highest, :used)"),
            {
                "table": table.name,
                "column": counted.name,
                "highest": highest or 1,
                "used": highest is not None,
            },
        )
