"""/os-migrations: servers that changed their host or their size, and how that went."""

from __future__ import annotations

from typing import Any

from nacre.kernel.clock import isoformat_bare
from nacre.kernel.http.pagination import next_links, page
from nacre.kernel.http.request import Request
from nacre.kernel.http.routing import Routes
from nacre.kernel.wire import SHOW, Resource, field
from nacre.services.compute import policy as rules
from nacre.services.compute import versions
from nacre.services.compute.api import links, queries
from nacre.services.compute.app import migrations, moves
from nacre.services.compute.db.migrations import Migration as Row
from nacre.services.compute.db.migrations import Wanted


class Migration(Resource):
    key, keys = "migration", "migrations"

    id = field(SHOW)
    uuid = field(SHOW, since="2.59")
    status = field(SHOW)
    instance_uuid = field(SHOW, source="server_id")
    source_node = field(SHOW)
    source_compute = field(SHOW, source="source_host")
    dest_node = field(SHOW, source="target_node")
    dest_compute = field(SHOW, source="target_host")
    # an address of the host, which those who ask of servers need not know
    dest_host = field(SHOW, source=lambda req, migration: None)
    old_instance_type_id = field(SHOW, source="old_flavor")
    new_instance_type_id = field(SHOW, source="new_flavor")
    created_at = field(SHOW, render=isoformat_bare)
    updated_at = field(SHOW, render=isoformat_bare)
    migration_type = field(SHOW, source="type", since="2.23")
    user_id = field(SHOW, since="2.80")
    project_id = field(SHOW, since="2.80")


COLUMNS = {
    "instance_uuid": "server_id", "source_compute": "source_host", "status": "status", "migration_type": "type",
}  # fmt: skip
"""Filters whose value is compared as it is: parameter → column."""

WHOSE = {"user_id": "user_id", "project_id": "project_id"}
"""The same from 2.80 on."""

routes = Routes("/v2.1/os-migrations")


@routes.get(policy=rules.MIGRATIONS_INDEX)
def index(req: Request) -> dict[str, Any]:
    paged = _at_least(req, versions.MIGRATION_PAGES)
    columns = COLUMNS | (WHOSE if _at_least(req, versions.MIGRATION_OWNERS) else {})
    known = {*columns, "host", "hidden"}
    if paged:
        known |= {*queries.PAGING, "changes-since"}
    if _at_least(req, versions.CHANGES_BEFORE):
        known |= {"changes-before"}
    queries.refuse_unknown(req, known, always=paged)
    since, before = queries.span(req) if paged else (None, None)
    wanted = Wanted(
        columns={column: req.query[name][-1] for name, column in columns.items() if name in req.query},
        host=req.arg("host"),
        changes_since=since,
        changes_before=before,
    )
    asked = page(req, Migration, maximum=req.ctx.config.max_list)
    found = migrations.index(req.ctx, wanted, asked)
    body: dict[str, Any] = {"migrations": [_shown(req, each) for each in found]}
    more = next_links(req, asked, [each.uuid for each in found]) if paged else []
    if more:
        body["migrations_links"] = more
    return body


def _shown(req: Request, migration: Row) -> dict[str, Any]:
    """Show a migration; with links to the rest of what there is to see of a live one that is under way."""
    shown = req.show(Migration, migration)
    if _at_least(req, versions.MIGRATION_TYPES) and moves.is_under_way(migration):
        shown["links"] = links.of(req, "servers", migration.server_id, "migrations", str(migration.id))
    return shown


def _at_least(req: Request, version: Any) -> bool:
    return req.version is not None and req.version >= version
