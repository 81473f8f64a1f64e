"""Keys that control nodes share, hosts that joined, and the tokens by which they do."""

import sqlalchemy as sa
from alembic import op

from nacre.kernel.db import LongText, UtcDateTime, column, sized

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "sealed_keys",
        column("repository", sized(16), key=True),
        column("number", sa.Integer, key=True, autoincrement=False),
        column("sealed", LongText),
        column("created_at", UtcDateTime),
        if_not_exists=True,
    )
    op.create_table(
        "hosts",
        column("name", sized(191), key=True),
        column("account", sized(255)),
        column("password_hash", sized(255)),
        column("joined_at", UtcDateTime),
        if_not_exists=True,
    )
    op.create_table(
        "join_tokens",
        column("id", sized(64), key=True),
        column("host", sized(191)),
        column("secret_hash", sized(64)),
        column("created_at", UtcDateTime),
        column("expires_at", UtcDateTime),
        column("used_at", UtcDateTime, null=True),
        column("used_with", sized(255), null=True),
        sa.Index("join_tokens_by_expiry", "expires_at"),
        if_not_exists=True,
    )
