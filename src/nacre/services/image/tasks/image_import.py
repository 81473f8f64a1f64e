"""Import an image: the bytes that were staged become the image's data.

They take the same way as those of an upload (hashed, looked at, stored in one pass), only that they come from
the staging place and not from the network.  When they are refused, the image is queued again
and the staged bytes are gone, as after a refused upload; the task says why.
"""

from __future__ import annotations

from typing import Any

from nacre.kernel.context import Context
from nacre.kernel.pool import blocking
from nacre.kernel.tasks import Run
from nacre.kernel.tasks.tables import Failure
from nacre.services.image.app import imports, stores
from nacre.services.image.app.intakes import ImageIntake
from nacre.services.image.app.jobs import IMPORT, ImageImport
from nacre.services.image.app.uploads import SYSTEM
from nacre.services.image.db import images
from nacre.services.image.db.images import Image
from nacre.services.image.db.tables import Status, TaskStatus
from nacre.services.image.errors import UploadLost

Input = Run[ImageImport]


def _name(run: Input) -> str:
    """Return the name of the object that this job writes."""
    return f"{run.input.image_id}.import-{run.job.id}"


def _image(ctx: Context, run: Input) -> Image:
    image = ctx.db.read(images.get, run.input.image_id, SYSTEM)
    if image.status is not Status.IMPORTING:
        raise UploadLost(image.id)
    return image


@IMPORT.step()
def announce(ctx: Context, run: Input) -> None:
    """Say that the import is under way, and under which name its object will be written."""
    imports.record_progress(ctx, run.input.task_id, TaskStatus.PROCESSING)
    ctx.db.run(images.claim_name, run.input.image_id, _name(run))


def drop(ctx: Context, run: Input) -> None:
    """Remove the object, unless it has become the image's data after all."""
    image = ctx.db.read(images.find_any, run.input.image_id)
    if image is None or image.location != _name(run):
        stores.store(ctx).discard(_name(run))
        stores.store(ctx).remove(_name(run))


@IMPORT.step(undo=drop)
def store(ctx: Context, run: Input) -> dict[str, Any]:
    """Bring the staged bytes into the store; returns what the image's row is to say of them."""
    image = _image(ctx, run)
    assert image.staged is not None
    stores.store(ctx).discard(_name(run))  # of a try that died half-way
    intake = ImageIntake(stores.store(ctx), _name(run), image, limit=ctx.config.maximum_size_bytes)
    try:
        with blocking():  # minutes, for a large image
            for block in stores.staging(ctx).read(image.staged):
                intake.write(block)
            return intake.commit()
    except BaseException:
        intake.discard()
        raise


def withdraw(ctx: Context, run: Input) -> None:
    """Take the data from the image again."""
    ctx.db.run(images.undo_import, run.input.image_id, _name(run))


@IMPORT.step(undo=withdraw)
def activate(ctx: Context, run: Input) -> None:
    """Give the image its data."""
    if not ctx.db.run(images.finish_import, run.input.image_id, _name(run), run.result(store)):
        raise UploadLost(run.input.image_id)


@IMPORT.step()
def tidy(ctx: Context, run: Input) -> None:
    """Drop what was staged, and say that all is done."""
    image = ctx.db.read(images.find_any, run.input.image_id)
    if image is not None and image.staged is not None:
        stores.staging(ctx).remove(image.staged)
        ctx.db.run(images.update, image.id, {"staged": None})
    imports.record_progress(ctx, run.input.task_id, TaskStatus.SUCCESS)


@IMPORT.on_failure
def give_up(ctx: Context, run: Input, failure: Failure) -> None:
    """Queue the image again and drop what was staged."""
    _drop_staged(ctx, run)
    imports.record_progress(ctx, run.input.task_id, TaskStatus.FAILURE, failure.message)


@IMPORT.on_cancel
def forget(ctx: Context, run: Input) -> None:
    """The image was deleted meanwhile."""
    _drop_staged(ctx, run)
    imports.record_progress(ctx, run.input.task_id, TaskStatus.FAILURE, "The image was deleted.")


def _drop_staged(ctx: Context, run: Input) -> None:
    if staged := ctx.db.run(images.fail_import, run.input.image_id):
        stores.staging(ctx).remove(staged)
