"""Every half minute: what runs nowhere, or on a host that stays dead, is put onto a living one."""

from nacre.kernel.context import Context
from nacre.kernel.tasks import Reconciler, Report
from nacre.services.network.app import rescheduling


def sync(ctx: Context) -> Report:
    """Place what has no place."""
    moved_found, moved = rescheduling.leave_dead_hosts(ctx)
    found, healed = rescheduling.place_homeless(ctx)
    everything, done = found + moved_found, healed + moved
    return Report(found=everything, healed=done, left=everything - done)


PLACEMENT_SYNC = Reconciler("network_placement_sync", every_seconds=30, run=sync)
