"""Keep placement's picture of each host like the host itself."""

from __future__ import annotations

from nacre.kernel.context import Context
from nacre.kernel.tasks import Reconciler, Report
from nacre.services.compute.app import inventory
from nacre.services.compute.db import hosts


def run(ctx: Context) -> Report:
    """Tell placement of every host that is not as it was when placement was told last."""
    told = sum(inventory.tell(ctx, host) for host in ctx.db.read(hosts.every))
    return Report(found=told, healed=told)


HOST_INVENTORY = Reconciler(inventory.RECONCILER, every_seconds=300, run=run)
