"""Once a host is back that had failed: have it remove the servers that were evacuated from it, and free their room."""

from __future__ import annotations

from nacre.kernel import errors
from nacre.kernel.context import Context
from nacre.kernel.db import Transaction
from nacre.kernel.tasks import Reconciler, Report
from nacre.services.compute.app import host_calls, migrations
from nacre.services.compute.app.migrations import Status, Type
from nacre.services.compute.app.services import EVACUATION_SYNC as NAME
from nacre.services.compute.db import hosts, servers
from nacre.services.compute.db import migrations as rows
from nacre.services.compute.db.migrations import Migration
from nacre.services.placement import client as placement

AT_ONCE = 500


def run(ctx: Context) -> Report:
    """Take one turn over all evacuations whose old host has not cleaned up yet."""
    healed, notes = 0, []
    found = ctx.db.read(rows.with_status, Type.EVACUATION, Status.DONE, AT_ONCE)
    for migration in found:
        try:
            healed += _clean_up(ctx, migration)
        except errors.NacreError as error:
            notes.append(f"server {migration.server_id} on host {migration.source_host}: {error.message}")
    left = len(found) - healed
    return Report(found=len(found), healed=healed, left=left, notes=tuple(notes[:20]))


def _clean_up(ctx: Context, migration: Migration) -> bool:
    """Have the old host of an evacuated server remove it, if it is back; tell whether nothing is left there."""
    host = str(migration.source_host)

    def look(tx: Transaction) -> tuple[bool, bool, bool]:
        known, server = hosts.find(tx, host), servers.find(tx, migration.server_id)
        up = known is not None and known.is_up(tx.now(), ctx.config.host_down_seconds)
        return known is not None, up, server is not None and server.host == host

    known, up, is_there_again = ctx.db.read(look)
    if known and not up:
        return False
    command_id = f"evacuated-{migration.uuid}"
    if known and not is_there_again and host_calls.remove(ctx, host, migration.server_id, command_id):
        return False
    placement.release(ctx, migration.uuid)
    ctx.db.run(migrations.move, migration.uuid, Status.COMPLETED)
    return True


EVACUATION_SYNC = Reconciler(NAME, every_seconds=60, run=run)
