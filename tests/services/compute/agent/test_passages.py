"""A door opens for one peer only, and carries whatever is said, both ways."""

import contextlib
import hashlib
import os
import socket
import threading
from pathlib import Path

import pytest

from nacre.kernel.errors import Forbidden, Unavailable
from nacre.services.compute import rpc
from nacre.services.compute.agent.passages import Doors, Identity, Way, pass_on


@pytest.fixture
def here(tmp_path: Path) -> Identity:
    return Identity(tmp_path / "here")


@pytest.fixture
def doors(tmp_path: Path):
    doors = Doors(Identity(tmp_path / "there"), "127.0.0.1", (0, 0))
    yield doors
    doors.close_all()


def arrival(doors: Doors, address: str, port: int, **fields) -> rpc.Arrival:
    return rpc.Arrival(
        **{"address": address, "port": port, "certificate": doors.identity.certificate, **fields}
    )


def echo(connection) -> None:
    while chunk := connection.recv(1 << 16):
        connection.sendall(chunk)


def test_who_is_expected_is_let_in(here, doors) -> None:
    where = arrival(doors, *doors.open("s-1", here.certificate, {"echo": echo}))
    with Way(here, where).open("echo") as connection:
        connection.sendall(b"hello")
        assert connection.recv(5) == b"hello"
    with Way(here, where).open("no such channel") as connection:
        assert connection.recv(5) == b""


def test_a_host_keeps_its_certificate(here, tmp_path) -> None:
    assert Identity(tmp_path / "here").certificate == here.certificate
    assert (tmp_path / "here" / "key.pem").stat().st_mode & 0o777 == 0o600


def test_a_stranger_is_not_let_in(here, doors, tmp_path) -> None:
    came = []
    where = arrival(doors, *doors.open("s-1", here.certificate, {"echo": came.append}))
    stranger = Way(Identity(tmp_path / "stranger"), where)
    # TLS 1.3 lets the client find out late: when it opens the passage, or when it listens for an answer.
    with contextlib.suppress(Unavailable, OSError), stranger.open("echo") as connection:
        assert connection.recv(5) == b""
    assert came == []


def test_a_false_door_is_noticed(here, doors, tmp_path) -> None:
    address, port = doors.open("s-1", here.certificate, {"echo": echo})
    other = Identity(tmp_path / "other").certificate
    with pytest.raises(Forbidden):
        Way(here, arrival(doors, address, port, certificate=other)).open("echo")


def test_a_closed_door_puts_everybody_out(here, doors) -> None:
    where = arrival(doors, *doors.open("s-1", here.certificate, {"echo": echo}))
    with Way(here, where).open("echo") as connection:
        connection.sendall(b"x")
        assert connection.recv(1) == b"x"
        doors.close("s-1")
        with contextlib.suppress(OSError):
            assert connection.recv(1) == b""
    with pytest.raises(Unavailable):
        Way(here, where).open("echo")


@pytest.mark.parametrize("size", [1, 5_000_000])
def test_what_is_passed_on_arrives_whole(here, doors, tmp_path, size) -> None:
    """Over a socket, the passage, and another socket: a question, and then the whole of it back."""
    data = os.urandom(size)
    path = tmp_path / "s"
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()

    def serve() -> None:
        connection, _ = listener.accept()
        received = b""
        while len(received) < size:
            received += connection.recv(1 << 16)
        connection.sendall(hashlib.sha256(received).digest() + received)
        connection.close()

    threading.Thread(target=serve, daemon=True).start()

    def carry(arrived) -> None:
        with socket.socket(socket.AF_UNIX) as plain:
            plain.connect(str(path))
            pass_on(arrived, plain)

    where = arrival(doors, *doors.open("s-1", here.certificate, {"relay": carry}))
    mine, theirs = socket.socketpair()
    thread = threading.Thread(target=lambda: pass_on(Way(here, where).open("relay"), theirs), daemon=True)
    thread.start()
    threading.Thread(target=mine.sendall, args=(data,), daemon=True).start()
    answer = b""
    while len(answer) < 32 + size and (chunk := mine.recv(1 << 16)):
        answer += chunk
    assert answer == hashlib.sha256(data).digest() + data
    thread.join(10)
    assert not thread.is_alive()
    listener.close()
