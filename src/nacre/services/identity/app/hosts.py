"""Letting hosts join the cloud, and sending them away.

An administrator makes a token for one host, good once and for a short time.  The host makes up a password,
keeps it, and shows the token with the password's hash; for that it gets an account on the broker, with which
it can serve itself and do nothing else (docs/decisions/0012).  So no password travels, not even here, and whoever
overhears the token later has nothing.

A host that heard no answer asks again: the same token with the same hash is the same request.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from nacre.kernel.bus import BusOptions
from nacre.kernel.bus.amqp_names import Names, check_name
from nacre.kernel.bus.broker_accounts import BrokerAccounts, is_hash
from nacre.kernel.db import Page, Transaction
from nacre.kernel.errors import BadRequest
from nacre.kernel.ids import new_hex_id
from nacre.services.identity.db import hosts
from nacre.services.identity.db.hosts import Host, JoinToken
from nacre.services.identity.errors import BadJoinToken, JoinTokenNotFound

if TYPE_CHECKING:
    from nacre.kernel.context import Context

SECRET_BYTES = 32
DEFAULT_MINUTES = 60
KINDS = ("compute", "network")
"""The agents that the account of a host is for."""


def get(ctx: Context, name: str) -> Host:
    """Return a host that joined."""
    return ctx.db.read(hosts.get, name)


def index(ctx: Context, page: Page) -> list[Host]:
    """Return a page of the hosts that joined."""
    return ctx.db.read(hosts.index, page)


def delete(ctx: Context, host: Host) -> None:
    """Take a host's account back, and end what it has open.  May run twice."""
    _accounts(ctx).remove(host.name)  # first, for a host that is forgotten but lives could not be found again
    ctx.db.run(hosts.delete, host.name)


def get_token(ctx: Context, token_id: str) -> JoinToken:
    """Return a token."""
    return ctx.db.read(hosts.get_token, token_id)


def index_tokens(ctx: Context, page: Page) -> list[JoinToken]:
    """Return a page of tokens."""
    return ctx.db.read(hosts.index_tokens, page)


def create_token(ctx: Context, *, host: str, minutes: int = DEFAULT_MINUTES) -> tuple[JoinToken, str]:
    """Make a token for a host; returns its text too, which is shown only now."""
    try:
        check_name(host)
    except ValueError:
        raise BadRequest(
            f"{host!r} cannot be a host's name: letters, digits, '-', '_', dots between."
        ) from None
    _accounts(ctx)  # or the token would be of no use
    secret, now = secrets.token_urlsafe(SECRET_BYTES), ctx.clock.now()
    token = JoinToken(
        id=new_hex_id(),
        host=host,
        secret_hash=_hash(secret),
        created_at=now,
        expires_at=now + timedelta(minutes=minutes),
    )
    ctx.db.run(hosts.insert_token, token)
    return token, f"{token.id}.{secret}"


def delete_token(ctx: Context, token: JoinToken) -> None:
    """Make a token useless."""
    ctx.db.run(hosts.delete_token, token.id)


def join(ctx: Context, token: str, password_hash: str) -> tuple[Host, Mapping[str, Any]]:
    """Give the host of a token its account; returns what a host must know besides.  May run twice."""
    if not is_hash(password_hash):
        raise BadRequest("password_hash must be base64 of four bytes of salt and a SHA-256.")
    accounts, options = _accounts(ctx), _bus_options(ctx)
    host = ctx.db.run(_join, token, password_hash, Names(options.realm))
    accounts.ensure(host.name, password_hash)
    process = ctx.service.process
    told = process.told_to_hosts(host.name) if process.told_to_hosts is not None else {}
    return host, {**told, "broker": {"url": options.url_for_hosts(), "realm": options.realm}}


def _join(tx: Transaction, text: str, password_hash: str, names: Names) -> Host:
    token_id, _, secret = text.partition(".")
    try:
        token = hosts.get_token(tx, token_id, lock=True)
    except JoinTokenNotFound:
        raise BadJoinToken() from None
    if not hmac.compare_digest(_hash(secret), token.secret_hash) or token.expires_at <= tx.now():
        raise BadJoinToken()
    if token.used_with not in (None, password_hash):
        raise BadJoinToken(
            detail=f"the token {token.id} for host {token.host} was used before, by somebody else"
        )
    hosts.use_token(tx, token.id, password_hash)
    host = Host(
        name=token.host,
        account=names.host_account(token.host),
        password_hash=password_hash,
        joined_at=tx.now(),
    )
    hosts.record(tx, host)
    return host


def _bus_options(ctx: Context) -> BusOptions:
    return ctx.service.process.config.section("bus", BusOptions)


def _accounts(ctx: Context) -> BrokerAccounts:
    return BrokerAccounts(_bus_options(ctx), KINDS)


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
