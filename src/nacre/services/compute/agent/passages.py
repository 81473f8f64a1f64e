"""The way by which a server goes from one host to another: a door there, opened for one peer, and a way to it.

Every host has a key and a certificate that it made and signed itself.  The control plane, over which both
hosts can be asked, tells each the certificate of the other for one move; both sides of the TLS connection then
accept exactly that certificate.  There is no authority whose key could be stolen, no certificate that runs out,
and a door that nobody expects anybody at does not exist.

A connection begins with a line that names a *channel*; what is said on it is the drivers' own affair.
"""

import contextlib
import logging
import os
import select
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from nacre.kernel.errors import Forbidden, Unavailable
from nacre.kernel.pool import blocking
from nacre.services.compute import rpc
from nacre.services.compute.agent.certificates import make_certificate

log = logging.getLogger(__name__)

HANDSHAKE_SECONDS = 10.0
CONNECT_SECONDS = 10.0
LONGEST_NAME = 64
BUFFER_BYTES = 1 << 18

Channel = Callable[[ssl.SSLSocket], None]
"""Serves one connection, to its end."""


class Identity:
    """A host's key and certificate; made when they are first needed."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._lock = threading.Lock()

    @property
    def certificate(self) -> str:
        """What the other side must know, as PEM."""
        return self._files()[0].read_text()

    def context(self, peer: str, *, listens: bool) -> ssl.SSLContext:
        """Return the terms of a connection to a peer, who must have this certificate (PEM) and no other."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if listens else ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.check_hostname = False  # the certificate itself is compared
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=peer)
        certificate, key = self._files()
        context.load_cert_chain(certificate, key)
        return context

    def context_for_anybody(self) -> ssl.SSLContext:
        """Return the terms for whoever connects and proves in some other way that they may."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_cert_chain(*self._files())
        return context

    def _files(self) -> tuple[Path, Path]:
        certificate, key = self._directory / "certificate.pem", self._directory / "key.pem"
        with self._lock:
            if not certificate.exists():  # written last
                self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
                text, secret = make_certificate()
                _write(key, secret)
                _write(certificate, text)
        return certificate, key


def _write(path: Path, content: bytes) -> None:
    temporary = path.with_suffix(".new")
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
    temporary.rename(path)


def _is_peer(connection: ssl.SSLSocket, certificate: str) -> bool:
    return connection.getpeercert(binary_form=True) == ssl.PEM_cert_to_DER_cert(certificate)


# --- the door ---------------------------------------------------------------------------------------


class Doors:
    """The doors of one host, one for each server that is expected."""

    def __init__(self, identity: Identity, address: str, ports: tuple[int, int]) -> None:
        """`ports` are the first and the last port that may be used; (0, 0): whichever is free."""
        self.identity = identity
        self._address, self._ports = address, ports
        self._lock = threading.Lock()
        self._doors: dict[str, Door] = {}

    def open(self, server_id: str, peer: str, channels: Mapping[str, Channel]) -> tuple[str, int]:
        """Let a peer in, by its certificate, on behalf of a server; return the address and port."""
        context = self.identity.context(peer, listens=True)
        door = Door(self._listen(), context, peer, channels, server_id)
        with self._lock:
            before, self._doors[server_id] = self._doors.get(server_id), door
        if before is not None:
            before.close()
        door.start()
        return self._address, door.port

    def close(self, server_id: str) -> None:
        """Expect that server no more; whoever is inside is put out."""
        with self._lock:
            door = self._doors.pop(server_id, None)
        if door is not None:
            door.close()

    def close_all(self) -> None:
        for server_id in list(self._doors):
            self.close(server_id)

    def _listen(self) -> socket.socket:
        first, last = self._ports
        for port in range(first, last + 1):
            with contextlib.suppress(OSError):
                family = socket.AF_INET6 if ":" in self._address else socket.AF_INET
                return socket.create_server((self._address, port), family=family, backlog=8)
        raise Unavailable(
            "This host cannot take in servers now.",
            detail=f"no port between {first} and {last} is free on {self._address}",
        )


class Door(threading.Thread):
    """Listens at one address for one peer, and hands each connection to the channel that it names."""

    def __init__(
        self,
        listener: socket.socket,
        context: ssl.SSLContext,
        peer: str,
        channels: Mapping[str, Channel],
        server_id: str,
    ) -> None:
        super().__init__(name=f"door-{server_id[:8]}", daemon=True)
        self.port: int = listener.getsockname()[1]
        self._listener, self._context, self._peer = listener, context, peer
        self._channels, self._server_id = channels, server_id
        self._lock = threading.Lock()
        self._inside: set[ssl.SSLSocket] = set()
        self._closed = False

    def run(self) -> None:
        while not self._closed:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._receive, args=(connection,), name=self.name, daemon=True).start()

    def close(self) -> None:
        with self._lock:
            self._closed = True
            inside = list(self._inside)
        for connection in inside:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # ends the accept that waits
        self._listener.close()

    def _receive(self, plain: socket.socket) -> None:
        try:
            plain.settimeout(HANDSHAKE_SECONDS)
            connection = self._context.wrap_socket(plain, server_side=True)
        except (OSError, ssl.SSLError) as error:
            log.warning("Somebody was not let in at the door of server %s: %s", self._server_id, error)
            plain.close()
            return
        with connection:
            with self._lock:
                if self._closed or not _is_peer(connection, self._peer):
                    return
                self._inside.add(connection)
            try:
                channel = self._channels.get(
                    read_line(connection, LONGEST_NAME).decode(errors="replace").strip()
                )
                connection.settimeout(None)
                if channel is not None:
                    channel(connection)
            except OSError as error:
                log.info("A connection of server %s ended: %s", self._server_id, error)
            except Exception:  # the door stays open whatever comes through it
                log.exception("What came for server %s could not be taken in", self._server_id)
            finally:
                with self._lock:
                    self._inside.discard(connection)


def read_line(connection: ssl.SSLSocket, longest: int) -> bytes:
    """Return one line, and take nothing of what follows it."""
    line = b""
    while not line.endswith(b"\n") and len(line) < longest:
        byte = connection.recv(1)
        if not byte:
            break
        line += byte
    return line


# --- the way to it ----------------------------------------------------------------------------------


class Way:
    """How the host of a server reaches the one that expects it."""

    def __init__(self, identity: Identity, arrival: rpc.Arrival) -> None:
        self._arrival = arrival
        self._context = identity.context(arrival.certificate, listens=False)

    @property
    def passport(self) -> dict[str, object]:
        """What the other host's driver says."""
        return self._arrival.passport

    def open(self, channel: str) -> ssl.SSLSocket:
        """Return a connection on a channel; `Unavailable` when nobody is there, `Forbidden` when a stranger is."""
        where = (self._arrival.address, self._arrival.port)
        try:
            with blocking():
                plain = socket.create_connection(where, CONNECT_SECONDS)
                connection = self._context.wrap_socket(plain)
                connection.sendall(channel.encode() + b"\n")
        except ssl.SSLCertVerificationError as error:
            raise Forbidden(
                "The host that answers is not the one that is meant.", detail=str(error)
            ) from None
        except OSError as error:
            raise Unavailable(
                "The host that is to take the server cannot be reached.", detail=f"{where}: {error}"
            ) from error
        if not _is_peer(connection, self._arrival.certificate):
            connection.close()
            raise Forbidden("The host that answers is not the one that is meant.")
        connection.settimeout(None)
        return connection


def pass_on(connection: ssl.SSLSocket, plain: socket.socket) -> None:
    """Carry bytes both ways until either side has ended, and what it said last has arrived."""
    pumps = _Pump(connection, plain), _Pump(plain, connection)
    connection.setblocking(False)
    plain.setblocking(False)
    with blocking():
        while all(pump.turn() for pump in pumps):
            if pumps[0].wants_to_read and connection.pending():
                continue
            readers = [pump.source for pump in pumps if pump.wants_to_read]
            writers = [pump.sink for pump in pumps if pump.waiting]
            select.select(readers, writers, [], 60.0)
        for end in (connection, plain):  # what is left to say, with patience
            end.setblocking(True)
            end.settimeout(HANDSHAKE_SECONDS)
        for pump in pumps:
            with contextlib.suppress(OSError):
                pump.finish()


class _Pump:
    """One direction: what was read and is not written yet."""

    def __init__(self, source: socket.socket, sink: socket.socket) -> None:
        self.source, self.sink = source, sink
        self.waiting = b""

    @property
    def wants_to_read(self) -> bool:
        return not self.waiting

    def turn(self) -> bool:
        """Do what can be done now; False when the source has ended."""
        try:
            if not self.waiting:
                self.waiting = self.source.recv(BUFFER_BYTES)
                if not self.waiting:
                    return False
            self.waiting = self.waiting[self.sink.send(self.waiting) :]
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return True
        except OSError:
            return False
        return True

    def finish(self) -> None:
        self.sink.sendall(self.waiting)
