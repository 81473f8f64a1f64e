"""What hosts tell of themselves and their servers, and what follows from it.

A report is news, not the truth: it may be late or lost, and the sync asks again.  So a report may do two
things only: wake the job that works on the server, or, where nobody works on it, bring the row up to what
the host sees.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from nacre.kernel import errors, tasks
from nacre.kernel.bus import Handlers
from nacre.kernel.context import Context
from nacre.kernel.db import Transaction
from nacre.kernel.heartbeats import Heard, Heartbeats
from nacre.kernel.service import Service
from nacre.services.compute import rpc
from nacre.services.compute.app import host_calls, inventory, jobs, migrations, servers, services, states
from nacre.services.compute.db import hosts
from nacre.services.compute.db import migrations as migration_rows
from nacre.services.compute.db import servers as rows
from nacre.services.compute.db.hosts import Host
from nacre.services.compute.db.servers import Server
from nacre.services.compute.db.tables import VmState

log = logging.getLogger(__name__)

MOST_LOOKS = 5
GONE = "The host {host} has nothing of this server any more."
_HEARTBEATS, _WRITTEN = "compute.heartbeats", "compute.hosts_written"
_FOLLOWS_HOST = frozenset((VmState.ACTIVE, VmState.STOPPED, VmState.PAUSED, VmState.SUSPENDED))


def handlers(service: Service) -> Handlers:
    """Return what the control plane answers on its topic."""

    def server_report(message: rpc.ServerReport) -> rpc.Nothing:
        hear(service.background_context(), message.status)
        return rpc.Nothing()

    def host_report(message: rpc.HostReport) -> rpc.Nothing:
        hear_host(service.background_context(), message.status)
        return rpc.Nothing()

    def owned_servers(message: rpc.OwnedServers) -> rpc.OwnedServers:
        return owned(service.background_context(), message)

    return {
        rpc.SERVER_REPORT: server_report,
        rpc.HOST_REPORT: host_report,
        rpc.OWNED_SERVERS: owned_servers,
    }


def hear(ctx: Context, status: rpc.ServerStatus) -> bool:
    """Take in one server's status; tell whether it was other than we thought."""
    server = ctx.db.read(rows.find, status.id, deleted=True)
    if server is None:
        return False
    if server.deleted:
        return _remove_leftover(ctx, server, status)
    if server.task_state is not None or server.vm_state is VmState.BUILDING:
        if status.move is not None:
            ctx.db.run(migrations.record_progress, server.id, status.move)
        if status.task is None:
            tasks.wake(ctx, resource=jobs.of(server.id))
        return False
    if server.host != status.host:
        return _remove_stray(ctx, server, status)
    if _agrees(server, status):
        return False
    return _follow_host(ctx, server, status)


def _follow_host(ctx: Context, server: Server, status: rpc.ServerStatus) -> bool:
    """Bring a row up to what its host sees; tell whether that was other than we thought.

    What was told may be late: something newer may have been heard since, here or in another process.  So the host
    is asked before its word is taken, and again afterwards: whoever wrote last has also looked after that.
    """
    different = False
    for _ in range(MOST_LOOKS):
        try:
            status = host_calls.inspect(ctx, status.host, server.id)
        except errors.Unavailable:
            return different or bool(ctx.db.run(_follow, status))
        now = ctx.db.read(rows.find, server.id)
        if now is None or _agrees(now, status) or not ctx.db.run(_follow, status):
            break
        different = True
    return different


def _agrees(server: Server, status: rpc.ServerStatus) -> bool:
    power_state, vm_state = states.SEEN[status.state]
    if status.state is rpc.ServerState.MISSING:
        return server.vm_state is VmState.ERROR or status.task is not None
    if status.task is not None or vm_state is None:
        return True
    known_name = server.hypervisor_name == (status.hypervisor_name or server.hypervisor_name)
    follows = server.vm_state not in _FOLLOWS_HOST or server.vm_state is vm_state
    return server.power_state == power_state and follows and known_name


def _follow(tx: Transaction, status: rpc.ServerStatus) -> bool:
    """Bring a row up to what its host sees, unless somebody began to work on it meanwhile."""
    server = rows.lock(tx, status.id)
    if server.task_state is not None or server.host != status.host or _agrees(server, status):
        return False
    power_state, vm_state = states.SEEN[status.state]
    if status.state is rpc.ServerState.MISSING:
        servers.refuse(tx, server.id, GONE.format(host=status.host), status.reason or None, 500)
        return True
    changes: dict[str, object] = {
        "power_state": power_state,
        "hypervisor_name": status.hypervisor_name or server.hypervisor_name,
    }
    if server.vm_state in _FOLLOWS_HOST and vm_state is not None and vm_state is not server.vm_state:
        changes |= {"vm_state": vm_state, "power": states.power_of(vm_state)}
        log.info(
            "Server %s is %s although it was %s: %s", server.id, vm_state, server.vm_state, status.reason
        )
    rows.update(tx, server.id, **changes)
    return True


def _remove_stray(ctx: Context, server: Server, status: rpc.ServerStatus) -> bool:
    """Have a host remove what it has of a server that is another host's by now: it was evacuated, or moved.

    Not while anything is being done with the server, nor while its owner may still send it back.
    """
    if status.state is rpc.ServerState.MISSING and status.task is None:
        _note_cleaned(ctx, server)
    if status.state is rpc.ServerState.MISSING or status.task is not None or server.host is None:
        return False

    def look(tx: Transaction) -> bool:
        now = rows.find(tx, server.id)
        migration = migration_rows.latest(tx, server.id)
        waits = migration is not None and migration.status in migrations.OPEN
        settled = now is not None and now.host not in (None, status.host) and now.task_state is None
        return settled and not waits and now is not None and now.vm_state is not VmState.RESIZED

    if not ctx.db.read(look) or tasks_of(ctx, server.id):
        return False
    log.info(
        "Host %s has server %s, which is on %s now; removing it there", status.host, server.id, server.host
    )
    message = rpc.ServerCommand(command_id=f"stray-{server.id}", server_id=server.id)
    ctx.bus.cast(rpc.host_topic(status.host), rpc.REMOVE_SERVER, message)
    return True


def _note_cleaned(ctx: Context, server: Server) -> None:
    """Go on with an evacuation that waits for its old host to be without the server."""
    migration = ctx.db.read(migration_rows.latest, server.id)
    if migration is not None and migration.status == migrations.Status.DONE:
        tasks.wake(ctx, kind=services.EVACUATION_SYNC)


def owned(ctx: Context, asked: rpc.OwnedServers) -> rpc.OwnedServers:
    """Tell a host which of its servers are its own still."""

    def read(tx: Transaction) -> tuple[str, ...]:
        where = rows.hosts_of(tx, asked.server_ids)
        return tuple(each for each in asked.server_ids if where.get(each) == asked.host)

    return rpc.OwnedServers(host=asked.host, server_ids=ctx.db.read(read))


def _remove_leftover(ctx: Context, server: Server, status: rpc.ServerStatus) -> bool:
    """Have a host remove a server that was deleted while it was down."""
    if status.state is rpc.ServerState.MISSING or status.task == rpc.REMOVE_SERVER.name:
        return False
    if tasks_of(ctx, server.id):
        return False
    log.info("Host %s still has server %s, which was deleted; removing it there", status.host, server.id)
    message = rpc.ServerCommand(command_id=f"leftover-{server.id}", server_id=server.id)
    ctx.bus.cast(rpc.host_topic(status.host), rpc.REMOVE_SERVER, message)
    return True


def _is_back(before: Host, heard: Heard[rpc.HostStatus], down_after_seconds: float) -> bool:
    """Tell whether a host was down, or its agent was restarted, before this report."""
    return not before.is_up(heard.at, down_after_seconds) or before.status.epoch != heard.report.epoch


def tasks_of(ctx: Context, server_id: str) -> bool:
    """Tell whether anything is being done with a server."""
    found = ctx.db.read(tasks.jobs.for_resource, jobs.of(server_id))
    return any(job.ended_at is None for job in found)


def hear_host(ctx: Context, status: rpc.HostStatus) -> None:
    """Take in what a host is and has; wake who tells placement when that changed."""
    services.note_here(ctx)  # whoever hears hosts is at work itself
    heartbeats: Heartbeats[rpc.HostStatus] = ctx.service.memory.setdefault(_HEARTBEATS, Heartbeats(ctx.clock))
    room = (status.vcpus, status.memory_mb, status.disk_gb, status.traits)
    gist = (status.epoch, status.fault, status.hypervisor_hostname, *room)
    heartbeats.add(status.host, status, gist, lambda heard: ctx.db.run(_record_hosts, ctx, heard))


def _record_hosts(tx: Transaction, ctx: Context, heard: Sequence[Heard[rpc.HostStatus]]) -> None:
    """Write down what several hosts said, and wake who has to do something about it.

    A row that nobody has written since this process did need not be read again to see that a report is no news.
    """
    ours: dict[str, Host] = ctx.service.memory.setdefault(_WRITTEN, {})
    before = hosts.untouched(tx, [ours[each.report.host] for each in heard if each.report.host in ours])
    before = {
        each.report.host: before[each.report.host] for each in heard if _is_no_news(before, each.report)
    }
    news = [each.report for each in heard if each.report.host not in before]
    before |= hosts.several(tx, [each.host for each in news])
    known = [(before[each.report.host], each) for each in heard if each.report.host in before]
    written = hosts.record_again(tx, known)
    for status in news:
        if status.host not in before:
            hosts.record_status(tx, status)
    if any(_is_back(host, each, ctx.config.host_down_seconds) for host, each in known):
        services.wake_for_return(tx)
    if any(inventory.is_other(ctx.config, before.get(status.host), status) for status in news):
        tasks.wake(tx, kind=inventory.RECONCILER)
    tx.after_commit(lambda: ours.update(written))


def _is_no_news(before: Mapping[str, Host], status: rpc.HostStatus) -> bool:
    return status.host in before and before[status.host].says(status)
