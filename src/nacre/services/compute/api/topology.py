"""/servers/{id}/topology: how a guest's processors and memory are laid over the host's NUMA nodes.

No server of this cloud is pinned to a node, and for such servers the answer has no nodes.
"""

from __future__ import annotations

from typing import Any

from nacre.kernel.http.request import Request
from nacre.kernel.http.routing import Routes
from nacre.services.compute import policy as rules
from nacre.services.compute.api import queries
from nacre.services.compute.app import servers
from nacre.services.compute.db.servers import Server

routes = Routes("/v2.1/servers/{server_id}/topology")


@routes.get(policy=rules.TOPOLOGY, load=servers.get, since="2.78")
def show(req: Request, server: Server) -> dict[str, Any]:
    queries.refuse_unknown(req, ())
    return {"nodes": [], "pagesize_kb": None}
