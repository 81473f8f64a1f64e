"""A process says in the databases that it uses that it is there, and keeps the kernel's own tables tidy.

Others want to know: who changes tables must not take away what an older process still reads, and who
finds a request begun by another process must know whether that one can still end it.  A process proves in two
ways that it lives: by a row that it renews (good for other machines, slow to tell of a death) and by a lock
on a file in its state directory (tells at once, to processes with the same directory).
"""

from __future__ import annotations

import fcntl
import logging
import os
import socket
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from nacre.kernel.clock import Clock
from nacre.kernel.db import Database, Transaction
from nacre.kernel.db import processes as rows
from nacre.kernel.errors import NacreError
from nacre.kernel.ids import new_id

log = logging.getLogger(__name__)

RENEW_EVERY_SECONDS = 30.0
TIDY_EVERY_SECONDS = 3600.0


class Attendance:
    """One process's presence.

    databases   each database that the process uses, and the revision of its tables that it knows
    tidy        what to do in each database now and then, in a transaction
    """

    def __init__(
        self,
        directory: Path,
        databases: Mapping[Database, str],
        clock: Clock,
        *,
        tidy: Sequence[Callable[[Transaction], object]] = (),
    ) -> None:
        self.id = new_id()
        self._directory, self._databases, self._clock = directory, dict(databases), clock
        self._tidy = (rows.forget_silent, *tidy)
        self._host, self._started_at = socket.gethostname(), clock.now()
        self._end = threading.Event()
        self._thread: threading.Thread | None = None
        self._lock: int | None = None

    def start(self) -> None:
        """Enter every database; renew that from a thread of its own."""
        self._remove_files_of_the_dead()
        path = self._path(self.id)
        self._lock = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)  # waits for whoever just tries it
        for database in self._databases:
            database.run(self._record)
        self._thread = threading.Thread(target=self._attend, name="attendance", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Leave every database."""
        if self._thread is None:
            return
        self._end.set()
        self._thread.join()
        self._each(lambda tx: rows.leave(tx, self.id))
        if self._lock is not None:
            self._path(self.id).unlink(missing_ok=True)
            os.close(self._lock)
            self._lock = None

    def is_other(self, tx: Transaction, process_id: str) -> bool:
        """Tell whether a process of this id is there, and is not this one."""
        if process_id == self.id:
            return False
        held = _is_held(self._path(process_id))
        return rows.find(tx, process_id) is not None if held is None else held

    def _attend(self) -> None:
        tidy_at = self._clock.monotonic() + TIDY_EVERY_SECONDS
        while not self._end.wait(RENEW_EVERY_SECONDS):
            self._each(self._record)
            if self._clock.monotonic() >= tidy_at:
                tidy_at = self._clock.monotonic() + TIDY_EVERY_SECONDS
                self.tidy()

    def tidy(self) -> None:
        """Remove what nobody needs any more."""
        for work in self._tidy:
            self._each(work)

    def _each(self, work: Callable[[Transaction], object]) -> None:
        for database in self._databases:
            try:
                database.run(work)
            except NacreError as error:  # the next turn is the retry
                log.warning("%r cannot be told that this process is there: %s", database, error)

    def _record(self, tx: Transaction) -> None:
        row = rows.ProcessRow(
            id=self.id,
            host=self._host[:255],
            pid=os.getpid(),
            program=" ".join(Path(sys.argv[0] or "nacre").parts[-1:] + tuple(sys.argv[1:2]))[:255],
            revision=self._databases[tx.db],
            started_at=self._started_at,
            seen_at=tx.now(),
        )
        rows.record(tx, row)

    def _path(self, process_id: str) -> Path:
        return self._directory / f"{process_id}.process"

    def _remove_files_of_the_dead(self) -> None:
        for path in self._directory.glob("*.process"):
            if _is_held(path) is False:
                path.unlink(missing_ok=True)


def living(tx: Transaction, directory: Path) -> list[rows.ProcessRow]:
    """Return the processes that use a database; who died beside this state directory is not among them."""
    if not rows.are_kept(tx):
        return []
    return [row for row in rows.alive(tx) if _is_held(directory / f"{row.id}.process") is not False]


def _is_held(path: Path) -> bool | None:
    """Tell whether a living process holds a file's lock; None where there is no such file."""
    try:
        file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(file)
    return False
