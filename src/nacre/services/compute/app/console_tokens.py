"""Tokens that open a server's screen: given to who may see it, shown to the console proxy, good for one look.

A browser cannot send a header with a websocket, so what opens the screen stands in the address.  That is why it
is worth so little: it is for one server, for some minutes, and for the first who connects with it.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

import msgspec

from nacre.kernel.context import Context
from nacre.kernel.db import Transaction
from nacre.kernel.errors import Conflict, NotFound
from nacre.services.compute import rpc
from nacre.services.compute.db import console_tokens as rows
from nacre.services.compute.db import hosts, servers
from nacre.services.compute.db.console_tokens import ConsoleToken
from nacre.services.compute.db.servers import Server
from nacre.services.compute.errors import ConsoleTokenInvalid, ConsoleUnavailable, ServerNotReady

NOVNC = "novnc"
TOKEN_BYTES = 24
SIMULATED = "simulated"


class Screen(msgspec.Struct, frozen=True):
    """A server, and where its host has its screen."""

    server_id: str
    console: rpc.Console


def issue(ctx: Context, server: Server, kind: str) -> str:
    """Return a token for a server's screen; raises ConsoleUnavailable, ServerNotReady and Conflict."""
    if kind != NOVNC or not ctx.config.vnc_enabled:
        raise ConsoleUnavailable(kind)
    if server.host is None:
        raise ServerNotReady(server.id)
    _ask_host(ctx, server)
    token, now = secrets.token_urlsafe(TOKEN_BYTES), ctx.clock.now()
    row = ConsoleToken(
        token_hash=_hash(token),
        server_id=server.id,
        kind=kind,
        expires_at=now + timedelta(seconds=ctx.config.console_token_seconds),
        created_at=now,
    )
    ctx.db.run(rows.insert, row)
    return token


def show(ctx: Context, token: str) -> Screen:
    """Return what a token opens and leave it valid; raises ConsoleTokenInvalid."""
    return _screen(ctx, ctx.db.read(rows.find, _hash(token)))


def redeem(ctx: Context, token: str) -> Screen:
    """Return what a token opens; it opens nothing from now on.  Raises ConsoleTokenInvalid."""
    return _screen(ctx, ctx.db.run(rows.take, _hash(token)))


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()


def _screen(ctx: Context, token: ConsoleToken | None) -> Screen:
    if token is None:
        raise ConsoleTokenInvalid()
    server = ctx.db.read(servers.find, token.server_id)
    if server is None or server.host is None:
        raise ConsoleTokenInvalid()
    return Screen(server.id, _ask_host(ctx, server))


def _ask_host(ctx: Context, server: Server) -> rpc.Console:
    asked = rpc.ConsoleRequest(server_id=server.id, type=rpc.ConsoleType.VNC)
    try:
        return ctx.bus.call(rpc.host_topic(server.host or ""), rpc.CONSOLE, asked)
    except NotFound:
        raise ServerNotReady(server.id) from None
    except Conflict as error:  # it is off
        raise ServerNotReady(server.id) from error


def is_simulated(ctx: Context) -> bool:
    """Tell whether the servers of this cloud are only modelled."""

    def read(tx: Transaction) -> bool:
        known = hosts.every(tx)
        return bool(known) and all(host.status.virt_type == SIMULATED for host in known)

    return ctx.db.read(read)
