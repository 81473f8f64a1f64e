"""Ports may be carried by further hosts while their server moves."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from nacre.kernel.db import Id, Json, Name, column, sized

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "port_bindings",
        column("port_id", Id, key=True),
        column("host", sized(191), key=True),
        column("network_id", Id),
        column("vnic_type", sized(64)),
        column("vif_type", sized(64)),
        column("vif_details", Json(dict[str, Any])),
        column("profile", Json(dict[str, Any])),
        column("problem", Name),
        column("connected", sa.Boolean),
        sa.Index("port_bindings_by_host", "host", "network_id"),
        if_not_exists=True,
    )
