"""Bytes on their way into a store: counted, and where they become an image also hashed and looked at."""

from __future__ import annotations

import hashlib
from typing import Any

from nacre.services.image.app.formats import verdicts
from nacre.services.image.app.formats.scan import Scan
from nacre.services.image.db.images import Image
from nacre.services.image.drivers.base import Incoming, Store
from nacre.services.image.errors import ImageTooLarge

HASH = "sha512"


class Intake:
    """One pass of bytes into a store, as they are."""

    def __init__(self, store: Store, name: str, *, limit: int) -> None:
        self.name, self.size = name, 0
        self._store, self._limit = store, limit
        self._incoming: Incoming = store.receive(name)
        self._committed = False

    def write(self, block: bytes | bytearray) -> None:
        """Take the next bytes."""
        self.size += len(block)
        if self.size > self._limit:
            raise ImageTooLarge(self._limit)
        self._incoming.write(block)

    def commit(self) -> dict[str, Any]:
        """Make the object exist; returns what the image's row is to say of it."""
        self._incoming.commit()
        self._committed = True
        return {"size": self.size}

    def discard(self) -> None:
        """Leave nothing behind of what was not committed; may be called twice."""
        self._incoming.discard()

    def remove(self) -> None:
        """Leave nothing behind, whether committed or not; may be called twice."""
        self._incoming.discard()
        if self._committed:
            self._store.remove(self.name)


class ImageIntake(Intake):
    """One pass that ends as an image's data; refuses what the image was not said to be."""

    def __init__(self, store: Store, name: str, image: Image, *, limit: int) -> None:
        super().__init__(store, name, limit=limit)
        self._declared = (image.disk_format, image.container_format)
        self._scan, self._judged = Scan(), 0
        self._md5, self._hash = hashlib.md5(usedforsecurity=False), hashlib.new(HASH)

    def write(self, block: bytes | bytearray) -> None:
        self._scan.feed(block)
        if len(self._scan.findings) > self._judged:
            self._judged = len(self._scan.findings)
            verdicts.check(self._scan.findings, *self._declared)
        super().write(block)
        self._md5.update(block)
        self._hash.update(block)

    def commit(self) -> dict[str, Any]:
        """Make the object exist; raises BadImageData when the bytes are not what they should be."""
        virtual_size = verdicts.conclude(self._scan.finish(), self.size, *self._declared)
        return {
            **super().commit(),
            "location": self.name,
            "virtual_size": virtual_size,
            "checksum": self._md5.hexdigest(),
            "os_hash_algo": HASH,
            "os_hash_value": self._hash.hexdigest(),
        }
