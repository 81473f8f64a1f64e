"""Find uploads whose process died: their images are queued again, and what they wrote is removed.

It is woken by every upload that begins, and looks every few seconds as long as one is under way.  Who has been
silent for too long may only not have been heard, while the database was away: so it gets the time to say so.
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
    now = ctx.clock.now()
    ctx.db.run(images.doubt_silent_uploads, now - timedelta(seconds=ctx.config.upload_lease_seconds))
    dead = ctx.db.read(images.dead_uploads, now - timedelta(seconds=uploads.grace_seconds(ctx)), BATCH)
    given_up = sum(uploads.give_up(ctx, image) for image in dead)
    notes = (f"{given_up} uploads given up",) if given_up else ()
    under_way = ctx.db.read(images.arriving)
    return Report(found=given_up + under_way, healed=given_up, left=under_way, notes=notes)


UPLOAD_SYNC = Reconciler(uploads.SYNC, every_seconds=60, run=run, while_left_seconds=2)
