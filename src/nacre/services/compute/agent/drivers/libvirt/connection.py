"""The connection to libvirtd, and whoever brings libvirtd back when it dies.

libvirt wants one event loop per process; `_run_event_loop` is it, in one thread, for all drivers of the
process. Per driver there is one keeper: a thread that sleeps until one of the two daemons ends (it watches
their process descriptors, so it is told and need not ask) and then starts it again and connects anew.
"""

import logging
import os
import select
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import libvirt

from nacre.kernel.errors import BadRequest, Conflict, NacreError, NotFound, RemoteFailure, Unavailable
from nacre.services.compute.agent.drivers.libvirt.private import DAEMONS, PrivateLibvirt

log = logging.getLogger(__name__)

KEEPALIVE_SECONDS, KEEPALIVE_COUNT = 5, 6
LONGEST_PAUSE_SECONDS = 30.0
TRIES, PAUSE_SECONDS = 5, 0.2
HOME_SECONDS = 10.0

_loop_lock = threading.Lock()
_loop: threading.Thread | None = None

#: What libvirt's error codes mean; names that an older libvirt does not know are left out.
MEANINGS: dict[int, type[NacreError]] = {
    getattr(libvirt, f"VIR_ERR_{name}"): meaning
    for name, meaning in {
        "NO_DOMAIN": NotFound,
        "DEVICE_MISSING": NotFound,
        "OPERATION_INVALID": Conflict,
        "OPERATION_UNSUPPORTED": Conflict,
        "ARGUMENT_UNSUPPORTED": Conflict,
        "AGENT_UNRESPONSIVE": Conflict,
        "AGENT_UNSYNCED": Conflict,
        "AGENT_COMMAND_TIMEOUT": Conflict,
        "CONFIG_UNSUPPORTED": BadRequest,
        "XML_ERROR": BadRequest,
        "XML_DETAIL": BadRequest,
        "OPERATION_TIMEOUT": Unavailable,
        "RPC": Unavailable,
        "NO_CONNECT": Unavailable,
        "INVALID_CONN": Unavailable,
    }.items()
    if hasattr(libvirt, f"VIR_ERR_{name}")
}


def _run_event_loop() -> None:
    """See that libvirt's event loop runs in this process; must come before any connection."""
    global _loop
    with _loop_lock:
        if _loop is not None:
            return
        libvirt.virEventRegisterDefaultImpl()
        libvirt.registerErrorHandler(lambda _context, _error: None, None)  # it would print to stderr

        def turn() -> None:
            while True:
                try:
                    libvirt.virEventRunDefaultImpl()
                except Exception:  # noqa: BLE001 - without this loop every connection of the process hangs
                    log.exception("libvirt's event loop failed once")

        _loop = threading.Thread(target=turn, name="libvirt-events", daemon=True)
        _loop.start()


@contextmanager
def meanings(what: str) -> Iterator[None]:
    """Raise libvirt's errors as meanings; `what` says in words what did not work."""
    try:
        yield
    except libvirt.libvirtError as error:
        kind = MEANINGS.get(error.get_error_code(), RemoteFailure)
        if error.get_error_domain() == libvirt.VIR_FROM_RPC:
            kind = Unavailable
        raise kind(what, detail=f"libvirt: {error}") from error


class Connection:
    """A connection that comes back."""

    def __init__(
        self,
        private: PrivateLibvirt,
        connected: Callable[["libvirt.virConnect"], None],
        changed: Callable[[], None],
    ) -> None:
        """`connected` is called with each new connection, `changed` after it came or went."""
        self._private, self._connected, self._changed = private, connected, changed
        self._lock = threading.Lock()
        self._connection: libvirt.virConnect | None = None
        self._keeper: Keeper | None = None

    def open(self) -> None:
        """Start the daemons where they do not run, connect, and keep it so."""
        _run_event_loop()
        with self._lock:
            if self._connection is None:
                self._connect()
            if self._keeper is None:
                self._keeper = Keeper(self._private, self._bring_back)
                self._keeper.start()

    def get(self) -> "libvirt.virConnect":
        """Return the connection; `Unavailable` while there is none."""
        connection = self._connection
        if connection is None:
            raise Unavailable("The hypervisor's daemon is away; it is being started again.")
        return connection

    def close(self) -> None:
        """Let go.  The daemons go on, and once this has returned nobody here starts one."""
        with self._lock:
            keeper, self._keeper = self._keeper, None
            connection, self._connection = self._connection, None
        if keeper is not None:
            keeper.send_home()
        if connection is not None:
            with suppress(libvirt.libvirtError):
                connection.close()

    def _connect(self) -> None:
        """Connect, starting the daemons first; one that is just dying may still accept and then hang up."""
        for left in reversed(range(TRIES)):
            self._private.start()
            try:
                with meanings("The hypervisor's daemon does not answer."):
                    connection = libvirt.open(self._private.uri)
                    connection.setKeepAlive(KEEPALIVE_SECONDS, KEEPALIVE_COUNT)
                    self._connected(connection)
            except Unavailable:
                if not left:
                    raise
                time.sleep(PAUSE_SECONDS)
            else:
                self._connection = connection
                return

    def _bring_back(self, keeper: "Keeper") -> None:
        """Start the daemons again and connect anew; nothing, for a keeper that was sent home."""
        with self._lock:
            if self._keeper is not keeper:
                return
            old, self._connection = self._connection, None
        if old is not None:
            log.warning("A daemon of libvirt ended; starting it again. Guests go on.")
            with suppress(libvirt.libvirtError):
                old.close()
        try:
            with self._lock:
                if self._keeper is not keeper:  # somebody closed this while we let go of the old connection
                    return
                self._connect()
        finally:
            self._changed()


class Keeper(threading.Thread):
    """Sleeps until one of the daemons ends, and has it brought back; tries for ever, until sent home."""

    def __init__(self, private: PrivateLibvirt, bring_back: Callable[["Keeper"], None]) -> None:
        super().__init__(name="libvirt-keeper", daemon=True)
        self._private, self._bring_back = private, bring_back
        self._bell, self._ring = os.pipe()

    def send_home(self) -> None:
        """End it, soon: it may be telling somebody of a change.  To be called once."""
        os.close(self._ring)  # which the other end hears
        if self is not threading.current_thread():
            self.join(HOME_SECONDS)

    def run(self) -> None:
        pause: float | None = None
        try:
            while not self._wait_for_trouble(pause):
                try:
                    self._bring_back(self)
                    pause = None
                except (NacreError, OSError) as error:
                    log.error("libvirt cannot be brought back: %s (%s)", error, getattr(error, "detail", ""))
                    pause = min(LONGEST_PAUSE_SECONDS, 2 * (pause or 0.5))
        finally:
            os.close(self._bell)

    def _wait_for_trouble(self, pause: float | None) -> bool:
        """Wait until a daemon ends (or, after a failure, for a pause); True when it is time to go home."""
        descriptors = []
        for daemon in DAEMONS:
            pid = self._private.pid(daemon)
            with suppress(ProcessLookupError, TypeError):
                descriptors.append(os.pidfd_open(pid))  # type: ignore[arg-type]
        if len(descriptors) < len(DAEMONS) and pause is None:
            pause = 0.0  # one has ended already
        poll = select.poll()  # select(2) knows no descriptors beyond 1023
        for descriptor in (self._bell, *descriptors):
            poll.register(descriptor, select.POLLIN)
        try:
            heard = poll.poll(None if pause is None else 1000 * pause)
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        return self._bell in dict(heard)
