"""Background work; what was found of drift, and how far each sweep is."""

import sqlalchemy as sa
from alembic import op

from nacre.kernel.db import Json, LongText, OneOf, Serial, UtcDateTime, column, sized
from nacre.kernel.drift import State
from nacre.kernel.tasks import JobState

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    _add_jobs()
    _add_findings()


def _add_jobs() -> None:
    op.create_table(
        "jobs",
        column("id", Serial, key=True),
        column("kind", sized(64)),
        column("resource", sized(191), null=True),
        column("state", OneOf(JobState, 16)),
        column("active", sa.Boolean),
        column("due_at", UtcDateTime),
        column("turn", sa.Integer),
        column("owner", sized(255), null=True),
        column("holds", sized(191), null=True),
        column("woken", sa.Boolean),
        column("cancelled", sa.Boolean),
        column("ending", OneOf(JobState, 16), null=True),
        column("step", sized(64), null=True),
        column("begun_at", UtcDateTime, null=True),
        column("attempts", sa.Integer),
        column("crashes", sa.Integer),
        column("troubled_at", UtcDateTime, null=True),
        column("waits_for", LongText, null=True),
        column("error", LongText, null=True),
        column("failure", Json(), null=True),
        column("input", Json()),
        column("history", Json()),
        column("report", Json(), null=True),
        column("request_id", sized(64), null=True),
        column("user_id", sized(64), null=True),
        column("project_id", sized(64), null=True),
        column("created_at", UtcDateTime),
        column("updated_at", UtcDateTime),
        column("ended_at", UtcDateTime, null=True),
        sa.Index("jobs_by_due", "active", "due_at"),
        sa.Index("jobs_by_resource", "resource", "active", "id"),
        sa.UniqueConstraint("holds", name="jobs_one_for_each_resource"),
        if_not_exists=True,
    )


def _add_findings() -> None:
    op.create_table(
        "findings",
        column("id", Serial, key=True),
        column("kind", sized(48)),
        column("resource_id", sized(100)),
        column("host", sized(100)),
        column("state", OneOf(State, 16)),
        column("text", LongText),
        column("command", sized(255)),
        column("first_seen_at", UtcDateTime),
        column("last_seen_at", UtcDateTime),
        sa.UniqueConstraint("kind", "resource_id", "host", name="findings_one_for_each_thing"),
        sa.Index("findings_by_state", "state", "kind", "last_seen_at"),
        if_not_exists=True,
    )
    op.create_table(
        "sweeps",
        column("name", sized(64), key=True),
        column("cursor", sized(191)),
        column("begun_at", UtcDateTime, null=True),
        column("ended_at", UtcDateTime, null=True),
        column("asked", sa.Integer),
        column("heard", sa.Integer),
        column("answered", sa.Integer),
        column("missed", Json(list[str])),
        if_not_exists=True,
    )
