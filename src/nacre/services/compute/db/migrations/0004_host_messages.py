"""What hosts were told about servers."""

import sqlalchemy as sa
from alembic import op

from nacre.kernel.db import Id, LongText, Name, Serial, UtcDateTime, column, sized

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "host_messages",
        column("id", Serial, key=True),
        column("server_id", Id),
        column("command_id", sized(100)),
        column("host", Name),
        column("method", sized(64)),
        column("request_id", sized(64), null=True),
        column("sent_at", UtcDateTime),
        column("answered_at", UtcDateTime, null=True),
        column("finished_at", UtcDateTime, null=True),
        column("failure", LongText, null=True),
        sa.UniqueConstraint("server_id", "command_id", "host", name="host_messages_one_for_each_command"),
        if_not_exists=True,
    )
