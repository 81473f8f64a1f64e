"""Further hosts of ports: what other services ask so that a server's network is ready before the server comes."""

from __future__ import annotations

from typing import Any

import msgspec

from nacre.kernel import errors
from nacre.kernel.context import Context

SERVICE = "network"


class Binding(msgspec.Struct, frozen=True, kw_only=True):
    """A host that carries a port, or is ready to."""

    host: str
    vif_type: str = "unbound"
    vif_details: dict[str, Any] = {}
    status: str = "INACTIVE"

    @property
    def is_active(self) -> bool:
        """Tell whether this host carries the port."""
        return self.status == "ACTIVE"

    @property
    def is_connected(self) -> bool:
        """Tell whether the host has wired it."""
        return bool(self.vif_details.get("connected"))


def of_port(ctx: Context, port_id: str) -> list[Binding]:
    """Return all hosts of a port (as the service)."""
    rows = ctx.call(SERVICE, "GET", f"/v2.0/ports/{port_id}/bindings").json()["bindings"]
    return [msgspec.convert(row, Binding) for row in rows]


def add(ctx: Context, port_id: str, host: str) -> None:
    """Have a further host made ready for a port (as the service).  May run twice.

    Raises BadRequest where the host cannot carry the port's network.
    """
    body = {"binding": {"host": host}}
    try:
        ctx.call(SERVICE, "POST", f"/v2.0/ports/{port_id}/bindings", body=body)
    except errors.Conflict:
        return


def activate(ctx: Context, port_id: str, host: str) -> None:
    """Have another of its hosts carry a port (as the service).  May run twice."""
    try:
        ctx.call(SERVICE, "PUT", f"/v2.0/ports/{port_id}/bindings/{host}/activate")
    except errors.Conflict:
        return


def remove(ctx: Context, port_id: str, host: str) -> None:
    """Have a host carry a port no more, or be ready for it (as the service).  May run twice."""
    try:
        ctx.call(SERVICE, "DELETE", f"/v2.0/ports/{port_id}/bindings/{host}")
    except errors.NotFound:
        return
