"""A websocket connection as a service sees it: accept, receive, send, close."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

NORMAL, POLICY_VIOLATION, TRY_AGAIN = 1000, 1008, 1013


class WebSocket:
    """One connection; `path` is below the API's root and `query` holds the last value of each name."""

    def __init__(self, scope: dict[str, Any], path: str, receive: Receive, send: Send) -> None:
        self.path = path
        self.query = dict(parse_qsl(scope.get("query_string", b"").decode("latin-1")))
        self.headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        self.subprotocols: list[str] = list(scope.get("subprotocols", ()))
        self._receive, self._send = receive, send

    async def accept(self, subprotocol: str | None = None) -> None:
        """Complete the handshake."""
        message = await self._receive()
        if message["type"] != "websocket.connect":
            raise ConnectionError("the websocket handshake did not come first")
        await self._send({"type": "websocket.accept", "subprotocol": subprotocol})

    async def receive(self) -> bytes | None:
        """Return the next message's bytes; None when the other side has closed."""
        message = await self._receive()
        if message["type"] == "websocket.disconnect":
            return None
        data = message.get("bytes")
        return data if data is not None else (message.get("text") or "").encode()

    async def send(self, data: bytes) -> None:
        """Send a binary message."""
        await self._send({"type": "websocket.send", "bytes": data})

    async def close(self, code: int = NORMAL, reason: str = "") -> None:
        """Close, or refuse a connection that was never accepted."""
        await self._send({"type": "websocket.close", "code": code, "reason": reason})
