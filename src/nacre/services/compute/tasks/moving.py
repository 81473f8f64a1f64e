"""What the workflows that bring a server to another host begin with, take back, and do again elsewhere.

Live and cold migration and evacuation differ in how a server gets over; before that they are the same: find a host
and claim its room, and if nothing comes of it, give that room back and have the ports where the server is.
"""

from __future__ import annotations

from typing import TypeVar

import msgspec

from nacre.kernel.context import Context
from nacre.kernel.db import Transaction
from nacre.kernel.tasks import Run, Wait
from nacre.services.compute.app import actions, relocation
from nacre.services.compute.app.jobs import ColdMigration, Evacuation, LiveMigration
from nacre.services.compute.app.scheduling import choice
from nacre.services.compute.db import migrations as migration_rows
from nacre.services.compute.db import servers as rows
from nacre.services.compute.db.tables import FlavorCopy

Asked = TypeVar("Asked", LiveMigration, ColdMigration, Evacuation)


def source_of(ctx: Context, run: Run[Asked]) -> str:
    """Return the host that the server leaves, or that failed."""
    migration = ctx.db.read(migration_rows.find, run.input.migration_id)
    return str(migration.source_host) if migration else ""


def release(ctx: Context, run: Run[Asked]) -> None:
    """Let the server hold what it needs where it is, and nothing else."""
    relocation.settle_room(ctx, run.input.server_id, run.input.migration_id)


def find_host(
    ctx: Context, run: Run[Asked], event: str, *, flavor: FlavorCopy | None = None, forced: bool = False
) -> choice.Choice | Wait:
    """Note that this has begun, find a host, and claim its room beside what the server holds now.

    flavor   the size that the server is to have; by default its own
    forced   whether the host that was asked for is taken without a question
    """
    asked = run.input

    def begin(tx: Transaction) -> rows.Server:
        server = rows.get(tx, asked.server_id)
        actions.begin(tx, ctx, asked.server_id, event, server.host)
        return server

    server = ctx.db.run(begin)
    move = choice.Move(
        leaves=source_of(ctx, run),
        flavor=flavor or server.flavor,
        target=asked.target,
        forced=forced,
        excluded=asked.excluded,
    )
    return relocation.find_room(ctx, server, asked.migration_id, move)


def note_target(tx: Transaction, run: Run[Asked], status: str, chosen: choice.Choice) -> None:
    """Write down where the server is to go."""
    target = {"target_host": chosen.host, "target_node": chosen.hypervisor_hostname}
    migration_rows.update(tx, run.input.migration_id, status=status, **target)


def keep_ports(ctx: Context, run: Run[Asked]) -> None:
    """Have the server's ports where the server is, and nowhere else."""
    relocation.move_ports(ctx, run.input.server_id)


def may_try_elsewhere(ctx: Context, asked: LiveMigration | ColdMigration | Evacuation) -> bool:
    """Tell whether a host that refused may be followed by another: not where somebody asked for it by name."""
    return asked.target is None and asked.attempt < ctx.config.build_attempts


def elsewhere(asked: Asked, refused: str) -> Asked:
    """Return what to ask for next: the same, but not on the host that refused."""
    return msgspec.structs.replace(asked, attempt=asked.attempt + 1, excluded=(*asked.excluded, refused))
