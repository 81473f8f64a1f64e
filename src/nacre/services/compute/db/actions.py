"""What was asked of servers and how it went: actions, their events, and the faults that remain."""

from collections.abc import Collection
from datetime import datetime

import msgspec
from sqlalchemy import bindparam, func, select

from nacre.kernel.db import Page, Sort, Transaction, page
from nacre.services.compute.db.history_tables import (
    Refusal,
    schedulings,
    server_action_events,
    server_actions,
    server_faults,
)

MESSAGE_LENGTH = 255


class Action(msgspec.Struct, frozen=True):
    """Somebody asked something of a server."""

    id: int
    server_id: str
    action: str
    request_id: str
    user_id: str
    project_id: str
    message: str | None
    started_at: datetime
    updated_at: datetime


class Event(msgspec.Struct, frozen=True):
    """One part of the work for an action."""

    id: int
    action_id: int
    event: str
    host: str | None
    started_at: datetime
    finished_at: datetime | None
    result: str | None
    details: str | None
    traceback: str | None


class Fault(msgspec.Struct, frozen=True):
    """Why a server is in ERROR; `detail` is for administrators."""

    server_id: str
    code: int
    message: str
    detail: str | None
    created_at: datetime


class Scheduling(msgspec.Struct, frozen=True):
    """One try to find a host: which was taken, and what spoke against the others."""

    server_id: str
    request_id: str | None
    host: str | None
    considered: int
    refusals: list[Refusal]
    created_at: datetime


_ACTIONS = select(*[server_actions.c[name] for name in Action.__struct_fields__])
_EVENTS = select(*[server_action_events.c[name] for name in Event.__struct_fields__])
_FAULTS = select(*[server_faults.c[name] for name in Fault.__struct_fields__])
_LATEST = select(func.max(server_actions.c.id)).where(
    server_actions.c.server_id == bindparam("server_id"),
    server_actions.c.request_id == bindparam("request_id"),
)
_IS_OPEN = (
    (server_action_events.c.action_id == bindparam("of_action"))
    & (server_action_events.c.event == bindparam("of_event"))
    & server_action_events.c.finished_at.is_(None)
)
_OPEN = select(server_action_events.c.id).where(_IS_OPEN)
_CLOSE = server_action_events.update().where(_IS_OPEN)


def start(
    tx: Transaction, server_id: str, action: str, *, request_id: str, user_id: str, project_id: str
) -> int:
    """Note that an action was asked for; return its id."""
    now = tx.now()
    added: int = tx.insert(
        server_actions,
        {
            "server_id": server_id,
            "action": action,
            "request_id": request_id,
            "user_id": user_id,
            "project_id": project_id,
            "message": None,
            "started_at": now,
            "updated_at": now,
        },
    )
    return added


def latest_id(tx: Transaction, server_id: str, request_id: str) -> int | None:
    """Return the id of the action of a request, if it is known."""
    found: int | None = tx.scalar(_LATEST, {"server_id": server_id, "request_id": request_id})
    return found


def index(
    tx: Transaction,
    server_id: str,
    asked: Page,
    *,
    changes_since: datetime | None = None,
    changes_before: datetime | None = None,
) -> list[Action]:
    """Return one page of a server's actions, the newest first; the marker is a request id."""
    mine = server_actions.c.server_id == server_id
    query = _ACTIONS.where(mine)
    if changes_since is not None:
        query = query.where(server_actions.c.updated_at >= changes_since)
    if changes_before is not None:
        query = query.where(server_actions.c.updated_at <= changes_before)
    asked = msgspec.structs.replace(asked, sort=(Sort("started_at", "desc"), Sort("id", "desc")))
    return page(
        tx, query, Action, server_actions, asked, marker_column=server_actions.c.request_id, visible=mine
    )


def find(tx: Transaction, server_id: str, request_id: str) -> Action | None:
    """Return the action of a request, or None."""
    query = _ACTIONS.where(server_actions.c.server_id == server_id, server_actions.c.request_id == request_id)
    return tx.find(query.order_by(server_actions.c.id.desc()).limit(1), Action)


def events(tx: Transaction, action_id: int) -> list[Event]:
    """Return the events of an action, the newest first."""
    query = _EVENTS.where(server_action_events.c.action_id == action_id)
    return tx.all(query.order_by(server_action_events.c.id.desc()), Event)


def newest(tx: Transaction, server_id: str, limit: int) -> list[Action]:
    """Return the newest actions of a server, the newest first."""
    mine = _ACTIONS.where(server_actions.c.server_id == server_id)
    order = (server_actions.c.started_at.desc(), server_actions.c.id.desc())
    return tx.all(mine.order_by(*order).limit(limit), Action)


def events_of(tx: Transaction, action_ids: Collection[int]) -> list[Event]:
    """Return the events of these actions, the oldest first."""
    if not action_ids:
        return []
    query = _EVENTS.where(server_action_events.c.action_id.in_(list(action_ids)))
    return tx.all(query.order_by(server_action_events.c.id), Event)


def faults(tx: Transaction, server_id: str, limit: int) -> list[Fault]:
    """Return the newest faults of a server, the newest first."""
    query = _FAULTS.where(server_faults.c.server_id == server_id)
    return tx.all(query.order_by(server_faults.c.id.desc()).limit(limit), Fault)


def begin_event(tx: Transaction, action_id: int, event: str, host: str | None = None) -> None:
    """Note that a part of the work begins; again for the same part changes nothing."""
    if tx.exists(_OPEN, {"of_action": action_id, "of_event": event}):
        return
    tx.insert(
        server_action_events,
        {
            "action_id": action_id,
            "event": event,
            "host": host,
            "started_at": tx.now(),
            "finished_at": None,
            "result": None,
            "details": None,
            "traceback": None,
        },
    )


def end_event(
    tx: Transaction,
    action_id: int,
    event: str,
    *,
    host: str | None = None,
    failure: str | None = None,
    traceback: str | None = None,
) -> None:
    """Note how a part of the work ended; a failure makes the whole action one that failed."""
    now = tx.now()
    values: dict[str, object] = {
        "finished_at": now,
        "result": "Error" if failure is not None else "Success",
        "details": failure,
        "traceback": traceback,
    }
    if host is not None:
        values["host"] = host
    tx.execute(_CLOSE, {**values, "of_action": action_id, "of_event": event})
    changes: dict[str, object] = {"updated_at": now}
    if failure is not None:
        changes["message"] = "Error"
    tx.update(server_actions, action_id, changes)


def add_fault(tx: Transaction, server_id: str, code: int, message: str, detail: str | None) -> None:
    """Note why a server does not work."""
    tx.insert(
        server_faults,
        {
            "server_id": server_id,
            "code": code,
            "message": message[:MESSAGE_LENGTH],
            "detail": detail if detail is not None or len(message) <= MESSAGE_LENGTH else message,
            "created_at": tx.now(),
        },
    )


def latest_faults(tx: Transaction, server_ids: Collection[str]) -> dict[str, Fault]:
    """Return the last fault of each of these servers that has one."""
    if not server_ids:
        return {}
    newest = (
        select(func.max(server_faults.c.id))
        .where(server_faults.c.server_id.in_(list(server_ids)))
        .group_by(server_faults.c.server_id)
    )
    found = tx.all(_FAULTS.where(server_faults.c.id.in_(newest)), Fault)
    return {fault.server_id: fault for fault in found}


def add_scheduling(tx: Transaction, scheduling: Scheduling) -> None:
    """Note how a host was looked for."""
    tx.insert(schedulings, scheduling)


def schedulings_of(tx: Transaction, server_id: str) -> list[Scheduling]:
    """Return every try to find a host for a server, the first one first."""
    columns = [schedulings.c[name] for name in Scheduling.__struct_fields__]
    query = select(*columns).where(schedulings.c.server_id == server_id).order_by(schedulings.c.id)
    return tx.all(query, Scheduling)
