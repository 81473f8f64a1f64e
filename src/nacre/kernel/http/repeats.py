"""A POST with an `Idempotency-Key` is carried out once, however often it is sent.

A client whose connection broke does not know whether its server was made.  With a key of its own choice it may
simply send the request again, within 24 hours, to any process of the service, before or after a restart:

    first answer is known        it comes again, with the header `Idempotent-Replayed: true`
    first is still being done    409, and `Retry-After`
    same key, other request      422
    first died half-way          it is carried out now; or, if what it was to make is there already, told again

A key belongs to one user in one project.  The names and statuses are those of the IETF's draft
(draft-ietf-httpapi-idempotency-key-header).  Refusals by the handler are answers too; failures of the
cloud (5xx) are not, nor what is refused before the handler is reached: these leave no trace.

What is kept is sealed with a key that follows from the client's key and a secret of the cloud: answers may
hold passwords and private keys, and a copy of the database shall tell nobody.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from nacre.kernel import errors
from nacre.kernel.db import Transaction
from nacre.kernel.db import answers as rows
from nacre.kernel.db.answers import KeptAnswer, StillRunning
from nacre.kernel.db.transaction import witness
from nacre.kernel.http.request import Request, Response
from nacre.kernel.http.routing import DO_AGAIN, PUBLIC, Again, Operation

if TYPE_CHECKING:
    from nacre.kernel.service import Service

log = logging.getLogger(__name__)

HEADER, REPLAYED = "idempotency-key", "Idempotent-Replayed"
KEY = re.compile(r'"([\x20-\x21\x23-\x7e]{1,255})"|([\x21\x23-\x7e]{1,255})')
#: Refusals that say nothing of the request itself: the caller's token, and how often it asks.  (Nor do policies.)
PASSING = (401, 429)
NONCE_BYTES = 12

Proceed = Callable[[Request], Response]


@dataclass
class _Onward:
    """Whence the keys follow of the requests that the present one sends to other services."""

    row_id: str
    sent: dict[str, int]


_current: ContextVar[_Onward | None] = ContextVar("onward", default=None)


class AnswerLost(errors.Gone):
    """The first request was carried out, but what was answered is not known any more."""


class SealedAnswer(msgspec.Struct, frozen=True):
    """What is kept of an answer besides its status."""

    headers: list[tuple[str, str]]
    body: bytes


def answer_repeats(req: Request, proceed: Proceed) -> Response:
    """Carry out a request with an Idempotency-Key once; answer its repetitions as the first."""
    key = _key_of(req)
    if key is None:
        return proceed(req)
    mine, seal = _describe(req, key)
    operation = req.match.operation
    assert operation is not None
    with _only_one_here(mine.id):
        known = req.ctx.db.run(rows.claim, mine, req.service.process.attendance.is_other)
        if known.status is not None:
            return _replay(known, seal)
        try:
            if known.wrote and operation.tell_again is not DO_AGAIN:
                response = _tell_again(req, known)
            else:
                response = _carry_out(req, proceed, known)
        except BaseException:
            _try(req, rows.let_go, known)
            raise
        kept = SealedAnswer(headers=list(response.headers), body=response.body)
        _try(req, rows.finish, known, response.status, _sealed(seal, known, kept))
        return response


def _key_of(req: Request) -> str | None:
    """Return the key; None where the request has none, or where it would mean nothing."""
    operation = req.match.operation
    given = req.headers.get(HEADER)
    if given is None or req.method != "POST" or operation is None or req.service.manifest.schema is None:
        return None
    if operation.stream or operation.policy is PUBLIC or not req.ctx.user_id:
        return None
    found = KEY.fullmatch(given.strip())
    if found is None:
        raise errors.BadRequest(
            'Idempotency-Key must be a text of 1 to 255 characters, such as "8e03978e-40d5".'
        )
    return found[1] or found[2]


def _describe(req: Request, key: str) -> tuple[KeptAnswer, bytes]:
    """Return the row of a request, and the key that seals its answer."""
    scope = "\0".join((req.service.name, req.ctx.project_id or "", req.ctx.user_id, key)).encode()
    row_id = hashlib.sha256(scope).hexdigest()
    secret = req.service.process.secret("answers to repeated requests")
    seal = HKDF(SHA256(), 32, salt=row_id.encode(), info=b"answer").derive(secret + key.encode())
    asked = "\0".join((req.api.name, req.path, req.query_string, str(req.version))).encode()
    fingerprint = hmac.new(seal, asked + b"\0" + _canonical(req.body), "sha256").hexdigest()
    process_id = req.service.process.attendance.id
    return KeptAnswer(row_id, fingerprint, req.id, process_id, req.ctx.clock.now()), seal


def _canonical(body: bytes) -> bytes:
    """Return a body such that what means the same is the same."""
    try:
        return msgspec.json.encode(msgspec.json.decode(body), order="sorted")
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        return body


_running: set[str] = set()
_guard = threading.Lock()


@contextmanager
def _only_one_here(row_id: str) -> Iterator[None]:
    """Keep others of this process from a request; who holds this is the one that works on it."""
    with _guard:
        if row_id in _running:
            raise StillRunning()
        _running.add(row_id)
    try:
        yield
    finally:
        with _guard:
            _running.discard(row_id)


# -- carrying out ----------------------------------------------------------------------------------


def _carry_out(req: Request, proceed: Proceed, mine: KeptAnswer) -> Response:
    """Have the handler do its work, and note in its transactions what that comes to."""
    made: list[str] = []
    column = column_made(req.service, req.match.operation)

    def testify(tx: Transaction) -> None:
        if tx.db is not req.ctx.db or not tx.wrote:
            return
        found = [
            str(row[column.name])
            for table, row in tx.inserted or ()
            if column is not None and table is column.table
        ]
        if column is None or found:  # what is written before the thing itself may be written again
            rows.record_writing(tx, mine, [*made, *found])
            tx.after_commit(lambda: made.extend(found))

    testifying, passing_on = witness.set(testify), _current.set(_Onward(mine.id, {}))
    try:
        return proceed(req)
    except errors.NacreError as error:
        response = req.api.faults.render(error, req)
        about_caller = response.status in PASSING or isinstance(error, errors.PolicyForbidden)
        if response.status >= 500 or about_caller:
            raise
        return response
    finally:
        witness.reset(testifying)
        _current.reset(passing_on)


def column_made(service: Service, operation: Operation | None) -> Any:
    """Return the column with the ids of what an operation makes; None where it makes nothing of its own.

    It is the key of the table named like the last part of the path, or what the route says.
    """
    if operation is None or operation.action is not None or service.manifest.schema is None:
        return None
    tables = service.manifest.schema.metadata.tables
    if operation.creates is not None:
        table, _, column = operation.creates.partition(".")
        return tables[table].c[column or "id"]
    last = operation.path.rpartition("/")[2].replace("-", "_").removeprefix("os_")
    if operation.resource is None or operation.resource.keys != last or last not in tables:
        return None
    return tables[last].c["id"]


def key_onward(method: str, path: str, body: bytes) -> str | None:
    """Return the key for a request to another service, if the present request has one itself.

    What is done again after a death is then, there too, done once.
    """
    onward = _current.get()
    if onward is None or method != "POST":
        return None
    said = hashlib.sha256("\0".join((onward.row_id, path)).encode() + b"\0" + _canonical(body)).hexdigest()
    number = onward.sent[said] = onward.sent.get(said, 0) + 1
    return f"{said}-{number}"


# -- answering again -------------------------------------------------------------------------------


def _replay(known: KeptAnswer, seal: bytes) -> Response:
    try:
        sealed = known.answer or b""
        plain = AESGCM(seal).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], known.id.encode())
    except InvalidTag:
        raise AnswerLost(
            f"The request was carried out (as {known.request_id}); its answer cannot be read any more."
        ) from None
    kept = msgspec.msgpack.decode(plain, type=SealedAnswer)
    response = Response(known.status or 200, kept.body, headers=list(kept.headers))
    response.headers.append((REPLAYED, "true"))
    return response


def _sealed(seal: bytes, known: KeptAnswer, kept: SealedAnswer) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(seal).encrypt(nonce, msgspec.msgpack.encode(kept), known.id.encode())


def _tell_again(req: Request, known: KeptAnswer) -> Response:
    """Answer a request that was carried out by somebody who died before answering.

    What was made is shown as it is now.  A secret that was shown once is not shown again.
    """
    operation = req.match.operation
    assert operation is not None
    lost = AnswerLost(
        f"The request was carried out (as {known.request_id}), but its answer was lost in an interruption."
    )
    if operation.tell_again is not None:
        assert not isinstance(operation.tell_again, Again)
        response: Response = operation.tell_again(req, known.made)
    elif known.made:
        shown = [_show(req, each) for each in known.made]
        if any(answer.status >= 500 for answer in shown):
            raise errors.Unavailable()
        if any(answer.status >= 400 for answer in shown):
            raise lost
        response = _as_asked(req, operation, [answer.json() for answer in shown])
    elif operation.answers_nothing:
        response = Response(204 if operation.status == 200 else operation.status)
    else:
        raise lost
    response.headers.append((REPLAYED, "true"))
    return response


def _show(req: Request, made: str) -> Response:
    """Ask this API for one thing, as the caller would."""
    headers = {name: value for name, value in req.headers.items() if name != HEADER}
    asked = Request("GET", f"{req.path.rstrip('/')}/{made}", headers=headers, base_url=req.base_url)
    return req.service.handle(req.api, asked)


def _as_asked(req: Request, operation: Operation, shown: list[Any]) -> Response:
    """Put what was shown one by one into the form in which it was asked for: one thing, or a list."""
    resource = operation.resource
    if resource is None or not req.body or resource.keys not in req.json():
        return Response(operation.status, shown[0])
    return Response(operation.status, {resource.keys: [each[resource.key] for each in shown]})


def _try(req: Request, act: Callable[..., None], *args: Any) -> None:
    """Note something; when the database is away just now, the next repetition will find out by itself."""
    try:
        req.ctx.db.run(act, *args)
    except errors.NacreError as error:
        log.warning("what became of a request cannot be noted: %s", error.detail or error)
