"""Compare the cards of a host's servers with the ports that network has for them.

What can be put right without touching a guest is: where a port is bound, what a server shows of it, ports
that died servers left behind.  A card whose port is gone is named; pulling it out is for a person to say.
"""

from __future__ import annotations

from collections.abc import Iterator

from nacre.kernel import errors
from nacre.kernel.context import Context
from nacre.kernel.db import Transaction
from nacre.kernel.drift import Drift, Finding, Sweep, healed, left
from nacre.services.compute.app import interfaces, nics
from nacre.services.compute.db import drift
from nacre.services.compute.db import nics as nic_rows
from nacre.services.compute.db import servers as rows
from nacre.services.compute.db.hosts import Host
from nacre.services.compute.db.nics import Nic
from nacre.services.compute.db.servers import Server
from nacre.services.compute.tasks.host_check import page
from nacre.services.network import client as network

GONE, ORPHANED, STRANGE = "port_missing", "port_of_gone_server", "port_unknown"
ASTRAY, STALE = "port_bound_elsewhere", "addresses_stale"

Seen = tuple[dict[str, Server], dict[str, list[Nic]], set[str]]


def check(ctx: Context, host: Host) -> Iterator[Drift]:
    """Compare the cards of one host's servers with their ports."""
    service = ctx.as_service()
    bound = {port.id: port for port in network.ports_on_host(service, host.name)}

    def read(tx: Transaction) -> Seen:
        here = {server.id: server for server in rows.on_host(tx, host.name)}
        known = here | drift.known(tx, {port.device_id for port in bound.values()} - here.keys())
        return known, nic_rows.of_servers(tx, [*here]), drift.worked_on(tx, [*known])

    known, cards, busy = ctx.db.read(read)
    elsewhere = {nic.port_id for each in cards.values() for nic in each} - bound.keys()
    owners = {server_id for server_id, each in cards.items() if any(n.port_id in elsewhere for n in each)}
    ports = bound | {port.id: port for port in network.list_ports(service, owners)}
    held_by_port = {nic.port_id: nic for each in cards.values() for nic in each}
    now = {nic.port_id: nic for nic in nics.ask_again(ctx, held_by_port)}
    for server_id, held in cards.items():
        if drift.is_settled(known[server_id], busy):
            yield from _of_server(ctx, known[server_id], held, ports, now)
    plugged = {nic.port_id for each in cards.values() for nic in each}
    for port in bound.values():
        if port.id not in plugged and port.device_id not in busy:
            yield from _of_port(ctx, host, known.get(port.device_id), port)


def _of_server(
    ctx: Context, server: Server, cards: list[Nic], ports: dict[str, network.Port], now: dict[str, Nic]
) -> Iterator[Drift]:
    """Judge the cards of one server by their ports, and by how they would be shown now."""
    stale = False
    for nic in cards:
        port = ports.get(nic.port_id)
        if port is None or port.device_id != server.id:
            yield left(
                GONE,
                nic.port_id,
                f"Server {server.id} has a card for this port, and the port is gone or another's. Healing pulls"
                " the card out.",
                host=str(server.host),
            )
        elif port.host != server.host and ctx.db.read(drift.is_at_rest, server):
            owner = nics.owner_of(server)
            network.bind_port(
                ctx.as_service(), port.id, host=str(server.host), device_id=server.id, device_owner=owner
            )
            text = f"It was bound to host {port.host or 'none'}, and server {server.id} is on {server.host}."
            yield healed(ASTRAY, port.id, text, host=str(server.host))
        elif nic.port_id in now:
            stale |= _shown(nic) != _shown(now[nic.port_id])
    if stale and ctx.db.read(drift.is_at_rest, server):
        nics.refresh(ctx, [server.id])
        yield healed(
            STALE, server.id, "It showed addresses that its ports do not have.", host=str(server.host)
        )


def _shown(nic: Nic) -> object:
    """Return what a server shows of a card."""
    addresses = sorted((each.address, *sorted(each.floating)) for each in nic.addresses)
    return nic.mac_address, addresses, sorted(nic.security_groups)


def _of_port(ctx: Context, host: Host, server: Server | None, port: network.Port) -> Iterator[Drift]:
    """Judge a port that is bound here for a server that has no card for it."""
    if server is not None and server.deleted:
        lent = {wish.port_id for wish in server.network_wishes}
        nics.let_go(ctx, port.id, owned=port.id not in lent)
        text = f"Server {server.id}, which was deleted, still had it."
        yield healed(ORPHANED, port.id, text, host=host.name)
    elif server is None:
        text = f"It belongs to server {port.device_id}, which is not known."
        command = f"openstack port delete {port.id}"
        yield left(ORPHANED, port.id, text, host=host.name, command=command)
    elif server.host == host.name and drift.is_settled(server, ()):
        text = f"It is bound for server {server.id}, which has no card for it."
        command = f"openstack port unset --device --host {port.id}"
        yield left(STRANGE, port.id, text, host=host.name, command=command)


def pull_out(ctx: Context, finding: Finding) -> None:
    """Have the card pulled out whose port is gone (a person said so)."""

    def owner(tx: Transaction) -> str | None:
        nic = nic_rows.by_port(tx, finding.resource_id)
        return nic.server_id if nic else None

    server_id = ctx.db.read(owner)
    if server_id is None:
        raise errors.NotFound(f"No server has a card for port {finding.resource_id}.")
    interfaces.forget(ctx, server_id, finding.resource_id)


HEALERS = {GONE: pull_out}

SWEEP = Sweep(
    "port_sync",
    kinds=(GONE, ORPHANED, STRANGE, ASTRAY, STALE),
    page=page,
    key=lambda host: host.name,
    check=check,
    host_of=lambda host: host.name,
)
