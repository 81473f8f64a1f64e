"""Look at every server of a host, and compare what is there with what should be: the thorough way.

`server_sync` hears what changed, every minute; this asks for everything, host after host.  So it also sees
what changed on our side: a row deleted by hand, a database from a backup.  What a guest or its data hangs on
is never touched here; it is named, with the command that a person may give.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from nacre.kernel import errors
from nacre.kernel.bus import Method
from nacre.kernel.context import Context
from nacre.kernel.db import Transaction
from nacre.kernel.drift import Drift, Finding, Sweep, left, pending
from nacre.services.compute import rpc
from nacre.services.compute.app import host_reports, specs
from nacre.services.compute.db import drift, hosts
from nacre.services.compute.db import servers as rows
from nacre.services.compute.db.hosts import Host
from nacre.services.compute.db.servers import Server
from nacre.services.compute.db.tables import PowerState, VmState

INSPECT: Method[rpc.Inspect, rpc.Inspected] = rpc.INSPECT
EXAMINE: Method[rpc.Nothing, rpc.Examined] = rpc.EXAMINE
ANSWER_SECONDS = 60.0

CRASHED, MISSING = "server_crashed", "server_missing"
UNKNOWN, LEFTOVER, ELSEWHERE = "server_unknown", "server_leftover", "server_elsewhere"


def page(ctx: Context, after: str, limit: int) -> Sequence[Host]:
    """Return the next hosts."""
    return ctx.db.read(hosts.after, after, limit)


def expect_up(ctx: Context, host: Host) -> None:
    """Raise Unavailable for a host that cannot be asked anything."""
    if not host.is_up(ctx.clock.now(), ctx.config.host_down_seconds):
        raise errors.Unavailable(f"Host {host.name} is down.")


def check(ctx: Context, host: Host) -> Iterator[Drift]:
    """Compare the servers that a host has with those that it should have."""
    expect_up(ctx, host)
    topic = rpc.host_topic(host.name)
    seen = ctx.bus.call(topic, INSPECT, rpc.Inspect(), deadline_seconds=ANSWER_SECONDS).servers
    there = {status.id: status for status in seen if status.state is not rpc.ServerState.MISSING}
    missing = {status.id: status for status in seen if status.state is rpc.ServerState.MISSING}

    def read(tx: Transaction) -> tuple[dict[str, Server], set[str]]:
        ours = {server.id: server for server in rows.on_host(tx, host.name)}
        known = drift.known(tx, there.keys() - ours.keys()) | ours
        return known, drift.worked_on(tx, [*known])

    known, busy = ctx.db.read(read)
    for status in there.values():
        yield from _of_server(ctx, host, known.get(status.id), status, busy)
    for server in known.values():
        lost = server.host == host.name and server.id not in there and not server.deleted
        if lost and server.launched_at is not None and drift.is_settled(server, busy):
            status = missing.get(server.id) or rpc.ServerStatus(
                id=server.id, host=host.name, state=rpc.ServerState.MISSING
            )
            host_reports.hear(ctx, status)
            yield left(
                MISSING,
                server.id,
                "Its host has nothing of this server any more. If its disk is still there, a hard reboot brings"
                " it back; if not, it can be rebuilt from its image.",
                host=host.name,
                command=f"openstack server reboot --hard {server.id}",
            )
    yield from _examined(ctx, host, known)


def _of_server(
    ctx: Context, host: Host, server: Server | None, status: rpc.ServerStatus, busy: set[str]
) -> Iterator[Drift]:
    """Judge one server that a host has."""
    if status.id in busy or (status.task is not None and server is not None):
        return
    if server is None:
        yield left(
            UNKNOWN,
            status.id,
            f"It is {status.state} there ({status.name or status.hypervisor_name or 'without a name'}), and no"
            " server of that id is known. Healing removes it from the host, with its disk.",
            host=host.name,
        )
    elif server.deleted:
        if host_reports.hear(ctx, status):
            yield pending(LEFTOVER, status.id, "It was deleted; the host is removing it.", host=host.name)
    elif server.host != host.name:
        if drift.is_settled(server, busy):
            text = f"It is on host {server.host or 'none'} by the books. Healing removes what is here of it."
            yield left(ELSEWHERE, status.id, text, host=host.name)
    elif drift.is_settled(server, busy):
        yield from _of_state(ctx, host, server, status)


def _of_state(ctx: Context, host: Host, server: Server, status: rpc.ServerStatus) -> Iterator[Drift]:
    """Bring a row up to what its host sees; a guest that died is for a person to start again."""
    host_reports.hear(ctx, status)
    present = ctx.db.read(rows.find, server.id)
    if (
        present is not None
        and present.vm_state is VmState.STOPPED
        and present.power_state == PowerState.CRASHED
    ):
        text = f"It ran, and does not: {status.reason or 'its process ended'}."
        yield left(CRASHED, server.id, text, host=host.name, command=f"openstack server start {server.id}")


#: What a host's agent may find, and the command that heals it where nacre does not.
COMMANDS: Mapping[rpc.Trouble, str] = {
    rpc.Trouble.DISK_MISSING: "openstack server rebuild {id}",
    rpc.Trouble.CARD_UNPLUGGED: "openstack server reboot --hard {id}",
}


def _examined(ctx: Context, host: Host, known: Mapping[str, Server]) -> Iterator[Drift]:
    """Name what the host's agent finds wrong with files and devices."""
    answer = ctx.bus.call(rpc.host_topic(host.name), EXAMINE, rpc.Nothing(), deadline_seconds=ANSWER_SECONDS)
    for trouble in answer.troubles:
        server = known.get(trouble.server_id)
        if trouble.kind is rpc.Trouble.FILES_STRAY and server is not None and not server.deleted:
            continue  # it is being made, or it is gone for another reason and that is said above
        command = COMMANDS.get(trouble.kind)
        command = command and command.format(id=trouble.server_id)
        yield left(trouble.kind, trouble.server_id, trouble.text, host=host.name, command=command)


def remove(ctx: Context, finding: Finding) -> None:
    """Have a host remove what it has of a server that should not be there (a person said so)."""
    server = ctx.db.read(drift.known, [finding.resource_id]).get(finding.resource_id)
    if server is not None and not server.deleted and server.host == finding.host:
        raise errors.Conflict(f"Server {server.id} belongs on host {finding.host}.")
    message = rpc.ServerCommand(command_id=_command_id(finding), server_id=finding.resource_id)
    ctx.bus.call(rpc.host_topic(finding.host), rpc.REMOVE_SERVER, message)


def fetch_again(ctx: Context, finding: Finding) -> None:
    """Send a server's spec again, with a ticket for its image, so that the host restores what is missing."""
    message = rpc.EnsureServer(command_id=_command_id(finding), spec=specs.build(ctx, finding.resource_id))
    ctx.bus.call(rpc.host_topic(finding.host), rpc.ENSURE_SERVER, message)


def _command_id(finding: Finding) -> str:
    return f"doctor-{finding.id}-{int(finding.first_seen_at.timestamp())}"


HEALERS = {
    UNKNOWN: remove,
    ELSEWHERE: remove,
    rpc.Trouble.FILES_STRAY: remove,
    rpc.Trouble.BASE_MISSING: fetch_again,
}

SWEEP = Sweep(
    "host_check",
    kinds=(CRASHED, MISSING, UNKNOWN, LEFTOVER, ELSEWHERE, *rpc.Trouble),
    page=page,
    key=lambda host: host.name,
    check=check,
    host_of=lambda host: host.name,
    at_once=20,
)
