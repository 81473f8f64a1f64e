"""Keys for tokens and secrets that several control nodes share: in identity's database, sealed with the cloud's key.

They are numbered and rotate as those in a directory do (keys.py).  A process reads them again every few
seconds.  That is soon enough, because a key becomes primary only after it was staged, and by then all know it;
one that is rotated twice within these seconds is looked for when a text fits no known key.
"""

from __future__ import annotations

import threading
from contextlib import suppress

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from nacre.kernel.clock import Clock
from nacre.kernel.db import Database, Duplicate, Transaction
from nacre.kernel.errors import Unavailable
from nacre.kernel.shared_key import SharedKey, WrongKey
from nacre.services.identity.app.keys import STAGED
from nacre.services.identity.db import keys as rows

READ_EVERY_SECONDS = 5.0
LOOK_AGAIN_SECONDS = 1.0


class DatabaseKeys:
    """One repository of keys.  Safe to use from many threads."""

    def __init__(self, db: Database, clock: Clock, shared: SharedKey, name: str, *, active: int = 3) -> None:
        self._db, self._clock, self._shared, self._name = db, clock, shared, name
        self._active = max(active, 2)
        self._lock = threading.Lock()
        self._read_at = float("-inf")
        self._fernet: MultiFernet | None = None

    def prepare(self) -> None:
        """Make the first two keys where they are missing.  May run twice, and in many processes at once."""
        present = self._db.read(rows.numbers, self._name)
        for number in (1, STAGED):
            if number == STAGED and STAGED in present or number > STAGED and any(present):
                continue
            with suppress(Duplicate):  # another process may be faster
                self._db.run(rows.insert, self._name, number, self._new_key())
        self._read()

    def encrypt(self, text: bytes) -> bytes:
        """Encrypt with the primary key."""
        return self._current(READ_EVERY_SECONDS).encrypt(text)

    def decrypt(self, sealed: bytes) -> bytes:
        """Decrypt with whichever key fits; raises InvalidToken."""
        try:
            return self._current(READ_EVERY_SECONDS).decrypt(sealed)
        except InvalidToken:
            return self._current(LOOK_AGAIN_SECONDS).decrypt(sealed)

    def rotate(self) -> None:
        """See `keys.Keys`: in one transaction."""
        self._db.run(self._rotate, self._new_key())
        self._read()

    def _rotate(self, tx: Transaction, new_key: str) -> None:
        numbers = rows.numbers(tx, self._name, lock=True)
        rows.renumber(tx, self._name, STAGED, max(numbers) + 1)
        rows.insert(tx, self._name, STAGED, new_key)
        readers = sorted([number for number in numbers if number > STAGED] + [max(numbers) + 1])
        for number in readers[: max(0, len(readers) + 1 - self._active)]:
            rows.delete(tx, self._name, number)

    def _new_key(self) -> str:
        return self._shared.seal(Fernet.generate_key())

    def _current(self, oldest_seconds: float) -> MultiFernet:
        fernet = self._fernet
        if fernet is None or self._clock.monotonic() - self._read_at >= oldest_seconds:
            try:
                return self._read()
            except Unavailable:
                if fernet is None:
                    raise
                return fernet  # what was true some seconds ago is good enough while the database is away
        return fernet

    def _read(self) -> MultiFernet:
        with self._lock:
            now = self._clock.monotonic()
            sealed = self._db.read(rows.newest_first, self._name)
            try:
                self._fernet = MultiFernet([Fernet(self._shared.unseal(text)) for text in sealed])
            except WrongKey:
                raise Unavailable(
                    "Tokens cannot be read or made here at present.",
                    detail="the keys in identity's database were sealed with another key than this node's"
                    " [cloud] key_file; it must be the same file on every control node",
                ) from None
            self._read_at = now
            return self._fernet
