"""The bytes of an image on their way in: hashed, looked at and stored in one pass.

An upload has an id of its own.  `begin` moves the image from queued to saving in that id's name, and only
`finish` in the same name can make it active: whoever was thought dead and comes back finds the
image in other hands and leaves no trace.  Nothing here waits for the network; `write` is called
on a thread with one block after the other.
"""

from __future__ import annotations

import hashlib
import logging
from datetime import timedelta
from typing import Any

from nacre.kernel import errors
from nacre.kernel.context import Context
from nacre.kernel.db import Transaction
from nacre.kernel.ids import new_id
from nacre.services.image.app import stores
from nacre.services.image.app.formats import verdicts
from nacre.services.image.app.formats.scan import Scan
from nacre.services.image.db import images
from nacre.services.image.db.images import Image, Viewer
from nacre.services.image.db.tables import Status
from nacre.services.image.drivers.base import Incoming, Store
from nacre.services.image.errors import ImageTooLarge, StorageExhausted, UploadLost, WrongState

log = logging.getLogger(__name__)

HASH = "sha512"
BEAT = timedelta(seconds=10)


class Intake:
    """One pass over an image's bytes into a store: what they are is known at the end of it."""

    def __init__(self, store: Store, name: str, image: Image, *, limit: int) -> None:
        self.name, self.size = name, 0
        self._store, self._limit = store, limit
        self._declared = (image.disk_format, image.container_format)
        self._scan, self._checked = Scan(), 0
        self._md5, self._hash = hashlib.md5(usedforsecurity=False), hashlib.new(HASH)
        self._incoming: Incoming = store.receive(name)
        self._committed = False

    def write(self, block: bytes | bytearray) -> None:
        """Take the next bytes."""
        self.size += len(block)
        if self.size > self._limit:
            raise ImageTooLarge(self._limit)
        self._scan.feed(block)
        if len(self._scan.findings) > self._checked:
            self._checked = len(self._scan.findings)
            verdicts.check(self._scan.findings, *self._declared)
        self._incoming.write(block)
        self._md5.update(block)
        self._hash.update(block)

    def commit(self) -> dict[str, Any]:
        """Make the object exist; returns what the image's row is to say of it.

        Raises BadImageData when the bytes are not what the image was said to be.
        """
        virtual_size = verdicts.conclude(self._scan.finish(), self.size, *self._declared)
        self._incoming.commit()
        self._committed = True
        return {
            "location": self.name,
            "size": self.size,
            "virtual_size": virtual_size,
            "checksum": self._md5.hexdigest(),
            "os_hash_algo": HASH,
            "os_hash_value": self._hash.hexdigest(),
        }

    def discard(self) -> None:
        """Leave nothing behind of what was not committed; may be called twice."""
        self._incoming.discard()

    def remove(self) -> None:
        """Leave nothing behind, whether committed or not; may be called twice."""
        self._incoming.discard()
        if self._committed:
            self._store.remove(self.name)


class Upload:
    """One attempt to give an image its bytes."""

    def __init__(self, ctx: Context, image: Image, upload_id: str, intake: Intake) -> None:
        self._ctx, self._image, self._id, self._intake = ctx, image, upload_id, intake
        self._seen_at = ctx.clock.now()

    def write(self, block: bytes | bytearray) -> None:
        """Take the next bytes; raises when the image cannot be what it is said to be."""
        self._intake.write(block)
        now = self._ctx.clock.now()
        if now - self._seen_at > BEAT:
            self._seen_at = now
            if not self._ctx.db.run(images.touch_upload, self._image.id, self._id):
                raise UploadLost(self._image.id)

    def finish(self) -> None:
        """Make the image active; raises UploadLost when it is no longer this upload's."""
        _check_storage(self._ctx, self._image, self._intake.size)
        facts = self._intake.commit()
        done = self._ctx.db.run(
            images.move,
            self._image.id,
            present=Status.SAVING,
            new=Status.ACTIVE,
            upload_id=self._id,
            values={**facts, "upload_id": None, "upload_seen_at": None},
        )
        if not done:
            raise UploadLost(self._image.id)

    def abort(self) -> None:
        """Put the image back into the queue and leave nothing of the bytes; may be called twice.

        Where the database failed while it was told of the success, it alone knows whether the image
        is active: so it is asked before an object is removed.
        """
        self._intake.discard()
        if not self._ctx.db.run(_abandon, self._image.id, self._id, self._intake.name):
            self._intake.remove()


def _abandon(tx: Transaction, image_id: str, upload_id: str, location: str) -> bool:
    """Release the image; tell whether it has the bytes after all."""
    release(tx, image_id, upload_id)
    return bool(images.located(tx, [location]))


def release(tx: Transaction, image_id: str, upload_id: str) -> bool:
    """Queue an image again whose upload came to nothing; tell whether it was still that upload's."""
    return images.move(
        tx,
        image_id,
        present=Status.SAVING,
        new=Status.QUEUED,
        upload_id=upload_id,
        values={"upload_id": None, "upload_seen_at": None, "size": None},
    )


def begin(ctx: Context, image: Image, announced: int | None) -> Upload:
    """Take a queued image for uploading; `announced` is how many bytes are said to come, if that is known."""
    limit = ctx.config.maximum_size_bytes
    if announced is not None:
        if announced > limit:
            raise ImageTooLarge(limit)
        _check_storage(ctx, image, announced)
    upload_id = new_id()

    def write(tx: Transaction) -> Image:
        taken = images.move(
            tx,
            image.id,
            present=Status.QUEUED,
            new=Status.SAVING,
            upload_id=None,
            values={"upload_id": upload_id, "upload_seen_at": tx.now(), "size": announced},
        )
        if not taken:
            present = images.get(tx, image.id, Viewer(None, sees_all=True))
            raise WrongState(present.status, Status.SAVING)
        now = images.get(tx, image.id, Viewer(None, sees_all=True))
        check_declared(now)
        return now

    image = ctx.db.run(write)
    try:
        intake = Intake(stores.store(ctx), f"{image.id}.{upload_id[:8]}", image, limit=limit)
    except BaseException:
        ctx.db.run(release, image.id, upload_id)
        raise
    return Upload(ctx, image, upload_id, intake)


def check_declared(image: Image) -> None:
    """Raise unless an image says what its bytes will be, for that is what they are held against."""
    formats = {"disk_format": image.disk_format, "container_format": image.container_format}
    if missing := [name for name, value in formats.items() if value is None]:
        noun = "Property" if len(missing) == 1 else "Properties"
        raise errors.BadRequest(f"{noun} {', '.join(missing)} must be set prior to saving data.")


def _check_storage(ctx: Context, image: Image, more: int) -> None:
    """Raise StorageExhausted if a project's images would hold more than they may."""
    limit = ctx.config.user_storage_bytes
    if not limit or image.owner is None:
        return
    used = ctx.db.read(images.stored_bytes, image.owner) - (_own_claim(ctx, image) or 0)
    if used + more > limit:
        raise StorageExhausted(limit)


def _own_claim(ctx: Context, image: Image) -> int | None:
    present = ctx.db.read(images.find_any, image.id)
    if present is None:
        raise errors.Gone(f"Image {image.id} was deleted.")
    return present.size
