"""/v2/images/{image_id}/file: the bytes of an image, in and out, never held in memory."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import re
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, TypeVar

from nacre.kernel.errors import BadRequest, NacreError, UnsupportedMediaType
from nacre.kernel.http.request import Request, Response
from nacre.kernel.http.routing import Routes
from nacre.services.image import policy
from nacre.services.image.app import downloads, images, uploads
from nacre.services.image.db.images import Image
from nacre.services.image.errors import RangeNotSatisfiable

BLOCK_BYTES = 1 << 20
OCTETS = "application/octet-stream"
RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")

T = TypeVar("T")

log = logging.getLogger(__name__)

routes = Routes("/v2/images/{image_id}")

_threads = ThreadPoolExecutor(max_workers=16, thread_name_prefix="image-data")


class Taker(Protocol):
    """Whatever takes in bytes: all of it blocks, so all of it is called on threads."""

    def write(self, block: bytes | bytearray) -> None: ...

    @property
    def beat_seconds(self) -> float: ...

    def beat(self) -> None: ...

    def finish(self) -> None: ...

    def abort(self) -> None: ...


async def on_thread(function: Callable[..., T], *arguments: Any) -> T:
    """Run a blocking function on one of the threads for image data."""
    call = contextvars.copy_context().run
    return await asyncio.get_running_loop().run_in_executor(_threads, call, function, *arguments)


async def blocks(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytearray]:
    """Gather what the network delivers into blocks that are worth a thread's while."""
    block = bytearray()
    async for chunk in chunks:
        block += chunk
        if len(block) >= BLOCK_BYTES:
            yield block
            block = bytearray()
    if block:
        yield block


async def receive(req: Request, begin: Callable[[], Taker]) -> None:
    """Take in a request's body; one block is worked on while the next arrives."""
    assert req.chunks is not None
    taker = await on_thread(begin)
    beating = asyncio.ensure_future(_beat(taker))
    work: asyncio.Future[None] | None = None
    try:
        async for block in blocks(req.chunks()):
            if work is not None:
                await work
            work = asyncio.ensure_future(on_thread(taker.write, block))
        if work is not None:
            await work
        await on_thread(taker.finish)
    except BaseException:
        if work is not None and not work.done():
            await asyncio.wait([work])
        await asyncio.shield(on_thread(taker.abort))
        raise
    finally:
        beating.cancel()


async def ignore(req: Request) -> None:
    """Let a request's body pass by."""
    assert req.chunks is not None
    async for _ in req.chunks():
        pass


async def _beat(taker: Taker) -> None:
    """Show signs of life, also while the client is slow or a disk takes long."""
    while True:
        await asyncio.sleep(taker.beat_seconds)
        try:
            await on_thread(taker.beat)
        except NacreError as error:
            log.warning("an upload could not show that it lives: %s", error)


def announced_bytes(req: Request) -> int | None:
    """Return how many bytes the client says will come, if it says so."""
    text = req.headers.get("content-length")
    return int(text) if text and text.isascii() and text.isdecimal() else None


def check_content_type(req: Request) -> None:
    """Refuse a body that is not plain bytes."""
    kind = req.headers.get("content-type", OCTETS).partition(";")[0].strip().lower()
    if kind != OCTETS:
        raise UnsupportedMediaType(f"The Content-Type must be {OCTETS}, not {kind[:80]}.")


@routes.put("/file", policy=policy.UPLOAD_IMAGE, load=images.get, stream=True, status=204)
async def upload(req: Request, image: Image) -> None:
    check_content_type(req)
    await receive(req, lambda: uploads.begin(req.ctx, image, announced_bytes(req)))


@routes.put("/stage", policy=policy.MODIFY_IMAGE, load=images.get, stream=True, status=204)
async def stage(req: Request, image: Image) -> None:
    check_content_type(req)
    await receive(req, lambda: uploads.stage(req.ctx, image, announced_bytes(req)))


@routes.get("/file", policy=policy.DOWNLOAD_IMAGE, load=images.get)
def download(req: Request, image: Image) -> Response:
    return send(req, image)


def send(req: Request, image: Image) -> Response:
    """Answer with an image's bytes, or the part of them that the request asks for."""
    images.check_usable(req.ctx, image)
    if image.location is None or image.size is None:
        return Response(204)
    headers = [("Content-Type", OCTETS), ("Accept-Ranges", "bytes")]
    part = wanted_range(req, image.size)
    if part is None and image.checksum:
        headers.append(("Content-MD5", image.checksum))
    if part is not None:
        headers.append(("Content-Range", f"bytes {part[0]}-{part[1] - 1}/{image.size}"))
    start, end = part or (0, image.size)
    path = downloads.local_path(req.ctx, image)
    status = 206 if part else 200
    if path is not None:
        return Response(status, headers=headers, file=path, file_range=(start, end))
    headers.append(("Content-Length", str(end - start)))
    return Response(status, headers=headers, stream=_stream(downloads.read(req.ctx, image, start, end)))


async def _stream(parts: Any) -> AsyncIterator[bytes]:
    """Draw an iterator that blocks from a thread, part by part."""
    nothing = object()
    while (part := await on_thread(next, parts, nothing)) is not nothing:
        yield part


def wanted_range(req: Request, size: int) -> tuple[int, int] | None:
    """Return the half-open range of bytes that a request asks for; None for all of it."""
    text = req.headers.get("range")
    if text is None:
        return None
    found = RANGE.fullmatch(text.replace(" ", ""))
    if found is None or found[0] == "bytes=-":
        raise BadRequest(f"The range {text[:60]!r} is not one range of bytes.")
    first, last = found.groups()
    if first:
        start, end = int(first), min(int(last) + 1, size) if last else size
    else:
        start, end = max(0, size - int(last)), size
    if not start < end:
        raise RangeNotSatisfiable(text, size)
    return start, end
