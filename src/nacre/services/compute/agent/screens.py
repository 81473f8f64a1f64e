"""The screens of this host's servers, as a console proxy on another machine reaches them.

A screen is a unix socket, which nobody elsewhere can open.  So the agent listens at one port of its management
address and passes bytes on.  Whoever connects sees the certificate that the host made itself, of which the control
plane was told over the broker, and shows a *ticket* that it was told at the same time: good for one screen,
once, and for half a minute.  A port scanner learns nothing here but that there is TLS.

A host whose bus does not leave the process has its proxy beside it, and needs none of this.
"""

import logging
import secrets
import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import suppress

import msgspec

from nacre.kernel.errors import Unavailable
from nacre.services.compute import rpc
from nacre.services.compute.agent.passages import HANDSHAKE_SECONDS, Identity, pass_on, read_line

log = logging.getLogger(__name__)

TICKET_BYTES = 24
TICKET_SECONDS = 30.0
LONGEST_TICKET = 64
MOST_VISITORS = 128


class Screens:
    """Lends screens to whoever was told a ticket."""

    def __init__(
        self, identity: Identity, address: str, port: int = 0, *, now: Callable[[], float] = time.monotonic
    ) -> None:
        """Nothing is listened at until the first screen is lent; port 0 is whichever is free."""
        self._identity, self._address, self._port, self._now = identity, address, port, now
        self._lock = threading.Lock()
        self._tickets: dict[str, tuple[float, str]] = {}
        self._listener: socket.socket | None = None
        self._places = threading.BoundedSemaphore(MOST_VISITORS)

    def lend(self, console: rpc.Console) -> rpc.Console:
        """Return how another machine reaches a console that is a socket here."""
        ticket = secrets.token_urlsafe(TICKET_BYTES)
        with self._lock:
            listener = self._listener = self._listener or self._listen()
            now = self._now()
            self._tickets = {each: kept for each, kept in self._tickets.items() if kept[0] > now}
            self._tickets[ticket] = (now + TICKET_SECONDS, console.path)
        return msgspec.structs.replace(
            console,
            path="",
            address=self._address,
            port=listener.getsockname()[1],
            certificate=self._identity.certificate,
            ticket=ticket,
        )

    def close(self) -> None:
        """Let nobody in any more; who watches a screen does so to the end."""
        with self._lock:
            listener, self._listener = self._listener, None
            self._tickets.clear()
        if listener is not None:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)  # ends the accept that waits
            listener.close()

    def _listen(self) -> socket.socket:
        family = socket.AF_INET6 if ":" in self._address else socket.AF_INET
        try:
            listener = socket.create_server((self._address, self._port), family=family, backlog=16)
        except OSError as error:
            raise Unavailable(
                "The screens of this host cannot be shown now.", detail=f"{self._address}: {error}"
            ) from error
        context = self._identity.context_for_anybody()
        threading.Thread(target=self._serve, args=(listener, context), name="screens", daemon=True).start()
        return listener

    def _serve(self, listener: socket.socket, context: ssl.SSLContext) -> None:
        while True:
            try:
                plain, _ = listener.accept()
            except OSError:
                return
            if not self._places.acquire(blocking=False):
                plain.close()
                continue
            threading.Thread(target=self._receive, args=(plain, context), name="screen", daemon=True).start()

    def _receive(self, plain: socket.socket, context: ssl.SSLContext) -> None:
        try:
            plain.settimeout(HANDSHAKE_SECONDS)
            with context.wrap_socket(plain, server_side=True) as visitor:
                path = self._redeem(read_line(visitor, LONGEST_TICKET))
                if path is not None:
                    with socket.socket(socket.AF_UNIX) as screen:
                        screen.connect(path)
                        pass_on(visitor, screen)
        except (OSError, ssl.SSLError) as error:
            log.info("Somebody who came for a screen went again: %s", error)
        finally:
            plain.close()
            self._places.release()

    def _redeem(self, line: bytes) -> str | None:
        """Return the socket that a ticket is for, and let it be good for nothing from now on."""
        with self._lock:
            kept = self._tickets.pop(line.decode(errors="replace").strip(), None)
        return kept[1] if kept is not None and kept[0] > self._now() else None
