"""Is a database as its service expects it?  Each finding is a sentence for the operator.

Looked at are the engine (version, character set, isolation, what makes texts compare by their bytes), the
tables against their declaration, and rows that name a row which is not there.  Services declare no foreign
keys (a row and what it belongs to are written in one transaction, and removed so), but they name columns
alike: `server_id` is the `id` of a row in `servers`.  Where that is not meant, the schema says so (`loose`).
"""

from collections.abc import Callable, Iterator

from sqlalchemy import Column, Executable, String, Table, func, select, text

from nacre.kernel.db.database import Database
from nacre.kernel.db.migrations import Schema, differences
from nacre.kernel.db.transaction import Transaction

OLDEST_POSTGRESQL, OLDEST_MARIADB, OLDEST_MYSQL = (13, 0), (10, 6), (8, 0)
BYTEWISE = {"postgresql": ("C",), "mariadb": ("utf8mb4_nopad_bin", "utf8mb4_bin")}


def engine_version(db: Database) -> str:
    """Return what kind of server keeps the database, and its version."""

    def look(tx: Transaction) -> str:
        numbers = ".".join(str(n) for n in tx.connection.dialect.server_version_info or ())
        return f"{_product(tx)} {numbers}"

    return db.read(look)


def engine_problems(db: Database) -> list[str]:
    """Return what is wrong with the engine and its settings, as this process's connections see them."""
    return db.read(_ENGINES[db.kind])


def table_problems(db: Database, schema: Schema) -> list[str]:
    """Return how the tables differ from their declaration."""
    return [_in_words(difference) for difference in differences(db, schema)]


def orphans(db: Database, schema: Schema) -> list[str]:
    """Return which columns name rows that are not there, with how many do."""
    found = []
    for column, target in references(schema):
        count = db.read(_count_orphans, column, target)
        if count:
            rows = "1 row names" if count == 1 else f"{count} rows name"
            found.append(
                f"{column.table.name}.{column.name}: {rows} a row of {target.table.name} that is not there"
            )
    return found


def references(schema: Schema) -> Iterator[tuple[Column[object], Column[object]]]:
    """Yield each column that names a row of another table of the schema, with that table's key."""
    tables = schema.metadata.tables
    for table in tables.values():
        for column in table.columns:
            noun, _, key = column.name.rpartition("_")
            target = next((tables[plural] for plural in _plurals(noun) if plural in tables), None)
            if target is None or key not in ("id", "uuid") or f"{table.name}.{column.name}" in schema.loose:
                continue
            if [each.name for each in target.primary_key] == [key] or key in _unique_columns(target):
                yield column, target.c[key]


def _plurals(noun: str) -> tuple[str, ...]:
    return (f"{noun}s", f"{noun}es", f"{noun[:-1]}ies") if noun else ()


def _unique_columns(table: Table) -> set[str]:
    return {column.name for column in table.columns if column.unique or column.primary_key}


def _count_orphans(tx: Transaction, column: Column[object], target: Column[object]) -> int:
    other = target.table.alias("other")
    query = (
        select(func.count())
        .select_from(column.table.outerjoin(other, other.c[target.name] == column))
        .where(column.is_not(None), other.c[target.name].is_(None))
    )
    if isinstance(column.type, String):
        query = query.where(column != "")
    return int(tx.scalar(query))


def _in_words(difference: object) -> str:
    """Put one of Alembic's differences into words."""
    if isinstance(difference, list):  # changes of one column come as a list
        return "; ".join(_in_words(each) for each in difference)
    assert isinstance(difference, tuple)
    kind, *rest = difference
    names = [
        getattr(thing, "name", thing) for thing in rest if isinstance(thing, str) or hasattr(thing, "name")
    ]
    table = getattr(getattr(rest[-1], "table", None), "name", None)
    what = kind.replace("add_", "missing: ").replace("remove_", "not expected: ").replace("_", " ")
    return (
        f"{what} {f'{table}.' if table and table not in names else ''}{'.'.join(str(name) for name in names)}"
    )


# -- engines ---------------------------------------------------------------------------------------


def _product(tx: Transaction) -> str:
    dialect = tx.connection.dialect
    if dialect.name == "sqlite":
        return "SQLite"
    if dialect.name == "postgresql":
        return "PostgreSQL"
    return "MariaDB" if getattr(dialect, "is_mariadb", False) else "MySQL"


def _too_old(tx: Transaction, oldest: tuple[int, ...]) -> Iterator[str]:
    found = tuple(n for n in tx.connection.dialect.server_version_info or () if isinstance(n, int))
    if found < oldest:
        wanted = ".".join(str(n) for n in oldest)
        yield f"{_product(tx)} {'.'.join(str(n) for n in found)} is too old; {wanted} or later is needed"


def _check_sqlite(tx: Transaction) -> list[str]:
    problems = [
        f"the file is damaged: {row}" for row in tx.scalars(text("PRAGMA quick_check")) if row != "ok"
    ]
    if (mode := tx.scalar(text("PRAGMA journal_mode"))) != "wal":
        problems.append(f"the journal is {mode}, not wal")
    return problems


def _check_postgresql(tx: Transaction) -> list[str]:
    problems = list(_too_old(tx, OLDEST_POSTGRESQL))
    if (encoding := tx.scalar(text("SHOW server_encoding"))) != "UTF8":
        problems.append(f"the database's encoding is {encoding}, not UTF8")
    if (level := tx.scalar(text("SHOW transaction_isolation"))) != "read committed":
        problems.append(f"transactions are {level}, not read committed")
    collations = text(
        "SELECT table_name, column_name, coalesce(collation_name, 'default') FROM information_schema.columns"
        " WHERE table_schema = current_schema() AND data_type IN ('character varying', 'text')"
    )
    return problems + _other_collations(tx, collations, skip=("version_num",))


def _check_mariadb(tx: Transaction) -> list[str]:
    is_mariadb = _product(tx) == "MariaDB"
    problems = list(_too_old(tx, OLDEST_MARIADB if is_mariadb else OLDEST_MYSQL))
    variable = "@@tx_isolation" if is_mariadb else "@@transaction_isolation"
    if (level := tx.scalar(text(f"SELECT {variable}"))) != "READ-COMMITTED":
        problems.append(f"transactions are {level}, not READ-COMMITTED")
    if "STRICT_ALL_TABLES" not in str(tx.scalar(text("SELECT @@sql_mode"))):
        problems.append("sql_mode lacks STRICT_ALL_TABLES: values that do not fit would be cut")
    engines = text(
        "SELECT table_name, engine FROM information_schema.tables"
        " WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE'"
    )
    for table, engine in map(tuple, tx.execute(engines)):
        if engine != "InnoDB":
            problems.append(f"table {table} is kept by {engine}, which has no transactions; InnoDB has")
    collations = text(
        "SELECT table_name, column_name, collation_name FROM information_schema.columns"
        " WHERE table_schema = DATABASE() AND collation_name IS NOT NULL"
    )
    return problems + _other_collations(tx, collations, skip=("version_num",))


def _other_collations(tx: Transaction, query: Executable, *, skip: tuple[str, ...]) -> list[str]:
    allowed = BYTEWISE[tx.db.kind]
    return [
        f"{table}.{column} is compared by {collation}, not by its bytes ({allowed[0]})"
        for table, column, collation in map(tuple, tx.execute(query))
        if collation not in allowed and column not in skip
    ]


_ENGINES: dict[str, Callable[[Transaction], list[str]]] = {
    "sqlite": _check_sqlite,
    "postgresql": _check_postgresql,
    "mariadb": _check_mariadb,
}
