"""What a running server uses, as its host measures it."""

from __future__ import annotations

from nacre.kernel.context import Context
from nacre.services.compute import rpc
from nacre.services.compute.app import states
from nacre.services.compute.db.servers import Server


def get(ctx: Context, server: Server) -> rpc.Diagnostics:
    """Ask a server's host; raises WrongState, ServerNotReady, and Conflict while the guest does not run."""
    states.check(ctx, server, states.DIAGNOSTICS)
    asked = rpc.DiagnosticsRequest(server_id=server.id)
    return ctx.bus.call(rpc.host_topic(states.host_of(server)), rpc.DIAGNOSTICS, asked)
