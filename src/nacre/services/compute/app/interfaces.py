"""Network cards of servers that exist: what they are now, plugging one in, pulling one out.

A workflow is written down first, and waits; then the port is made or lent, and with its card the workflow goes on
and tells the host.  Should we die in between, the workflow makes the port; should that fail, or the host not be
able to plug it in, the workflow is what takes the port back.
"""

from __future__ import annotations

from typing import Any

import msgspec

from nacre.kernel import errors, tasks
from nacre.kernel.context import Context
from nacre.kernel.db import Transaction
from nacre.kernel.errors import BadRequest
from nacre.kernel.ids import new_id
from nacre.services.compute.app import jobs, nics, servers, states
from nacre.services.compute.app.jobs import InterfaceAttach
from nacre.services.compute.db import nics as rows
from nacre.services.compute.db.nics import Nic
from nacre.services.compute.db.servers import Server
from nacre.services.compute.db.tables import NetworkWish
from nacre.services.compute.errors import InterfaceNotFound, NetworkAmbiguous, NetworkNotUsable
from nacre.services.network import client as network


def index(ctx: Context, server: Server) -> list[tuple[network.Port, Nic | None]]:
    """Return a server's ports as network has them now, each with what we keep of it."""
    known = {nic.port_id: nic for nic in ctx.db.read(rows.of_server, server.id)}
    ports = network.list_ports(ctx.as_service(), [server.id])
    found = [(port, known.get(port.id)) for port in ports]
    return sorted(found, key=lambda each: each[1].position if each[1] else len(known))


def get(ctx: Context, server: Server, port_id: str) -> tuple[network.Port, Nic | None]:
    """Return one of a server's ports; raises InterfaceNotFound."""
    for port, nic in index(ctx, server):
        if port.id == port_id:
            return port, nic
    raise InterfaceNotFound(server.id, port_id)


def attach(
    ctx: Context,
    server: Server,
    *,
    port_id: str | None,
    network_id: str | None,
    fixed_ip: str | None,
    tag: str | None,
) -> tuple[network.Port, Nic]:
    """Give a server one more card; return its port.  The guest sees it a little later.

    Raises WrongState, PortInUse, NetworkNotUsable, and what network says.
    """
    states.check(ctx, server, states.ATTACH_INTERFACE)
    states.host_of(server)
    wish = _plan(ctx, port_id, network_id, fixed_ip, tag)
    port_id = wish.port_id or new_id()
    wanted = jobs.InterfaceAttach(
        server.id,
        port_id,
        tag=wish.tag,
        owned=wish.port_id is None,
        network_id=wish.network_id,
        fixed_ip=wish.fixed_ip,
    )
    job_id = ctx.db.run(_announce, ctx, wanted)
    try:
        port, described = make_port(ctx, server, wanted)
        return port, ctx.db.run(_hand_over, ctx, job_id, described, wanted)
    except errors.NacreError:
        ctx.db.run(tasks.cancel, jobs.of(server.id), only=job_id)
        nics.take_back(ctx, server.id, port_id, owned=wish.port_id is None)
        raise


def _announce(tx: Transaction, ctx: Context, wanted: InterfaceAttach) -> int:
    """Start the workflow that waits for the card, and return its job."""
    servers.begin(tx, ctx, wanted.server_id, states.ATTACH_INTERFACE)
    resource = jobs.of(wanted.server_id)
    return tasks.start(tx, jobs.ATTACH_INTERFACE, wanted, resource=resource, ctx=ctx)


def _hand_over(tx: Transaction, ctx: Context, job_id: int, described: Nic, wanted: InterfaceAttach) -> Nic:
    """Give the workflow the card for which it waits, unless it lost patience and has plugged it in already."""
    job = tasks.jobs.get(tx, job_id)
    if job is not None and job.state is tasks.JobState.DONE:
        plugged = rows.by_port(tx, wanted.port_id)
        if plugged is not None and plugged.server_id == wanted.server_id:
            return plugged
    if job is None or job.ended_at is not None or job.ending is not None:
        raise errors.Conflict(
            "The port was not ready in time.", detail=f"job {job_id} waits for it no longer"
        )
    nic = write_down(tx, described, wanted)
    tasks.wake(tx, resource=jobs.of(wanted.server_id))
    return nic


def make_port(ctx: Context, server: Server, wanted: InterfaceAttach) -> tuple[network.Port, Nic]:
    """Make or bind the port of a new card; return it and how it looks as a card.  May run twice, even at once."""
    host = states.host_of(server)
    service, owner = ctx.as_service(), nics.owner_of(server)
    if not wanted.owned:
        port = network.bind_port(service, wanted.port_id, host=host, device_id=server.id, device_owner=owner)
    else:
        port = network.create_port(
            service,
            str(wanted.network_id),
            project_id=server.project_id,
            device_id=server.id,
            device_owner=owner,
            port_id=wanted.port_id,
            fixed_ips=[{"ip_address": wanted.fixed_ip}] if wanted.fixed_ip else None,
            host=host,
        )
    nics.refuse_unbound(port, host)
    (described,) = nics.describe(ctx, [port], {})
    return port, described


def write_down(tx: Transaction, described: Nic, wanted: InterfaceAttach) -> Nic:
    """Give a server its new card on paper, unless it has it; return the card."""
    server = servers.rows.lock(tx, wanted.server_id)
    present = rows.of_server(tx, server.id)
    if there := next((nic for nic in present if nic.port_id == wanted.port_id), None):
        return there
    position = max((nic.position for nic in present), default=-1) + 1
    nic = msgspec.structs.replace(described, position=position, tag=wanted.tag, owned=wanted.owned)
    rows.put(tx, nic)
    servers.rows.update(tx, server.id, revision=server.revision + 1)
    return nic


def _plan(
    ctx: Context, port_id: str | None, network_id: str | None, fixed_ip: str | None, tag: str | None
) -> NetworkWish:
    if port_id is None and network_id is None:
        if fixed_ip is not None:
            raise BadRequest("Must input network_id when request IP address")
        try:
            wishes = nics.plan(ctx, None, several=False)
        except NetworkAmbiguous as error:
            raise BadRequest(error.message) from None  # compat: 400 here, 409 at creation (nova)
        if not wishes:
            raise NetworkNotUsable("No networks found for the interface.")
        return NetworkWish(network_id=wishes[0].network_id, tag=tag)
    if port_id is not None and network_id is not None:
        raise BadRequest("Must not input both network_id and port_id")
    asked = NetworkWish(network_id=network_id, port_id=port_id, fixed_ip=fixed_ip, tag=tag)
    (wish,) = nics.plan(ctx, [asked], several=False)
    return wish


def detach(ctx: Context, server: Server, port_id: str) -> None:
    """Write down that a card is to be pulled out; raises InterfaceNotFound and WrongState."""

    def write(tx: Transaction) -> None:
        nic = rows.by_port(tx, port_id)
        if nic is None or nic.server_id != server.id:
            raise InterfaceNotFound(server.id, port_id)
        present = servers.begin(tx, ctx, server.id, states.DETACH_INTERFACE)
        states.host_of(present)
        servers.rows.update(tx, server.id, revision=present.revision + 1)
        tasks.start(
            tx,
            jobs.DETACH_INTERFACE,
            jobs.InterfaceDetach(server.id, port_id),
            resource=jobs.of(server.id),
            ctx=ctx,
        )

    ctx.db.run(write)


def forget(ctx: Context, server_id: str, port_id: str) -> None:
    """Have a card pulled out whose port was deleted, unless something is being done with the server."""

    def write(tx: Transaction) -> None:
        server, nic = servers.rows.find(tx, server_id), rows.by_port(tx, port_id)
        busy = any(job.ended_at is None for job in tasks.jobs.for_resource(tx, jobs.of(server_id)))
        if server is None or server.host is None or nic is None or busy:
            return
        tasks.start(
            tx,
            jobs.DETACH_INTERFACE,
            jobs.InterfaceDetach(server_id, port_id),
            resource=jobs.of(server_id),
            ctx=ctx,
        )

    ctx.db.run(write)


# --- security groups --------------------------------------------------------------------------------


def security_groups(ctx: Context, server: Server) -> list[dict[str, Any]]:
    """Return the security groups of a server's ports, with their rules, as network shows them."""
    ports = network.list_ports(ctx.as_service(), [server.id])
    ids = {group: None for port in ports for group in port.security_groups}
    return network.security_groups_with_rules(ctx.as_service(), ids)


def change_group(ctx: Context, server: Server, name: str, *, add: bool) -> None:
    """Add a security group to a server's ports, or take it from them; raises NotFound."""
    (group_id,) = network.security_group_ids(ctx, server.project_id, [name])
    ports = network.list_ports(ctx.as_service(), [server.id])
    touched = [port for port in ports if (group_id in port.security_groups) != add]
    if not add and not touched:
        raise errors.NotFound(f"Security group {name} not associated with the instance {server.id}")
    for port in touched:
        wanted: list[str] = [group for group in port.security_groups if group != group_id]
        changes: dict[str, Any] = {"security_groups": [*wanted, group_id] if add else wanted}
        network.update_port(ctx.as_service(), port.id, changes)
    nics.refresh(ctx, [server.id])
