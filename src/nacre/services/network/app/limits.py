"""A project's limits, counted inside the transaction that would exceed them."""

from collections.abc import Callable, Mapping

from nacre.kernel import quota
from nacre.kernel.context import Context
from nacre.kernel.db import Transaction
from nacre.services.network.db import (
    floating_ips,
    networks,
    ports,
    rbac,
    routers,
    security_groups,
    subnet_pools,
    subnets,
)
from nacre.services.network.db import limits as stored_limits
from nacre.services.network.db.tables import quotas
from nacre.services.network.errors import InvalidQuota, OverQuota

COUNTERS: dict[str, Callable[[Transaction, str], int]] = {
    "network": networks.count,
    "subnet": subnets.count,
    "subnetpool": subnet_pools.count,
    "port": ports.count,
    "router": routers.count,
    "floatingip": floating_ips.count,
    "security_group": security_groups.count,
    "security_group_rule": security_groups.count_rules,
    "rbac_policy": rbac.count,
}
"""What is limited, and how it is counted."""


def enforce(tx: Transaction, ctx: Context, project_id: str, requested: Mapping[str, int]) -> None:
    """Raise OverQuota unless the project may have this much more."""

    def count(tx: Transaction, project_id: str) -> dict[str, int]:
        return {resource: COUNTERS[resource](tx, project_id) for resource in requested}

    try:
        quota.enforce(tx, quotas, project_id, requested, ctx.config.default_quotas(), count)
    except quota.QuotaExceeded as error:
        raise OverQuota([error.resource]) from None


def show(ctx: Context, project_id: str) -> dict[str, int]:
    """Return a project's limits."""
    return {**ctx.config.default_quotas(), **ctx.db.read(quota.limits, quotas, project_id)}


def defaults(ctx: Context) -> dict[str, int]:
    """Return the limits of a project for which none were set."""
    return dict(ctx.config.default_quotas())


def index(ctx: Context) -> dict[str, dict[str, int]]:
    """Return the limits of all projects for which some were set."""
    own = ctx.db.read(stored_limits.all_set)
    return {project_id: {**ctx.config.default_quotas(), **limits} for project_id, limits in own.items()}


def update(
    ctx: Context, project_id: str, changes: Mapping[str, int], *, not_below_usage: bool = False
) -> dict[str, int]:
    """Set some of a project's limits; InvalidQuota if one shall not be, but is, below what is used."""
    ctx.db.run(_update, project_id, changes, not_below_usage)
    return show(ctx, project_id)


def _update(tx: Transaction, project_id: str, changes: Mapping[str, int], not_below_usage: bool) -> None:
    quota.lock(tx, quotas, project_id)
    if not_below_usage:
        for resource, limit in changes.items():
            used = COUNTERS[resource](tx, project_id)
            if 0 <= limit < used:
                raise InvalidQuota(resource, limit, used)
    quota.set_limits(tx, quotas, project_id, changes)


def reset(ctx: Context, project_id: str) -> None:
    """Return a project to the default limits."""
    ctx.db.run(quota.clear_limits, quotas, project_id)


def details(ctx: Context, project_id: str) -> dict[str, dict[str, int]]:
    """Return, for everything limited, the limit and how much is used."""
    limits = show(ctx, project_id)

    def count(tx: Transaction) -> dict[str, int]:
        return {resource: counter(tx, project_id) for resource, counter in COUNTERS.items()}

    used = ctx.db.read(count)
    return {
        resource: {"limit": limit, "used": used[resource], "reserved": 0}
        for resource, limit in limits.items()
    }
