"""What was asked of a server, noted under the request's id, so that its owner can follow it."""

from __future__ import annotations

from datetime import datetime

from nacre.kernel.context import Context
from nacre.kernel.db import Page, Transaction
from nacre.services.compute.db import actions as rows
from nacre.services.compute.db.actions import Action, Event
from nacre.services.compute.db.servers import Server
from nacre.services.compute.errors import ActionNotFound


def note(tx: Transaction, ctx: Context, server: Server, action: str) -> int:
    """Note an action in the transaction that begins it; return its id."""
    return rows.start(
        tx,
        server.id,
        action,
        request_id=ctx.request_id,
        user_id=ctx.user_id,
        project_id=ctx.project_id or server.project_id,
    )


def begin(tx: Transaction, ctx: Context, server_id: str, event: str, host: str | None = None) -> None:
    """Note that a part of the work of this request's action begins.  May run twice."""
    action_id = rows.latest_id(tx, server_id, ctx.request_id)
    if action_id is not None:
        rows.begin_event(tx, action_id, event, host)


def end(
    tx: Transaction,
    ctx: Context,
    server_id: str,
    event: str,
    *,
    host: str | None = None,
    failure: str | None = None,
    detail: str | None = None,
) -> None:
    """Note how that part ended.  May run twice."""
    action_id = rows.latest_id(tx, server_id, ctx.request_id)
    if action_id is not None:
        rows.end_event(tx, action_id, event, host=host, failure=failure, traceback=detail)


def index(
    ctx: Context, server: Server, page: Page, *, since: datetime | None, before: datetime | None
) -> list[Action]:
    """Return one page of what was asked of a server."""
    return ctx.db.read(rows.index, server.id, page, changes_since=since, changes_before=before)


def get(ctx: Context, server: Server, request_id: str) -> Action:
    """Return what a request asked; raises ActionNotFound."""
    found = ctx.db.read(rows.find, server.id, request_id)
    if found is None:
        raise ActionNotFound(request_id)
    return found


def events(ctx: Context, action: Action) -> list[Event]:
    """Return the parts of the work for an action."""
    return ctx.db.read(rows.events, action.id)
