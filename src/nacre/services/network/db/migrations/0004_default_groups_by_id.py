"""Whether a security group is some project's default one is found without looking at all projects."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_index(
        "default_security_groups_by_group", "default_security_groups", ["group_id"], if_not_exists=True
    )
