"""/servers/{id}/metadata: keys and values that users write on their servers."""

from __future__ import annotations

from typing import Any

from nacre.kernel.errors import BadRequest
from nacre.kernel.http.request import Request
from nacre.kernel.http.routing import DO_AGAIN, Routes
from nacre.kernel.wire import FreeMap, Str
from nacre.services.compute import policy as rules
from nacre.services.compute.api.checks import KEY, METADATA
from nacre.services.compute.app import labels, servers
from nacre.services.compute.db.servers import Server

ITEM = FreeMap(Str(0, 255), key=KEY, minimum=1, maximum=1)
routes = Routes("/v2.1/servers/{server_id}/metadata")


@routes.get(policy=rules.METADATA_INDEX, load=servers.get)
def index(req: Request, server: Server) -> dict[str, Any]:
    return {"metadata": labels.metadata(req.ctx, server)}


@routes.post(
    policy=rules.METADATA_CREATE,
    load=servers.get,
    body=METADATA,
    envelope="metadata",
    tell_again=DO_AGAIN,
)
def create(req: Request, server: Server, body: dict[str, str]) -> dict[str, Any]:
    return {"metadata": labels.add_items(req.ctx, server, body)}


@routes.put(policy=rules.METADATA_REPLACE, load=servers.get, body=METADATA, envelope="metadata")
def replace(req: Request, server: Server, body: dict[str, str]) -> dict[str, Any]:
    return {"metadata": labels.replace_items(req.ctx, server, body)}


@routes.get("/{key}", policy=rules.METADATA_SHOW, load=servers.get)
def show(req: Request, server: Server, key: str) -> dict[str, Any]:
    return {"meta": {key: labels.item(req.ctx, server, key)}}


@routes.put("/{key}", policy=rules.METADATA_UPDATE, load=servers.get, body=ITEM, envelope="meta")
def update(req: Request, server: Server, key: str, body: dict[str, str]) -> dict[str, Any]:
    if key not in body:
        raise BadRequest("Request body and URI mismatch")
    labels.add_items(req.ctx, server, body)
    return {"meta": body}


@routes.delete("/{key}", policy=rules.METADATA_DELETE, load=servers.get)
def delete(req: Request, server: Server, key: str) -> None:
    labels.delete_item(req.ctx, server, key)
