"""/servers/{id}/os-server-password: the encrypted password that a guest left for its owner."""

from __future__ import annotations

from nacre.kernel.http.request import Request
from nacre.kernel.http.routing import Routes
from nacre.services.compute import policy as rules
from nacre.services.compute.app import passwords, servers
from nacre.services.compute.db.servers import Server

routes = Routes("/v2.1/servers/{server_id}/os-server-password")


@routes.get(policy=rules.SERVER_PASSWORD_SHOW, load=servers.get)
def show(req: Request, server: Server) -> dict[str, str]:
    return {"password": passwords.get(req.ctx, server)}


@routes.delete(policy=rules.SERVER_PASSWORD_CLEAR, load=servers.get)
def clear(req: Request, server: Server) -> None:
    passwords.clear(req.ctx, server)
