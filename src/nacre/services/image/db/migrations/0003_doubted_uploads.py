"""An upload that was silent for long is doubted before it is given up: perhaps it could not be heard."""

from alembic import op

from nacre.kernel.db import UtcDateTime, column

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("images", column("upload_doubted_at", UtcDateTime, null=True))
