"""One service's database: run functions in transactions, and again when another was in the way.

A transaction is a function.  `db.run(f, …)` begins, calls `f(tx, …)` and commits; when the engine
reports a deadlock, a serialization failure or a busy file, everything is rolled back and `f` is
called again.  So `f` may run twice and must have no effect outside the database; and a transaction
never stays open across a call to anything else, which is why opening a second one in the same
thread, of this database or another, is refused loudly.

On SQLite one file has one writer.  Threads of this process queue at a mutex rather than at the
file, because SQLite lets them sleep in growing steps and a mutex does not; readers see the last
committed state and never wait.
"""

import logging
import random
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Concatenate, ParamSpec, TypeVar
from weakref import WeakValueDictionary

from sqlalchemy import URL, Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from nacre.kernel.clock import Clock
from nacre.kernel.db.engines import open_engine, sqlite_path
from nacre.kernel.db.transaction import Transaction, fence, witness
from nacre.kernel.db.troubles import Duplicate, StillReferenced, Trouble, diagnose
from nacre.kernel.errors import Unavailable

log = logging.getLogger(__name__)

P = ParamSpec("P")
R = TypeVar("R")

#: For how long a transaction is tried before the contention counts as an outage.
PATIENCE_SECONDS = 20.0
LONGEST_PAUSE_SECONDS = 0.5

_NOTHING = nullcontext()
_open = threading.local()
_mutexes: WeakValueDictionary[str, threading.Lock] = WeakValueDictionary()
_mutexes_guard = threading.Lock()


def transaction_is_open() -> bool:
    """Tell whether this thread is inside a transaction, and so must not call anything that waits."""
    return getattr(_open, "tx", None) is not None


class Database:
    """A service's own database; safe to use from many threads."""

    def __init__(self, url: str | URL, *, synchronous: str = "NORMAL", clock: Clock | None = None) -> None:
        self.clock = clock or Clock()
        self.engine = open_engine(url, synchronous=synchronous)
        self.url = self.engine.url
        name = self.engine.dialect.name
        #: "sqlite", "postgresql" or "mariadb", which stands for MySQL too.
        self.kind = "mariadb" if name == "mysql" else name
        self._is_sqlite = self.kind == "sqlite"
        #: How many transactions found the database away; who sees that it grew may have missed something.
        self.outages = 0
        self._writing: AbstractContextManager[object] = _NOTHING
        if self._is_sqlite:
            self._writing = _mutex_of(str(sqlite_path(self.url).resolve()))

    def __repr__(self) -> str:
        return f"Database({self.url.render_as_string(hide_password=True)!r})"

    def run(self, f: Callable[Concatenate[Transaction, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Return `f(tx, …)`, called in a transaction that may write.  `f` may run several times.

        Raises Unavailable when the database is away or too contended, Duplicate and StillReferenced
        when a constraint refused, and whatever `f` raises, after everything was rolled back.
        """
        return self._transact(True, f, args, kwargs)

    def read(self, f: Callable[Concatenate[Transaction, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Return `f(tx, …)`, called in a transaction that only reads.  `f` may run several times."""
        return self._transact(False, f, args, kwargs)

    def run_still(self, f: Callable[Concatenate[Transaction, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Return `f(tx, …)` as `run` does, but every query sees the state of one and the same moment.

        Otherwise, on PostgreSQL and MariaDB, each query sees what was committed when *it* began.  It is for
        writing rows that nobody else writes: where another has changed the same row in the meantime,
        PostgreSQL calls `f` again, and MariaDB does not notice.
        """
        return self._transact(True, f, args, kwargs, still=True)

    def read_still(self, f: Callable[Concatenate[Transaction, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Return `f(tx, …)` as `read` does, but every query sees the state of one and the same moment."""
        return self._transact(False, f, args, kwargs, still=True)

    def close(self) -> None:
        """Close all connections that are not in use."""
        self.engine.dispose()

    def _transact(
        self, writes: bool, f: Callable[..., R], args: Any, kwargs: Any, *, still: bool = False
    ) -> R:
        if transaction_is_open():
            raise RuntimeError(
                f"{_name(f)} would open a transaction inside another; a transaction is never open"
                " across a call to anything else"
            )
        tried, began = 0, time.monotonic()
        while True:
            tried += 1
            tx = None
            try:
                with self._writing if writes else _NOTHING:
                    tx = self._begin(writes, still)
                    result = self._call(tx, f, args, kwargs)
            except (DBAPIError, sqlite3.Error) as error:
                last = time.monotonic() - began > PATIENCE_SECONDS
                self._judge(error, last=last, committing=tx is not None and tx.committing)
                time.sleep(random.uniform(0, min(LONGEST_PAUSE_SECONDS, 0.004 * 2**tried)))
            else:
                for act in tx.afterwards:
                    _act(act)
                return result

    def _begin(self, writes: bool, still: bool) -> Transaction:
        try:
            connection = self.engine.connect()
        except (DBAPIError, PoolTimeout) as error:
            if self._is_sqlite and diagnose(error) is Trouble.CONTENTION:
                raise  # turning a new file to its write-ahead log takes turns, and does not wait for them
            self.outages += 1
            raise Unavailable("The database is not available.", detail=str(error)) from error
        try:
            if self._is_sqlite:  # where every transaction is still
                _driver(connection).execute("BEGIN IMMEDIATE" if writes else "BEGIN")
            elif still:  # tried again where a connection of the pool has ended meanwhile
                connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        except BaseException:
            connection.close()
            raise
        return Transaction(self, connection, writes=writes)

    def _call(self, tx: Transaction, f: Callable[..., R], args: Any, kwargs: Any) -> R:
        """Call `f` and commit; give the connection back in any case, rolled back if not committed."""
        _open.tx = tx
        testify, hold = (witness.get(), fence.get()) if tx.writes else (None, None)
        if testify is not None:
            tx.inserted = []
        try:
            result = f(tx, *args, **kwargs)
            if testify is not None:
                testify(tx)
            if hold is not None:
                hold(tx)
            tx.committing = True
            tx.connection.commit()
            return result
        finally:
            _open.tx = None
            tx.connection.close()

    def _judge(self, error: BaseException, *, last: bool, committing: bool) -> None:
        """Return when the transaction is worth another try; raise what it means when not."""
        trouble = diagnose(error)
        if trouble is Trouble.DUPLICATE:
            raise Duplicate(detail=str(error)) from error
        if trouble is Trouble.REFERENCED:
            raise StillReferenced(detail=str(error)) from error
        if trouble is Trouble.OTHER:
            raise error
        self.outages += trouble is Trouble.DISCONNECTED
        if trouble is Trouble.DISCONNECTED and committing:
            raise Unavailable(
                "The database went away while it was committing; what was asked may have been done.",
                detail=str(error),
            ) from error
        if last:
            raise Unavailable("The database is too busy.", detail=str(error)) from error


def _mutex_of(path: str) -> threading.Lock:
    with _mutexes_guard:
        mutex = _mutexes.get(path)
        if mutex is None:
            _mutexes[path] = mutex = threading.Lock()
        return mutex


def _driver(connection: Connection) -> sqlite3.Connection:
    return connection.connection.dbapi_connection  # type: ignore[return-value]


def _act(act: Callable[[], object]) -> None:
    try:
        act()
    except Exception:  # noqa: BLE001 - the transaction is committed: its caller must hear success
        log.exception("what was to happen after a commit failed")


def _name(f: Callable[..., object]) -> str:
    return getattr(f, "__qualname__", repr(f))
