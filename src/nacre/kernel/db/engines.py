"""Open a connection pool to SQLite, PostgreSQL or MariaDB, set up so that they behave alike.

SQLite: one file, mode 0600, write-ahead log, foreign keys on, LIKE that respects case; sqlite3's
own transaction magic is off because transactions are begun by `database.py`.  PostgreSQL and
MariaDB: READ COMMITTED, UTC, UTF-8, and a bound on the wait for a lock.
"""

import os
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

LOCK_WAIT_SECONDS = 15
CONNECTIONS = 8
MORE_CONNECTIONS_IN_A_RUSH = 24
#: Shorter than the time after which servers and firewalls commonly drop idle connections.
CONNECTION_AGE_SECONDS = 1500
DRIVERS = {
    "sqlite": "sqlite+pysqlite",
    "postgresql": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
}


def open_engine(url: str | URL, *, synchronous: str = "NORMAL") -> Engine:
    """Return an engine for a URL such as sqlite:////var/lib/nacre/compute.db or mariadb://…"""
    parsed = make_url(url)
    kind = parsed.get_backend_name()
    if kind not in DRIVERS:
        raise ArgumentError(f"nacre keeps its state in sqlite, postgresql, mariadb or mysql, not in {kind}")
    if "+" not in parsed.drivername:
        parsed = parsed.set(drivername=DRIVERS[kind])
    if kind == "sqlite":
        return _open_sqlite(parsed, synchronous)
    return _open_server(parsed, kind)


def kind_and_name(url: str) -> tuple[str, str]:
    """Return which engine a URL is for and the name of the database in it; ValueError where it is no URL."""
    try:
        parsed = make_url(url)
        return parsed.get_backend_name(), parsed.database or ""
    except ArgumentError as error:
        raise ValueError(f"{error}") from None


def sqlite_path(url: URL) -> Path:
    """Return the file that an SQLite URL names."""
    if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
        raise ArgumentError("an SQLite database of nacre is a file: sqlite:////path/to/it.db")
    return Path(url.database).absolute()


def _open_sqlite(url: URL, synchronous: str) -> Engine:
    if synchronous not in ("OFF", "NORMAL", "FULL"):
        raise ArgumentError(f"synchronous is OFF, NORMAL or FULL, not {synchronous}")
    path = sqlite_path(url)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # SQLite gives its log files the mode of the database, so making that one private is enough.
    os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
    engine = create_engine(
        url.set(database=str(path)),
        pool_size=CONNECTIONS,
        max_overflow=MORE_CONNECTIONS_IN_A_RUSH,
        pool_use_lifo=True,
        connect_args={
            "isolation_level": None,
            "check_same_thread": False,
            "timeout": LOCK_WAIT_SECONDS,
            "cached_statements": 256,
        },
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, record: Any) -> None:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {synchronous}")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA case_sensitive_like = ON")
        connection.execute("PRAGMA temp_store = MEMORY")

    return engine


def _open_server(url: URL, kind: str) -> Engine:
    arguments: dict[str, Any]
    if kind == "postgresql":
        options = f"-c timezone=UTC -c lock_timeout={LOCK_WAIT_SECONDS}s"
        arguments = {"options": options, "connect_timeout": LOCK_WAIT_SECONDS}
    else:
        settings = f"SET time_zone = '+00:00', innodb_lock_wait_timeout = {LOCK_WAIT_SECONDS}"
        arguments = {
            "charset": "utf8mb4",
            "sql_mode": "STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO",
            "init_command": settings,
            "connect_timeout": LOCK_WAIT_SECONDS,
        }
    return create_engine(
        url,
        isolation_level="READ COMMITTED",
        pool_size=CONNECTIONS,
        max_overflow=MORE_CONNECTIONS_IN_A_RUSH,
        pool_use_lifo=True,
        pool_recycle=CONNECTION_AGE_SECONDS,
        pool_reset_on_return=None,  # a transaction ends explicitly; one more ROLLBACK is a round trip
        connect_args=arguments,
    )
