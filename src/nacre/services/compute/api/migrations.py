"""/os-migrations: servers on their way between hosts.  There are none while no operation here moves servers."""

from __future__ import annotations

from typing import Any

from nacre.kernel.http.request import Request
from nacre.kernel.http.routing import Routes
from nacre.services.compute import policy as rules
from nacre.services.compute.api import queries

KNOWN = {
    "hidden", "host", "instance_uuid", "source_compute", "status", "migration_type", "limit", "marker",
    "changes-since", "changes-before", "user_id", "project_id",
}  # fmt: skip
routes = Routes("/v2.1/os-migrations")


@routes.get(policy=rules.MIGRATIONS_INDEX)
def index(req: Request) -> dict[str, Any]:
    queries.refuse_unknown(req, KNOWN)
    queries.span(req)
    return {"migrations": []}
