"""What another host may say to this host's libvirt: the few words of a migration, about one guest, and no others.

Whoever may speak to libvirtd freely is root on its host.  A host that sends a guest must speak to it, so what it
says is read first: calls are let through by their numbers, and the guest that it describes must be the one
that is expected, made of its own files, its taps and nothing else of this host.  A host that somebody broke into
can thus spoil the servers that it sends, and nothing besides.

The wire format is libvirt's RPC (docs/kbase/internals/rpc.rst and src/remote/remote_protocol.x of libvirt): a
length, a header of six numbers, and arguments in XDR (RFC 4506), all big-endian.
"""

import logging
import socket
import ssl
import struct
import threading
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from nacre.kernel.errors import Forbidden
from nacre.services.compute.agent.drivers.libvirt.boundaries import Boundary
from nacre.services.compute.agent.passages import pass_on

log = logging.getLogger(__name__)

REMOTE_PROGRAM, KEEPALIVE_PROGRAM = 0x20008086, 0x6B656570
OPEN, CLOSE, SUPPORTS_FEATURE, AUTH_LIST = 1, 2, 60, 66
PREPARE, FINISH = 303, 306  # DOMAIN_MIGRATE_PREPARE3_PARAMS and …_FINISH3_PARAMS
CALLS = frozenset((OPEN, CLOSE, SUPPORTS_FEATURE, AUTH_LIST, PREPARE, FINISH))

LENGTH, HEADER = struct.Struct(">I"), struct.Struct(">6I")
LONGEST_PACKET = 32 << 20
TEXT = 7  # VIR_TYPED_PARAM_STRING
#: How many bytes the other kinds of a typed parameter take: int, uint, llong, ullong, double, boolean.
SIZES = {1: 4, 2: 4, 3: 8, 4: 8, 5: 8, 6: 4}
CHUNK_BYTES = 1 << 16


class Guard:
    """Stands between a passage and libvirtd while one guest is expected."""

    def __init__(self, daemon: Path, boundary: Boundary) -> None:
        self._daemon, self._boundary = daemon, boundary

    def let_in(self, arrived: ssl.SSLSocket) -> None:
        """Serve one connection to its end."""
        inner, outer = socket.socketpair()
        with inner, outer, socket.socket(socket.AF_UNIX) as daemon:
            daemon.connect(str(self._daemon))
            answers = threading.Thread(target=_copy, args=(daemon, inner), daemon=True)
            words = threading.Thread(target=self._listen, args=(inner, daemon), daemon=True)
            answers.start()
            words.start()
            pass_on(arrived, outer)
            for end in (inner, daemon):
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
            answers.join()
            words.join()

    def _listen(self, peer: socket.socket, daemon: socket.socket) -> None:
        """Hand on what may be said; after the first thing that may not, nothing more is."""
        try:
            for packet in _packets(peer):
                self.check(packet)
                daemon.sendall(packet)
        except OSError:
            pass
        except Forbidden as error:
            log.error("The host that sends a server said what it may not: %s (%s)", error, error.detail)
        finally:
            for end in (peer, daemon):
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def check(self, packet: bytes) -> None:
        """Raise Forbidden unless this may be said to libvirt here."""
        program, _version, procedure, *_ = HEADER.unpack_from(packet, LENGTH.size)
        if program == KEEPALIVE_PROGRAM:
            return
        if program != REMOTE_PROGRAM or procedure not in CALLS:
            raise Forbidden("That is no part of a migration.", detail=f"{program:#x}/{procedure}")
        if procedure not in (PREPARE, FINISH):
            return
        arguments = _Arguments(packet[LENGTH.size + HEADER.size :])
        try:
            texts, cookie = arguments.parameters(), arguments.opaque()
            descriptions = [text for name, text in texts.items() if name.endswith("_xml")]
            if procedure == PREPARE and "destination_xml" not in texts:
                raise Forbidden("The guest is not described.")
            for description in descriptions:
                self._boundary.check_domain(ET.fromstring(description))
            for domain in _domains_in(cookie):
                self._boundary.check_domain(domain)
        except (struct.error, UnicodeDecodeError, ET.ParseError, IndexError) as error:
            raise Forbidden("That cannot be read.", detail=str(error)) from None
        self._boundary.check_sockets(texts.get("migrate_uri"), texts.get("disks_uri"))


def _domains_in(cookie: bytes) -> list[ET.Element]:
    """Return the guests that are described within what QEMU's drivers tell each other."""
    text = cookie.rstrip(b"\0")
    return list(ET.fromstring(text.decode()).iter("domain")) if text else []


def _packets(peer: socket.socket) -> Iterator[bytes]:
    waiting = b""
    while chunk := peer.recv(CHUNK_BYTES):
        waiting += chunk
        while len(waiting) >= LENGTH.size:
            (length,) = LENGTH.unpack_from(waiting)
            if not LENGTH.size + HEADER.size <= length <= LONGEST_PACKET:
                raise Forbidden("That is no packet.", detail=f"{length} bytes")
            if len(waiting) < length:
                break
            yield waiting[:length]
            waiting = waiting[length:]


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while chunk := source.recv(CHUNK_BYTES):
            sink.sendall(chunk)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_RDWR)


class _Arguments:
    """Reads arguments one after another."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def number(self) -> int:
        (value,) = struct.unpack_from(">I", self._data, self._at)
        self._at += 4
        return int(value)

    def opaque(self) -> bytes:
        length = self.number()
        if self._at + length > len(self._data):
            raise IndexError("a text reaches beyond the packet")
        value = self._data[self._at : self._at + length]
        self._at += length + (-length) % 4
        return value

    def parameters(self) -> dict[str, str]:
        """Read a list of typed parameters; return those that are texts (of several of a name, all)."""
        texts: dict[str, str] = {}
        for number in range(self.number()):
            name, kind = self.opaque().decode(), self.number()
            if kind != TEXT:
                self._at += SIZES[kind] if kind in SIZES else _unknown(kind)
                continue
            value = self.opaque().decode()
            texts[name if name not in texts else f"{number} {name}"] = value
        return texts


def _unknown(kind: int) -> int:
    raise IndexError(f"parameters of kind {kind} are not known")
