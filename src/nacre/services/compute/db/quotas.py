"""Quotas of single users within a project, and what counts against quotas."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import bindparam, func, select

from nacre.kernel.db import Transaction
from nacre.services.compute.db.tables import VmState, server_groups, servers, user_quotas

_LIMITS = select(user_quotas.c.resource, user_quotas.c.limit_).where(
    user_quotas.c.project_id == bindparam("project_id"), user_quotas.c.user_id == bindparam("user_id")
)


def user_limits(tx: Transaction, project_id: str, user_id: str) -> dict[str, int]:
    """Return the limits that were set for a user in a project."""
    found: Any = tx.execute(_LIMITS, {"project_id": project_id, "user_id": user_id})
    return dict(iter(found))


def set_user_limits(tx: Transaction, project_id: str, user_id: str, changes: Mapping[str, int]) -> None:
    """Set some of a user's limits."""
    for resource, limit in changes.items():
        tx.delete(user_quotas, (project_id, user_id, resource))
        tx.insert(
            user_quotas,
            {"project_id": project_id, "user_id": user_id, "resource": resource, "limit_": limit},
        )


def clear_user_limits(tx: Transaction, project_id: str, user_id: str | None = None) -> None:
    """Remove the limits of one of a project's users, or of all of them."""
    whose = {"project_id": project_id}
    tx.delete(user_quotas, whose if user_id is None else {**whose, "user_id": user_id})


def usage(tx: Transaction, project_id: str, user_id: str | None = None) -> dict[str, int]:
    """Count what a project, or one user in it, uses of what quotas limit."""
    query = select(
        func.count(servers.c.id),
        func.coalesce(func.sum(servers.c.vcpus), 0),
        func.coalesce(func.sum(servers.c.memory_mb), 0),
    ).where(
        servers.c.project_id == project_id,
        servers.c.deleted.is_(False),
        servers.c.vm_state != VmState.SOFT_DELETED,
    )
    groups = select(func.count()).where(server_groups.c.project_id == project_id)
    if user_id is not None:
        query = query.where(servers.c.user_id == user_id)
        groups = groups.where(server_groups.c.user_id == user_id)
    counted: Any = tx.execute(query).one()
    instances, cores, ram = counted
    return {
        "instances": int(instances),
        "cores": int(cores),
        "ram": int(ram),
        "server_groups": int(tx.scalar(groups)),
    }
