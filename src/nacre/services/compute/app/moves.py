"""Bringing servers to other hosts, as far as the paper goes: who may go when, and how one says stop.

What speaks against a host is looked for twice: before the answer, where a client of old expects to hear it, and
again in the workflow, which alone claims room.
"""

from __future__ import annotations

from nacre.kernel import errors, tasks
from nacre.kernel.context import Context
from nacre.kernel.db import Transaction
from nacre.services.compute import rpc
from nacre.services.compute.app import host_calls, jobs, migrations, names, relocation, servers, states
from nacre.services.compute.app.migrations import LIVE_UNDER_WAY, Status, Type
from nacre.services.compute.app.scheduling import choice
from nacre.services.compute.db import hosts
from nacre.services.compute.db import migrations as migration_rows
from nacre.services.compute.db import servers as rows
from nacre.services.compute.db.migrations import Migration
from nacre.services.compute.db.servers import Server
from nacre.services.compute.db.tables import VmState
from nacre.services.compute.errors import (
    CannotMigrate,
    EvacuationHostNotFound,
    HostStillUp,
    HostUnknown,
    MigrationNotFoundForServer,
    NoValidHost,
    WrongMigrationState,
)


def live_migrate(
    ctx: Context, server: Server, target: str | None, *, forced: bool, checked_first: bool
) -> None:
    """Write down that a running server is to go to another host.

    Raises WrongState, ServerIsLocked, HostUnknown; and CannotMigrate with the reason, if it is to be looked for
    before the answer.
    """
    states.check(ctx, server, states.LIVE_MIGRATE)
    if target is not None:
        _get_host(ctx, target)
        if checked_first and target == server.host:
            raise CannotMigrate(f"Unable to migrate instance ({server.id}) to current host ({target}).")
    if checked_first:
        move = choice.Move(leaves=states.host_of(server), flavor=server.flavor, target=target, forced=forced)
        _check(ctx, server, move)

    def write(tx: Transaction) -> None:
        present = servers.begin(tx, ctx, server.id, states.LIVE_MIGRATE)
        states.host_of(present)
        rows.update(tx, server.id, revision=present.revision + 1)
        uuid = migrations.begin(tx, ctx, present, Type.LIVE, Status.QUEUED)
        wanted = jobs.LiveMigration(server.id, uuid, target, forced)
        tasks.start(tx, jobs.LIVE_MIGRATE, wanted, resource=jobs.of(server.id), ctx=ctx)

    ctx.db.run(write)


def _get_host(ctx: Context, name: str) -> None:
    if ctx.db.read(hosts.find, name) is None:
        raise HostUnknown(name)


def _check(ctx: Context, server: Server, move: choice.Move) -> None:
    try:
        choice.check_elsewhere(ctx, server, move)
    except NoValidHost as error:
        raise CannotMigrate(error.message, detail=error.detail) from None


def migrate(ctx: Context, server: Server, target: str | None) -> None:
    """Write down that a server is to be stopped and started on another host.

    Raises WrongState, ServerIsLocked, HostUnknown and CannotMigrate.
    """
    states.check(ctx, server, states.MIGRATE)
    if target is not None:
        if target == server.host:
            raise CannotMigrate("Cannot migrate to the host where the server exists.")
        _get_host(ctx, target)

    def write(tx: Transaction) -> None:
        present = servers.begin(tx, ctx, server.id, states.MIGRATE)
        states.host_of(present)
        rows.update(tx, server.id, revision=present.revision + 3)
        uuid = migrations.begin(tx, ctx, present, Type.COLD, Status.QUEUED)
        was_off = present.vm_state is VmState.STOPPED
        wanted = jobs.ColdMigration(server.id, uuid, present.flavor, was_off, target)
        tasks.start(tx, jobs.MIGRATE, wanted, resource=jobs.of(server.id), ctx=ctx)

    ctx.db.run(write)


def evacuate(
    ctx: Context,
    server: Server,
    target: str | None,
    *,
    forced: bool,
    stays_off: bool,
    admin_password: str | None,
) -> str:
    """Write down that a server is to be made anew on another host because its own is gone; return its password.

    Raises WrongState, HostStillUp, EvacuationHostNotFound and CannotMigrate.
    """
    if target is not None:
        if ctx.db.read(hosts.find, target) is None:
            raise EvacuationHostNotFound(target)
        if target == server.host:
            raise CannotMigrate("The target host can't be the same one.")
    states.check(ctx, server, states.EVACUATE)
    host = states.host_of(server)
    if host_calls.is_up(ctx, host):
        raise HostStillUp(host)
    password = admin_password or names.password()

    def write(tx: Transaction) -> None:
        present = servers.begin(tx, ctx, server.id, states.EVACUATE)
        resource = jobs.of(server.id)
        tasks.cancel(tx, resource)  # whatever was being done with it on a host that is gone
        off = stays_off or present.vm_state is VmState.STOPPED
        power = rpc.Power.SHUTDOWN if off else rpc.Power.RUNNING
        values = {"revision": present.revision + 1, "power": power, "admin_password": password}
        rows.update(tx, server.id, **values)
        uuid = migrations.begin(tx, ctx, present, Type.EVACUATION, Status.ACCEPTED)
        wanted = jobs.Evacuation(server.id, uuid, off, target, forced)
        tasks.start(tx, jobs.EVACUATE, wanted, resource=resource, ctx=ctx)

    ctx.db.run(write)
    return password


# --- while it is on its way -------------------------------------------------------------------------


def abort(ctx: Context, server: Server, number: int, *, even_queued: bool) -> None:
    """Have a server that is on its way stay where it is; raises WrongState, WrongMigrationState, NotFound."""
    states.check(ctx, server, states.ABORT_MIGRATION)
    allowed = (Status.RUNNING, Status.QUEUED, Status.PREPARING) if even_queued else (Status.RUNNING,)
    _expect_status(ctx, server, number, allowed, "abort live migration")

    def write(tx: Transaction) -> None:
        servers.begin(tx, ctx, server.id, states.ABORT_MIGRATION)
        for job in tasks.jobs.for_resource(tx, jobs.of(server.id)):
            if job.kind == jobs.LIVE_MIGRATE.name and job.ended_at is None:
                tasks.cancel(tx, jobs.of(server.id), only=job.id)

    ctx.db.run(write)


def force_complete(ctx: Context, server: Server, number: int) -> None:
    """Have a server that is on its way arrive, though its guest must stand still for it.

    Raises WrongState, WrongMigrationState, BadRequest for one that is not there.
    """
    states.check(ctx, server, states.FORCE_MIGRATION)
    try:
        _expect_status(ctx, server, number, (Status.RUNNING,), "force complete")
    except MigrationNotFoundForServer as error:
        raise errors.BadRequest(error.message) from None  # compat: 400 here (nova, server_migrations.py)
    ctx.db.run(servers.begin, ctx, server.id, states.FORCE_MIGRATION)
    relocation.force(ctx, server.id, states.host_of(server))


def _expect_status(
    ctx: Context, server: Server, number: int, allowed: tuple[Status, ...], action: str
) -> Migration:
    found = ctx.db.read(migration_rows.by_number, server.id, number)
    if found is None:
        raise MigrationNotFoundForServer(number, server.id)
    if found.type != Type.LIVE or found.status not in allowed:
        raise WrongMigrationState(number, server.id, found.status, action)
    return found


def is_under_way(migration: Migration) -> bool:
    """Tell whether a migration is a live one that is not over."""
    return migration.type == Type.LIVE and migration.status in LIVE_UNDER_WAY
