"""What was answered to requests that may be repeated: one row for each Idempotency-Key.

A row is written before the request is carried out, says what the request has made in the same transaction that
makes it, and gets the answer last.  So whoever finds a row without an answer can tell how far the first
request came.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import ColumnElement, select

from nacre.kernel.db.kernel_tables import answers
from nacre.kernel.db.transaction import Transaction
from nacre.kernel.errors import Conflict, Unprocessable

KEPT_FOR = timedelta(hours=24)
SWEPT_AT_ONCE = 1000


class KeyReused(Unprocessable):
    """The key came with another request before."""

    message = (
        "Idempotency-Key is already used: it came with another request before. A key must not be reused"
        " with a different method, path or body."
    )


class StillRunning(Conflict):
    """The first request with this key has not been answered yet."""

    message = (
        "A request is outstanding for this Idempotency-Key: the first one is still being processed. Repeat it"
        " later."
    )

    @property
    def headers(self) -> list[tuple[str, str]]:
        return [("Retry-After", "1")]


class KeptAnswer(msgspec.Struct, frozen=True):
    """A request and how far it came.

    `process_id` is who works on it.  `wrote`: something that matters was committed for it, and `made` are the
    ids of what it was to make.  With a `status` there is an answer, whose rest is sealed.
    """

    id: str
    fingerprint: str
    request_id: str
    process_id: str | None
    created_at: datetime
    wrote: bool = False
    made: list[str] = []
    status: int | None = None
    answer: bytes | None = None


def claim(tx: Transaction, mine: KeptAnswer, is_alive: Callable[[Transaction, str], bool]) -> KeptAnswer:
    """Return the row of a request: it has an answer, or it is the caller's to work on.

    Raises KeyReused where another request came with the key, and StillRunning where somebody works on it.
    """
    if tx.insert_if_absent(answers, mine):
        return mine
    if not tx.lock(answers, mine.id):  # forgotten in between
        tx.insert(answers, mine)
        return mine
    known = tx.one(select(answers).where(answers.c.id == mine.id), KeptAnswer)
    if known.created_at < tx.now() - KEPT_FOR:
        tx.update(answers, mine.id, msgspec.structs.asdict(mine))
        return mine
    if known.fingerprint != mine.fingerprint:
        raise KeyReused()
    if known.status is not None:
        return known
    if known.process_id is not None and is_alive(tx, known.process_id):
        raise StillRunning()
    tx.update(answers, mine.id, {"process_id": mine.process_id})
    return msgspec.structs.replace(known, process_id=mine.process_id)


def record_writing(tx: Transaction, mine: KeptAnswer, made: Sequence[str]) -> None:
    """Note, in the transaction that does it, that the request has done something, and what it has made."""
    tx.update(answers, _mine(mine), {"wrote": True, "made": list(made)})


def finish(tx: Transaction, mine: KeptAnswer, status: int, answer: bytes) -> None:
    """Keep the answer."""
    tx.update(answers, _mine(mine), {"status": status, "answer": answer, "process_id": None})


def let_go(tx: Transaction, mine: KeptAnswer) -> None:
    """Let the next repetition carry the request out, or finish what this one began."""
    nothing_done = _mine(mine) & ~answers.c.wrote
    if not tx.delete(answers, nothing_done):
        tx.update(answers, _mine(mine), {"process_id": None})


def sweep(tx: Transaction) -> int:
    """Forget what is older than it is kept, a bounded number at once; return how many."""
    old = select(answers.c.id).where(answers.c.created_at < tx.now() - KEPT_FOR)
    ids = tx.scalars(old.order_by(answers.c.created_at).limit(SWEPT_AT_ONCE))
    return tx.delete(answers, answers.c.id.in_(ids)) if ids else 0


def _mine(mine: KeptAnswer) -> ColumnElement[bool]:
    return (answers.c.id == mine.id) & (answers.c.process_id == mine.process_id)
