"""The console proxy: a page with noVNC in it, and the websocket by which that reaches a guest's screen.

The page is noVNC's own, served from one folder.  It opens a websocket here with the token from its address; the token
tells which guest, is used up by that, and from then on bytes are passed on both ways until one side goes.
This is the one place of compute that is asynchronous, for a connection may last for hours and must not hold a thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import html
import logging
import ssl
from pathlib import Path
from urllib.parse import urlsplit

from nacre.kernel.errors import NacreError, NotFound, Unavailable
from nacre.kernel.http.request import Request, Response
from nacre.kernel.http.routing import PUBLIC, Routes
from nacre.kernel.http.websocket import NORMAL, POLICY_VIOLATION, TRY_AGAIN, WebSocket
from nacre.kernel.ids import new_request_id
from nacre.kernel.service import Service
from nacre.services.compute import rpc
from nacre.services.compute.api.consoles import PAGE
from nacre.services.compute.app import console_tokens
from nacre.services.compute.app.console_tokens import Screen

log = logging.getLogger(__name__)

CHUNK_BYTES = 64 * 1024
CONNECT_SECONDS = 5.0
LONGEST_REASON_BYTES = 123  # RFC 6455, section 5.5
SUBPROTOCOL = "binary"
CONTENT_TYPES = {
    ".html": "text/html; charset=UTF-8", ".js": "text/javascript; charset=UTF-8",
    ".css": "text/css; charset=UTF-8", ".json": "application/json", ".svg": "image/svg+xml",
    ".png": "image/png", ".ico": "image/x-icon", ".woff": "font/woff", ".woff2": "font/woff2",
    ".ttf": "font/ttf", ".mp3": "audio/mpeg", ".oga": "audio/ogg",
}  # fmt: skip
HEADERS = [("X-Content-Type-Options", "nosniff"), ("Referrer-Policy", "no-referrer")]  # the address is secret
SIMULATED = "This cloud is simulated: its servers have no screen, only a still picture of one."
MISSING = "noVNC, which would show the screen, is not on this machine: there is nothing in {directory}."

routes = Routes("")


@routes.get("/{path*}", policy=PUBLIC)
def show(req: Request, path: str) -> Response:
    found = _file(Path(req.ctx.config.novnc_directory), path)
    if found is not None:
        kind = CONTENT_TYPES.get(found.suffix, "application/octet-stream")
        return Response(200, file=found, content_type=kind, headers=list(HEADERS))
    if path in ("", PAGE):
        return _explanation(req)
    raise NotFound()


def _file(directory: Path, path: str) -> Path | None:
    """Return a file within a directory; None for what is not there or leads out of it."""
    if "\x00" in path or len(path) > 255:
        return None
    root = directory.resolve()
    found = (root / path).resolve()
    return found if found.is_relative_to(root) and found.is_file() else None


def _explanation(req: Request) -> Response:
    """Say why there is no screen to see here."""
    simulated = console_tokens.is_simulated(req.ctx)
    reason = SIMULATED if simulated else MISSING.format(directory=req.ctx.config.novnc_directory)
    page = (
        "<!DOCTYPE html>\n<html lang=en>\n<head><meta charset=utf-8><title>noVNC</title></head>\n"
        f"<body><h1>No screen</h1>\n<p>{html.escape(reason)}</p></body>\n</html>\n"
    )
    kind = CONTENT_TYPES[".html"]
    return Response(200 if simulated else 404, page, content_type=kind, headers=list(HEADERS))


# --- the websocket ----------------------------------------------------------------------------------


async def connect(service: Service, connection: WebSocket) -> None:
    """Serve one websocket: find out whose screen its token opens, and pass bytes on."""
    if not _comes_from_our_page(service, connection):
        await connection.close(POLICY_VIOLATION, "the page that asks is not ours")
        return
    try:
        screen = await asyncio.to_thread(_redeem, service, connection.query.get("token", ""))
    except NacreError as error:
        await connection.close(POLICY_VIOLATION, _shortened(error.message))
        return
    await connection.accept(SUBPROTOCOL if SUBPROTOCOL in connection.subprotocols else None)
    try:
        reader, writer = await _reach(screen)
    except Unavailable as error:
        await connection.close(TRY_AGAIN, _shortened(error.message))
        return
    log.info("the screen of server %s is being watched", screen.server_id)
    try:
        await _pass_on(connection, reader, writer)
    finally:
        log.info("the screen of server %s is no longer watched", screen.server_id)


def _comes_from_our_page(service: Service, connection: WebSocket) -> bool:
    """Tell whether the page that opened a websocket was served here; browsers say so truthfully.

    Otherwise any page that a user visits could use an address that it came to know.
    """
    origin = connection.headers.get("origin")
    if origin is None:  # no browser
        return True
    ours = {connection.headers.get("host", ""), urlsplit(service.process.public_url("console")).netloc}
    return urlsplit(origin).netloc in ours - {""}


def _redeem(service: Service, token: str) -> Screen:
    return console_tokens.redeem(service.anonymous_context(request_id=new_request_id()), token)


async def _reach(screen: Screen) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect to the guest's screen where its host said that it is."""
    console = screen.console
    opening = asyncio.open_unix_connection(console.path) if console.path else _reach_elsewhere(console)
    try:
        return await asyncio.wait_for(opening, CONNECT_SECONDS)
    except (OSError, TimeoutError) as error:
        raise Unavailable(
            f"The screen cannot be reached on host {console.host}.", detail=str(error)
        ) from error


async def _reach_elsewhere(console: rpc.Console) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect to another machine's port for screens, which must be the one of that host, and show the ticket."""
    terms = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    terms.minimum_version = ssl.TLSVersion.TLSv1_3
    terms.check_hostname = False  # the certificate itself is compared
    terms.load_verify_locations(cadata=console.certificate)
    reader, writer = await asyncio.open_connection(console.address, console.port, ssl=terms)
    peer = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    if peer != ssl.PEM_cert_to_DER_cert(console.certificate):
        writer.close()
        raise OSError("whoever answers there is another")
    writer.write(f"{console.ticket}\n".encode())
    return reader, writer


async def _pass_on(connection: WebSocket, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass bytes on both ways until one side goes; then end the other."""

    async def to_guest() -> None:
        while (data := await connection.receive()) is not None:
            writer.write(data)
            await writer.drain()

    async def to_user() -> None:
        while data := await reader.read(CHUNK_BYTES):
            await connection.send(data)

    sending, showing = asyncio.create_task(to_guest()), asyncio.create_task(to_user())
    try:
        await asyncio.wait((sending, showing), return_when=asyncio.FIRST_COMPLETED)
        if not sending.done():  # the user is still there: the guest, or its host, went
            await connection.close(NORMAL, "the server closed its screen")
    finally:
        for task in (sending, showing):
            task.cancel()
        await asyncio.gather(sending, showing, return_exceptions=True)
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


def _shortened(reason: str) -> str:
    return reason.encode()[:LONGEST_REASON_BYTES].decode(errors="ignore")
