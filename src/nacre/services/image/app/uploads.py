"""Who may send an image's bytes, and what becomes of the image while they arrive.

The object that is being written has a name that is used once, and the image's row bears it (`upload`) from the
first byte to the last.  Only under that name can the upload make the image active: whoever was thought
dead and comes back finds the image in other hands and leaves no trace.  So a file without a row that
names it is rubbish, and an image that no living upload has is queued again (tasks/upload_sync.py).
Nothing here waits for the network; `write` is called on a thread with one block after the other.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

from nacre.kernel import errors, tasks
from nacre.kernel.context import Context
from nacre.kernel.db import Transaction
from nacre.services.image.app import stores
from nacre.services.image.app.intakes import ImageIntake, Intake
from nacre.services.image.db import images
from nacre.services.image.db.images import Image, Viewer
from nacre.services.image.db.tables import Status
from nacre.services.image.errors import ImageTooLarge, StorageExhausted, UploadLost, WrongState

#: The reconciler that looks after uploads under way.
SYNC = "upload_sync"
#: How often an upload shows that it lives before its lease ends, and how many of these signs its end is put off for.
BEATS_A_LEASE = 6
BEATS_OF_GRACE = 2

SYSTEM = Viewer(None, sees_all=True)


class Upload:
    """One attempt to give an image its bytes, or to lay them ready for an import."""

    def __init__(self, ctx: Context, image: Image, intake: Intake) -> None:
        self._ctx, self._image, self._intake = ctx, image, intake
        self._lost = False

    @property
    def beat_seconds(self) -> float:
        """How often `beat` is to be called."""
        return beat_seconds(self._ctx)

    def write(self, block: bytes | bytearray) -> None:
        """Take the next bytes; raises when the image cannot be what it is said to be."""
        if self._lost:
            raise UploadLost(self._image.id)
        self._intake.write(block)

    def beat(self) -> None:
        """Show that the upload lives, and see whether the image is still its own; on any thread."""
        if not self._ctx.db.run(images.touch_upload, self._image.id, self._intake.name):
            self._lost = True

    def finish(self) -> None:
        """Give the image the bytes; raises UploadLost when it is no longer this upload's."""
        self.beat()
        if self._lost:
            raise UploadLost(self._image.id)
        _check_storage(self._ctx, self._image, self._intake.size)
        facts = self._intake.commit()
        present = self._image.status
        if present is Status.UPLOADING:
            new, facts = Status.UPLOADING, {**facts, "staged": self._intake.name}
        else:
            new = Status.ACTIVE
        values = {**facts, "upload": None, "upload_seen_at": None}
        if not self._ctx.db.run(
            images.move, self._image.id, present=present, new=new, upload=self._intake.name, values=values
        ):
            raise UploadLost(self._image.id)

    def abort(self) -> None:
        """Put the image back into the queue and leave nothing of the bytes; may be called twice.

        Where the database failed while it was told of the success, it alone knows whether the image
        has the bytes: so it is asked before an object is removed.
        """
        self._intake.discard()
        if not self._ctx.db.run(_abandon, self._image, self._intake.name):
            self._intake.remove()


def beat_seconds(ctx: Context) -> float:
    """Return how often an upload shows that it lives."""
    return float(ctx.config.upload_lease_seconds) / BEATS_A_LEASE


def grace_seconds(ctx: Context) -> float:
    """Return for how long an upload is doubted before it is given up: it has another chance to be heard."""
    return beat_seconds(ctx) * BEATS_OF_GRACE


def _abandon(tx: Transaction, image: Image, name: str) -> bool:
    """Release the image; tell whether it has the bytes after all."""
    release(tx, image.id, image.status, name)
    return bool(images.named(tx, [name]))


def release(tx: Transaction, image_id: str, present: Status, name: str) -> bool:
    """Queue an image again whose upload came to nothing; tell whether it was still that upload's."""
    values = {"upload": None, "upload_seen_at": None, "size": None}
    return images.move(tx, image_id, present=present, new=Status.QUEUED, upload=name, values=values)


def begin(ctx: Context, image: Image, announced: int | None) -> Upload:
    """Take a queued image for uploading; `announced` is how many bytes are said to come, if that is known."""
    limit = _check_size(ctx, image, announced)
    return _take(
        ctx,
        image,
        Status.SAVING,
        announced,
        lambda taken, name: ImageIntake(stores.store(ctx), name, taken, limit=limit),
    )


def begin_anew(ctx: Context, image: Image, announced: int | None) -> Upload:
    """The same for the one host that has the image's ticket: an earlier upload of its is dead, and replaced."""
    if image.status == Status.SAVING and image.upload is not None:
        give_up(ctx, image)
    return begin(ctx, image, announced)


def give_up(ctx: Context, image: Image) -> bool:
    """Queue an image again whose upload is dead, and remove what that wrote; tell whether it still was as known."""
    name = image.upload
    if name is None or not ctx.db.run(release, image.id, image.status, name):
        return False
    store = stores.store(ctx) if image.status == Status.SAVING else stores.staging(ctx)
    store.discard(name)
    store.remove(name)
    return True


def stage(ctx: Context, image: Image, announced: int | None) -> Upload:
    """Take a queued image whose bytes are only laid ready: they are looked at when they are imported."""
    limit = _check_size(ctx, image, announced)
    return _take(
        ctx,
        image,
        Status.UPLOADING,
        announced,
        lambda _, name: Intake(stores.staging(ctx), name, limit=limit),
    )


def _take(
    ctx: Context, image: Image, new: Status, announced: int | None, receive: Callable[[Image, str], Intake]
) -> Upload:
    name = f"{image.id}.{secrets.token_hex(6)}"

    def write(tx: Transaction) -> Image:
        values = {"upload": name, "upload_seen_at": tx.now(), "size": announced}
        if not images.move(tx, image.id, present=Status.QUEUED, new=new, upload=None, values=values):
            raise WrongState(images.get(tx, image.id, SYSTEM).status, new)
        taken = images.get(tx, image.id, SYSTEM)
        check_declared(taken)
        tasks.wake(tx, kind=SYNC)
        return taken

    taken = ctx.db.run(write)
    try:
        return Upload(ctx, taken, receive(taken, name))
    except BaseException:
        ctx.db.run(release, image.id, new, name)
        raise


def check_declared(image: Image) -> None:
    """Raise unless an image says what its bytes will be, for that is what they are held against."""
    formats = {"disk_format": image.disk_format, "container_format": image.container_format}
    if missing := [name for name, value in formats.items() if value is None]:
        noun = "Property" if len(missing) == 1 else "Properties"
        raise errors.BadRequest(f"{noun} {', '.join(missing)} must be set prior to saving data.")


def _check_size(ctx: Context, image: Image, announced: int | None) -> int:
    """Refuse early what would be too much; returns how many bytes may come at most."""
    limit: int = ctx.config.maximum_size_bytes
    if announced is not None:
        if announced > limit:
            raise ImageTooLarge(limit)
        _check_storage(ctx, image, announced)
    return limit


def _check_storage(ctx: Context, image: Image, size: int) -> None:
    """Raise StorageExhausted if the project's images would hold more than they may with this one."""
    limit: int = ctx.config.user_storage_bytes
    if limit and image.owner is not None:
        others = ctx.db.read(images.stored_bytes, image.owner, besides=image.id)
        if others + size > limit:
            raise StorageExhausted(limit)
