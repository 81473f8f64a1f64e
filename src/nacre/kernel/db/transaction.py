"""What a function may do inside a transaction: short words for the queries every service needs.

A service's `db/` is made of functions that take an open transaction first and say what they do in
SQL; the words here only spare them the ceremony around it.  Lists and single rows come back as
records (see `records.py`), never as rows that know a database.

    def get(tx: Transaction, server_id: str) -> Server:
        return tx.one(
            select(servers).where(servers.c.id == server_id), Server, otherwise=ServerNotFound(server_id)
        )
"""

from collections.abc import Callable, Iterable, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import (
    ClauseElement,
    ColumnElement,
    Connection,
    CursorResult,
    Delete,
    Executable,
    Insert,
    Select,
    Table,
    Update,
    and_,
    bindparam,
    func,
    select,
)
from sqlalchemy.exc import DBAPIError

from nacre.kernel.db.records import as_values, build_all, build_first
from nacre.kernel.db.troubles import Trouble, diagnose

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nacre.kernel.db.database import Database

T = TypeVar("T")
#: Called in every transaction that writes, when its function has returned and before it is committed.
witness: "ContextVar[Callable[[Transaction], None] | None]" = ContextVar("witness", default=None)
#: Called after that; raises where whoever writes has lost the right to.
fence: "ContextVar[Callable[[Transaction], None] | None]" = ContextVar("fence", default=None)
#: Which rows: the primary key (a tuple when it has several columns), what columns must equal, or a condition.
#: The statement of a condition is built at every call; those of the others only once.
Which = str | int | tuple[Any, ...] | Mapping[str, str | int] | ColumnElement[bool]


class Transaction:
    """An open transaction of one database, in one thread; made by `Database.run` and `Database.read`."""

    def __init__(self, db: "Database", connection: Connection, *, writes: bool) -> None:
        self.db = db
        self.connection = connection
        self.writes = writes
        self.afterwards: list[Callable[[], object]] = []
        self.committing = False
        self.wrote = False
        self.inserted: list[tuple[Table, Mapping[str, Any]]] | None = None
        """Which rows were added; kept only where somebody bears witness."""

    def now(self) -> datetime:
        """Return the present moment by the service's clock."""
        return self.db.clock.now()

    def after_commit(self, act: Callable[[], object]) -> None:
        """Call `act()` once this transaction has been committed, and never if it is not.

        For waking those who wait for what was written; what must not be lost is written too.
        """
        self.afterwards.append(act)

    # Asking

    def execute(self, statement: Executable, params: Any = None) -> CursorResult[Any]:
        """Run any statement of SQLAlchemy Core."""
        if getattr(statement, "is_dml", False):
            if not self.writes:
                raise RuntimeError("db.read is for reading; use db.run to write")
            self.wrote = True
        return self.connection.execute(statement, params)

    def one(
        self,
        statement: Executable,
        record: type[T],
        params: Any = None,
        *,
        otherwise: Exception | None = None,
    ) -> T:
        """Return the first row as a record; raise `otherwise` (or LookupError) when there is none."""
        found = build_first(self.execute(statement, params), record)
        if found is None:
            raise otherwise or LookupError(f"no {record.__name__} matches")
        return found

    def find(self, statement: Executable, record: type[T], params: Any = None) -> T | None:
        """Return the first row as a record, or None."""
        return build_first(self.execute(statement, params), record)

    def all(self, statement: Executable, record: type[T], params: Any = None) -> list[T]:
        """Return all rows as records."""
        return build_all(self.execute(statement, params), record)

    def scalar(self, statement: Executable, params: Any = None) -> Any:
        """Return the first column of the first row, or None."""
        return self.execute(statement, params).scalar()

    def scalars(self, statement: Executable, params: Any = None) -> list[Any]:
        """Return the first column of every row."""
        return list(self.execute(statement, params).scalars().all())

    def count(self, rows: "Table | Select[Any]", which: ColumnElement[bool] | None = None) -> int:
        """Return how many rows a table (where `which` holds) or a query has."""
        if isinstance(rows, Select):
            query = select(func.count()).select_from(rows.order_by(None).subquery())
        else:
            query = select(func.count()).select_from(rows)
        return int(self.scalar(query if which is None else query.where(which)))

    def exists(self, query: Select[Any], params: Any = None) -> bool:
        """Tell whether a query has any row."""
        return self.execute(_first_of(query) if params else query.limit(1), params).first() is not None

    # Writing

    def insert(self, table: Table, values: object) -> Any:
        """Add a row from a record or a mapping; return the key that the database counted, if it does.

        Raises Duplicate when the row is there already.
        """
        row = as_values(values)
        result = self.execute(_insert_into(table), row)
        counted = None
        if _counts_keys(table) and result.inserted_primary_key is not None:
            counted = result.inserted_primary_key[0]
            row = {list(table.primary_key)[0].name: counted, **row}
        if self.inserted is not None:
            self.inserted.append((table, row))
        return counted

    def insert_all(self, table: Table, rows: Iterable[object]) -> None:
        """Add many rows at once, all with the same columns."""
        if values := [as_values(row) for row in rows]:
            self.execute(_insert_into(table), values)
            if self.inserted is not None:
                self.inserted += [(table, row) for row in values]

    def insert_if_absent(self, table: Table, values: object) -> bool:
        """Add a row unless one with the same unique values exists; tell whether it was added."""
        row = as_values(values)
        try:
            with self.connection.begin_nested():
                self.execute(_insert_into(table), row)
        except DBAPIError as error:
            if diagnose(error) is Trouble.DUPLICATE:
                return False
            raise
        if self.inserted is not None:
            self.inserted.append((table, row))
        return True

    def update(self, table: Table, which: Which, values: Mapping[str, Any]) -> int:
        """Change the row with this key, or all rows that `which` tells; return how many matched.

        A value may be an expression of SQL: {"used": volumes.c.used + 1}.
        """
        if isinstance(which, ColumnElement) or any(isinstance(v, ClauseElement) for v in values.values()):
            statement = table.update().where(_condition(table, which)).values(dict(values))
            return self.execute(statement).rowcount
        return self.execute(_update(table, _columns(table, which)), {**values, **_keys(which)}).rowcount

    def update_all(self, table: Table, rows: Mapping[str, Mapping[str, Any]]) -> None:
        """Change many rows by their keys with one statement; all change the same columns."""
        if rows:
            columns = _columns(table, next(iter(rows)))
            self.execute(_update(table, columns), [{**values, **_keys(key)} for key, values in rows.items()])

    def delete(self, table: Table, which: Which) -> int:
        """Remove the row with this key, or all rows that `which` tells; return how many went."""
        if isinstance(which, ColumnElement):
            return self.execute(table.delete().where(which)).rowcount
        return self.execute(_delete(table, _columns(table, which)), _keys(which)).rowcount

    def lock(self, table: Table, which: Which) -> bool:
        """Hold these rows until the transaction ends, so that nobody else changes or locks them.

        Tells whether there is any such row.  On SQLite, where only one transaction writes at a time,
        there is nothing more to do than to look.
        """
        if isinstance(which, ColumnElement):
            return self.execute(_locking(table).where(which)).first() is not None
        return self.execute(_lock(table, _columns(table, which)), _keys(which)).first() is not None

    @contextmanager
    def savepoint(self) -> "Iterator[None]":
        """Undo what was done in the block, and only that, if it raises."""
        with self.connection.begin_nested():
            yield


def _condition(table: Table, which: Which) -> ColumnElement[bool]:
    if isinstance(which, ColumnElement):
        return which
    columns = [table.c[name] for name in _columns(table, which)]
    return and_(*[column == value for column, value in zip(columns, _keys(which).values(), strict=True)])


# The statements that services run all day are built once for each table: building one anew costs
# as much as running it.


@lru_cache(maxsize=1024)
def _insert_into(table: Table) -> Insert:
    return table.insert()


@lru_cache(maxsize=1024)
def _counts_keys(table: Table) -> bool:
    return table.autoincrement_column is not None


@lru_cache(maxsize=1024)
def _first_of(query: Select[Any]) -> Select[Any]:
    return query.limit(1)


@lru_cache(maxsize=1024)
def _equal(table: Table, columns: tuple[str, ...]) -> ColumnElement[bool]:
    return and_(*[table.c[name] == bindparam(f"key_{n}") for n, name in enumerate(columns)])


@lru_cache(maxsize=1024)
def _locking(table: Table) -> Select[Any]:
    return select(list(table.primary_key)[0]).order_by(*table.primary_key).with_for_update()


@lru_cache(maxsize=1024)
def _lock(table: Table, columns: tuple[str, ...]) -> Select[Any]:
    return _locking(table).where(_equal(table, columns))


@lru_cache(maxsize=1024)
def _update(table: Table, columns: tuple[str, ...]) -> Update:
    return table.update().where(_equal(table, columns))


@lru_cache(maxsize=1024)
def _delete(table: Table, columns: tuple[str, ...]) -> Delete:
    return table.delete().where(_equal(table, columns))


@lru_cache(maxsize=1024)
def _primary_key(table: Table) -> tuple[str, ...]:
    return tuple(column.name for column in table.primary_key)


def _columns(table: Table, which: str | int | tuple[Any, ...] | Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of the columns that tell the rows apart, in the order of `_keys`."""
    if isinstance(which, Mapping):
        if not which:
            raise ValueError(f"say which rows of {table.name}")
        return tuple(which)
    names = _primary_key(table)
    given = len(which) if isinstance(which, tuple) else 1
    if given != len(names):
        raise ValueError(f"the key of {table.name} has {len(names)} columns, not {given}")
    return names


def _keys(which: str | int | tuple[Any, ...] | Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of those columns, as the statements want them."""
    values = which.values() if isinstance(which, Mapping) else which if isinstance(which, tuple) else (which,)
    return {f"key_{n}": value for n, value in enumerate(values)}
