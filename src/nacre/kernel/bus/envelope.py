"""What travels around a message: who asked, under which request id, and how an answer comes back.

Every driver of the bus uses this file for both ends of a conversation and itself only moves bytes.
The body is JSON, so that whoever looks into a broker's queue can read it.

An error crosses the bus by its *meaning*: the nearest class of `nacre.kernel.errors` that it is.  A
service's own subclass (`NoValidHost`) arrives as what it means to anybody (`Conflict`).  An exception
that is not a NacreError is a bug on the far side; it is logged there, with its traceback, and arrives
here as a plain `RemoteFailure`.
"""

import logging
from collections.abc import Callable
from typing import Any

import msgspec

from nacre.kernel import errors
from nacre.kernel.bus.interface import Handlers
from nacre.kernel.bus.method import Message, Method, Reply
from nacre.kernel.log import request_id as current_request_id

log = logging.getLogger(__name__)

#: A server's methods by the name they have on the wire.
ByName = dict[str, tuple[Method[Any, Any], Callable[[Any], Any]]]


#: What stands where there is nothing to say.
NOTHING = msgspec.Raw(b"null")


class Request(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One message on its way to a server."""

    method: str
    body: msgspec.Raw
    request_id: str | None = None


class Failure(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why there is no reply: a class name of `nacre.kernel.errors` and its two texts."""

    meaning: str
    message: str
    detail: str | None = None


class Answer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A reply or a failure on its way back."""

    body: msgspec.Raw = NOTHING
    failure: Failure | None = None


_encode = msgspec.json.Encoder().encode
_decode_request = msgspec.json.Decoder(Request).decode
_decode_answer = msgspec.json.Decoder(Answer).decode


def by_name(handlers: Handlers) -> ByName:
    """Index a server's handlers by the names that arrive on the wire; two methods may not share one."""
    indexed: ByName = {}
    for method, function in handlers.items():
        if method.name in indexed:
            raise ValueError(f"two methods are called {method.name!r}")
        indexed[method.name] = (method, function)
    return indexed


def encode_request(method: Method[Message, Any], message: Message) -> bytes:
    """Wrap a message, with the request id under which this thread works."""
    body = msgspec.Raw(_encode(message))
    return _encode(Request(method=method.name, body=body, request_id=current_request_id.get()))


def encode_bare(message: object) -> bytes:
    """Encode a message for those who do not know this file."""
    return _encode(message)


def decode_answer(topic: str, method: Method[Any, Reply], frame: bytes) -> Reply:
    """Unwrap a reply, or raise the error that came instead of one."""
    answer = _decode_answer(frame)
    if answer.failure is not None:
        raise _revive(answer.failure)
    try:
        return method.reply_decoder.decode(answer.body)
    except msgspec.ValidationError as error:
        raise errors.RemoteFailure(
            "Another part of the cloud gave an answer that could not be understood.",
            detail=f"{topic} answered {method.name} wrongly: {error}",
        ) from error


def handle(topic: str, handlers: ByName, frame: bytes, *, awaited: bool, host: str | None = None) -> bytes:
    """Run the handler that a request asks for and return the encoded answer; `host` is who sent it, if a host did.

    Never raises.  A refusal is part of the answer, and logged if nobody awaits one; a bug is logged
    here and becomes a `RemoteFailure`.
    """
    token = None
    name = "a message"
    try:
        request = _decode_request(frame)
        name = request.method
        token = current_request_id.set(request.request_id)
        method, function = _pick(topic, handlers, name)
        message = method.message_decoder.decode(request.body)
        if host is not None:
            _check_host(method, message, host)
        reply = function(message)
        return _encode(Answer(body=msgspec.Raw(_encode(reply))))
    except errors.NacreError as error:
        if not awaited:
            log.warning("%s refused %s: %s", topic, name, error)
        return _encode(Answer(failure=_preserve(error)))
    except Exception as error:
        log.exception("%s failed at %s", topic, name)
        return _encode(Answer(failure=_preserve(_remote_failure(topic, name, error))))
    finally:
        if token is not None:
            current_request_id.reset(token)


def _pick(topic: str, handlers: ByName, name: str) -> tuple[Method[Any, Any], Callable[[Any], Any]]:
    try:
        return handlers[name]
    except KeyError:
        raise errors.NotImplementedHere(
            "Another part of the cloud is too old or too new for this request.",
            detail=f"{topic} has no method {name}",
        ) from None


def _check_host(method: Method[Any, Any], message: Any, host: str) -> None:
    """Raise Forbidden where a host asks what is not for hosts, or in the name of another."""
    named = method.speaks_for(message) if method.speaks_for is not None else None
    if named != host:
        about = f"for {named}" if named is not None else "at all"
        raise errors.Forbidden(
            "A host may speak for itself only.",
            detail=f"the account of host {host} may not say {method.name} {about}",
        )


def _remote_failure(topic: str, name: str, error: Exception) -> errors.NacreError:
    """Say where it broke, but not how: the text of an unknown exception may hold anything."""
    return errors.RemoteFailure(
        "Another part of the cloud failed while it worked on this request.",
        detail=f"{topic} failed at {name} with {type(error).__name__}; its log has the cause",
    )


def _preserve(error: errors.NacreError) -> Failure:
    """Reduce an error to the nearest meaning that every part of the cloud knows."""
    known = (kind for kind in type(error).__mro__ if _meaning(kind.__name__) is kind)
    return Failure(meaning=next(known).__name__, message=error.message, detail=error.detail)


def _revive(failure: Failure) -> errors.NacreError:
    """Make the error again on the asking side; a meaning unknown to this version is just an error."""
    kind = _meaning(failure.meaning) or errors.NacreError
    return kind(failure.message, detail=failure.detail)


def _meaning(name: str) -> type[errors.NacreError] | None:
    """Find a class of `nacre.kernel.errors` that its two texts describe fully."""
    kind = getattr(errors, name, None)
    if not (isinstance(kind, type) and issubclass(kind, errors.NacreError)):
        return None
    return kind if kind.__init__ is errors.NacreError.__init__ else None
