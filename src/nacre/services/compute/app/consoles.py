"""What a server's console shows."""

from __future__ import annotations

from nacre.kernel.context import Context
from nacre.kernel.errors import NotFound
from nacre.services.compute import rpc
from nacre.services.compute.app import states
from nacre.services.compute.db.servers import Server
from nacre.services.compute.errors import ServerNotReady


def output(ctx: Context, server: Server, length: int | None) -> str:
    """Return the last lines of a server's console, or all that is kept; raises ServerNotReady.

    compat: the end of the log counts as a line, empty after a line break (nova, compute/manager.py, _tail_log)
    """
    host = states.host_of(server)
    asked = rpc.ConsoleLogRequest(server_id=server.id, length=length)
    try:
        log = ctx.bus.call(rpc.host_topic(host), rpc.CONSOLE_LOG, asked).output
    except NotFound:
        raise ServerNotReady(server.id) from None
    if length is None:
        return log
    return "\n".join(log.split("\n")[-length:]) if length else ""
