"""Plug a network card into a server once its port exists; if the port or the host fails, the port goes again.

The request that started this makes the port meanwhile, because it has to show it, and writes the card down.
If it seems to have died of that, the port is made here.
"""

from __future__ import annotations

from nacre.kernel.context import Context
from nacre.kernel.db import Transaction
from nacre.kernel.tasks import Failure, Finish, Run, Wait
from nacre.services.compute import rpc
from nacre.services.compute.app import actions, host_calls, interfaces, nics, specs, states
from nacre.services.compute.app.jobs import ATTACH_INTERFACE, InterfaceAttach
from nacre.services.compute.db import actions as action_rows
from nacre.services.compute.db import nics as rows
from nacre.services.compute.db import servers
from nacre.services.compute.errors import ServerSuperseded
from nacre.services.compute.tasks import late_deeds

EVENT = "compute_attach_interface"
PORT_SECONDS = 3.0
"""How long a request may take to make a port before we make it too."""


def take_back(ctx: Context, run: Run[InterfaceAttach]) -> None:
    """Pull the card out again, give the port up, forget both."""
    server_id, port_id = run.input.server_id, run.input.port_id
    nic = ctx.db.read(rows.by_port, port_id)
    if nic is not None and nic.server_id == server_id:
        server = ctx.db.read(servers.get, server_id)
        if server.host is not None:
            message = rpc.DetachNic(command_id=f"unplug-{run.job.id}", server_id=server_id, port_id=port_id)
            host_calls.unplug(ctx, server.host, message)
    nics.take_back(ctx, server_id, port_id, owned=run.input.owned)
    ctx.db.run(rows.delete, server_id, port_id)


@ATTACH_INTERFACE.step(undo=take_back)
def make_port(ctx: Context, run: Run[InterfaceAttach]) -> Wait | Finish | None:
    """Wait until the card is written down, or make its port and write it down."""
    nic = ctx.db.read(rows.by_port, run.input.port_id)
    if nic is not None and nic.server_id == run.input.server_id:
        return None
    if run.waited_seconds < PORT_SECONDS:
        return Wait(PORT_SECONDS, "the port to be made")
    server = ctx.db.read(servers.get, run.input.server_id)
    _, described = interfaces.make_port(ctx, server, run.input)
    return Finish(lambda tx: interfaces.write_down(tx, described, run.input))


@ATTACH_INTERFACE.step()
def plug(ctx: Context, run: Run[InterfaceAttach]) -> Finish:
    """Have the host plug the card into the guest."""
    server_id, port_id = run.input.server_id, run.input.port_id

    def begin(tx: Transaction) -> tuple[servers.Server, rows.Nic]:
        server, nic = servers.get(tx, server_id), rows.by_port(tx, port_id)
        if nic is None:
            raise ServerSuperseded(f"Port {port_id} is gone.")
        actions.begin(tx, ctx, server_id, EVENT, server.host)
        return server, nic

    server, nic = ctx.db.run(begin)
    host = states.host_of(server)
    message = rpc.AttachNic(
        command_id=f"plug-{run.job.id}",
        server_id=server_id,
        revision=server.revision,
        nic=specs.nic_spec(server, nic),
    )
    ctx.bus.call(rpc.host_topic(host), rpc.ATTACH_NIC, message, deadline_seconds=host_calls.PLUG_SECONDS)
    nics.refresh(ctx, [server_id])
    return Finish(lambda tx: actions.end(tx, ctx, server_id, EVENT, host=host))


@ATTACH_INTERFACE.on_failure
def give_up(ctx: Context, run: Run[InterfaceAttach], failure: Failure) -> Finish:
    """Say why the card is not there."""

    def write(tx: Transaction) -> None:
        if servers.find(tx, run.input.server_id) is not None:
            action_rows.add_fault(tx, run.input.server_id, 500, failure.message, failure.detail)
            actions.end(tx, ctx, run.input.server_id, EVENT, failure=failure.message, detail=failure.detail)

    return Finish(write)


ATTACH_INTERFACE.on_loss(late_deeds.put_right)
