"""The unix sockets at which a moving guest's conversations begin and end, and what carries them to the other host."""

import logging
import socket
import ssl
import threading
from contextlib import suppress
from pathlib import Path

from nacre.kernel.errors import NacreError
from nacre.services.compute.agent.drivers.libvirt.private import PLACES, PrivateLibvirt
from nacre.services.compute.agent.passages import Way, pass_on

log = logging.getLogger(__name__)

FOLDER = "moves"
NAME_LENGTH = 18
"""Of a server's id: enough to tell servers apart, and short, for paths of sockets are."""


def _name(server_id: str, channel: str) -> str:
    return f"{server_id[:NAME_LENGTH]}.{channel[:3]}"


def socket_of(private: PrivateLibvirt, server_id: str, channel: str) -> Path:
    """Return the socket of a conversation as this process sees it; its directory exists."""
    folder = private.directory / "run" / FOLDER
    folder.mkdir(exist_ok=True, mode=0o700)
    return folder / _name(server_id, channel)


def seen_by_libvirt(server_id: str, channel: str) -> str:
    """Return the same as libvirt and QEMU see it, on every host."""
    return f"{PLACES['run']}/{FOLDER}/{_name(server_id, channel)}"


def relay_to(arrived: ssl.SSLSocket, path: Path) -> None:
    """Carry what comes over a passage to a socket where QEMU waits."""
    with socket.socket(socket.AF_UNIX) as plain:
        plain.connect(str(path))
        pass_on(arrived, plain)


class Relay(threading.Thread):
    """Takes connections at a socket of this host and carries each over the passage."""

    def __init__(self, path: Path, way: Way, channel: str) -> None:
        super().__init__(name=f"relay-{channel}", daemon=True)
        self._path, self._way, self._channel = path, way, channel
        path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        path.chmod(0o600)
        self._listener.listen(4)

    def run(self) -> None:
        while True:
            try:
                plain, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._carry, args=(plain,), name=self.name, daemon=True).start()

    def _carry(self, plain: socket.socket) -> None:
        with plain:
            try:
                with self._way.open(self._channel) as connection:
                    pass_on(connection, plain)
            except (OSError, NacreError) as error:
                log.warning("The connection for %s ended: %s", self._channel, error)

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._path.unlink(missing_ok=True)
