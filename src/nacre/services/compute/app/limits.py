"""How much a project may have: the limits that quotas are held against, and what is in use.

Limits come from four places, the first that names one counting: the project's own, the defaults that an
administrator set for everybody (the quota class "default"), and the configuration.  A single user may
have limits of their own within a project, which come on top and never allow more than the project may
have.
"""

from __future__ import annotations

from collections.abc import Mapping

from nacre.kernel import quota
from nacre.kernel.context import Context
from nacre.kernel.db import Transaction
from nacre.kernel.quota import UNLIMITED, QuotaExceeded
from nacre.services.compute.config import ComputeOptions
from nacre.services.compute.db import quotas as rows
from nacre.services.compute.db.tables import quotas

EVERYBODY = "quota-class/default"
"""In the table of projects' limits, the row of those that apply to projects without their own."""

ELSEWHERE = ("fixed_ips", "floating_ips", "security_groups", "security_group_rules")
"""Compat: limits that the network service keeps now; they can be set here and limit nothing (nova, quota.py)."""


def defaults(options: ComputeOptions) -> dict[str, int]:
    """Return the limits that the configuration gives everybody, under the API's names."""
    return {
        "instances": options.quota_instances,
        "cores": options.quota_cores,
        "ram": options.quota_ram_mb,
        "metadata_items": options.quota_metadata_items,
        "key_pairs": options.quota_key_pairs,
        "server_groups": options.quota_server_groups,
        "server_group_members": options.quota_server_group_members,
        "injected_files": options.quota_injected_files,
        "injected_file_content_bytes": options.quota_injected_file_content_bytes,
        "injected_file_path_bytes": options.quota_injected_file_path_bytes,
        **dict.fromkeys(ELSEWHERE, UNLIMITED),
    }


def of_everybody(tx: Transaction, ctx: Context) -> dict[str, int]:
    """Return the limits of projects that have none of their own."""
    return {**defaults(ctx.config), **quota.limits(tx, quotas, EVERYBODY)}


def of(tx: Transaction, ctx: Context, project_id: str) -> dict[str, int]:
    """Return a project's limits."""
    return {**of_everybody(tx, ctx), **quota.limits(tx, quotas, project_id)}


def of_user(tx: Transaction, ctx: Context, project_id: str, user_id: str) -> dict[str, int]:
    """Return the limits of one user in a project."""
    return {**of(tx, ctx, project_id), **rows.user_limits(tx, project_id, user_id)}


def enforce(tx: Transaction, ctx: Context, project_id: str, requested: Mapping[str, int]) -> None:
    """Raise QuotaExceeded unless project and user may have this much more; counted in this transaction."""
    quota.enforce(tx, quotas, project_id, requested, of_everybody(tx, ctx), rows.usage)
    own = rows.user_limits(tx, project_id, ctx.user_id)
    if not own.keys() & requested.keys():
        return
    usage = rows.usage(tx, project_id, ctx.user_id)
    for resource, more in requested.items():
        limit, used = own.get(resource, UNLIMITED), usage.get(resource, 0)
        if more > 0 and 0 <= limit < used + more:
            raise QuotaExceeded(resource, requested=more, used=used, limit=limit)
