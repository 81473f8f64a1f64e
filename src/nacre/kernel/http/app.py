"""The shell: one asyncio thread that owns every socket and hands requests to the pool.

It is a plain ASGI application.  It finds the API by the port, or on the front port by the first
segment of the path; reads a body only as far as the API accepts one; runs the service's stack on
a pool thread; and sends the answer.  Slow clients cost it a socket and nothing more.
Nothing else in nacre knows ASGI or uvicorn.
"""

from __future__ import annotations

import asyncio
import io
import logging
import re
import socket
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import uvicorn

from nacre.kernel import errors, log
from nacre.kernel.http.request import Request, Response
from nacre.kernel.http.stack import Streaming, fault_response, finish, note_access
from nacre.kernel.http.websocket import POLICY_VIOLATION, Receive, Send, WebSocket
from nacre.kernel.pool import CompensatingPool

if TYPE_CHECKING:
    from nacre.kernel.http.api import Api
    from nacre.kernel.service import Service

logger = logging.getLogger(__name__)

CHUNK_BYTES = 1024 * 1024
PIECE_BYTES = 2 * 1024 * 1024
"""How much of a file is read at a time, while as much again is on its way to the client."""
HEALTH_PATH = "/healthcheck"  # compat: as oslo.middleware's, on every port
SAFE_AUTHORITY = re.compile(r"[A-Za-z0-9._:\[\]-]{1,255}")

T = TypeVar("T")
Mounted = tuple["Service", "Api"]


class Shell:
    """Serves a set of APIs, each on its port and all of them below the front port."""

    def __init__(
        self,
        by_port: Mapping[int, Mounted],
        front_port: int | None,
        by_prefix: Mapping[str, Mounted],
        pool: CompensatingPool,
        *,
        finish_seconds: float = 10.0,
        proxies: Sequence[str] = (),
    ) -> None:
        self._by_port, self._front_port, self._by_prefix = by_port, front_port, by_prefix
        self._pool, self._finish_seconds, self._proxies = pool, finish_seconds, list(proxies)
        self.draining = False
        """Whether proxies in front of us shall send their requests elsewhere."""
        self._server: uvicorn.Server | None = None

    # -- ASGI ----------------------------------------------------------------------------------

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return
        if scope["type"] == "http" and scope["path"] == HEALTH_PATH:
            await _send(send, self._health(), scope["method"])
            return
        mounted, prefix, path = self._find(scope)
        if scope["type"] == "websocket":
            await self._serve_websocket(mounted, WebSocket(scope, path, receive, send))
            return
        if mounted is None:
            await _send(send, self._front_page(path), scope["method"])
            return
        service, api = mounted
        req = _request(scope, prefix, path)
        req.service, req.api = service, api
        req.match = service.router(api).match(req.method, req.path)
        if req.match.streams:
            req.chunks = partial(_chunks, receive)
        else:
            try:
                await _read_body(req, receive, api.max_body_bytes)
            except ConnectionError:
                return
        response = await self.respond(req)
        await _send(send, response, scope["method"])

    async def respond(self, req: Request) -> Response:
        """Run the stack on the pool; await the handler too where it streams."""
        response = await self.in_pool(req.service.handle, req.api, req)
        if not isinstance(response, Streaming):
            return response
        headers = response.headers
        operation = response.operation
        log.request_id.set(req.id)
        try:
            response = finish(req, operation, await operation.handler(*response.arguments))
        except errors.NacreError as error:
            response = fault_response(req, error)
        except ConnectionError:
            response = fault_response(req, errors.BadRequest("The client closed the connection."))
        except Exception:  # noqa: BLE001 - the last line of defence of the edge
            logger.exception("unexpected failure of %s %s", req.method, req.path)
            response = fault_response(req, errors.NacreError())
        response.headers += headers
        note_access(req, response)
        return response

    async def in_pool(self, function: Callable[..., T], *args: Any) -> T:
        """Run a blocking function on the pool and await its result."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()

        def job() -> None:
            try:
                result = function(*args)
            except BaseException as error:  # noqa: BLE001 - carried to the awaiting side
                loop.call_soon_threadsafe(_fail, future, error)
            else:
                loop.call_soon_threadsafe(_resolve, future, result)

        self._pool.submit(job)
        return await future

    def _find(self, scope: dict[str, Any]) -> tuple[Mounted | None, str, str]:
        """Return the API that a connection is for, its prefix, and the path below it, still encoded."""
        raw = scope.get("raw_path") or scope["path"].encode()
        path = raw.decode("latin-1").split("?", 1)[0]
        port = scope["server"][1]
        if port != self._front_port:
            return self._by_port.get(port), "", path
        first, _, rest = path.lstrip("/").partition("/")
        return self._by_prefix.get(first), f"/{first}", f"/{rest}"

    def _health(self) -> Response:
        """Tell a proxy whether to send requests here; cheap, and without asking anybody else.

        404 is what HAProxy takes as "no new requests, but let those under way end" (`disable-on-404`).
        """
        return Response(404 if self.draining else 200, "ending" if self.draining else "OK")

    def _front_page(self, path: str) -> Response:
        services = {prefix: {"href": f"/{prefix}/"} for prefix in sorted(self._by_prefix)}
        return Response(200 if path in ("", "/") else 404, {"services": services})

    async def _serve_websocket(self, mounted: Mounted | None, connection: WebSocket) -> None:
        if mounted is None or mounted[1].websocket is None:
            await connection.close(POLICY_VIOLATION, "no websocket is served here")
            return
        service, api = mounted
        assert api.websocket is not None
        await api.websocket(service, connection)

    # -- running -------------------------------------------------------------------------------

    def serve(self, sockets: list[socket.socket], *, on_ready: Callable[[], None] | None = None) -> None:
        """Serve until `stop` is called, from the thread that calls this."""
        config = uvicorn.Config(
            self,
            loop="uvloop",
            http="httptools",
            ws="websockets-sansio",
            ws_max_size=CHUNK_BYTES,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            forwarded_allow_ips=self._proxies,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=max(1, round(self._finish_seconds)),
            backlog=2048,
        )
        self._server = _Server(config, on_ready)
        self._server.run(sockets=sockets)

    def stop(self) -> None:
        """Stop accepting, finish what is running, return from `serve`."""
        if self._server is not None:
            self._server.should_exit = True


class _Server(uvicorn.Server):
    """uvicorn without its own signal handling: the process that embeds the shell decides."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None] | None) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    def capture_signals(self) -> Any:
        return nullcontext()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        if self._on_ready is not None:
            self._on_ready()


def listen(address: str, ports: list[int]) -> list[socket.socket]:
    """Bind all ports, or none: OSError names the first that is taken."""
    sockets: list[socket.socket] = []
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        for port in ports:
            bound = socket.socket(family, socket.SOCK_STREAM)
            sockets.append(bound)
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                bound.bind((address, port))
            except OSError as error:
                raise OSError(error.errno, f"port {port} on {address}: {error.strerror}") from None
            bound.set_inheritable(False)
    except BaseException:
        for bound in sockets:
            bound.close()
        raise
    return sockets


# -- requests and responses over ASGI ------------------------------------------------------------


def _request(scope: dict[str, Any], prefix: str, path: str) -> Request:
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    authority = headers.get("host", "")
    if not SAFE_AUTHORITY.fullmatch(authority):
        host, port = scope["server"][0], scope["server"][1]
        authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return Request(
        scope["method"],
        path,
        query_string=scope["query_string"].decode("latin-1"),
        headers=headers,
        base_url=f"{scope['scheme']}://{authority}{prefix}",
        peer=(scope.get("client") or ("",))[0],
    )


async def _read_body(req: Request, receive: Receive, limit: int) -> None:
    """Read the body; beyond the limit the rest is left unread and the request marked."""
    if int_or_zero(req.headers.get("content-length")) > limit:
        req.too_large = True
        return
    parts: list[bytes] = []
    size = 0
    async for part in _chunks(receive):
        size += len(part)
        if size > limit:
            req.too_large = True
            return
        parts.append(part)
    req.body = parts[0] if len(parts) == 1 else b"".join(parts)


def int_or_zero(text: str | None) -> int:
    """Read a header that should be a number."""
    return int(text) if text and text.isdecimal() else 0


async def _chunks(receive: Receive) -> AsyncIterator[bytes]:
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionError("the client went away")
        if part := message.get("body"):
            yield part
        if not message.get("more_body"):
            return


async def _send(send: Send, response: Response, method: str) -> None:
    headers = [
        (name.lower().encode(), value.encode("latin-1", "replace")) for name, value in response.headers
    ]
    if response.file is not None:
        start, end = response.file_range or (0, response.file.stat().st_size)
        headers = [pair for pair in headers if pair[0] != b"content-length"]
        headers.append((b"content-length", str(end - start).encode()))
    elif (
        response.stream is None
        and response.status not in (204, 304)
        and not any(name == b"content-length" for name, _ in headers)  # the answer to a HEAD may name it
    ):
        headers.append((b"content-length", str(len(response.body)).encode()))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    if method == "HEAD" or response.status in (204, 304):
        await send({"type": "http.response.body", "body": b""})
    elif response.file is not None:
        async for chunk in read_file(response.file, start, end):
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    elif response.stream is not None:
        async for chunk in response.stream:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    else:
        await send({"type": "http.response.body", "body": response.body})


async def read_file(path: Path, start: int, end: int) -> AsyncIterator[bytes]:
    """Read a part of a file piece by piece, off the loop; the next is read while one is on its way."""
    loop = asyncio.get_running_loop()
    file = await loop.run_in_executor(None, partial(io.FileIO, path, "rb"))
    left = end - start

    def read() -> asyncio.Future[bytes | None]:
        return loop.run_in_executor(None, file.read, min(PIECE_BYTES, left))

    file.seek(start)
    reading = read()
    try:
        while left > 0:
            piece = await reading
            if not piece:
                raise ConnectionError(f"{path.name} ended {left} bytes too early")
            left -= len(piece)
            if left:
                reading = read()
            yield piece
    finally:
        await asyncio.wait([reading])  # or a thread might read what is another file's by then
        file.close()


def _resolve(future: asyncio.Future[T], result: T) -> None:
    if not future.done():
        future.set_result(result)


def _fail(future: asyncio.Future[Any], error: BaseException) -> None:
    if not future.done():
        future.set_exception(error)
