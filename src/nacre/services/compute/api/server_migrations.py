"""/servers/{id}/migrations: live migrations of a server that are under way, and how to interfere with them."""

from __future__ import annotations

import re
from typing import Any

from nacre.kernel.clock import isoformat_bare
from nacre.kernel.http.request import Request
from nacre.kernel.http.routing import Routes
from nacre.kernel.wire import SHOW, Resource, field
from nacre.kernel.wire import Any as Anything
from nacre.services.compute import policy as rules
from nacre.services.compute import versions
from nacre.services.compute.app import migrations, moves, servers
from nacre.services.compute.db.migrations import Migration as Row
from nacre.services.compute.db.servers import Server
from nacre.services.compute.errors import MigrationNotFound, MigrationNotFoundForServer


def _bytes(name: str) -> Any:
    def read(req: Request, migration: Row) -> int | None:
        return getattr(migration.progress, name) if migration.progress is not None else None

    return read


class ServerMigration(Resource):
    key, keys = "migration", "migrations"

    id = field(SHOW)
    uuid = field(SHOW, since="2.59")
    server_uuid = field(SHOW, source="server_id")
    status = field(SHOW)
    source_compute = field(SHOW, source="source_host")
    source_node = field(SHOW)
    dest_compute = field(SHOW, source="target_host")
    dest_node = field(SHOW, source="target_node")
    dest_host = field(SHOW, source=lambda req, migration: None)
    memory_total_bytes = field(SHOW, source=_bytes("memory_total_bytes"))
    memory_processed_bytes = field(SHOW, source=_bytes("memory_processed_bytes"))
    memory_remaining_bytes = field(SHOW, source=_bytes("memory_remaining_bytes"))
    disk_total_bytes = field(SHOW, source=_bytes("disk_total_bytes"))
    disk_processed_bytes = field(SHOW, source=_bytes("disk_processed_bytes"))
    disk_remaining_bytes = field(SHOW, source=_bytes("disk_remaining_bytes"))
    created_at = field(SHOW, render=isoformat_bare)
    updated_at = field(SHOW, render=isoformat_bare)
    user_id = field(SHOW, since="2.80")
    project_id = field(SHOW, since="2.80")


routes = Routes("/v2.1/servers/{server_id}/migrations", resource=ServerMigration)


def _number(text: str) -> int:
    """Return the number by which clients know a migration; 0, which none has, for what is no number."""
    return int(text) if re.fullmatch(r"[0-9]{1,9}", text) else 0


@routes.get(policy=rules.SERVER_MIGRATIONS_INDEX, load=servers.get, since="2.23")
def index(req: Request, server: Server) -> dict[str, Any]:
    found = migrations.live_under_way(req.ctx, server)
    return {"migrations": [req.show(ServerMigration, each) for each in found]}


@routes.get("/{migration_id}", policy=rules.SERVER_MIGRATIONS_SHOW, load=servers.get, since="2.23")
def show(req: Request, server: Server, migration_id: str) -> dict[str, Any]:
    if not _number(migration_id):
        raise MigrationNotFound(
            f"In-progress live migration {migration_id[:40]} is not found for server {server.id}."
        )
    found = migrations.get_live(req.ctx, server, _number(migration_id))
    return {"migration": req.show(ServerMigration, found)}


@routes.delete("/{migration_id}", policy=rules.SERVER_MIGRATIONS_ABORT, load=servers.get, status=202,
               since="2.24")  # fmt: skip
def abort(req: Request, server: Server, migration_id: str) -> None:
    even_queued = req.version is not None and req.version >= versions.QUEUED_MIGRATIONS_ABORTED
    if not _number(migration_id):
        raise MigrationNotFoundForServer(0, server.id)
    moves.abort(req.ctx, server, _number(migration_id), even_queued=even_queued)


@routes.action("force_complete", path="/{migration_id}/action", policy=rules.SERVER_MIGRATIONS_FORCE,
               load=servers.get, status=202, since="2.22", body=Anything())  # fmt: skip
def force_complete(req: Request, server: Server, migration_id: str) -> None:
    moves.force_complete(req.ctx, server, _number(migration_id))
