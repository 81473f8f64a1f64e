"""An HTTP client that costs little itself: the standard library, one kept connection for each thread."""

import http.client
import json
import threading
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

TIMEOUT_SECONDS = 180
CUT_OFF = (
    http.client.RemoteDisconnected,
    http.client.CannotSendRequest,
    ConnectionResetError,
    BrokenPipeError,
)


class Refused(Exception):
    """The server answered with something other than success."""


class Client:
    """Requests to any server."""

    def __init__(self) -> None:
        """Begin without connections."""
        self._threads = threading.local()

    def send(
        self, method: str, url: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> tuple[http.client.HTTPMessage, Any]:
        """Send one request on this thread's connection; once more where a kept connection had been closed."""
        content = None if body is None else json.dumps(body).encode()
        sent = dict(headers or {}) | ({} if content is None else {"Content-Type": "application/json"})
        while True:
            kept = urlsplit(url).netloc in self._connections()
            connection, target = self._connection(url)
            try:
                connection.request(method, target, body=content, headers=sent)
                response = connection.getresponse()
                text = response.read()
                break
            except CUT_OFF:
                self._drop(connection)
                if not kept:
                    raise
        self._done(connection, response)
        if response.status >= 400:
            raise Refused(response.status, f"{method} {url}", text[:500])
        return response.headers, json.loads(text) if text and text[:1] in b"{[" else None

    def _connections(self) -> dict[str, http.client.HTTPConnection]:
        found: dict[str, http.client.HTTPConnection] = self._threads.__dict__.setdefault("connections", {})
        return found

    def _connection(self, url: str) -> tuple[http.client.HTTPConnection, str]:
        """Return this thread's connection to a server, and the target of the request line."""
        parts = urlsplit(url)
        kept = self._connections()
        if parts.netloc not in kept:
            kept[parts.netloc] = http.client.HTTPConnection(parts.netloc, timeout=TIMEOUT_SECONDS)
        return kept[parts.netloc], (parts.path or "/") + (f"?{parts.query}" if parts.query else "")

    def _done(self, connection: http.client.HTTPConnection, response: http.client.HTTPResponse) -> None:
        if response.will_close:
            self._drop(connection)

    def _drop(self, connection: http.client.HTTPConnection) -> None:
        connection.close()
        kept = self._connections()
        for netloc in [netloc for netloc, one in kept.items() if one is connection]:
            del kept[netloc]
