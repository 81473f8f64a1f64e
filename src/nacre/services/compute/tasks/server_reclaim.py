"""Delete for good the servers that were deleted long ago and that nobody restored."""

from __future__ import annotations

from nacre.kernel.context import Context
from nacre.kernel.tasks import Reconciler, Report
from nacre.services.compute.app import deletions


def run(ctx: Context) -> Report:
    """Take one turn."""
    found = deletions.reclaim(ctx)
    return Report(found=found, healed=found)


SERVER_RECLAIM = Reconciler("server_reclaim", every_seconds=60, run=run)
