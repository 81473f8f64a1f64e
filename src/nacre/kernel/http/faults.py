"""Errors as each API words them: the same meanings, several dialects.

OpenStack's services disagree on the shape of an error body, and clients read those shapes.
A dialect is a small object that phrases three kinds of refusal (a bad value, a policy, the rest)
and builds the body.  A service names its dialect in its manifest; nothing else knows.
"""

from __future__ import annotations

import html
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from nacre.kernel import errors
from nacre.kernel.http.request import Response

if TYPE_CHECKING:
    from nacre.kernel.http.request import Request


def title_of(status: int) -> str:
    """Return the standard phrase of a status ("Not Found")."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"


class Dialect:
    """The base of dialects: override `body` and whichever sentences differ."""

    def body(self, error: errors.NacreError, message: str, req: Request) -> Any:
        """Return the body of an error as JSON-ready data."""
        raise NotImplementedError

    def invalid(self, error: errors.Invalid) -> str:
        """Return the sentence for a value that fails its check."""
        return f"Invalid input for field '{error.field}': {error.reason}"

    def forbidden(self, error: errors.PolicyForbidden) -> str:
        """Return the sentence for a policy's refusal."""
        return error.message

    def status(self, error: errors.NacreError) -> int:
        """Return the status of a meaning; APIs differ on a few (a quota that is used up)."""
        return error.status

    def message(self, error: errors.NacreError, req: Request) -> str:
        """Return the sentence for the user; administrators see the operator's text too."""
        if isinstance(error, errors.Invalid):
            return self.invalid(error)
        if isinstance(error, errors.PolicyForbidden):
            return self.forbidden(error)
        return error.message

    def render(self, error: errors.NacreError, req: Request) -> Response:
        """Turn a condition into a response."""
        response = Response(self.status(error), self.body(error, self.message(error, req), req))
        response.headers += error.headers
        return response


class Titled(Dialect):
    """{"error": {"code": 404, "title": "Not Found", "message": …}}: identity, and every 401."""

    def body(self, error: errors.NacreError, message: str, req: Request) -> Any:
        return {"error": {"code": error.status, "title": title_of(error.status), "message": message}}

    def forbidden(self, error: errors.PolicyForbidden) -> str:
        return f"You are not authorized to perform the requested action: {error.rule}."


class Named(Dialect):
    """{"itemNotFound": {"code": 404, "message": …}}: compute and block storage."""

    NAMES = {
        400: "badRequest",
        401: "unauthorized",
        403: "forbidden",
        404: "itemNotFound",
        405: "badMethod",
        409: "conflictingRequest",
        413: "overLimit",
        415: "badMediaType",
        429: "overLimit",
        501: "notImplemented",
        503: "serviceUnavailable",
    }

    def __init__(self, other: str = "computeFault") -> None:
        self.other = other

    def body(self, error: errors.NacreError, message: str, req: Request) -> Any:
        status = self.status(error)
        return {self.NAMES.get(status, self.other): {"code": status, "message": message}}

    def invalid(self, error: errors.Invalid) -> str:
        if isinstance(error, errors.UnknownField) or "required property" in error.reason:
            return error.reason if "/" not in error.field else self._field(error)
        return self._field(error)

    def _field(self, error: errors.Invalid) -> str:
        return (
            f"Invalid input for field/attribute {error.field.rsplit('/', 1)[-1]}. "
            f"Value: {error.value}. {error.reason}"
        )

    def forbidden(self, error: errors.PolicyForbidden) -> str:
        return f"Policy doesn't allow {error.rule} to be performed."


class Typed(Dialect):
    """{"NeutronError": {"type": "NetworkNotFound", "message": …, "detail": ""}}: network."""

    KINDS = {
        "Invalid": "HTTPBadRequest",
        "UnknownField": "HTTPBadRequest",
        "BadRequest": "HTTPBadRequest",
        "NotFound": "HTTPNotFound",
        "PolicyForbidden": "PolicyNotAuthorized",
        "MethodNotAllowed": "HTTPMethodNotAllowed",
    }

    def __init__(self, envelope: str = "NeutronError") -> None:
        self.envelope = envelope

    def status(self, error: errors.NacreError) -> int:
        return 409 if isinstance(error, errors.OverQuota) else error.status

    def body(self, error: errors.NacreError, message: str, req: Request) -> Any:
        kind = self.KINDS.get(type(error).__name__, error.code)
        return {self.envelope: {"type": kind, "message": message, "detail": ""}}

    def invalid(self, error: errors.Invalid) -> str:
        if isinstance(error, errors.UnknownField):
            return f"Unrecognized attribute(s) '{', '.join(error.names)}'"
        if "required property" in error.reason:
            return f"Failed to parse request. Required attribute {error.reason.split()[0]} not specified"
        return f"Invalid input for {error.field}. Reason: {error.reason}."

    def forbidden(self, error: errors.PolicyForbidden) -> str:
        return f"rule:{error.rule} is disallowed by policy"


class Listed(Dialect):
    """{"errors": [{"status": 404, "title": …, "detail": …, "request_id": …}]}: placement and its like."""

    def __init__(self, code: str) -> None:
        self.default_code = code

    def body(self, error: errors.NacreError, message: str, req: Request) -> Any:
        entry: dict[str, Any] = {
            "status": error.status,
            "title": title_of(error.status),
            "detail": message,
            "request_id": req.id,
            "code": getattr(error, "wire_code", None) or self.default_code,
        }
        if isinstance(error, errors.NotAcceptable) and req.api.versions:
            entry["min_version"] = str(req.api.versions.minimum)
            entry["max_version"] = str(req.api.versions.maximum)
        return {"errors": [entry]}


class Page(Dialect):
    """An HTML page, or {"message", "code", "title"} for who accepts JSON: image."""

    def body(self, error: errors.NacreError, message: str, req: Request) -> Any:
        status = self.status(error)
        title = title_of(status)
        if "json" in req.headers.get("accept", ""):
            return {"message": message, "code": f"{status} {title}", "title": title}
        return None

    def status(self, error: errors.NacreError) -> int:
        return 413 if isinstance(error, errors.OverQuota) else error.status

    def render(self, error: errors.NacreError, req: Request) -> Response:
        message = self.message(error, req)
        status = self.status(error)
        body = self.body(error, message, req)
        if body is None:
            heading = f"{status} {title_of(status)}"
            page = (
                f"<html>\n <head>\n  <title>{heading}</title>\n </head>\n <body>\n  <h1>{heading}</h1>\n"
                f"  {html.escape(message)}<br /><br />\n\n\n\n </body>\n</html>"
            )
            response = Response(status, page, content_type="text/html; charset=UTF-8")
        else:
            response = Response(status, body)
        response.headers += error.headers
        return response

    def forbidden(self, error: errors.PolicyForbidden) -> str:
        return "You are not authorized to complete this action."
