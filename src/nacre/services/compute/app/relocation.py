"""What all ways of bringing a server to another host have in common: its room, its ports, its row, the hosts.

Each function makes one thing so and may run twice.  Where a server *is* is said by its row (`host`) alone; room
and ports follow it.  So whoever gives a move up, or finds that it has come to its end all the same, asks the row.
"""

from __future__ import annotations

import msgspec

from nacre.kernel import errors
from nacre.kernel.bus import Method
from nacre.kernel.context import Context
from nacre.kernel.db import Transaction
from nacre.kernel.tasks import Wait
from nacre.services.compute import rpc
from nacre.services.compute.app import host_calls, nics, specs
from nacre.services.compute.app.migrations import Status, Type
from nacre.services.compute.app.scheduling import choice
from nacre.services.compute.app.scheduling.hosts import Candidate, resources, zone_of
from nacre.services.compute.db import hosts
from nacre.services.compute.db import migrations as migration_rows
from nacre.services.compute.db import nics as nic_rows
from nacre.services.compute.db import servers as rows
from nacre.services.compute.db.servers import Server
from nacre.services.compute.db.tables import FlavorCopy
from nacre.services.compute.errors import HostRefused, NoValidHost
from nacre.services.network import client as network
from nacre.services.placement import client as placement

DEPARTURE: Method[rpc.DepartureRequest, rpc.Departure] = rpc.DEPARTURE
NOT_THERE = (rpc.ServerState.MISSING, rpc.ServerState.ARRIVING, rpc.ServerState.BUILDING)
MIGRATION = "MIGRATION"
PORT_POLL_SECONDS, HOST_POLL_SECONDS = 5.0, 2.0


# --- room -------------------------------------------------------------------------------------------


def find_room(ctx: Context, server: Server, migration_id: str, move: choice.Move) -> choice.Choice | Wait:
    """Find a host, and claim its room for the server; the migration holds what it has now.

    Raises NoValidHost, which says for each host what speaks against it; not before hosts that were not heard
    since our own start had the time to be heard.
    """
    here = _room(ctx, move.leaves, server.flavor)
    left = ctx.db.read(migration_rows.of_server, server.id, Type.EVACUATION, [Status.DONE])
    unclean = tuple(str(each.source_host) for each in left)  # something of the server may be there still
    move = msgspec.structs.replace(move, excluded=(*move.excluded, *unclean))

    def claim(best: Candidate, request: choice.Request) -> str | None:
        try:
            _hold(ctx, server, migration_id, request, here)
        except errors.Conflict as error:
            return f"its room was taken meanwhile: {error.message}"
        return None

    try:
        return choice.choose_elsewhere(ctx, server, move, claim)
    except NoValidHost:
        if host_calls.may_appear(ctx):
            return Wait(HOST_POLL_SECONDS, "hosts that have not reported since our start")
        raise


def settle_room(ctx: Context, server_id: str, migration_id: str) -> None:
    """Let the server hold the room of its flavor on the host where it is, and the migration nothing."""
    server = ctx.db.read(rows.find, server_id, deleted=True)
    if server is None or server.deleted or server.host is None:
        placement.release(ctx, migration_id)
        return
    _hold(ctx, server, migration_id, _room(ctx, server.host, server.flavor), {})


def _hold(
    ctx: Context, server: Server, migration_id: str, mine: choice.Request, left: choice.Request
) -> None:
    placement.claim_together(
        ctx,
        {migration_id: left, server.id: mine},
        project_id=server.project_id,
        user_id=server.user_id,
        consumer_types={migration_id: MIGRATION},
    )


def _room(ctx: Context, host: str, flavor: FlavorCopy) -> choice.Request:
    found = ctx.db.read(hosts.find, host)
    return {found.id: resources(flavor)} if found is not None else {}


def settle_rooms(ctx: Context, server_id: str) -> None:
    """The same, for whatever migration the server had last."""
    migration = ctx.db.read(migration_rows.latest, server_id)
    if migration is not None:
        settle_room(ctx, server_id, migration.uuid)


# --- the row ----------------------------------------------------------------------------------------


def place(tx: Transaction, ctx: Context, server_id: str, host: str, **values: object) -> None:
    """Write down on which host a server is."""
    found = hosts.find(tx, host)
    if found is None:
        raise NoValidHost(f"Host {host} is not known any more.")
    zone = zone_of(host, hosts.all_aggregates(tx), ctx.config.default_availability_zone)
    rows.update(tx, server_id, **values, host=host, hypervisor_hostname=found.hypervisor_hostname, zone=zone)


# --- ports ------------------------------------------------------------------------------------------


def prepare_ports(ctx: Context, server_id: str, target: str) -> None:
    """Have a host made ready for a server's ports; raises HostRefused where it cannot carry their networks."""
    for nic in ctx.db.read(nic_rows.of_server, server_id):
        try:
            network.bindings.add(ctx.as_service(), nic.port_id, target)
        except errors.BadRequest as error:
            raise HostRefused(
                f"Host {target} cannot carry the server's networks.", detail=error.message
            ) from error
        except errors.NotFound:
            continue  # its owner deleted it; the card is pulled out when that is heard


def await_readiness(ctx: Context, server_id: str, target: str, waited_seconds: float) -> Wait | None:
    """Wait until a host is ready for a server's ports, but not for ever; raises HostRefused."""
    missing = 0
    for nic in ctx.db.read(nic_rows.of_server, server_id):
        try:
            bindings = network.bindings.of_port(ctx.as_service(), nic.port_id)
        except errors.NotFound:
            continue
        missing += not any(each.host == target and each.is_connected for each in bindings)
    if missing and waited_seconds > ctx.config.port_binding_wait_seconds:
        raise HostRefused(
            "The network of the server was not ready in time.",
            detail=f"host {target} did not wire {missing} port(s)",
        )
    return Wait(PORT_POLL_SECONDS, f"{missing} port(s) to be wired on {target}") if missing else None


def move_ports(ctx: Context, server_id: str) -> None:
    """Have a server's ports carried by the host where it is, and by no other."""
    server = ctx.db.read(rows.get, server_id)
    host, service = str(server.host), ctx.as_service()
    for nic in ctx.db.read(nic_rows.of_server, server_id):
        try:
            bindings = network.bindings.of_port(service, nic.port_id)
            if all(each.host != host for each in bindings):
                network.bindings.add(service, nic.port_id, host)
            if not any(each.host == host and each.is_active for each in bindings):
                network.bindings.activate(service, nic.port_id, host)
            for each in bindings:
                if each.host != host:
                    network.bindings.remove(service, nic.port_id, each.host)
            changes = {"device_owner": nics.owner_of(server)}  # it names the zone
            if len(bindings) > 1:
                network.update_port(service, nic.port_id, changes)
        except errors.NotFound:
            continue


def await_ports(
    ctx: Context, server_id: str, waited_seconds: float, *, indispensable: bool = True
) -> Wait | None:
    """Wait until packets can flow to where a server is, but not for ever; raises HostRefused if they must."""
    known = {nic.port_id for nic in ctx.db.read(nic_rows.of_server, server_id)}
    ports = network.list_ports(ctx.as_service(), [server_id])
    missing = [port.id for port in ports if port.id in known and not port.is_up]
    if missing and waited_seconds > ctx.config.port_binding_wait_seconds:
        if not indispensable:
            return None
        raise HostRefused(
            "The network of the server was not ready in time.",
            detail=f"port(s) {', '.join(missing)} did not come up",
        )
    return Wait(PORT_POLL_SECONDS, f"{len(missing)} port(s) to come up") if missing else None


# --- hosts ------------------------------------------------------------------------------------------


def introduce(ctx: Context, server_id: str, source: str, manner: rpc.Manner) -> rpc.Departure:
    """Ask the host of a server what the one that is to take it must know; raises what is in the way."""
    asked = rpc.DepartureRequest(server_id=server_id, manner=manner)
    return ctx.bus.call(rpc.host_topic(source), DEPARTURE, asked)


def expect(
    ctx: Context, server_id: str, target: str, departure: rpc.Departure, manner: rpc.Manner, command_id: str
) -> rpc.Arrival | Wait:
    """Have a host check whether a server can come, and wait at the door; raises HostRefused."""
    message = rpc.ExpectServer(
        command_id=command_id,
        server_id=server_id,
        spec=specs.build(ctx, server_id),
        certificate=departure.certificate,
        manner=manner,
        passport=departure.passport,
    )
    outcome = host_calls.send(ctx, target, rpc.EXPECT_SERVER, message, "make room for the server")
    return outcome if isinstance(outcome, Wait) else rpc.arrival(outcome.result)


def send(
    ctx: Context, server_id: str, source: str, arrival: rpc.Arrival, manner: rpc.Manner, command_id: str
) -> Wait | None:
    """Have the host of a server send it to where it is expected; raises HostRefused."""
    message = rpc.SendServer(command_id=command_id, server_id=server_id, arrival=arrival, manner=manner)
    outcome = host_calls.send(ctx, source, rpc.SEND_SERVER, message, "send the server")
    return outcome if isinstance(outcome, Wait) else None


def force(ctx: Context, server_id: str, source: str) -> None:
    """Have a server that is being sent arrive soon; raises Conflict when it is not being sent."""
    ctx.bus.call(rpc.host_topic(source), rpc.FORCE_SENDING, rpc.MoveRequest(server_id=server_id))


def stop_sending(ctx: Context, server_id: str, source: str) -> None:
    """Have a host send a server no further; raises Unavailable until that is so.  One that is down does not."""
    topic = rpc.host_topic(source)
    try:
        ctx.bus.call(topic, rpc.ABORT_SENDING, rpc.MoveRequest(server_id=server_id))
        status = host_calls.inspect(ctx, source, server_id)
    except errors.Unavailable:
        if host_calls.is_up(ctx, source):
            raise
        return
    except errors.NotFound:
        return
    if status.task == rpc.SEND_SERVER.name:
        raise errors.Unavailable(f"Host {source} has not stopped sending the server yet.")


def has_landed(ctx: Context, server_id: str, source: str, target: str) -> bool:
    """Tell whether a live server is at home on the host where it was sent; Unavailable while nobody can tell."""
    if ctx.db.read(rows.get, server_id, deleted=True).host == target:
        return True
    there = _state(ctx, server_id, target)
    if there is not None:
        return there not in NOT_THERE
    here = _state(ctx, server_id, source)
    if here is None:
        return False  # both hosts are gone; it is where it was
    return here is rpc.ServerState.MISSING


def _state(ctx: Context, server_id: str, host: str) -> rpc.ServerState | None:
    """Return what a host has of a server; None if the host is down."""
    try:
        return host_calls.inspect(ctx, host, server_id).state
    except errors.Unavailable:
        if host_calls.is_up(ctx, host):
            raise
        return None


def ensure(ctx: Context, server_id: str, host: str, command_id: str, doing: str) -> Wait | None:
    """Have a host make a server as its row says; raises HostRefused."""
    message = rpc.EnsureServer(command_id=command_id, spec=specs.build(ctx, server_id))
    outcome = host_calls.send(ctx, host, rpc.ENSURE_SERVER, message, doing)
    return outcome if isinstance(outcome, Wait) else None


def remove_elsewhere(ctx: Context, server_id: str, host: str, command_id: str) -> None:
    """Leave nothing of a server on a host, unless it is there; raises Unavailable until that is so."""
    server = ctx.db.read(rows.find, server_id)
    if server is not None and server.host == host:
        return
    if host_calls.remove(ctx, host, server_id, command_id) is not None:
        raise errors.Unavailable(f"Host {host} is still removing the server.")
