"""Find uploads whose process died: their images are queued again, and what they wrote is removed.

It is woken by every upload that begins, and looks every few seconds as long as one is under way.
"""

from __future__ import annotations

from datetime import timedelta

from nacre.kernel.context import Context
from nacre.kernel.tasks import Reconciler, Report
from nacre.services.image.app import uploads
from nacre.services.image.db import images

BATCH = 500


def run(ctx: Context) -> Report:
    """Give up what has shown no sign of life for longer than the lease of an upload."""
    lease = timedelta(seconds=ctx.config.upload_lease_seconds)
    stalled = ctx.db.read(images.stalled, ctx.clock.now() - lease, BATCH)
    given_up = sum(uploads.give_up(ctx, image) for image in stalled)
    notes = (f"{given_up} uploads given up",) if given_up else ()
    under_way = ctx.db.read(images.arriving)
    return Report(found=given_up + under_way, healed=given_up, left=under_way, notes=notes)


UPLOAD_SYNC = Reconciler(uploads.SYNC, every_seconds=60, run=run, while_left_seconds=5)
