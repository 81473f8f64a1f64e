"""/servers/{id}/os-volume_attachments: the volumes of a server; none, until block storage is part of the
cloud.
"""

from __future__ import annotations

from typing import Any

from nacre.kernel.errors import NotFound
from nacre.kernel.http.request import Request
from nacre.kernel.http.routing import Routes
from nacre.services.compute import policy as rules
from nacre.services.compute.app import servers
from nacre.services.compute.db.servers import Server

routes = Routes("/v2.1/servers/{server_id}/os-volume_attachments")


@routes.get(policy=rules.VOLUMES_INDEX, load=servers.get)
def index(req: Request, server: Server) -> dict[str, Any]:
    return {"volumeAttachments": []}


@routes.get("/{volume_id}", policy=rules.VOLUMES_INDEX, load=servers.get)
def show(req: Request, server: Server, volume_id: str) -> dict[str, Any]:
    raise NotFound(f"Instance {server.id} is not attached to volume {volume_id}")
