"""Screens and serial ports of simulated servers, so that a console proxy has something to connect to.

A screen speaks enough of the RFB protocol (RFC 6143) to show a still picture; a serial port shows the console
log and echoes what is typed.  Both are unix sockets that appear, with a thread to serve them, when somebody
asks for them; servers whose consoles nobody looks at cost nothing.
"""

import socketserver
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from nacre.kernel.errors import Unavailable
from nacre.services.compute import rpc

SOCKET_PATH_LIMIT = 107
WIDTH, HEIGHT = 320, 200
BARS = ("f4f4f0", "d8c8b8", "b8c8d8", "90a8b8", "687888", "405060", "283848", "101820")

#: How many bytes follow the first byte of a client's message, before what has a length of its own.
REST = {0: 19, 2: 3, 3: 9, 4: 7, 5: 5, 6: 7}
SET_ENCODINGS, UPDATE_REQUEST, CUT_TEXT = 2, 3, 6


class Consoles:
    """The consoles of a simulated host that somebody asked for."""

    def __init__(self, directory: Path, console_log: Callable[[str], str]) -> None:
        self._directory, self._console_log = directory, console_log
        self._lock = threading.Lock()
        self._open: dict[Path, Listener] = {}

    def path(self, server_id: str, kind: rpc.ConsoleType) -> Path:
        """Return the socket of a console, and see that it is served."""
        path = self._path(server_id, kind)
        if len(str(path)) > SOCKET_PATH_LIMIT:
            raise Unavailable("The state directory's path is too long for sockets in it.", detail=str(path))
        with self._lock:
            if path not in self._open:
                self._directory.mkdir(parents=True, exist_ok=True, mode=0o711)
                path.unlink(missing_ok=True)
                self._open[path] = Listener(path, self._conversation(server_id, kind))
        return path

    def remove(self, server_id: str) -> None:
        """End a server's consoles."""
        for kind in rpc.ConsoleType:
            self._end(self._path(server_id, kind))

    def close(self) -> None:
        """End all consoles."""
        for path in list(self._open):
            self._end(path)

    def _path(self, server_id: str, kind: rpc.ConsoleType) -> Path:
        return self._directory / f"{server_id}.{kind}"

    def _end(self, path: Path) -> None:
        with self._lock:
            listener = self._open.pop(path, None)
        if listener is not None:
            listener.shutdown()
            listener.server_close()
        path.unlink(missing_ok=True)

    def _conversation(self, server_id: str, kind: rpc.ConsoleType) -> "Conversation":
        if kind is rpc.ConsoleType.VNC:
            return lambda stream, out: show_screen(f"simulated server {server_id}", stream, out)
        return lambda stream, out: show_serial_port(self._console_log(server_id), stream, out)


Conversation = Callable[[BinaryIO, BinaryIO], None]


class Listener(socketserver.ThreadingUnixStreamServer):
    """One socket, and a conversation with each who connects."""

    daemon_threads = True

    def __init__(self, path: Path, conversation: Conversation) -> None:
        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                with suppress(EOFError, OSError):  # they went away
                    conversation(self.rfile, self.wfile)  # type: ignore[arg-type]

        super().__init__(str(path), Handler)
        threading.Thread(target=self.serve_forever, name="simulated-console", daemon=True).start()


def show_serial_port(console_log: str, stream: BinaryIO, out: BinaryIO) -> None:
    """Show what was written so far, then echo."""
    out.write(console_log.replace("\n", "\r\n").encode())
    while typed := stream.read(1):
        out.write(b"\r\n" if typed == b"\r" else typed)


def show_screen(title: str, stream: BinaryIO, out: BinaryIO) -> None:
    """Serve a still picture until the viewer leaves."""
    out.write(b"RFB 003.008\n")
    _exactly(stream, 12)
    out.write(b"\x01\x01")  # one security type: none
    _exactly(stream, 1)
    out.write(struct.pack(">I", 0))
    _exactly(stream, 1)
    name = title.encode()
    pixels = struct.pack(">BBBBHHHBBBxxx", 32, 24, 0, 1, 255, 255, 255, 16, 8, 0)
    out.write(struct.pack(">HH", WIDTH, HEIGHT) + pixels + struct.pack(">I", len(name)) + name)
    while True:
        kind = _exactly(stream, 1)[0]
        if kind not in REST:
            return
        rest = _exactly(stream, REST[kind])
        if kind == SET_ENCODINGS:
            _exactly(stream, 4 * struct.unpack(">xH", rest)[0])
        elif kind == CUT_TEXT:
            _exactly(stream, struct.unpack(">xxxI", rest)[0])
        elif kind == UPDATE_REQUEST and rest[0] == 0:  # incremental ones wait: nothing ever changes
            out.write(_picture())


def _exactly(stream: BinaryIO, length: int) -> bytes:
    found = stream.read(length)
    if len(found) < length:
        raise EOFError
    return found


def _picture() -> bytes:
    """Return a frame buffer update: vertical bars, raw."""
    row = b"".join(bytes.fromhex(bar)[::-1] + b"\0" for bar in BARS for _ in range(WIDTH // len(BARS)))
    return struct.pack(">BxHHHHHi", 0, 1, 0, 0, WIDTH, HEIGHT, 0) + row * HEIGHT
