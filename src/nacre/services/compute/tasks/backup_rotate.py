"""After a backup: delete the oldest of its series, so that only as many stay as its owner asked for."""

from __future__ import annotations

from nacre.kernel.context import Context
from nacre.kernel.tasks import Run
from nacre.services.compute.app import snapshots
from nacre.services.compute.app.jobs import ROTATE, BackupRotation


@ROTATE.step()
def delete_oldest(ctx: Context, run: Run[BackupRotation]) -> None:
    """Delete what is too much."""
    snapshots.rotate(ctx, run.input)
