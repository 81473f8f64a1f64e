"""Sweep after what died half-way: what nobody owns is removed, and what nobody needs any more.

An object is written under a name that its image's row bears all the while, so whatever the stores hold that
no row names is rubbish: half an upload, or the data of an image whose deletion was cut short.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import islice

from nacre.kernel.context import Context
from nacre.kernel.tasks import Reconciler, Report
from nacre.services.image.app import stores
from nacre.services.image.db import images, tasks
from nacre.services.image.drivers.base import Stored

EVERY_SECONDS = 30.0
BATCH = 500


def sweep(ctx: Context) -> Report:
    """Look through all stores, and at the rows that nobody needs."""
    lease = timedelta(seconds=ctx.config.upload_lease_seconds)
    removed = 0
    for store in (stores.store(ctx), stores.staging(ctx)):
        removed += _remove_unnamed(ctx, store.leftovers(), store.discard, lease)
        removed += _remove_unnamed(ctx, store.objects(), store.remove, lease)
    now = ctx.clock.now()
    ctx.db.run(images.purge, now - timedelta(days=ctx.config.deleted_days))
    ctx.db.run(tasks.purge, now)
    notes = (f"{removed} files removed",) if removed else ()
    return Report(found=removed, healed=removed, notes=notes)


def _remove_unnamed(
    ctx: Context, found: Iterator[Stored], remove: Callable[[str], None], lease: timedelta
) -> int:
    """Remove what no image names.  Names are given before anything is written, so what is old is judged fairly."""
    removed = 0
    old = (each.name for each in found if each.modified_at < ctx.clock.now() - lease)
    while names := list(islice(old, BATCH)):
        owned = ctx.db.read(images.named, names)
        for name in names:
            if name not in owned:
                remove(name)
                removed += 1
    return removed


SWEEP = Reconciler("upload_sweep", EVERY_SECONDS, sweep)
