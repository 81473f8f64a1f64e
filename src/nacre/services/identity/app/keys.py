"""The keys by which tokens and stored secrets are encrypted: files that rotate without an outage.

A key repository is a directory of numbered files.  The highest number is the *primary* key, with
which everything new is encrypted; 0 is the *staged* key, the next primary, which every process can
already read; the rest only decrypt what is still about.  `rotate` makes the staged key primary,
stages a fresh one and drops the oldest.  Processes of one machine notice a change by the directory's time.
Where there are several control nodes the repository is a table instead; see database_keys.py.
"""

from __future__ import annotations

import logging
import os
import threading
from pathlib import Path
from typing import Protocol

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

log = logging.getLogger(__name__)

STAGED = 0


class Keys(Protocol):
    """Keys that rotate, wherever they are kept."""

    def prepare(self) -> None:
        """Make the first keys where they are missing.  May run twice."""

    def encrypt(self, text: bytes) -> bytes:
        """Encrypt with the primary key."""

    def decrypt(self, sealed: bytes) -> bytes:
        """Decrypt with whichever key fits; raises InvalidToken."""

    def rotate(self) -> None:
        """Make the staged key primary, stage a new one, drop the oldest beyond what is kept."""


class KeyRepository:
    """One directory of keys, read again whenever it changes.  Safe to use from many threads."""

    def __init__(self, directory: Path, *, active: int = 3) -> None:
        self._directory, self._active = directory, max(active, 2)
        self._lock = threading.Lock()
        self._seen = -1
        self._fernet: MultiFernet | None = None

    def prepare(self) -> None:
        """Make the directory and its first two keys where they are missing.  May run twice."""
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._directory.chmod(0o700)
        if not any(number > STAGED for number in self._numbers()):
            self._write(1)
        if STAGED not in self._numbers():
            self._write(STAGED)

    def encrypt(self, text: bytes) -> bytes:
        """Encrypt with the primary key."""
        return self._current().encrypt(text)

    def decrypt(self, sealed: bytes) -> bytes:
        """Decrypt with whichever key fits; raises InvalidToken."""
        return self._current().decrypt(sealed)

    def rotate(self) -> None:
        """See `Keys`.

        When it dies half-way the directory still has a primary key and every key that is in use;
        running it again completes or repeats the rotation.
        """
        numbers = self._numbers()
        primary = max(numbers, default=STAGED) + 1
        os.rename(self._directory / str(STAGED), self._directory / str(primary))
        self._write(STAGED)
        readers = sorted(number for number in self._numbers() if number > STAGED)
        for number in readers[: max(0, len(readers) + 1 - self._active)]:
            (self._directory / str(number)).unlink(missing_ok=True)
        log.info("rotated the keys in %s; the primary key is now number %d", self._directory, primary)

    def _current(self) -> MultiFernet:
        changed = self._directory.stat().st_mtime_ns
        if self._fernet is None or changed != self._seen:
            with self._lock:
                self._fernet = MultiFernet(self._read())
                self._seen = changed
        return self._fernet

    def _read(self) -> list[Fernet]:
        """Read all keys: the primary first, the staged one last."""
        keys = []
        for number in sorted(self._numbers(), reverse=True):
            keys.append(Fernet((self._directory / str(number)).read_bytes().strip()))
        if not keys:
            raise RuntimeError(f"there are no keys in {self._directory}")
        return keys

    def _numbers(self) -> list[int]:
        return [int(path.name) for path in self._directory.iterdir() if path.name.isdecimal()]

    def _write(self, number: int) -> None:
        """Put a new key in place at once and whole; leaves one that another process wrote first."""
        unfinished = self._directory / f".{number}.{os.getpid()}.{threading.get_ident()}"
        handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(Fernet.generate_key())
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(unfinished, self._directory / str(number))
        except FileExistsError:
            log.info("key %d in %s was written by another process", number, self._directory)
        finally:
            unfinished.unlink()


__all__ = ["InvalidToken", "KeyRepository", "Keys"]
