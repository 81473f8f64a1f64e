"""Other sizes for servers that exist: on the hosts where they are if there is room, else on others.

Until its owner confirms or takes back a new size, a server that stayed on its host holds the larger of both
sizes of everything there, and one that moved holds room on both, so that neither answer can fail for want of it.
A disk grows and never shrinks: a larger disk stays larger when the size is taken back.
"""

from __future__ import annotations

from collections.abc import Mapping

from nacre.kernel import tasks
from nacre.kernel.context import Context
from nacre.kernel.db import Transaction
from nacre.services.compute import rpc
from nacre.services.compute.app import flavors, jobs, limits, migrations, servers, states
from nacre.services.compute.app.scheduling.hosts import resources
from nacre.services.compute.db import hosts
from nacre.services.compute.db import servers as rows
from nacre.services.compute.db.servers import Server
from nacre.services.compute.db.tables import FlavorCopy, VmState
from nacre.services.compute.errors import CannotResize, ServerNotReady
from nacre.services.placement import client as placement


def begin(ctx: Context, server: Server, flavor_id: str, disk_config: str | None = None) -> None:
    """Write down that a server is to have another size.

    Raises BadFlavorReference, CannotResize, WrongState, ServerIsLocked and QuotaExceeded.
    """
    flavor = flavors.for_new_server(ctx, flavor_id)
    if flavor.id == server.flavor.id:
        raise CannotResize("When resizing, instances must change flavor!")
    if flavor.root_gb < server.flavor.root_gb:
        raise CannotResize(
            "Server disk was unable to be resized because: the disk would have to shrink from "
            f"{server.flavor.root_gb} to {flavor.root_gb} GB."
        )

    def write(tx: Transaction) -> None:
        present = rows.lock(tx, server.id)
        vcpus = max(flavor.vcpus, present.flavor.vcpus)
        memory_mb = max(flavor.memory_mb, present.flavor.memory_mb)
        states.check(ctx, present, states.RESIZE)
        more = {"cores": vcpus - present.vcpus, "ram": memory_mb - present.memory_mb}
        limits.enforce(tx, ctx, present.project_id, more)
        servers.begin(
            tx,
            ctx,
            server.id,
            states.RESIZE,
            vcpus=vcpus,
            memory_mb=memory_mb,
            revision=present.revision + 3,
            disk_config=disk_config or present.disk_config,
        )
        states.host_of(present)
        migrations.begin_resize(tx, ctx, present, flavor)
        tasks.start(
            tx,
            jobs.RESIZE,
            jobs.ServerResize(server.id, flavor, present.vm_state is VmState.STOPPED),
            resource=jobs.of(server.id),
            ctx=ctx,
        )

    ctx.db.run(write)


def confirm(ctx: Context, server: Server) -> None:
    """Write down that a server keeps its new size; raises WrongState."""

    def write(tx: Transaction) -> None:
        servers.begin(tx, ctx, server.id, states.CONFIRM_RESIZE)
        tasks.start(tx, jobs.CONFIRM, jobs.ResizeEnd(server.id), resource=jobs.of(server.id), ctx=ctx)

    ctx.db.run(write)


def revert(ctx: Context, server: Server) -> None:
    """Write down that a server goes back to its old size; raises WrongState."""

    def write(tx: Transaction) -> None:
        present = rows.lock(tx, server.id)
        servers.begin(tx, ctx, server.id, states.REVERT_RESIZE, revision=present.revision + 2)
        tasks.start(tx, jobs.REVERT, jobs.ResizeEnd(server.id), resource=jobs.of(server.id), ctx=ctx)

    ctx.db.run(write)


def hold(ctx: Context, server: Server, *sizes: FlavorCopy) -> None:
    """Have a server hold the room of its size, or of the larger of several.  May run twice.

    Raises Conflict where its host has no room for that.
    """

    def provider(tx: Transaction) -> str:
        host = hosts.find(tx, states.host_of(server))
        if host is None:
            raise ServerNotReady(server.id)
        return host.id

    wanted: dict[str, int] = {}
    for size in sizes:
        wanted = _larger(wanted, resources(size))
    placement.claim(
        ctx,
        server.id,
        {ctx.db.read(provider): wanted},
        project_id=server.project_id,
        user_id=server.user_id,
    )


def _larger(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {name: max(one.get(name, 0), other.get(name, 0)) for name in {**one, **other}}


def power_after(was_off: bool) -> rpc.Power:
    """Return what a resized server is to be."""
    return rpc.Power.SHUTDOWN if was_off else rpc.Power.RUNNING
