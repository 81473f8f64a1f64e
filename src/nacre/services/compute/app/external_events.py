"""What other services tell compute of: ports that came up or changed, volumes that grew, power that went.

Network inside this cloud tells by the bus (`network.port.up`); the REST way is for what stands outside.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from nacre.kernel import tasks
from nacre.kernel.context import Context
from nacre.kernel.db import Transaction
from nacre.services.compute.app import interfaces, jobs, nics
from nacre.services.compute.db import nics as nic_rows
from nacre.services.compute.db import servers
from nacre.services.compute.db.tables import TaskState

NETWORK_EVENTS = frozenset(
    ("network-changed", "network-vif-plugged", "network-vif-unplugged", "network-vif-deleted")
)


class Heard(msgspec.Struct, frozen=True):
    """One event that was told, and whether it could be used: 200, 404, or 422 without a host."""

    name: str
    server_id: str
    tag: str | None
    status: str
    code: int


def hear(ctx: Context, told: Sequence[dict[str, Any]]) -> list[Heard]:
    """Use each event as far as it can be used."""
    known = {each.id: each for each in ctx.db.read(servers.several, {e["server_uuid"] for e in told})}
    heard = []
    for event in told:
        server = known.get(event["server_uuid"])
        code = 404 if server is None else 422 if server.host is None else 200
        status = event.get("status") or "completed"
        heard.append(Heard(event["name"], event["server_uuid"], event.get("tag"), status, code))
    used = [each for each in heard if each.code == 200]
    stale = {each.server_id for each in used if each.name in NETWORK_EVENTS}
    if stale:
        nics.refresh(ctx, stale)
    for server_id in {each.server_id for each in used}:
        tasks.wake(ctx, resource=jobs.of(server_id))
    return heard


def port_up(ctx: Context, payload: dict[str, str]) -> None:
    """A port came up: go on with the server that waits for it."""
    server_id = payload.get("device_id")
    if server_id:
        tasks.wake(ctx, resource=jobs.of(server_id))


def port_changed(ctx: Context, payload: dict[str, str]) -> None:
    """A port is not what it was: show the server's addresses as they are now, or pull out a card whose
    port is gone."""

    def owner(tx: Transaction) -> str | None:
        nic = nic_rows.by_port(tx, payload.get("port_id", ""))
        server = servers.find(tx, nic.server_id) if nic else None
        is_going = server is None or server.task_state is TaskState.DELETING  # and takes its cards along
        return None if server is None or is_going else server.id

    server_id = ctx.db.read(owner)
    if server_id is not None:
        for port_id in nics.refresh(ctx, [server_id]):
            interfaces.forget(ctx, server_id, port_id)
