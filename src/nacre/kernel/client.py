"""Calling another service: in this thread when it lives in this process, over HTTP when not.

The contract is the same either way: the service's public API, with headers, token, policy and
JSON.  So a service can move to a process or machine of its own without a change anywhere.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlencode, urlsplit

import msgspec
import urllib3

from nacre.kernel import errors
from nacre.kernel.http.repeats import HEADER, key_onward
from nacre.kernel.http.request import Request, Response
from nacre.kernel.pool import blocking

if TYPE_CHECKING:
    from nacre.kernel.context import Context
    from nacre.kernel.http.api import Api
    from nacre.kernel.service import Service

CONNECT_SECONDS, READ_SECONDS = 5.0, 60.0
#: What every answer of ours has, and one that a proxy gives in our place has not.
REQUEST_ID = "x-openstack-request-id"
#: A service that could not be reached is asked whether it is back, so often at most, and for so long.
LOOK_AGAIN_SECONDS, LOOK_SECONDS = 1.0, 2.0

#: A connection that was not made carried nothing, so anything is tried again; one that broke may have.
RETRIES = urllib3.Retry(
    total=3,
    connect=3,
    read=2,
    other=0,
    redirect=0,
    status=0,
    allowed_methods=("GET", "HEAD"),
    backoff_factor=0.1,
    raise_on_redirect=False,
)


class Reply(msgspec.Struct, frozen=True):
    """Another service's answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Decode the body; None if there is none."""
        return msgspec.json.decode(self.body) if self.body else None


class Client(Protocol):
    """One service as others see it."""

    def outages(self) -> int:
        """Return how often it was away and has come back, as far as we noticed."""

    def request(
        self,
        ctx: Context,
        method: str,
        path: str,
        *,
        body: Any = None,
        query: Mapping[str, Any] | None = None,
        version: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Send a request and return the answer; a refusal is raised by its meaning."""
        ...


def _headers(
    ctx: Context, service_type: str, version: str | None, extra: Mapping[str, str] | None
) -> dict[str, str]:
    headers = {"content-type": "application/json", "accept": "application/json"}
    token = ctx.service.process.service_token(ctx.service) if ctx.as_service_user else ctx.token
    if token:
        headers["x-auth-token"] = token
    headers[REQUEST_ID] = ctx.request_id
    if version:
        headers["openstack-api-version"] = f"{service_type} {version}"
    if extra:
        headers.update((name.lower(), value) for name, value in extra.items())
    return headers


def _raise_refusal(status: int, body: bytes, service_type: str) -> None:
    if status < 400:
        return
    message = _message_in(body) or f"The {service_type} service answered with status {status}."
    if status == 401:
        raise errors.Unauthorized(message)
    raise errors.from_status(status, message)


def _message_in(body: bytes) -> str:
    """Find the sentence in an error body of any dialect."""
    try:
        found = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return ""
    if isinstance(found, dict):
        if isinstance(found.get("errors"), list) and found["errors"]:
            return str(found["errors"][0].get("detail", ""))
        if isinstance(found.get("message"), str):
            return found["message"]
        for value in found.values():
            if isinstance(value, dict) and isinstance(value.get("message"), str):
                return value["message"]
    return ""


class LocalClient:
    """A service of this process: its stack is called directly, in this very thread."""

    def __init__(self, service: Service, api: Api, base_url: str) -> None:
        self._service, self._api, self._base_url = service, api, base_url

    def request(
        self,
        ctx: Context,
        method: str,
        path: str,
        *,
        body: Any = None,
        query: Mapping[str, Any] | None = None,
        version: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        req = Request(
            method,
            path,
            query_string=urlencode(query, doseq=True) if query else "",
            headers=_headers(ctx, self._api.name, version, headers),
            base_url=self._base_url,
            body=b"" if body is None else msgspec.json.encode(body),
        )
        if key := key_onward(method, path, req.body):
            req.headers[HEADER] = key
        response: Response = self._service.handle(self._api, req)
        _raise_refusal(response.status, response.body, self._api.name)
        return Reply(
            response.status, {name.lower(): value for name, value in response.headers}, response.body
        )

    def outages(self) -> int:
        """Return 0: it is here as long as we are."""
        return 0


class RemoteClient:
    """A service elsewhere, over HTTP with connections that are kept."""

    def __init__(self, service_type: str, base_url: str) -> None:
        self._service_type, self.address = service_type, base_url.rstrip("/")
        parts = urlsplit(base_url)
        if parts.scheme not in ("http", "https"):
            raise ValueError(f"{base_url!r} is no address of a service")
        self._pool = urllib3.PoolManager(
            num_pools=4,
            maxsize=32,
            timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS),
            retries=RETRIES,
        )
        self._is_away, self._outages, self._looks_again_at = False, 0, 0.0

    def request(
        self,
        ctx: Context,
        method: str,
        path: str,
        *,
        body: Any = None,
        query: Mapping[str, Any] | None = None,
        version: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        url = f"{self.address}{path}" + (f"?{urlencode(query, doseq=True)}" if query else "")
        data = b"" if body is None else msgspec.json.encode(body)
        sent = _headers(ctx, self._service_type, version, headers)
        if key := key_onward(method, path, data):
            sent[HEADER] = key
        try:
            with blocking():
                answer = self._pool.request(
                    method,
                    url,
                    body=data or None,
                    headers=sent,
                )
        except urllib3.exceptions.HTTPError as error:
            reason = getattr(error, "reason", error)
            self._is_away |= not isinstance(reason, urllib3.exceptions.ReadTimeoutError)
            raise errors.Unavailable(
                f"The {self._service_type} service cannot be reached.", detail=f"{url}: {error}"
            ) from error
        self._is_away |= answer.status == 503 and REQUEST_ID not in answer.headers  # it is a proxy's
        _raise_refusal(answer.status, answer.data, self._service_type)
        return Reply(
            answer.status, {name.lower(): value for name, value in answer.headers.items()}, answer.data
        )

    def outages(self) -> int:
        """Return how often the service could not be reached and was back later, for which it is asked here."""
        now = time.monotonic()
        if self._is_away and now >= self._looks_again_at:
            self._looks_again_at = now + LOOK_AGAIN_SECONDS
            if self._is_back():
                self._is_away = False
                self._outages += 1
        return self._outages

    def _is_back(self) -> bool:
        parts = urlsplit(self.address)
        try:
            with blocking():
                answer = self._pool.request(
                    "GET", f"{parts.scheme}://{parts.netloc}/healthcheck", retries=False, timeout=LOOK_SECONDS
                )
        except urllib3.exceptions.HTTPError:
            return False
        return answer.status < 500
