"""What is kept of the past of servers: actions, faults, searches for a host, what hosts were told.

These are tables of compute like those in tables.py, which builds on this file.
"""

import msgspec
from sqlalchemy import Index, Integer, Table, UniqueConstraint

from nacre.kernel.db import (
    Big,
    Id,
    Json,
    LongText,
    Name,
    Serial,
    UtcDateTime,
    column,
    new_metadata,
    sized,
)

metadata = new_metadata()

server_faults = Table(
    "server_faults",
    metadata,
    column("id", Serial, key=True),
    column("server_id", Id),
    column("code", Integer),
    column("message", Name),
    column("detail", LongText, null=True),
    column("created_at", UtcDateTime),
    Index("server_faults_by_server", "server_id", "id"),
)

server_actions = Table(
    "server_actions",
    metadata,
    column("id", Serial, key=True),
    column("server_id", Id),
    column("action", sized(64)),
    column("request_id", sized(64)),
    column("user_id", sized(64)),
    column("project_id", sized(64)),
    column("message", Name, null=True),
    column("started_at", UtcDateTime),
    column("updated_at", UtcDateTime),
    Index("server_actions_by_server", "server_id", "started_at", "id"),
    Index("server_actions_by_request", "server_id", "request_id"),
)

server_action_events = Table(
    "server_action_events",
    metadata,
    column("id", Serial, key=True),
    column("action_id", Big),
    column("event", sized(128)),
    column("host", Name, null=True),
    column("started_at", UtcDateTime),
    column("finished_at", UtcDateTime, null=True),
    column("result", sized(16), null=True),
    column("details", LongText, null=True),
    column("traceback", LongText, null=True),
    Index("server_action_events_by_action", "action_id", "id"),
)


class Refusal(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why one host was not taken: the filter or "host" itself, the reason in words, more for operators."""

    host: str
    by: str
    reason: str
    detail: str = ""
    cause: str = ""  # as it may be said to users


schedulings = Table(
    "schedulings",
    metadata,
    column("id", Serial, key=True),
    column("server_id", Id),
    column("request_id", sized(64), null=True),
    column("host", Name, null=True),
    column("considered", Integer),
    column("refusals", Json(list[Refusal])),
    column("created_at", UtcDateTime),
    Index("schedulings_by_server", "server_id", "id"),
)

host_messages = Table(
    "host_messages",
    metadata,
    column("id", Serial, key=True),
    column("server_id", Id),
    column("command_id", sized(100)),
    column("host", Name),
    column("method", sized(64)),
    column("request_id", sized(64), null=True),
    column("sent_at", UtcDateTime),
    column("answered_at", UtcDateTime, null=True),  # accepted
    column("finished_at", UtcDateTime, null=True),
    column("failure", LongText, null=True),
    UniqueConstraint("server_id", "command_id", "host", name="host_messages_one_for_each_command"),
)
"""What hosts were told about servers, for whoever wants to know; the newest few of each server."""
