"""How much a project may have: the limits that quotas are held against, and what is in use."""

from __future__ import annotations

from collections.abc import Mapping

from nacre.kernel import quota
from nacre.kernel.context import Context
from nacre.kernel.db import Transaction
from nacre.services.compute.config import ComputeOptions
from nacre.services.compute.db import servers
from nacre.services.compute.db.tables import quotas


def defaults(options: ComputeOptions) -> dict[str, int]:
    """Return the limits of projects that have none of their own, under the API's names."""
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
    }


def of(tx: Transaction, ctx: Context, project_id: str) -> dict[str, int]:
    """Return a project's limits: its own ones over the defaults."""
    return {**defaults(ctx.config), **quota.limits(tx, quotas, project_id)}


def enforce(tx: Transaction, ctx: Context, project_id: str, requested: Mapping[str, int]) -> None:
    """Raise QuotaExceeded unless the project may have this much more; counted in this transaction."""
    quota.enforce(tx, quotas, project_id, requested, defaults(ctx.config), servers.usage)
