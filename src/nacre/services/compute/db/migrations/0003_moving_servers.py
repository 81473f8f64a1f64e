"""Migrations say how far they are."""

import sqlalchemy as sa
from alembic import op

from nacre.kernel.db import Json, column
from nacre.services.compute import rpc

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    known = sa.inspect(op.get_bind())
    if "progress" not in {each["name"] for each in known.get_columns("migrations")}:
        op.add_column("migrations", column("progress", Json(rpc.MoveProgress), null=True))
    op.create_index("migrations_by_status", "migrations", ["status", "type", "id"], if_not_exists=True)
