"""Which processes use a service's database, and which revision of its tables they know.

A process enters when it starts, says every half minute that it is still there, and leaves when it ends.  One
that was killed cannot leave; it counts as gone once it has been silent for a while.
"""

from datetime import datetime, timedelta

import msgspec
from sqlalchemy import inspect, select

from nacre.kernel.db.kernel_tables import processes
from nacre.kernel.db.transaction import Transaction

SILENT_AT_MOST = timedelta(seconds=100)
FORGET_AFTER = timedelta(days=1)


class ProcessRow(msgspec.Struct, frozen=True):
    """A process that uses this database: where it runs, what it is, and the revision that it knows."""

    id: str
    host: str
    pid: int
    program: str
    revision: str
    started_at: datetime
    seen_at: datetime

    @property
    def where(self) -> str:
        """The process in words."""
        return f"process {self.pid} on {self.host} ({self.program})"


def are_kept(tx: Transaction) -> bool:
    """Tell whether this database has the table of processes yet."""
    return inspect(tx.connection).has_table(processes.name)


def record(tx: Transaction, row: ProcessRow) -> None:
    """Note that a process is there."""
    if not tx.update(processes, row.id, {"seen_at": row.seen_at}):
        tx.insert(processes, row)


def leave(tx: Transaction, process_id: str) -> None:
    """Note that a process is gone."""
    tx.delete(processes, process_id)


def find(tx: Transaction, process_id: str) -> ProcessRow | None:
    """Return a process that was heard of lately, or None."""
    lately = processes.c.seen_at > tx.now() - SILENT_AT_MOST
    return tx.find(select(processes).where(processes.c.id == process_id, lately), ProcessRow)


def alive(tx: Transaction) -> list[ProcessRow]:
    """Return the processes that were heard of lately."""
    lately = processes.c.seen_at > tx.now() - SILENT_AT_MOST
    return tx.all(select(processes).where(lately).order_by(processes.c.started_at), ProcessRow)


def forget_silent(tx: Transaction) -> int:
    """Drop processes that have been silent for long; return how many."""
    silent = tx.scalars(select(processes.c.id).where(processes.c.seen_at < tx.now() - FORGET_AFTER))
    return sum(tx.delete(processes, process_id) for process_id in silent)  # one by one, touching no other
