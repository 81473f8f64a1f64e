"""The files store: an object is one file, renamed into place when it is complete and on the disk.

    <directory>/<name>            an object
    <directory>/incoming/<name>   one that is being written, or was when somebody died

A rename within a file system is all or nothing, and the file is flushed before it and the directory after
it, so a power cut leaves the object or nothing.  Names are made by nacre, never by users, and are
checked all the same before they become paths.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from nacre.kernel.errors import Gone, NotFound
from nacre.services.image.drivers.base import Stored

SAFE_NAME = re.compile(r"[0-9a-zA-Z][0-9a-zA-Z._-]{0,190}")
READ_BYTES = 1 << 20
INCOMING = "incoming"


class FilesStore:
    """Objects as files."""

    id = kind = "files"
    description = "Files on a disk of the image service's machine."

    def __init__(self, directory: Path) -> None:
        self._directory, self._incoming = directory, directory / INCOMING
        self._incoming.mkdir(parents=True, exist_ok=True, mode=0o700)

    def receive(self, name: str) -> IncomingFile:
        return IncomingFile(self._incoming / _safe(name), self._directory / _safe(name))

    def local_path(self, name: str) -> Path:
        path = self._directory / _safe(name)
        if not path.is_file():
            raise NotFound("The image's data is missing from the store.", detail=f"{path} does not exist")
        return path

    def read(self, name: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        with self.local_path(name).open("rb", buffering=0) as file:
            file.seek(start)
            left = os.fstat(file.fileno()).st_size - start if end is None else end - start
            while left > 0 and (data := file.read(min(READ_BYTES, left))):
                left -= len(data)
                yield data

    def remove(self, name: str) -> None:
        (self._directory / _safe(name)).unlink(missing_ok=True)

    def objects(self) -> Iterator[Stored]:
        return _files_in(self._directory)

    def leftovers(self) -> Iterator[Stored]:
        return _files_in(self._incoming)

    def discard(self, name: str) -> None:
        (self._incoming / _safe(name)).unlink(missing_ok=True)


class IncomingFile:
    """A file that becomes visible under its name only as a whole."""

    def __init__(self, temporary: Path, final: Path) -> None:
        self._temporary, self._final = temporary, final
        self._file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._file, view) :]

    def commit(self) -> None:
        os.fsync(self._file)
        self._close()
        try:
            os.rename(self._temporary, self._final)
        except FileNotFoundError:
            raise Gone(f"{self._final.name} was given up before it was complete.") from None
        directory = os.open(self._final.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

    def discard(self) -> None:
        self._close()
        self._temporary.unlink(missing_ok=True)

    def _close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def _safe(name: str) -> str:
    if not SAFE_NAME.fullmatch(name) or name == INCOMING:
        raise ValueError(f"{name!r} cannot name an object")
    return name


def _files_in(directory: Path) -> Iterator[Stored]:
    with os.scandir(directory) as entries:
        for entry in entries:
            if not SAFE_NAME.fullmatch(entry.name) or not entry.is_file(follow_symlinks=False):
                continue
            try:
                modified = entry.stat(follow_symlinks=False).st_mtime
            except FileNotFoundError:  # removed, or renamed into place, since the directory was read
                continue
            yield Stored(entry.name, datetime.fromtimestamp(modified, UTC))
