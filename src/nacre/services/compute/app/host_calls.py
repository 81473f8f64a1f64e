"""Tell a host to do something, and know how it ended, however often the telling is interrupted.

A command that an agent accepts is worked on in its own time.  Sending the same command id again does
nothing but answer how far it is, so a workflow's step sends it at each turn: the first time it is an
order, then a question.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from nacre.kernel import errors, tasks
from nacre.kernel.bus import Method
from nacre.kernel.context import Context
from nacre.kernel.db import Transaction
from nacre.kernel.tasks import Wait
from nacre.services.compute import rpc
from nacre.services.compute.app import states
from nacre.services.compute.app.services import LEFTOVER_SYNC
from nacre.services.compute.db import host_messages, hosts, leftovers
from nacre.services.compute.db.host_messages import HostMessage
from nacre.services.compute.db.servers import Server
from nacre.services.compute.errors import HostRefused

INSPECT: Method[rpc.Inspect, rpc.Inspected] = rpc.INSPECT
PLUG_SECONDS = 90.0
ASK_AGAIN_SECONDS = 10.0
"""How long a lost report of a host delays us."""


def send(
    ctx: Context, host: str, method: Method[Any, rpc.Accepted], message: Any, doing: str
) -> rpc.Outcome | Wait:
    """Give a command, or ask after it; return how it ended, or the wait for its end.

    Raises HostRefused when the host could not do it (outages of what it needs it bears for some minutes
    by itself), and Unavailable when it cannot be asked.
    """
    sent_at = ctx.clock.now()
    try:
        accepted = ctx.bus.call(rpc.host_topic(host), method, message)
    except errors.NacreError as error:
        _note(ctx, host, method, message, sent_at, None, error.detail or error.message)
        raise
    if accepted.stale:
        _note(ctx, host, method, message, sent_at, None, "the host was told something newer")
        raise HostRefused(f"Host {host} was told something newer about server {accepted.server_id}.")
    _note(ctx, host, method, message, sent_at, accepted.finished)
    if accepted.finished is None:
        return Wait(ASK_AGAIN_SECONDS, f"host {host} to {doing}")
    _refuse(host, accepted.finished)
    return accepted.finished


def _note(
    ctx: Context,
    host: str,
    method: Method[Any, rpc.Accepted],
    message: Any,
    sent_at: datetime,
    outcome: rpc.Outcome | None,
    trouble: str | None = None,
) -> None:
    """Keep what a host was told, for the server's timeline."""
    fault = outcome.fault if outcome is not None else None
    told = HostMessage(
        server_id=message.spec.id if hasattr(message, "spec") else message.server_id,
        command_id=message.command_id,
        host=host,
        method=method.name,
        request_id=ctx.request_id,
        sent_at=sent_at,
        answered_at=None if trouble else ctx.clock.now(),
        finished_at=outcome.finished_at if outcome is not None else None,
        failure=trouble or (None if fault is None else fault.detail or fault.message),
    )
    ctx.db.run(host_messages.record, told)


def _refuse(host: str, outcome: rpc.Outcome) -> None:
    """Raise HostRefused where a command ended badly."""
    if outcome.fault is not None:
        fault = outcome.fault
        raise HostRefused(fault.message, detail=f"host {host}: {fault.detail or fault.message}")


def remove(ctx: Context, host: str, server_id: str, command_id: str) -> Wait | None:
    """Have a host remove whatever it has of a server; return the wait, or None when that is over.

    A host that is down is not waited for: it is written down what it owes, for when it is back
    (tasks/leftover_sync).  So it is for one that had nothing to remove: what it was told before, by whoever hung
    or was cut off meanwhile, may still be on its way.  Raises HostRefused when the host could not remove it.
    """
    try:
        wait = remove_now(ctx, host, server_id, command_id)
        if wait is not None or ctx.db.read(host_messages.was_accepted, server_id, command_id, host):
            return wait
    except errors.Unavailable:
        if is_up(ctx, host):
            raise

    def owe(tx: Transaction) -> None:
        leftovers.note(tx, host, server_id)
        tasks.wake(tx, kind=LEFTOVER_SYNC)  # it may be back since we asked

    ctx.db.run(owe)
    return None


def remove_now(ctx: Context, host: str, server_id: str, command_id: str) -> Wait | None:
    """The same for a host that is up; raises Unavailable where it is not."""
    # A host forgets a server that it has removed, and would do the command again: so look first.
    message = rpc.ServerCommand(command_id=command_id, server_id=server_id)
    status = inspect(ctx, host, server_id)
    if _has_ended(ctx, host, status, rpc.REMOVE_SERVER, message) or _has_nothing(status):
        return None
    answer = send(ctx, host, rpc.REMOVE_SERVER, message, "remove the server")
    return answer if isinstance(answer, Wait) else None


def has_ended(
    ctx: Context, host: str, method: Method[Any, rpc.Accepted], server_id: str, command_id: str
) -> bool:
    """Tell whether a command that was sent has been done; raises HostRefused where it could not be.

    It spares a step that was woken to put a large order into words again.
    """
    message = rpc.ServerCommand(command_id=command_id, server_id=server_id)
    return _has_ended(ctx, host, inspect(ctx, host, server_id), method, message)


def _has_ended(
    ctx: Context,
    host: str,
    status: rpc.ServerStatus,
    method: Method[Any, rpc.Accepted],
    message: rpc.ServerCommand,
) -> bool:
    for outcome in status.outcomes:
        if outcome.command_id == message.command_id:
            _note(ctx, host, method, message, ctx.clock.now(), outcome)
            _refuse(host, outcome)
            return True
    return False


def inspect(ctx: Context, host: str, server_id: str) -> rpc.ServerStatus:
    """Return what a host sees of a server right now; raises Unavailable when it cannot be asked."""
    (status,) = ctx.bus.call(rpc.host_topic(host), INSPECT, rpc.Inspect(server_ids=(server_id,))).servers
    return status


def _has_nothing(status: rpc.ServerStatus) -> bool:
    """Tell whether a host has neither a server nor anything that was made ready for one."""
    if status.state is not rpc.ServerState.MISSING or status.task is not None or status.revision:
        return False
    return not status.outcomes or status.outcomes[-1].verb == rpc.REMOVE_SERVER.name


def unplug(ctx: Context, host: str, message: rpc.DetachNic) -> None:
    """Have a host pull a card out of a server, if it has both.  A host that is down is not waited for."""
    try:
        topic = rpc.host_topic(host)
        ctx.bus.call(topic, rpc.DETACH_NIC, message, deadline_seconds=PLUG_SECONDS)
    except errors.NotFound:
        return
    except errors.Unavailable:
        if is_up(ctx, host):
            raise


def stop(ctx: Context, server: Server, command_id: str, revision: int) -> Wait | None:
    """Have a server's host stop its guest; return the wait, or None when it is off.  Raises HostRefused."""
    message = rpc.StopServer(
        command_id=command_id,
        server_id=server.id,
        revision=revision,
        timeout_seconds=ctx.config.shutdown_timeout_seconds,
    )
    outcome = send(ctx, states.host_of(server), rpc.STOP, message, "stop the server")
    return outcome if isinstance(outcome, Wait) else None


def is_up(ctx: Context, host: str) -> bool:
    """Tell whether a host's agent can be expected to answer, now or as soon as it has heard of our start."""
    known = ctx.db.read(hosts.find, host)
    if known is None or known.forced_down:
        return False
    return _is_just_listening(ctx) or known.is_up(ctx.clock.now(), ctx.config.host_down_seconds)


def may_appear(ctx: Context) -> bool:
    """Tell whether hosts that seem to be down may be up, and we have not listened long enough to know."""
    now, patience = ctx.clock.now(), ctx.config.host_down_seconds
    if not _is_just_listening(ctx):
        return False
    return any(not (host.forced_down or host.is_up(now, patience)) for host in ctx.db.read(hosts.every))


def _is_just_listening(ctx: Context) -> bool:
    listening_seconds = (ctx.clock.now() - ctx.service.listening_since).total_seconds()
    return listening_seconds <= ctx.config.host_down_seconds
