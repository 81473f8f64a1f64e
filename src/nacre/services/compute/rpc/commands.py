"""What a host is told and asked, and what it answers."""

from nacre.services.compute.rpc.spec import (
    ConsoleType,
    Message,
    NicSpec,
    RebootType,
    ServerSpec,
    ServerState,
    Upload,
    VolumeSpec,
)
from nacre.services.compute.rpc.status import HostStatus, Outcome, ServerStatus


class EnsureServer(Message, frozen=True, kw_only=True):
    command_id: str
    spec: ServerSpec


class ServerCommand(Message, frozen=True, kw_only=True):
    """A command that needs only to know which server: remove, start, pause, unpause, suspend, resume."""

    command_id: str
    server_id: str
    revision: int = 0  # of the spec after this command; 0 = unchanged


class StopServer(ServerCommand, frozen=True, kw_only=True):
    timeout_seconds: float = 60.0  # to power itself off; 0 = pull the plug at once


class RebootServer(ServerCommand, frozen=True, kw_only=True):
    type: RebootType = RebootType.SOFT
    timeout_seconds: float = 60.0


class AttachNic(ServerCommand, frozen=True, kw_only=True):
    nic: NicSpec


class DetachNic(ServerCommand, frozen=True, kw_only=True):
    port_id: str


class AttachVolume(ServerCommand, frozen=True, kw_only=True):
    volume: VolumeSpec


class DetachVolume(ServerCommand, frozen=True, kw_only=True):
    volume_id: str


class ExtendVolume(ServerCommand, frozen=True, kw_only=True):
    volume_id: str
    size_gb: int


class SetPassword(ServerCommand, frozen=True, kw_only=True):
    password: str
    user: str = "root"


class SnapshotServer(ServerCommand, frozen=True, kw_only=True):
    """Copy the root disk, flattened, into an image that already exists and waits for its bytes."""

    image_id: str
    upload: Upload
    disk_format: str = "qcow2"
    quiesce: bool = False  # freeze file systems through the guest agent, and fail when that cannot be done


class Accepted(Message, frozen=True, kw_only=True):
    """The command is written down and will be done."""

    host: str
    server_id: str
    command_id: str
    change: int = 0
    stale: bool = False  # nothing will be done: a newer revision is held
    finished: Outcome | None = None  # the same command id had ended before: this is how


class ConsoleLogRequest(Message, frozen=True, kw_only=True):
    server_id: str
    length: int | None = None  # last lines; None = all that is kept


class ConsoleLog(Message, frozen=True, kw_only=True):
    output: str


class ConsoleRequest(Message, frozen=True, kw_only=True):
    server_id: str
    type: ConsoleType = ConsoleType.VNC


class Console(Message, frozen=True, kw_only=True):
    """Where the console proxy reaches a guest's console.  Never given to a user."""

    host: str
    type: ConsoleType
    path: str = ""  # a unix socket (vnc) or a terminal device (serial) on that host ...
    address: str = ""  # ... or an address and port, for a proxy on any machine
    port: int = 0
    certificate: str = ""  # what that port proves itself by, as PEM: exactly this one
    ticket: str = ""  # what opens it, once and soon: to be sent as a line

    def __repr__(self) -> str:
        return f"Console(host={self.host!r}, type={self.type!r})"


class DiagnosticsRequest(Message, frozen=True, kw_only=True):
    server_id: str


class CpuUse(Message, frozen=True, kw_only=True):
    time_ns: int
    utilisation: float | None = None


class NicUse(Message, frozen=True, kw_only=True):
    mac_address: str
    rx_bytes: int = 0
    rx_packets: int = 0
    rx_errors: int = 0
    rx_drop: int = 0
    tx_bytes: int = 0
    tx_packets: int = 0
    tx_errors: int = 0
    tx_drop: int = 0


class DiskUse(Message, frozen=True, kw_only=True):
    device: str
    read_bytes: int = 0
    read_requests: int = 0
    write_bytes: int = 0
    write_requests: int = 0
    errors: int = 0


class Diagnostics(Message, frozen=True, kw_only=True):
    """What a running guest uses."""

    state: ServerState
    driver: str
    hypervisor: str = ""
    hypervisor_os: str = ""
    uptime_seconds: int = 0
    config_drive: bool = False
    cpus: tuple[CpuUse, ...] = ()
    nics: tuple[NicUse, ...] = ()
    disks: tuple[DiskUse, ...] = ()
    memory_mb: int = 0
    memory_used_mb: int = 0


class Inspect(Message, frozen=True, kw_only=True):
    server_ids: tuple[str, ...] | None = None  # None = every server here; unknown ids come back as missing


class Inspected(Message, frozen=True, kw_only=True):
    host: str
    epoch: str
    change: int
    servers: tuple[ServerStatus, ...]


class Resync(Message, frozen=True, kw_only=True):
    """Ask what changed.  ``since`` counts only within ``epoch``; in another epoch all is told again."""

    epoch: str = ""
    since: int = 0
    limit: int = 500
    continued: bool = False  # the next page of an answer that said `more`: do not begin a full list again


class Changes(Message, frozen=True, kw_only=True):
    """Statuses changed after ``since``, oldest change first; removed servers come as ``missing``."""

    host: str
    epoch: str
    change: int  # ask for what is after this one next
    servers: tuple[ServerStatus, ...]
    full: bool = False  # begins a full list: what is not in it (all pages) is not on this host
    more: bool = False


class Nothing(Message, frozen=True, kw_only=True):
    """An answer without content."""


class ServerReport(Message, frozen=True, kw_only=True):
    """A server's status, sent at every change of it."""

    host: str
    epoch: str
    status: ServerStatus


class HostReport(Message, frozen=True, kw_only=True):
    status: HostStatus
