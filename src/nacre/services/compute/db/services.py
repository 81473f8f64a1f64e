"""Where the control plane runs: one row for each machine and each kind of work, noted by who does it."""

from datetime import datetime

import msgspec
from sqlalchemy import select

from nacre.kernel.db import Transaction
from nacre.kernel.ids import new_id
from nacre.services.compute.db.hosts import free_number
from nacre.services.compute.db.tables import control_processes


class ControlProcess(msgspec.Struct, frozen=True):
    """A part of the control plane on one machine."""

    host: str
    binary: str
    id: str
    number: int
    seen_at: datetime


_ALL = select(*[control_processes.c[name] for name in ControlProcess.__struct_fields__])


def note(tx: Transaction, host: str, binary: str) -> None:
    """Note that this part of the control plane works on this machine now."""
    now = tx.now()
    if not tx.update(control_processes, (host, binary), {"seen_at": now}):
        new = ControlProcess(host, binary, new_id(), free_number(tx), now)
        tx.insert_if_absent(control_processes, new)


def every(tx: Transaction) -> list[ControlProcess]:
    """Return all of them, by kind and machine."""
    return tx.all(_ALL.order_by(control_processes.c.binary, control_processes.c.host), ControlProcess)


def delete(tx: Transaction, process_id: str) -> None:
    """Forget one."""
    tx.delete(control_processes, control_processes.c.id == process_id)
