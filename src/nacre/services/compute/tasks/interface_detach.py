"""Pull a network card out of a server, then give its port up."""

from __future__ import annotations

from nacre.kernel.context import Context
from nacre.kernel.db import Transaction
from nacre.kernel.tasks import Failure, Finish, Run
from nacre.services.compute import rpc
from nacre.services.compute.app import actions, host_calls, nics
from nacre.services.compute.app.jobs import DETACH_INTERFACE, InterfaceDetach
from nacre.services.compute.db import actions as action_rows
from nacre.services.compute.db import nics as rows
from nacre.services.compute.db import servers

EVENT = "compute_detach_interface"


@DETACH_INTERFACE.step()
def unplug(ctx: Context, run: Run[InterfaceDetach]) -> None:
    """Have the host pull the card out of the guest."""
    server_id = run.input.server_id

    def begin(tx: Transaction) -> servers.Server:
        server = servers.get(tx, server_id)
        actions.begin(tx, ctx, server_id, EVENT, server.host)
        return server

    server = ctx.db.run(begin)
    if server.host is None:
        return
    message = rpc.DetachNic(
        command_id=f"unplug-{run.job.id}",
        server_id=server_id,
        revision=server.revision,
        port_id=run.input.port_id,
    )
    host_calls.unplug(ctx, server.host, message)


@DETACH_INTERFACE.step()
def give_port_up(ctx: Context, run: Run[InterfaceDetach]) -> Finish:
    """Delete the port, or give it back to the user who lent it."""
    server_id, port_id = run.input.server_id, run.input.port_id
    nic = ctx.db.read(rows.by_port, port_id)
    if nic is not None and nic.server_id == server_id:
        nics.let_go(ctx, port_id, owned=nic.owned)

    def end(tx: Transaction) -> None:
        rows.delete(tx, server_id, port_id)
        actions.end(tx, ctx, server_id, EVENT)

    return Finish(end)


@DETACH_INTERFACE.on_failure
def give_up(ctx: Context, run: Run[InterfaceDetach], failure: Failure) -> Finish:
    """Say why the card is still there."""

    def write(tx: Transaction) -> None:
        if servers.find(tx, run.input.server_id) is not None:
            action_rows.add_fault(tx, run.input.server_id, 500, failure.message, failure.detail)
            actions.end(tx, ctx, run.input.server_id, EVENT, failure=failure.message, detail=failure.detail)

    return Finish(write)
