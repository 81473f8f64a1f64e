"""Send files to another host as they lie on the disk: with their holes, one after another, over one connection.

    {"files": [{"name": "root.qcow2", "size": 1234}, …]}\\n      what comes
    offset, length, bytes …                                    the parts of the first file that hold data
    size, 0                                                    its end; then the parts of the second one …
    taken\\n                                                    what the other side says when all is on its disk

What is received is kept under another name until it is whole.  Nothing that the sender says is believed: a name
must be one of those that are expected, and no file may be larger than it can be.
"""

import os
import ssl
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from nacre.kernel.errors import BadRequest, Unavailable
from nacre.services.compute.agent.passages import read_line

CHUNK_BYTES = 1 << 20
SEGMENT = struct.Struct(">QQ")
TAKEN = b"taken\n"
LONGEST_LIST = 1 << 16


class Piece(msgspec.Struct, frozen=True):
    """One file."""

    name: str
    size: int


class Manifest(msgspec.Struct, frozen=True):
    """What comes."""

    files: tuple[Piece, ...]


def send(connection: ssl.SSLSocket, files: Sequence[Path], told: Callable[[int], None]) -> None:
    """Send files, and return when the other side has them; `told` hears how many bytes have gone."""
    pieces = tuple(Piece(path.name, path.stat().st_size) for path in files)
    connection.sendall(msgspec.json.encode(Manifest(pieces)) + b"\n")
    sent = 0
    for path, piece in zip(files, pieces, strict=True):
        with path.open("rb", buffering=0) as file:
            for offset, length in _data(file.fileno(), piece.size):
                connection.sendall(SEGMENT.pack(offset, length))
                for start in range(offset, offset + length, CHUNK_BYTES):
                    part = os.pread(file.fileno(), min(CHUNK_BYTES, offset + length - start), start)
                    if not part:
                        raise Unavailable(f"{path.name} became shorter while it was sent.")
                    connection.sendall(part)
                    sent += len(part)
                    told(sent)
        connection.sendall(SEGMENT.pack(piece.size, 0))
    if connection.recv(len(TAKEN)) != TAKEN:
        raise Unavailable("The other host did not take the server's files.")


def _data(descriptor: int, size: int) -> Iterator[tuple[int, int]]:
    """Yield where a file holds data: offset and length, a whole number of pages each."""
    end = 0
    while end < size:
        try:
            start = os.lseek(descriptor, end, os.SEEK_DATA)
        except OSError:
            return  # only a hole is left
        end = min(os.lseek(descriptor, start, os.SEEK_HOLE), size)
        yield start, end - start


def receive(
    connection: ssl.SSLSocket,
    directory: Path,
    limits: Mapping[str, int],
    check: Callable[[Path], None] = lambda part: None,
) -> None:
    """Take files in whose names and largest sizes are given, and say so; BadRequest for any other.

    Each is shown to `check` before it gets its name.
    """
    manifest = msgspec.json.decode(read_line(connection, LONGEST_LIST), type=Manifest)
    for piece in manifest.files:
        if piece.size > limits.get(piece.name, -1):
            raise BadRequest(f"{piece.name!r} of {piece.size} bytes is not what was expected.")
    parts = [directory / f"{piece.name}.arriving" for piece in manifest.files]
    try:
        for piece, part in zip(manifest.files, parts, strict=True):
            _receive_one(connection, part, piece.size)
            check(part)
        for piece, part in zip(manifest.files, parts, strict=True):
            part.rename(directory / piece.name)
    finally:
        for part in parts:
            part.unlink(missing_ok=True)
    connection.sendall(TAKEN)


def _receive_one(connection: ssl.SSLSocket, path: Path, size: int) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb", buffering=0) as file:
        file.truncate(size)
        while True:
            offset, length = SEGMENT.unpack(_exactly(connection, SEGMENT.size))
            if length == 0:
                return
            if offset + length > size:
                raise BadRequest("The file is larger than was said.")
            file.seek(offset)
            while length:
                chunk = connection.recv(min(length, CHUNK_BYTES))
                if not chunk:
                    raise Unavailable("The connection ended in the middle of a file.")
                file.write(chunk)
                length -= len(chunk)


def _exactly(connection: ssl.SSLSocket, count: int) -> bytes:
    found = b""
    while len(found) < count:
        chunk = connection.recv(count - len(found))
        if not chunk:
            raise Unavailable("The connection ended in the middle of a file.")
        found += chunk
    return found
