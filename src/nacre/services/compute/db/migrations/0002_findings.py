"""What was found of drift, and how far each sweep is."""

import sqlalchemy as sa
from alembic import op

from nacre.kernel.db import Json, LongText, OneOf, Serial, UtcDateTime, column, sized
from nacre.kernel.drift import State

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
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
