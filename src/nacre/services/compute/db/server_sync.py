"""Servers that wait for work which nobody does any more: a task is set, and no job stands behind it."""

from datetime import datetime

from sqlalchemy import exists, literal, select, true

from nacre.kernel.db import Transaction
from nacre.services.compute.db.servers import Server
from nacre.services.compute.db.tables import jobs, servers


def find(tx: Transaction, before: datetime, limit: int) -> list[Server]:
    """Return servers whose task has stood still since a moment without a job that could end it."""
    worked_on = exists().where(
        jobs.c.resource == literal("server/").concat(servers.c.id), jobs.c.active == true()
    )
    query = (
        select(*[servers.c[name] for name in Server.__struct_fields__])
        .where(
            servers.c.deleted.is_(False),
            servers.c.task_state.is_not(None),
            servers.c.updated_at <= before,
            ~worked_on,
        )
        .order_by(servers.c.updated_at)
        .limit(limit)
    )
    return tx.all(query, Server)
