"""Migrations: what operators see of servers that change their host or, without leaving it, their size.

These are notes beside the work.  Each is written in the transaction that changes the server, and nothing depends
on what stands in them.
"""

from __future__ import annotations

from enum import StrEnum

from nacre.kernel.context import Context
from nacre.kernel.db import Page, Transaction
from nacre.kernel.ids import new_id
from nacre.services.compute.db import migrations as rows
from nacre.services.compute.db.migrations import Migration, Wanted
from nacre.services.compute.db.servers import Server
from nacre.services.compute.db.tables import FlavorCopy

RESIZE = "resize"


class Status(StrEnum):
    """How far a migration is, as upstream spells it."""

    MIGRATING = "migrating"
    FINISHED = "finished"
    CONFIRMED = "confirmed"
    REVERTED = "reverted"
    ERROR = "error"


OPEN = (Status.MIGRATING, Status.FINISHED)


def index(ctx: Context, wanted: Wanted, page: Page) -> list[Migration]:
    """Return one page of migrations, the newest first."""
    return ctx.db.read(rows.index, wanted, page)


def begin_resize(tx: Transaction, ctx: Context, server: Server, flavor: FlavorCopy) -> None:
    """Note that a server is to have another size on its host."""
    rows.insert(
        tx,
        uuid=new_id(),
        server_id=server.id,
        project_id=server.project_id,
        user_id=ctx.user_id,
        type=RESIZE,
        status=Status.MIGRATING,
        source_host=server.host,
        source_node=server.hypervisor_hostname,
        target_host=server.host,
        target_node=server.hypervisor_hostname,
        old_flavor=rows.serial(tx, server.flavor.id),
        new_flavor=rows.serial(tx, flavor.id),
    )


def note(tx: Transaction, server_id: str, status: Status) -> None:
    """Note how far the migration of a server is that was not over.  May run twice."""
    rows.set_status(tx, server_id, status, of=OPEN)


def close(tx: Transaction, server_id: str) -> None:
    """Note what becomes of the migration of a server that goes.  May run twice.

    compat: who deletes a server with a new size has confirmed that (nova, compute/api.py)
    """
    rows.set_status(tx, server_id, Status.CONFIRMED, of=(Status.FINISHED,))
    rows.set_status(tx, server_id, Status.ERROR, of=(Status.MIGRATING,))
