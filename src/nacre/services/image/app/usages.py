"""How much a project has of what is limited."""

from __future__ import annotations

from nacre.kernel.context import Context
from nacre.kernel.quota import UNLIMITED
from nacre.services.image.db import images

MEBIBYTE = 1024 * 1024


def of_project(ctx: Context) -> dict[str, tuple[int, int]]:
    """Return limit and usage of each resource of the caller's project; sizes in MiB, -1 for no limit."""
    found = ctx.db.read(images.usage, ctx.project_id or "")
    storage: int = ctx.config.user_storage_bytes
    limit = storage // MEBIBYTE if storage else UNLIMITED
    return {
        "image_size_total": (limit, -(-found.size // MEBIBYTE)),
        "image_stage_total": (UNLIMITED, -(-found.staged_size // MEBIBYTE)),
        "image_count_total": (UNLIMITED, found.count),
        "image_count_uploading": (UNLIMITED, found.arriving),
    }
