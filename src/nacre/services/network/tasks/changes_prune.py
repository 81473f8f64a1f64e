"""Every ten minutes: forget changes that all living hosts have seen long ago."""

from datetime import timedelta

from nacre.kernel.context import Context
from nacre.kernel.tasks import Reconciler, Report
from nacre.services.network.db import changes


def prune(ctx: Context) -> Report:
    """Shorten the log; a host that was away longer than it reaches back is told everything."""
    before = ctx.clock.now() - timedelta(hours=ctx.config.log_hours)
    gone = ctx.db.run(changes.prune, before)
    return Report(found=gone, healed=gone, left=0)


CHANGES_PRUNE = Reconciler("network_changes_prune", every_seconds=600, run=prune)
