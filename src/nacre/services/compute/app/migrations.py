"""Migrations: servers that change their host or, without leaving it, their size; and how far that is.

While a server moves, its migration holds room too: in placement, under the migration's UUID, stands what the
server still takes of the host that it leaves.  A migration that is over holds nothing.
"""

from __future__ import annotations

from enum import StrEnum

from nacre.kernel.context import Context
from nacre.kernel.db import Page, Transaction
from nacre.kernel.ids import new_id
from nacre.services.compute import rpc
from nacre.services.compute.db import migrations as rows
from nacre.services.compute.db.migrations import Migration, Wanted
from nacre.services.compute.db.servers import Server
from nacre.services.compute.db.tables import FlavorCopy
from nacre.services.compute.errors import MigrationNotFound


class Type(StrEnum):
    """What kind of migration, as upstream spells it."""

    RESIZE = "resize"
    COLD = "migration"
    LIVE = "live-migration"
    EVACUATION = "evacuation"


class Status(StrEnum):
    """How far a migration is, as upstream spells it."""

    ACCEPTED = "accepted"
    QUEUED = "queued"
    PREPARING = "preparing"
    RUNNING = "running"
    MIGRATING = "migrating"
    POST_MIGRATING = "post-migrating"
    FINISHED = "finished"
    DONE = "done"
    CONFIRMED = "confirmed"
    REVERTED = "reverted"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    ERROR = "error"


UNDER_WAY = (
    Status.ACCEPTED, Status.QUEUED, Status.PREPARING, Status.RUNNING, Status.MIGRATING, Status.POST_MIGRATING,
)  # fmt: skip
OPEN = (*UNDER_WAY, Status.FINISHED)
LIVE_UNDER_WAY = (Status.QUEUED, Status.PREPARING, Status.RUNNING, Status.POST_MIGRATING)


def index(ctx: Context, wanted: Wanted, page: Page) -> list[Migration]:
    """Return one page of migrations, the newest first."""
    return ctx.db.read(rows.index, wanted, page)


def live_under_way(ctx: Context, server: Server) -> list[Migration]:
    """Return the live migrations of a server that are not over."""
    return ctx.db.read(rows.of_server, server.id, Type.LIVE, LIVE_UNDER_WAY)


def get_live(ctx: Context, server: Server, number: int) -> Migration:
    """Return a live migration of a server that is not over; raises MigrationNotFound."""
    found = ctx.db.read(rows.by_number, server.id, number)
    if found is None:
        raise MigrationNotFound(f"In-progress live migration {number} is not found for server {server.id}.")
    if found.type != Type.LIVE:
        raise MigrationNotFound(f"Migration {number} for server {server.id} is not live-migration.")
    if found.status not in LIVE_UNDER_WAY:
        raise MigrationNotFound(f"Live migration {number} for server {server.id} is not in progress.")
    return found


def begin(
    tx: Transaction,
    ctx: Context,
    server: Server,
    kind: Type,
    status: Status,
    *,
    flavor: FlavorCopy | None = None,
    target: tuple[str, str] | None = None,
) -> str:
    """Note that a server is to go elsewhere, or to have another size; return the migration's UUID.

    `target` is the name of the host and of its hypervisor, where they are known already.
    """
    uuid = new_id()
    rows.insert(
        tx,
        uuid=uuid,
        server_id=server.id,
        project_id=server.project_id,
        user_id=ctx.user_id,
        type=kind,
        status=status,
        source_host=server.host,
        source_node=server.hypervisor_hostname,
        target_host=target[0] if target else None,
        target_node=target[1] if target else None,
        old_flavor=rows.serial(tx, server.flavor.id),
        new_flavor=rows.serial(tx, (flavor or server.flavor).id),
    )
    return uuid


def begin_resize(tx: Transaction, ctx: Context, server: Server, flavor: FlavorCopy) -> str:
    """Note that a server is to have another size on its host; return the migration's UUID."""
    here = str(server.host), str(server.hypervisor_hostname)
    return begin(tx, ctx, server, Type.RESIZE, Status.MIGRATING, flavor=flavor, target=here)


def move(tx: Transaction, uuid: str, status: Status) -> None:
    """Note how far a migration is.  May run twice."""
    rows.update(tx, uuid, status=status)


def record_progress(tx: Transaction, server_id: str, progress: rpc.MoveProgress) -> None:
    """Note how much of a server that is being sent has arrived."""
    found = rows.latest(tx, server_id)
    if found is not None and found.status == Status.RUNNING and found.progress != progress:
        rows.update(tx, found.uuid, progress=progress)


def note(tx: Transaction, server_id: str, status: Status) -> None:
    """Note how far the migration of a server is that was not over.  May run twice."""
    rows.set_status(tx, server_id, status, of=OPEN)


def close(tx: Transaction, server_id: str) -> None:
    """Note what becomes of the migration of a server that goes.  May run twice.

    compat: who deletes a server with a new size has confirmed that (nova, compute/api.py)
    """
    rows.set_status(tx, server_id, Status.CONFIRMED, of=(Status.FINISHED,))
    rows.set_status(tx, server_id, Status.ERROR, of=UNDER_WAY)
