"""The way by which a guest asks who it is: http://169.254.169.254, answered by the compute service.

A guest's request arrives at a socket inside the namespace of its network's DHCP server or router.  From
the namespace and the sender's address we know which server asks; the metadata service, which trusts the
shared secret, is told so in headers.  One thread accepts for all namespaces, and a few answer; there is
no process per network.  Nothing a guest sends decides whom it is taken for.
"""

import hashlib
import hmac
import logging
import selectors
import socket
import threading
from collections import Counter
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from typing import Any

import urllib3

log = logging.getLogger(__name__)

WORKERS = 32
PER_LISTENER = 8
"""How many requests of one namespace are handled at a time, so that one project cannot starve the others."""

LARGEST_BODY_BYTES = 64 * 1024
TIMEOUT_SECONDS = 10.0
NOT_PASSED_ON = {
    "connection", "content-length", "host", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade",
    "x-forwarded-for", "x-instance-id", "x-instance-id-signature", "x-nacre-host", "x-tenant-id",
}  # fmt: skip


@dataclass(frozen=True)
class Guest:
    """The server behind an address."""

    server_id: str
    project_id: str


Lookup = Callable[[Hashable, str], Guest | None]
"""From a listener's key and a sender's address to who it is."""


def signature(secret: str, server_id: str) -> str:
    """Sign a server's id as the metadata service expects (HMAC-SHA256, hexadecimal)."""
    return hmac.new(secret.encode(), server_id.encode(), hashlib.sha256).hexdigest()


class MetadataProxy:
    """Accepts on many sockets, passes requests on to one URL."""

    def __init__(self, url: str, secret: str, lookup: Lookup, *, host: str = "") -> None:
        """`host` is whose the secret is, where every host has one of its own."""
        self._url, self._secret, self._lookup, self._host = url.rstrip("/"), secret, lookup, host
        self._selector = selectors.DefaultSelector()
        self._listeners: dict[Hashable, socket.socket] = {}
        self._busy: Counter[Hashable] = Counter()
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._waker, self._woken = socket.socketpair()
        self._selector.register(self._woken, selectors.EVENT_READ, None)
        timeout = urllib3.Timeout(connect=TIMEOUT_SECONDS, read=TIMEOUT_SECONDS)
        self._upstream = urllib3.PoolManager(maxsize=WORKERS, timeout=timeout, retries=False)
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="metadata")
        self._thread = threading.Thread(target=self._accept_all, name="metadata-accept", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Close all sockets and let requests under way end."""
        self._closed.set()
        self._waker.send(b"x")
        if self._thread.is_alive():
            self._thread.join()
        for key in self.keys():
            self.forget(key)
        self._pool.shutdown(wait=True)
        self._selector.close()
        self._waker.close()
        self._woken.close()
        self._upstream.clear()

    def keys(self) -> set[Hashable]:
        """Return the keys of all listeners."""
        with self._lock:
            return set(self._listeners)

    def listens(self, key: Hashable) -> bool:
        with self._lock:
            return key in self._listeners

    def listen(self, key: Hashable, listener: socket.socket) -> None:
        """Answer what arrives at a listening socket, which is ours from now on."""
        listener.setblocking(False)
        with self._lock:
            self._listeners[key] = listener
            self._selector.register(listener, selectors.EVENT_READ, key)
        self._waker.send(b"x")

    def forget(self, key: Hashable) -> None:
        """Stop answering there; content when nobody did."""
        with self._lock:
            listener = self._listeners.pop(key, None)
            if listener is not None:
                self._selector.unregister(listener)
                listener.close()

    def _accept_all(self) -> None:
        while not self._closed.is_set():
            for ready, _ in self._selector.select():
                if ready.fileobj is self._woken:
                    self._woken.recv(4096)
                else:
                    self._accept(ready.data, ready.fileobj)

    def _accept(self, key: Hashable, listener: Any) -> None:
        try:
            connection, address = listener.accept()
        except OSError:  # gone again, or forgotten meanwhile
            return
        with self._lock:
            refused = self._busy[key] >= PER_LISTENER
            if not refused:
                self._busy[key] += 1
        if refused:
            connection.close()
            return
        connection.settimeout(TIMEOUT_SECONDS)
        self._pool.submit(self._serve, key, connection, address)

    def _serve(self, key: Hashable, connection: socket.socket, address: tuple[str, int]) -> None:
        try:
            with connection:
                _Request(connection, address, self, key)
        except OSError as error:
            log.debug("a guest at %s hung up: %s", address[0], error)
        except Exception:
            log.exception("a metadata request from %s failed", address[0])
        finally:
            with self._lock:
                self._busy[key] -= 1
                if self._busy[key] <= 0:
                    del self._busy[key]

    def answer(
        self, key: Hashable, sender: str, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        """Pass a request on; return status, headers and body of the answer."""
        guest = self._lookup(key, sender)
        if guest is None:
            return 404, {}, b"No server has this address.\n"
        passed = {name: value for name, value in headers.items() if name.lower() not in NOT_PASSED_ON}
        passed |= {
            "X-Forwarded-For": sender,
            "X-Instance-ID": guest.server_id,
            "X-Tenant-ID": guest.project_id,
            "X-Instance-ID-Signature": signature(self._secret, guest.server_id),
        }
        if self._host:
            passed["X-Nacre-Host"] = self._host
        try:
            reply = self._upstream.request(
                method, self._url + path, body=body or None, headers=passed, redirect=False
            )
        except urllib3.exceptions.HTTPError as error:
            log.warning("the metadata service does not answer: %s", error)
            return 503, {"Retry-After": "5"}, b"The metadata service does not answer at the moment.\n"
        kept = {
            name: reply.headers[name] for name in ("Content-Type", "Retry-After") if name in reply.headers
        }
        return reply.status, kept, reply.data


class _Request(BaseHTTPRequestHandler):
    """One request on one connection; handled within the constructor, as the base class does."""

    protocol_version = "HTTP/1.1"
    timeout = TIMEOUT_SECONDS

    def __init__(
        self, connection: socket.socket, address: tuple[str, int], proxy: MetadataProxy, key: Hashable
    ) -> None:
        self._proxy, self._key = proxy, key
        super().__init__(connection, address, None)  # type: ignore[arg-type]

    def _pass_on(self) -> None:
        self.close_connection = True
        if not self.path.startswith("/"):
            self._reply(400, {}, b"Bad request.\n")
            return
        try:
            length = int(self.headers.get("Content-Length") or 0)
        except ValueError:
            length = -1
        if not 0 <= length <= LARGEST_BODY_BYTES:
            self._reply(413, {}, b"The body is too large.\n")
            return
        body = self.rfile.read(length) if length else b""
        sender = self.client_address[0]
        self._reply(*self._proxy.answer(self._key, sender, self.command, self.path, dict(self.headers), body))

    def _reply(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _pass_on

    def version_string(self) -> str:
        return "nacre"

    def log_message(self, format: str, *args: Any) -> None:
        log.debug("%s: " + format, self.client_address[0], *args)
