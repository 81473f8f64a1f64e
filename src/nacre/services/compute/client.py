"""What other services ask of compute: a server as they may see it.

Everything is done with the rights of the context: the user's own, or the service's after `ctx.as_service()`.
"""

from __future__ import annotations

from typing import Any

import msgspec

from nacre.kernel.context import Context

SERVICE = "compute"
VERSION = "2.96"


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """A server as the caller may see it; `host` is empty for those who may not see it."""

    id: str
    name: str
    status: str
    project_id: str = msgspec.field(name="tenant_id")
    user_id: str
    task_state: str | None = msgspec.field(name="OS-EXT-STS:task_state", default=None)
    host: str | None = msgspec.field(name="OS-EXT-SRV-ATTR:host", default=None)
    availability_zone: str = msgspec.field(name="OS-EXT-AZ:availability_zone", default="")
    addresses: dict[str, list[dict[str, Any]]] = {}
    metadata: dict[str, str] = {}


def get(ctx: Context, server_id: str) -> Server:
    """Return a server; raises NotFound for what is not there or not the caller's to see."""
    reply = ctx.call(SERVICE, "GET", f"/v2.1/servers/{server_id}", version=VERSION)
    return msgspec.convert(reply.json()["server"], Server)


def tell(ctx: Context, name: str, server_id: str, *, tag: str, status: str = "completed") -> None:
    """Tell of something that happened to a server (as the service): volume-extended, network-changed …"""
    event = {"name": name, "server_uuid": server_id, "tag": tag, "status": status}
    ctx.call(SERVICE, "POST", "/v2.1/os-server-external-events", body={"events": [event]}, version=VERSION)
