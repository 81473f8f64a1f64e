"""What a compute driver must be able to do: make servers exist on one host, and say what exists.

The rules that every driver keeps, and that the shared test suite checks:

* **Every call may run twice.**  The agent may die after a call and before it could write down that it was
  done.  `ensure` of a server that is as it should be, `pause` of a paused one, `remove` of one that is gone:
  all are answered with success.
* **A call makes it so, and does not wait for the guest.**  Where only time or the guest can finish the work
  (a guest shuts down, a tap device is not there yet), the call returns `Later` and is made again after that
  many seconds, or as soon as the driver reports a change of that server.  No thread waits meanwhile.
* **Nothing is remembered that the world can forget.**  What the driver knows of its servers it finds again
  after a restart of the agent, of the hypervisor's daemon, or of the machine.
* **Errors are meanings** of `nacre.kernel.errors`: `Unavailable` for what may pass, `Invalid`, `Conflict`,
  `NotFound` and their kin for what will not.

The agent never makes two calls at a time for the same server (questions excepted); calls for different
servers come from several threads at once.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from nacre.services.compute import rpc

if TYPE_CHECKING:
    from nacre.services.compute.agent.drivers.moves import Moves


@dataclass(frozen=True, slots=True)
class Later:
    """Not done yet: make the same call again after some seconds, or when the server is seen to change."""

    seconds: float
    progress: str = ""  # for people: "waiting for the guest to shut down"
    move: rpc.MoveProgress | None = None  # of a server that is being sent to another host


Done = Later | None
"""What a call returns that may take time: `None` when it is done."""


@dataclass(frozen=True, slots=True)
class Observed:
    """What the driver sees of one server."""

    state: rpc.ServerState
    name: str = ""  # what the hypervisor calls it
    reason: str = ""
    vcpus: int = 0
    memory_mb: int = 0
    nics: tuple[str, ...] = ()  # port ids
    volumes: Mapping[str, str] = field(default_factory=dict)  # volume id -> device in the guest
    started_at: datetime | None = None


MISSING = Observed(rpc.ServerState.MISSING)


@dataclass(frozen=True, slots=True)
class Attempt:
    """The circumstances of a call that may come several times before it is done."""

    waited_seconds: float = 0.0  # since the first time
    number: int = 1
    tell: Callable[[str], None] = lambda _words: None
    """Say in a few words how far it is ("fetching image, 40 %").  Raises when the work is no longer wanted
    (the server is to be removed); let that exception through."""


class Events(Protocol):
    """What a driver calls when the world changes without being told to.  Returns at once, from any thread."""

    def server_changed(self, server_id: str, reason: str = "") -> None:
        """Tell that this server is not what it was: the guest powered itself off, crashed, came up."""

    def host_changed(self) -> None:
        """Tell that anything may have changed: the hypervisor was away and is back, or is away now."""


class Driver(ABC):
    """One hypervisor on one host.  A driver's class takes what it needs in its constructor and does
    nothing."""

    name: str
    moves: "Moves"
    """How servers come from other hosts and go to them."""

    # --- the host ---

    @abstractmethod
    def open(self, events: Events) -> None:
        """Connect to what runs the servers, starting it where it is nacre's own.  May raise `Unavailable`;
        then the agent tries again, and other calls raise `Unavailable` until it works."""

    @abstractmethod
    def close(self) -> None:
        """Let go.  Touches no guest, and no daemon that guests need."""

    @abstractmethod
    def host_status(self, host: str) -> rpc.HostStatus:
        """Say what the host is and has.  Called at every heartbeat: a few milliseconds at most."""

    @abstractmethod
    def sweep(self, *, unused_seconds: float) -> list[str]:
        """Remove cached images that no server has used for so long, and files that a died call left behind;
        return what was removed, in words.  Nothing of any server is touched."""

    def examine(self, known: Collection[rpc.ServerSpec]) -> list[rpc.Found]:
        """Say what is wrong with files and devices here; `known` are the servers that the agent knows.

        May take seconds: it is asked once in a while.  A driver that keeps nothing has nothing to say.
        """
        return []

    # --- questions ---

    @abstractmethod
    def inspect(self, server_ids: Collection[str] | None = None) -> dict[str, Observed]:
        """Say what is true of these servers now, or of all.  Those that do not exist are left out."""

    @abstractmethod
    def console_log(self, server_id: str, length: int | None) -> str:
        """Return the last `length` lines that the guest wrote to its first serial port (all that is kept when
        None); empty for a server that never ran.  `NotFound` for one that does not exist."""

    @abstractmethod
    def console(self, server_id: str, kind: rpc.ConsoleType) -> rpc.Console:
        """Say where the proxy reaches the console; `Conflict` while the server does not run.
        The caller fills in the host."""

    @abstractmethod
    def diagnostics(self, server_id: str) -> rpc.Diagnostics:
        """Say what a running server uses; `Conflict` while it does not run."""

    # --- the server as a whole ---

    @abstractmethod
    def ensure(self, spec: rpc.ServerSpec, attempt: Attempt) -> Done:
        """Make the server so: disks, config drive, devices and power state.

        A running guest is not restarted for a new size or hardware wish; that shows at its next hard reboot.
        NICs and volumes of a running guest are plugged and unplugged to match.
        """

    @abstractmethod
    def remove(self, server_id: str) -> Done:
        """Leave nothing of it: no process, no file.  Also what a died `ensure` left half-made."""

    # --- power: the server exists, `spec` is what it should be ---

    @abstractmethod
    def start(self, spec: rpc.ServerSpec, attempt: Attempt) -> Done:
        """Make it run, also from suspended or paused, with today's spec."""

    @abstractmethod
    def stop(self, server_id: str, timeout_seconds: float, attempt: Attempt) -> Done:
        """Ask the guest to power off; when the time is over, pull the plug.  Also forgets a suspended
        memory."""

    @abstractmethod
    def reboot(
        self, spec: rpc.ServerSpec, kind: rpc.RebootType, timeout_seconds: float, attempt: Attempt
    ) -> Done:
        """Soft: ask the guest, and go hard when the time is over.  Hard: off and on again with today's spec,
        from any state, and also where only its files are left; `Conflict` without its disk."""

    @abstractmethod
    def pause(self, server_id: str) -> None:
        """Stop its processors; memory stays.  `Conflict` when it does not run."""

    @abstractmethod
    def unpause(self, server_id: str) -> None:
        """Let its processors go on.  `Conflict` when it is neither paused nor running."""

    @abstractmethod
    def suspend(self, server_id: str) -> Done:
        """Put its memory on disk and end the process.  `Conflict` when it does not run."""

    @abstractmethod
    def resume(self, spec: rpc.ServerSpec, attempt: Attempt) -> Done:
        """Let a suspended server go on where it was.  `Conflict` when it is neither suspended nor running."""

    # --- parts of a server, running or not; the change lasts over a restart ---

    @abstractmethod
    def attach_nic(self, server_id: str, nic: rpc.NicSpec, attempt: Attempt) -> Done:
        """Plug a network card."""

    @abstractmethod
    def detach_nic(self, server_id: str, port_id: str, attempt: Attempt) -> Done:
        """Unplug a network card.  `Conflict` when the guest does not let go."""

    @abstractmethod
    def attach_volume(self, server_id: str, volume: rpc.VolumeSpec, attempt: Attempt) -> Done:
        """Plug a volume."""

    @abstractmethod
    def detach_volume(self, server_id: str, volume_id: str, attempt: Attempt) -> Done:
        """Unplug a volume; when this is done nothing on the host uses it."""

    @abstractmethod
    def extend_volume(self, server_id: str, volume_id: str, size_gb: int) -> None:
        """Show the guest a plugged volume's new size."""

    # --- inside ---

    @abstractmethod
    def snapshot(
        self, server_id: str, target: Path, disk_format: str, quiesce: bool, attempt: Attempt
    ) -> Done:
        """Write the root disk as it is at one moment, whole, without a backing file, to `target`."""

    @abstractmethod
    def set_password(self, server_id: str, user: str, password: str) -> None:
        """Have the guest change a password.  `Conflict` when no guest agent answers."""
