"""Fetch and send the bytes of images over HTTP, with the ticket that came with the URL.

The seam is `Transfers`: a cloud that lives in one process without sockets brings its own.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import urllib3
from urllib3.exceptions import HTTPError

from nacre.kernel.errors import BadReference, BadRequest, NacreError, Unavailable
from nacre.services.compute import rpc

CHUNK_BYTES = 1 << 20
UPLOAD_METHODS = ("PUT", "POST", "PATCH")
#: What the image service answers that may be otherwise in a moment.  404: the ticket may have expired while this host
#: was off, and whoever gave it gives another.
TOO_EARLY_OR_LATE = (404, 408, 429)


class Transfers(Protocol):
    """How bytes of images come and go."""

    def fetch(self, source: rpc.Download) -> Iterator[bytes]:
        """Yield the bytes in chunks.  `Unavailable` when it may work later, `BadReference` when refused."""

    def send(self, path: Path, target: rpc.Upload) -> None:
        """Send a file's bytes."""


class HttpTransfers:
    """The usual way."""

    def __init__(self, *, connect_seconds: float = 10.0, read_seconds: float = 120.0) -> None:
        timeout = urllib3.Timeout(connect=connect_seconds, read=read_seconds)
        self._http = urllib3.PoolManager(timeout=timeout, retries=False, maxsize=8)

    def fetch(self, source: rpc.Download) -> Iterator[bytes]:
        with _outages(source.url):
            answer = self._http.request(
                "GET", _checked(source.url), headers=source.headers, preload_content=False, redirect=False
            )
            try:
                _raise_for(answer.status, source.url)
                yield from answer.stream(CHUNK_BYTES, decode_content=False)
            finally:
                answer.close()

    def send(self, path: Path, target: rpc.Upload) -> None:
        if target.method not in UPLOAD_METHODS:
            raise BadRequest(f"Images are not sent by {target.method}.")
        headers = {"Content-Type": "application/octet-stream", **target.headers}
        headers["Content-Length"] = str(path.stat().st_size)
        with _outages(target.url), path.open("rb") as body:
            answer = self._http.request(
                target.method, _checked(target.url), body=body, headers=headers, redirect=False
            )
        _raise_for(answer.status, target.url)


def _checked(url: str) -> str:
    if urlsplit(url).scheme not in ("http", "https"):
        raise BadRequest(f"{url} is not an HTTP URL.")
    return url


def _raise_for(status: int, url: str) -> None:
    if status < 300:
        return
    passing = status >= 500 or status in TOO_EARLY_OR_LATE
    error: type[NacreError] = Unavailable if passing else BadReference
    raise error("The image service refused the transfer.", detail=f"{url} answered {status}")


@contextmanager
def _outages(url: str) -> Iterator[None]:
    try:
        yield
    except (HTTPError, OSError) as error:
        raise Unavailable("The image service cannot be reached.", detail=f"{url}: {error}") from error
