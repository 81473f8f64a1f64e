"""What hosts that were down are to remove when they are back."""

from alembic import op
from sqlalchemy import Index, Integer

from nacre.kernel.db import Id, Name, Serial, UtcDateTime, column

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "leftovers",
        column("id", Serial, key=True),
        column("host", Name),
        column("server_id", Id),
        column("refusals", Integer),
        column("created_at", UtcDateTime),
        Index("leftovers_by_host", "host", "refusals", "id"),
        if_not_exists=True,
    )
