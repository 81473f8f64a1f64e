"""What a process remembers of tokens, and how it notices that it must forget.

Every request to every service asks about a token, so the answer is kept: the credentials, and
the body of the HTTP answer.  All of it holds for one *generation*: each write that may change what
a token means (nearly every write of identity) counts one up, and whatever was learnt before is
not believed any more.  A write of this process counts at its commit, so a revocation holds for
every request that begins after it was answered.  Writes of other processes on the same database are
noticed by reading one row, at most every `refresh_seconds` (0.3 s unless configured): so long may a
revoked token still work in another process of identity.  Whether a token has expired is not kept
but looked at every time, by the caller.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any, TypeVar

from nacre.services.identity.db import tokens

if TYPE_CHECKING:
    from nacre.kernel.clock import Clock
    from nacre.kernel.db import Database

T = TypeVar("T")


class TokenMemory:
    """The tokens and their bearers that were met lately, and other things that hold for one generation.

    It keeps two dictionaries: what was used lately, and what was used before that.  When the first
    is full it becomes the second, whose remains are dropped.  That is nearly the order of last use,
    and a look-up needs no lock.
    """

    def __init__(self, db: Database, clock: Clock, *, size: int, refresh_seconds: float) -> None:
        self._db, self._clock = db, clock
        self._half, self._refresh_seconds = max(size // 2, 1), refresh_seconds
        self._lock = threading.Lock()
        self._generation = self._known = 0
        self._look_again_at = clock.monotonic()
        self._recent: dict[Hashable, Any] = {}
        self._older: dict[Hashable, Any] = {}
        self._facts: dict[str, Any] = {}

    def generation(self) -> int:
        """Return the present generation; remember under this number what is read after this call."""
        if self._clock.monotonic() >= self._look_again_at:
            self.look()
        return self._generation

    def advance(self, number: int) -> None:
        """Begin a new generation, because the database's number has become this."""
        with self._lock:
            self._known = max(self._known, number)
            self._generation += 1
            self._recent, self._older, self._facts = {}, {}, {}

    def find(self, key: Hashable) -> Any | None:
        """Return what is remembered of a token or a bearer in this generation, or None."""
        self.generation()
        recent, older = self._recent, self._older
        found = recent.get(key)
        if found is None:
            found = older.get(key)
            if found is not None:
                with self._lock:
                    if recent is self._recent:
                        self._keep(key, found)
        return found

    def remember(self, generation: int, key: Hashable, value: Any) -> None:
        """Keep what was learnt of a token or a bearer, unless a new generation has begun since."""
        with self._lock:
            if generation == self._generation:
                self._keep(key, value)

    def fact(self, name: str, learn: Callable[[], T]) -> T:
        """Return something that holds for a generation, learnt at most once in each."""
        generation = self.generation()
        facts = self._facts
        if name in facts:
            known: T = facts[name]
            return known
        learnt = learn()
        with self._lock:
            if generation == self._generation:
                self._facts[name] = learnt
        return learnt

    def _keep(self, key: Hashable, value: Any) -> None:
        if len(self._recent) >= self._half:
            self._older, self._recent = self._recent, {}
        self._recent[key] = value

    def look(self) -> None:
        """See whether another process has written, and forget everything if one has."""
        self._look_again_at = self._clock.monotonic() + self._refresh_seconds
        number = self._db.read(tokens.current)
        if number > self._known:
            self.advance(number)
