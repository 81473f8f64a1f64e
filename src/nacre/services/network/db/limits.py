"""The limits that were set for projects, all at once."""

from sqlalchemy import select

from nacre.kernel.db import Transaction
from nacre.services.network.db import standard
from nacre.services.network.db.tables import quotas


def all_set(tx: Transaction) -> dict[str, dict[str, int]]:
    """Return the limits that were set: project → resource → limit."""
    found: dict[str, dict[str, int]] = {}
    for project_id, resource, limit in standard.rows(tx, select(quotas.limits)):
        found.setdefault(project_id, {})[resource] = limit
    return found
