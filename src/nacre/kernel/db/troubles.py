"""What a database's complaint means: try again, give up, or the caller's own clash.

Three drivers phrase the same few troubles differently; this file is the only one that knows their
codes.
"""

import sqlite3
from enum import Enum

from sqlalchemy.exc import DBAPIError

from nacre.kernel.errors import Conflict


class Duplicate(Conflict):
    """A row with the same unique values is there already.

    The transaction is spoilt by then (PostgreSQL insists), so catch this around `db.run`, not inside
    it; inside, ask with `tx.insert_if_absent`.
    """

    message = "It exists already."


class StillReferenced(Conflict):
    """Another row refers to this one, or this one refers to a row that is not there."""

    message = "It is still in use."


class Trouble(Enum):
    """The few kinds of complaint that are told apart."""

    CONTENTION = "another transaction was in the way: run it again"
    DISCONNECTED = "the connection is gone"
    DUPLICATE = "a unique value exists already"
    REFERENCED = "a reference does not hold"
    OTHER = "a mistake of ours"


_SQLITE = {
    sqlite3.SQLITE_BUSY: Trouble.CONTENTION,
    sqlite3.SQLITE_BUSY_SNAPSHOT: Trouble.CONTENTION,
    sqlite3.SQLITE_BUSY_RECOVERY: Trouble.CONTENTION,
    sqlite3.SQLITE_LOCKED: Trouble.CONTENTION,
    sqlite3.SQLITE_CONSTRAINT_UNIQUE: Trouble.DUPLICATE,
    sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY: Trouble.DUPLICATE,
    sqlite3.SQLITE_CONSTRAINT_ROWID: Trouble.DUPLICATE,
    sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY: Trouble.REFERENCED,
    sqlite3.SQLITE_CANTOPEN: Trouble.DISCONNECTED,
}
_POSTGRESQL = {
    "40001": Trouble.CONTENTION,  # serialization failure
    "40P01": Trouble.CONTENTION,  # deadlock
    "55P03": Trouble.CONTENTION,  # lock not available in time
    "23505": Trouble.DUPLICATE,
    "23503": Trouble.REFERENCED,
    "57P01": Trouble.DISCONNECTED,  # the administrator stops the server
    "57P02": Trouble.DISCONNECTED,
    "57P03": Trouble.DISCONNECTED,  # it is starting up
    "53300": Trouble.DISCONNECTED,  # too many connections
}
_MARIADB = {
    1205: Trouble.CONTENTION,  # lock wait timeout
    1213: Trouble.CONTENTION,  # deadlock
    1020: Trouble.CONTENTION,  # record has changed since last read
    1062: Trouble.DUPLICATE,
    1216: Trouble.REFERENCED,
    1217: Trouble.REFERENCED,
    1451: Trouble.REFERENCED,
    1452: Trouble.REFERENCED,
    1040: Trouble.DISCONNECTED,  # too many connections
    1053: Trouble.DISCONNECTED,  # server shutdown in progress
    2003: Trouble.DISCONNECTED,
    2006: Trouble.DISCONNECTED,
    2013: Trouble.DISCONNECTED,
}


def diagnose(error: BaseException) -> Trouble:
    """Tell which trouble an exception of SQLAlchemy or of a driver stands for."""
    if isinstance(error, DBAPIError):
        if error.connection_invalidated:
            return Trouble.DISCONNECTED
        return diagnose(error.orig) if error.orig is not None else Trouble.OTHER
    if isinstance(error, sqlite3.Error):
        code = getattr(error, "sqlite_errorcode", None)
        return _SQLITE.get(code, Trouble.OTHER) if code is not None else Trouble.OTHER
    code = error.args[0] if error.args else None
    if isinstance(code, int):  # PyMySQL, which has an sqlstate too, but a vaguer one
        return _MARIADB.get(code, Trouble.OTHER)
    state = getattr(error, "sqlstate", None)
    if state is None:
        return Trouble.OTHER
    return _POSTGRESQL.get(state, Trouble.DISCONNECTED if state.startswith("08") else Trouble.OTHER)
