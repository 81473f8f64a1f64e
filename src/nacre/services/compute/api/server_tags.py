"""/servers/{id}/tags: words that users sort their servers by."""

from __future__ import annotations

from typing import Any

from nacre.kernel.http.request import Request, Response
from nacre.kernel.http.routing import Routes
from nacre.kernel.wire.fields import check_value
from nacre.services.compute import policy as rules
from nacre.services.compute.api import links
from nacre.services.compute.api.checks import TAG, TAGS
from nacre.services.compute.app import labels, servers
from nacre.services.compute.db.servers import Server

SINCE = "2.26"
routes = Routes("/v2.1/servers/{server_id}/tags")


@routes.get(policy=rules.TAGS_INDEX, load=servers.get, since=SINCE)
def index(req: Request, server: Server) -> dict[str, Any]:
    return {"tags": labels.tags(req.ctx, server)}


@routes.put(policy=rules.TAGS_REPLACE, load=servers.get, body=TAGS, envelope="tags", since=SINCE)
def replace(req: Request, server: Server, body: list[str]) -> dict[str, Any]:
    return {"tags": labels.replace_tags(req.ctx, server, body)}


@routes.delete(policy=rules.TAGS_CLEAR, load=servers.get, since=SINCE)
def clear(req: Request, server: Server) -> None:
    labels.replace_tags(req.ctx, server, [])


@routes.get("/{tag}", policy=rules.TAGS_SHOW, load=servers.get, since=SINCE)
def show(req: Request, server: Server, tag: str) -> Response:
    labels.check_tag(req.ctx, server, tag)
    return Response(204)


@routes.put("/{tag}", policy=rules.TAGS_UPDATE, load=servers.get, since=SINCE)
def add(req: Request, server: Server, tag: str) -> Response:
    check_value("tag", TAG, tag)
    new = labels.add_tag(req.ctx, server, tag)
    location = req.url(links.ROOT, "servers", server.id, "tags", tag)
    return Response(201 if new else 204, headers=[("Location", location)])


@routes.delete("/{tag}", policy=rules.TAGS_DELETE, load=servers.get, since=SINCE)
def delete(req: Request, server: Server, tag: str) -> None:
    labels.delete_tag(req.ctx, server, tag)
