"""Tokens for consoles are dropped, with their servers and at their end, without looking at all of them."""

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_index("console_tokens_by_server", "console_tokens", ["server_id"], if_not_exists=True)
    op.create_index("console_tokens_by_end", "console_tokens", ["expires_at"], if_not_exists=True)
