"""Compare what placement knows and holds of each host with what is so: a provider, its inventory, its allocations.

Allocations are servers times flavors and nothing else, so nearly all of it can be made again from the
servers' rows.  What is held for a server that is nobody's is given back only when its host says that it has
no such server: as long as a guest runs, its room is taken.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nacre.kernel import errors
from nacre.kernel.bus import Method
from nacre.kernel.context import Context
from nacre.kernel.db import Transaction
from nacre.kernel.drift import Drift, Sweep, healed, left
from nacre.services.compute import rpc
from nacre.services.compute.app import inventory
from nacre.services.compute.app.scheduling.hosts import resources
from nacre.services.compute.db import drift, hosts
from nacre.services.compute.db import servers as rows
from nacre.services.compute.db.hosts import Host
from nacre.services.compute.db.servers import Server
from nacre.services.compute.tasks.host_check import page
from nacre.services.placement import client as placement

PROVIDER, INVENTORY = "provider_missing", "inventory_changed"
ORPHANED, ABSENT, WRONG = "allocation_orphaned", "allocation_missing", "allocation_wrong"
COUNTED = "quota_usage_wrong"
CONSUMER_TYPE = "INSTANCE"

INSPECT: Method[rpc.Inspect, rpc.Inspected] = rpc.INSPECT


def check(ctx: Context, host: Host) -> Iterator[Drift]:
    """Put right what placement has of one host."""
    yield from _of_provider(ctx, host)
    try:
        held = placement.held_of(ctx, host.id)
    except errors.NotFound:  # the host could not say what it has yet
        return

    def read(tx: Transaction) -> tuple[dict[str, Server], dict[str, Server], set[str]]:
        here = {server.id: server for server in rows.on_host(tx, host.name)}
        others = drift.known(tx, held.keys() - here.keys())
        return here, others, drift.worked_on(tx, {*here, *held})

    here, others, busy = ctx.db.read(read)
    for server in here.values():
        if drift.is_settled(server, busy):
            yield from _of_server(ctx, host, server, held.get(server.id))
    for consumer in held.keys() - here.keys() - busy:
        yield from _of_stranger(ctx, host, consumer, others.get(consumer), held[consumer])


def _of_provider(ctx: Context, host: Host) -> Iterator[Drift]:
    """Have placement know the host as it is."""
    wanted = inventory.wanted(ctx.config, host)
    if wanted is None or wanted != host.inventory:  # that is about to be told by `host_inventory`
        return
    differed = inventory.ensure(ctx, host, wanted)
    if "provider" in differed:
        text = "Placement had no resource provider for the host any more; it was made again."
        yield healed(PROVIDER, host.id, text, host=host.name)
    elif differed:
        text = f"Placement's {' and '.join(differed)} of the host had been changed; they were put back."
        yield healed(INVENTORY, host.id, text, host=host.name)


def _of_server(ctx: Context, host: Host, server: Server, held: dict[str, int] | None) -> Iterator[Drift]:
    """Have a server hold what its flavor takes, and be counted so."""
    yield from _of_count(ctx, host, server)
    wanted = resources(server.flavor)
    if held == wanted:
        return
    kind, was = (ABSENT, "nothing") if held is None else (WRONG, _words(held))
    if not ctx.db.read(drift.is_at_rest, server):
        return
    try:
        _claim(ctx, host, server, wanted)
    except errors.Conflict as error:
        yield left(
            kind,
            server.id,
            f"It holds {was} of its host instead of {_words(wanted)}, and there is no room: {error.message}",
            host=host.name,
            command=f"openstack server migrate {server.id}",
        )
    else:
        yield healed(kind, server.id, f"It held {was} of its host; now {_words(wanted)}.", host=host.name)


def _of_count(ctx: Context, host: Host, server: Server) -> Iterator[Drift]:
    """Have quotas count what the flavor says."""
    counted, real = (server.vcpus, server.memory_mb), (server.flavor.vcpus, server.flavor.memory_mb)
    if counted != real and ctx.db.read(drift.is_at_rest, server):
        ctx.db.run(rows.update, server.id, vcpus=real[0], memory_mb=real[1])
        text = "Quotas counted {} processors and {} MB of it; now {} and {} MB.".format(*counted, *real)
        yield healed(COUNTED, server.id, text, host=host.name)


def _of_stranger(
    ctx: Context, host: Host, consumer: str, server: Server | None, held: dict[str, int]
) -> Iterator[Drift]:
    """Judge who holds something of a host and is no server there."""
    if server is not None and not server.deleted and server.host is not None:
        if server.task_state is None and server.old_flavor is None and not _moves(server):
            yield from _elsewhere(ctx, host, server)
        return
    if server is not None and not server.deleted and not drift.is_settled(server, ()):
        return
    if server is None and placement.held(ctx, consumer).consumer_type != CONSUMER_TYPE:
        return  # somebody else's, or a migration's
    if server is None and not _is_gone(ctx, host, consumer):
        yield left(
            ORPHANED,
            consumer,
            f"{_words(held)} are held for a server that is not known, and the host may still have it.",
            host=host.name,
            command=f"openstack resource provider allocation delete {consumer}",
        )
        return
    placement.release(ctx, consumer)
    yield healed(ORPHANED, consumer, f"{_words(held)} were held for nothing.", host=host.name)


def _elsewhere(ctx: Context, host: Host, server: Server) -> Iterator[Drift]:
    """Have a server hold nothing but room of the host where it is."""
    home = ctx.db.read(hosts.find, str(server.host))
    if home is not None and ctx.db.read(drift.is_at_rest, server):
        _claim(ctx, home, server, resources(server.flavor))
        text = f"It held room of host {host.name}, and is on {home.name}."
        yield healed(WRONG, server.id, text, host=host.name)


def _moves(server: Server) -> bool:
    return not drift.is_settled(server, ())


def _claim(ctx: Context, host: Host, server: Server, wanted: dict[str, int]) -> None:
    placement.claim(ctx, server.id, {host.id: wanted}, project_id=server.project_id, user_id=server.user_id)


def _is_gone(ctx: Context, host: Host, server_id: str) -> bool:
    """Tell whether a host says that it has no such server."""
    if not host.is_up(ctx.clock.now(), ctx.config.host_down_seconds):
        return False
    try:
        answer = ctx.bus.call(rpc.host_topic(host.name), INSPECT, rpc.Inspect(server_ids=(server_id,)))
    except errors.Unavailable:
        return False
    return all(status.state is rpc.ServerState.MISSING for status in answer.servers)


def _words(amounts: dict[str, Any]) -> str:
    return ", ".join(f"{amount} {name}" for name, amount in sorted(amounts.items())) or "nothing"


SWEEP = Sweep(
    "allocation_sync",
    kinds=(PROVIDER, INVENTORY, ORPHANED, ABSENT, WRONG, COUNTED),
    page=page,
    key=lambda host: host.name,
    check=check,
    host_of=lambda host: host.name,
)
