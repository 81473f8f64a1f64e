"""The base images of a host: each fetched once, checked while it streams in, shared by many disks.

A file appears under its name only when it is whole and its hash is right.  Two servers that want the same
image at the same time fetch it once.  What an image claims to be is not believed: a qcow2 that names a
backing file or a data file would read another file of the host, and is refused.
"""

import hashlib
import logging
import os
import re
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from nacre.kernel.errors import BadReference, BadRequest, Unavailable
from nacre.services.compute import rpc
from nacre.services.compute.agent.drivers.libvirt import qemu_img
from nacre.services.compute.agent.transfers import Transfers

log = logging.getLogger(__name__)

#: How the formats of the image service are stored here.  Other formats can name files of the host.
STORED_AS = {"qcow2": "qcow2", "raw": "raw", "iso": "raw", "ami": "raw", "aki": "raw", "ari": "raw"}

HASHES = ("md5", "sha1", "sha224", "sha256", "sha384", "sha512", "blake2b")
_SAFE = re.compile(r"[0-9A-Za-z][0-9A-Za-z_.-]{0,99}")
_HOLE = 1 << 16


@dataclass(frozen=True)
class Base:
    """An image that is here."""

    path: Path
    disk_format: str  # qcow2 or raw
    virtual_bytes: int


class ImageCache:
    """The base images below one directory."""

    def __init__(self, directory: Path, transfers: Transfers) -> None:
        self.directory, self._transfers = directory, transfers
        self._lock = threading.Lock()
        self._fetching: dict[str, threading.Lock] = {}

    def prepare(self) -> None:
        """Make the directory, and remove what an earlier agent fetched half."""
        self.directory.mkdir(parents=True, exist_ok=True)
        for path in self.directory.glob("*.part"):
            path.unlink(missing_ok=True)

    def get(self, image: rpc.ImageSource, tell: Callable[[str], None]) -> Base:
        """Return the base image, fetching it if it is not here."""
        stored = STORED_AS.get(image.disk_format)
        if stored is None:
            raise BadRequest(
                f"Image {image.image_id} has the disk format {image.disk_format}; "
                f"this host boots {', '.join(STORED_AS)}."
            )
        path = self.directory / f"{_key(image)}.{stored}"
        with self._alone(path.name):
            if not path.exists():
                self._fetch(image, path, stored, tell)
            os.utime(path)  # used now
            virtual_bytes = qemu_img.virtual_bytes(path, stored) if stored == "qcow2" else path.stat().st_size
        return Base(path, stored, virtual_bytes)

    def names(self) -> list[str]:
        """Name the images that are here."""
        with suppress(FileNotFoundError):
            return sorted({path.name.partition("_")[0] for path in self.directory.iterdir()})
        return []

    def sweep(self, used: Collection[Path], unused_seconds: float) -> list[str]:
        """Remove bases that no disk stands on and that nobody asked for lately."""
        removed = []
        for path in self.directory.iterdir():
            with self._alone(path.name):
                if path in used or path.suffix == ".part" or not path.exists():
                    continue
                if time.time() - path.stat().st_mtime >= unused_seconds:
                    path.unlink()
                    removed.append(f"image {path.name}")
        return removed

    @contextmanager
    def _alone(self, name: str) -> Iterator[None]:
        with self._lock:
            lock = self._fetching.setdefault(name, threading.Lock())
        with lock:
            yield

    def _fetch(self, image: rpc.ImageSource, path: Path, stored: str, tell: Callable[[str], None]) -> None:
        part = path.with_name(path.name + ".part")
        log.info("Fetching image %s", image.image_id)
        try:
            found = self._stream(image, part, tell)
            if image.hash_value and found != image.hash_value.lower():
                raise Unavailable(
                    f"Image {image.image_id} arrived damaged.",
                    detail=f"{image.hash_algorithm} is {found}, not {image.hash_value}",
                )
            if stored == "qcow2":
                qemu_img.refuse_references(part, image.image_id)
            part.chmod(0o644)
            part.rename(path)
        finally:
            part.unlink(missing_ok=True)

    def _stream(self, image: rpc.ImageSource, part: Path, tell: Callable[[str], None]) -> str:
        """Write the bytes to a file, leaving holes where there is nothing, and return their hash."""
        if image.hash_value and image.hash_algorithm not in HASHES:
            raise BadRequest(
                f"Image {image.image_id} has a hash by {image.hash_algorithm}, which is unknown here."
            )
        digest = hashlib.new(image.hash_algorithm if image.hash_value else "sha256")
        received = 0
        told = -1
        with part.open("wb") as file:
            for chunk in self._transfers.fetch(image.download):
                digest.update(chunk)
                received += len(chunk)
                if image.size_bytes and received > image.size_bytes:
                    raise BadReference(f"Image {image.image_id} is larger than its {image.size_bytes} bytes.")
                if len(chunk) >= _HOLE and not any(chunk[:_HOLE]) and chunk.count(0) == len(chunk):
                    file.seek(len(chunk), os.SEEK_CUR)
                else:
                    file.write(chunk)
                tenths = 10 * received // image.size_bytes if image.size_bytes else 0
                if tenths != told:
                    told = tenths
                    tell(f"fetching image, {tenths * 10} %" if image.size_bytes else "fetching image")
            file.truncate(received)
        if image.size_bytes and received != image.size_bytes:
            raise Unavailable(
                f"Image {image.image_id} arrived incomplete.",
                detail=f"{received} of {image.size_bytes} bytes",
            )
        return digest.hexdigest()


def fault_of(base: Path) -> str:
    """Say what is wrong with a base image, as far as a glance tells; empty when nothing is."""
    try:
        with base.open("rb") as file:
            begins = file.read(len(qemu_img.QCOW2_MAGIC))
    except FileNotFoundError:
        return "is gone"
    if not begins or (base.suffix == ".qcow2" and begins != qemu_img.QCOW2_MAGIC):
        return "is damaged"
    return ""


def _key(image: rpc.ImageSource) -> str:
    """Name the file of an image: other bytes under the same id get another name."""
    if not _SAFE.fullmatch(image.image_id):
        raise BadRequest(f"{image.image_id!r} is not an id of an image.")
    content = (image.hash_value or "unchecked").lower()[:16]
    if not re.fullmatch("[a-z0-9]+", content):
        raise BadRequest(f"Image {image.image_id} has a hash that is none.")
    return f"{image.image_id}_{content}"
