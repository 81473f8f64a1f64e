"""One request and one response, however they travel: through a socket, from another service, from a test."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, urlencode

import msgspec

from nacre.kernel import errors, wire
from nacre.kernel.version import Version
from nacre.kernel.wire import fields as wire_fields

if TYPE_CHECKING:
    from nacre.kernel.context import Context
    from nacre.kernel.http.api import Api
    from nacre.kernel.http.routing import Match
    from nacre.kernel.policy import Rule
    from nacre.kernel.service import Service

Headers = dict[str, str]
encode_json = msgspec.json.encode
_PLAIN = re.compile(r"[A-Za-z0-9_.~:+@-]*").fullmatch


class Response:
    """What goes back: a status, headers, and either bytes, a file, or an asynchronous stream."""

    __slots__ = ("status", "headers", "body", "stream", "file", "file_range")

    def __init__(
        self,
        status: int = 200,
        body: bytes | str | dict[str, Any] | list[Any] | None = b"",
        *,
        headers: list[tuple[str, str]] | None = None,
        content_type: str | None = None,
        stream: AsyncIterator[bytes] | None = None,
        file: Path | None = None,
        file_range: tuple[int, int] | None = None,
    ) -> None:
        self.status, self.headers = status, headers or []
        self.stream, self.file, self.file_range = stream, file, file_range
        if isinstance(body, dict | list):
            self.body, content_type = encode_json(body), content_type or "application/json"
        elif isinstance(body, str):
            self.body, content_type = body.encode(), content_type or "text/plain; charset=UTF-8"
        else:
            self.body = body or b""
        if content_type:
            self.headers.append(("Content-Type", content_type))

    def header(self, name: str) -> str | None:
        """Return a header by its name in any case."""
        folded = name.lower()
        return next((value for key, value in self.headers if key.lower() == folded), None)

    def json(self) -> Any:
        """Decode the body; None if there is none."""
        return msgspec.json.decode(self.body) if self.body else None


class Request:
    """One request on its way through the stack.

    method, path    the path is below the API's own root, still percent-encoded
    query           every parameter with all its values, in order
    headers         by lower-case name
    base_url        what links in answers begin with: scheme, authority, and the API's prefix
    body            the raw bytes; empty for operations that stream (they use `chunks`)
    ctx             who asks, once the stack has authenticated
    version         the microversion, once negotiated; None where the API has none
    """

    __slots__ = (
        "method", "path", "query_string", "_query", "headers", "base_url", "body", "chunks", "peer",
        "service", "api", "ctx", "version", "id", "authorised", "match", "too_large", "_visible",
        "target", "answer_headers", "arguments",
    )  # fmt: skip

    ctx: Context
    match: Match
    service: Service
    api: Api

    def __init__(
        self,
        method: str,
        path: str,
        *,
        query_string: str = "",
        headers: Headers | None = None,
        base_url: str = "",
        body: bytes = b"",
        peer: str = "",
    ) -> None:
        self.method, self.path, self.query_string = method, path, query_string
        self.headers, self.base_url, self.body, self.peer = headers or {}, base_url, body, peer
        self.chunks: Callable[[], AsyncIterator[bytes]] | None = None
        self.version: Version | None = None
        self.id = ""
        self.authorised = self.too_large = False
        self.target: Any = None
        self.answer_headers: list[tuple[str, str]] = []
        self.arguments: list[Any] = []
        self._query: dict[str, list[str]] | None = None
        self._visible: dict[tuple[Any, ...], bool] = {}

    # -- reading ---------------------------------------------------------------------------

    @property
    def query(self) -> dict[str, list[str]]:
        """The query parameters: name → all values, in order."""
        query = self._query
        if query is None:
            query = self._query = {}
            if self.query_string:
                if "%00" in self.query_string:
                    raise errors.BadRequest("The query string holds a character that cannot be stored.")
                try:
                    pairs = parse_qsl(self.query_string, keep_blank_values=True, errors="strict")
                except UnicodeDecodeError:
                    raise errors.BadRequest("The query string is not valid UTF-8.") from None
                for name, value in pairs:
                    query.setdefault(name, []).append(value)
        return query

    def arg(self, name: str, check: wire.Check | None = None, default: Any = None) -> Any:
        """Return the last value of a query parameter, checked; the default if it is absent."""
        values = self.query.get(name)
        if not values:
            return default
        return wire_fields.check_value(name, check, values[-1]) if check else values[-1]

    def flag(self, name: str) -> bool:
        """Tell whether a query parameter is present and does not say no (`?detailed`, `?all=1`)."""
        values = self.query.get(name)
        return values is not None and values[-1].strip().lower() not in wire.Bool.FALSE

    def json(self) -> Any:
        """Decode the body as JSON; BadRequest if it is not."""
        content_type = self.headers.get("content-type", "application/json")
        if "json" not in content_type and self.body:
            raise errors.UnsupportedMediaType(f"Unsupported Content-Type: {content_type[:80]}")
        try:
            return msgspec.json.decode(self.body)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            raise errors.BadRequest("Malformed request body: it is not valid JSON.") from None

    def checked(self, check: wire.Check, *, name: str = "") -> Any:
        """Decode the body and check it as a whole, where the check depends on the request."""
        return wire_fields.check_value(name, check, self.json())

    def filters(self, resource: type[wire.Resource]) -> dict[str, list[Any]]:
        """Return the filters that the query asks for, by the code's names."""
        return wire_fields.filters(resource, self.query, version=self.version)

    # -- authorising -----------------------------------------------------------------------

    def authorise(self, rule: Rule, target: Any = None) -> None:
        """Raise Forbidden unless the policy lets the caller do this to the target."""
        self.authorised = True
        if not self.ctx.can(rule, target):
            raise errors.PolicyForbidden(rule.name)

    def visible(self, rule: Rule, thing: Any) -> bool:
        """Tell whether a field guarded by a rule may be shown; decided once per kind of owner."""
        key = (rule.name, getattr(thing, "project_id", None), getattr(thing, "user_id", None))
        known = self._visible.get(key)
        if known is None:
            known = self._visible[key] = self.ctx.can(rule, thing)
        return known

    # -- answering -------------------------------------------------------------------------

    def show(self, resource: type[wire.Resource], thing: Any, *, brief: bool = False) -> dict[str, Any]:
        """Render one thing as this request's version and caller may see it."""
        return wire_fields.show(
            resource, self, thing, version=self.version, brief=brief, visible=self.visible
        )

    def url(self, *segments: str) -> str:
        """Return an absolute URL below the API's root: url("v2.1", "servers", id)."""
        return "/".join((self.base_url, *map(_quoted, segments)))

    def url_with_query(self, **changes: str | None) -> str:
        """Return this request's own URL with some query parameters replaced (None: removed)."""
        pairs = [(name, v) for name, values in self.query.items() if name not in changes for v in values]
        pairs += [(name, value) for name, value in changes.items() if value is not None]
        return f"{self.base_url}{self.path}" + (f"?{urlencode(pairs)}" if pairs else "")


def _quoted(segment: str) -> str:
    """Return one segment of a path as it stands in a URL; an id, which most are, is that already."""
    return segment if _PLAIN(segment) else quote(segment, safe=":+~@")
