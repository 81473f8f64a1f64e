"""Guests that are being sent, each by a thread: libvirt's call returns only when a guest is over there."""

import logging
import threading
from collections.abc import Callable

from nacre.kernel.errors import Conflict

log = logging.getLogger(__name__)


class Departing(threading.Thread):
    """One guest on its way."""

    def __init__(
        self, server_id: str, work: Callable[["Departing"], None], ended: Callable[[str], None]
    ) -> None:
        super().__init__(name=f"send-{server_id[:8]}", daemon=True)
        self._server_id, self._work, self._ended = server_id, work, ended
        self.aborted = threading.Event()
        self.bytes_total = self.bytes_sent = 0
        self.error: Exception | None = None

    def run(self) -> None:
        try:
            self._work(self)
        except Exception as error:  # noqa: BLE001 - told by who asks how far it is
            self.error = error
            log.warning(
                "Server %s was not sent: %s (%s)", self._server_id, error, getattr(error, "detail", "")
            )
        self._ended(self._server_id)

    def give_way(self) -> None:
        """Raise Conflict once nobody wants the server to go any more."""
        if self.aborted.is_set():
            raise Conflict("The migration was aborted.")


class Departures:
    """All guests that are being sent."""

    def __init__(self, ended: Callable[[str], None]) -> None:
        """`ended` is called when one is no longer on its way, whatever became of it."""
        self._ended = ended
        self._lock = threading.Lock()
        self._departing: dict[str, Departing] = {}

    def begin(self, server_id: str, work: Callable[[Departing], None]) -> Departing:
        """Send one."""
        departing = Departing(server_id, work, self._ended)
        with self._lock:
            self._departing[server_id] = departing
        departing.start()
        return departing

    def get(self, server_id: str) -> Departing | None:
        with self._lock:
            return self._departing.get(server_id)

    def forget(self, server_id: str) -> None:
        with self._lock:
            self._departing.pop(server_id, None)
