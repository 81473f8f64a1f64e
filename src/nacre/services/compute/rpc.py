"""What the compute control plane and a host's compute agent say to each other.

The one idea: the control plane sends a **spec** (everything needed to make a server so) and the agent answers
with a **status** (what is so).  Nothing here is a step of a procedure; every message may be lost, may arrive
twice, may arrive late, and the next one puts it right.

* Commands go to ``compute.<host>`` (see ``host_topic``), reports go to ``compute`` (``CONTROL_TOPIC``).
* Long commands (``ENSURE_SERVER``, ``REMOVE_SERVER``, ``STOP``, ``REBOOT``, ``SUSPEND``, ``RESUME``,
  ``SNAPSHOT`` ...) are *accepted* at once and worked on in the agent, in order per server.  The end is told
  by ``SERVER_REPORT``, and again by every later status: ``ServerStatus.outcomes`` keeps the last few.
* A command carries a ``command_id`` chosen by its sender.  The agent remembers the ids that it finished and
  does not do the same one twice (a second reboot would hurt): a sender that heard nothing sends it again.
* A spec carries a ``revision``.  An agent ignores a revision older than the one it holds.
* ``INSPECT`` tells what is true now.  ``RESYNC`` tells what changed since a number that the agent gave out.

Agents hold no user's credentials: what must be fetched or sent comes with a URL and a ticket for just that.
Messages may gain optional fields and lose none.
"""

import datetime
from enum import StrEnum
from typing import Any

import msgspec

from nacre.kernel.bus import Method

CONTROL_TOPIC = "compute"


def host_topic(host: str) -> str:
    """Name the topic that the agent of ``host`` serves."""
    return f"compute.{host}"


#: Fields that hold tickets and passwords, or may.
SECRET = frozenset(("headers", "config_drive", "connection", "password"))


class Power(StrEnum):
    """What the control plane may want a server to be."""

    RUNNING = "running"
    PAUSED = "paused"
    SHUTDOWN = "shutdown"
    SUSPENDED = "suspended"


class ServerState(StrEnum):
    """What a server can be found to be."""

    BUILDING = "building"  # accepted here, never started yet
    RUNNING = "running"
    PAUSED = "paused"
    SHUTDOWN = "shutdown"
    SUSPENDED = "suspended"  # memory is on disk, no process
    CRASHED = "crashed"
    MISSING = "missing"  # this host knows nothing of it


class RebootType(StrEnum):
    SOFT = "soft"  # ask the guest, then reset it when it does not answer in time
    HARD = "hard"


class ConsoleType(StrEnum):
    VNC = "vnc"
    SERIAL = "serial"


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A thing that travels between control plane and host.  Secrets in it are not shown when it is logged."""

    def __repr__(self) -> str:
        shown = (f"{name}={getattr(self, name)!r}" for name in self.__struct_fields__ if name not in SECRET)
        return f"{type(self).__name__}({', '.join(shown)})"


# --- the spec: everything needed to make a server so ----------------------------------------------


class Download(Message, frozen=True, kw_only=True):
    """Where the bytes of an image come from, and the ticket that opens the door."""

    url: str
    headers: dict[str, str] = {}


class Upload(Message, frozen=True, kw_only=True):
    """Where the bytes of a new image go: ``method`` to ``url`` with ``headers``, the body as a stream."""

    url: str
    method: str = "PUT"
    headers: dict[str, str] = {}


class ImageSource(Message, frozen=True, kw_only=True):
    """One image: what it is, what its hash must be, where to get it."""

    image_id: str
    download: Download
    name: str = ""
    disk_format: str = "qcow2"  # qcow2 | raw | iso | ami | aki | ari
    container_format: str = "bare"
    size_bytes: int = 0
    hash_algorithm: str = "sha512"
    hash_value: str | None = None  # hex; None = nothing to compare with
    min_disk_gb: int = 0


class NicSpec(Message, frozen=True, kw_only=True):
    """A network card.  The network agent makes and plugs the tap device; the guest's process opens it."""

    port_id: str
    tap_device: str
    mac_address: str
    mtu: int | None = None
    model: str = "virtio"
    boot_index: int | None = None


class VolumeSpec(Message, frozen=True, kw_only=True):
    """A volume that the guest sees as a disk.  ``connection`` is what block storage said about reaching it.

    ``connection["type"]`` is ``file`` (``path``, ``format``) or ``nbd`` (``socket`` or ``host`` + ``port``,
    ``export``); further kinds may follow.
    """

    volume_id: str
    connection: dict[str, Any]
    attachment_id: str | None = None
    device: str | None = None  # "vdb"; None = the driver chooses, and the status tells
    bus: str = "virtio"
    boot_index: int | None = None  # 0 = the server's root disk
    read_only: bool = False
    size_gb: int | None = None


class Owner(Message, frozen=True, kw_only=True):
    """Who owns a server: for the operator who looks at the host, not for any decision."""

    project_id: str
    project_name: str = ""
    user_id: str = ""
    user_name: str = ""


class Hardware(Message, frozen=True, kw_only=True):
    """Wishes of image or flavor about the machine that the guest sees.  Empty = the driver's good default."""

    machine_type: str | None = None  # hw_machine_type
    firmware: str | None = None  # hw_firmware_type: bios | uefi
    disk_bus: str | None = None  # hw_disk_bus
    cdrom_bus: str | None = None
    video_model: str | None = None  # hw_video_model
    rng: bool = True  # hw_rng_model
    guest_agent: bool = True  # hw_qemu_guest_agent
    serial_ports: int = 1
    cpu_sockets: int | None = None
    cpu_cores: int | None = None
    cpu_threads: int | None = None
    kernel_arguments: str | None = None  # os_command_line, only with a kernel image
    extra: dict[str, str] = {}  # flavor extra specs and image properties that a driver may understand


class ServerSpec(Message, frozen=True, kw_only=True):
    """Everything needed to make a server so.  Sent whole, every time."""

    id: str
    name: str
    hostname: str
    owner: Owner
    revision: int  # grows with every change of the spec
    power: Power = Power.RUNNING
    flavor_name: str = ""
    vcpus: int
    memory_mb: int
    root_gb: int  # 0 = as large as the image
    ephemeral_gb: int = 0
    swap_mb: int = 0
    image: ImageSource | None = None  # None = boots from a volume
    image_name: str = ""
    kernel: ImageSource | None = None
    ramdisk: ImageSource | None = None
    root_generation: int = 1  # rebuild: a larger number means "throw the root disk away and make a new one"
    rescue: ImageSource | None = None  # while set, the server boots this and sees its own disk as the second
    nics: tuple[NicSpec, ...] = ()
    volumes: tuple[VolumeSpec, ...] = ()
    config_drive: dict[str, bytes] | None = None  # path on the drive -> content; None = no drive
    hardware: Hardware = Hardware()
    created_at: datetime.datetime | None = None


# --- the status: what is so -----------------------------------------------------------------------


class Fault(Message, frozen=True, kw_only=True):
    """Why something did not work.  ``message`` may be shown to a user, ``detail`` is for the operator."""

    message: str
    detail: str = ""
    meaning: str = "Error"  # class name of the kernel.errors meaning: Invalid, Unavailable, NotFound ...
    retry: bool = False  # an outage rather than a refusal: the same command may well work later


class Outcome(Message, frozen=True, kw_only=True):
    """The end of one command."""

    command_id: str
    verb: str  # "ensure_server", "stop" ...
    finished_at: datetime.datetime
    fault: Fault | None = None
    result: dict[str, Any] = {}  # snapshot: size_bytes, disk_format


class ServerStatus(Message, frozen=True, kw_only=True):
    """What one server on one host is right now."""

    id: str
    host: str
    state: ServerState
    name: str = ""
    power: Power | None = None  # what the host tries to keep it at
    revision: int = 0  # of the spec that this host holds
    applied_revision: int = 0  # of the spec that is fully so; 0 = none yet
    task: str | None = None  # the verb being worked on
    progress: str = ""  # words for people: "fetching image", "42 %"
    fault: Fault | None = None  # of the last ensure; empty again when one succeeds
    reason: str = ""  # why the state is what it is: "guest powered itself off", "crashed"
    outcomes: tuple[Outcome, ...] = ()  # the last commands that ended, oldest first
    vcpus: int = 0
    memory_mb: int = 0
    nics: tuple[str, ...] = ()  # port ids plugged in
    volumes: dict[str, str] = {}  # volume id -> device
    hypervisor_name: str = ""  # what the hypervisor calls it
    started_at: datetime.datetime | None = None
    changed_at: datetime.datetime | None = None
    change: int = 0  # the host's change number of this status; see Resync


class CpuInfo(Message, frozen=True, kw_only=True):
    arch: str
    model: str = ""
    vendor: str = ""
    features: tuple[str, ...] = ()
    sockets: int = 1
    cores: int = 1
    threads: int = 1


class HostStatus(Message, frozen=True, kw_only=True):
    """What a host is and has: the heartbeat, and what the scheduler learns of it."""

    host: str
    hypervisor_hostname: str
    hypervisor_type: str  # "QEMU", "simulated"
    hypervisor_version: int  # major * 1000000 + minor * 1000 + micro
    virt_type: str  # kvm | qemu | simulated
    vcpus: int
    memory_mb: int
    disk_gb: int
    memory_used_mb: int = 0
    disk_free_gb: int = 0
    cpu_info: CpuInfo
    traits: tuple[str, ...] = ()  # os-traits names
    supported: tuple[tuple[str, str, str], ...] = ()  # (arch, hypervisor type, vm mode)
    host_ip: str = ""
    uptime_seconds: int = 0
    load_average: tuple[float, float, float] = (0.0, 0.0, 0.0)
    servers: int = 0
    running_servers: int = 0
    busy: int = 0  # commands being worked on or waiting here
    cached_images: tuple[str, ...] = ()
    agent_version: str = ""
    agent_started_at: datetime.datetime | None = None
    reported_at: datetime.datetime | None = None
    fault: Fault | None = None  # the hypervisor is away: nothing can be built here for now
    epoch: str = ""  # see Resync
    change: int = 0


# --- commands -------------------------------------------------------------------------------------


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
    """Where the console proxy on the same host reaches a guest's console.  Never given to a user."""

    host: str
    type: ConsoleType
    path: str = ""  # a unix socket (vnc) or a terminal device (serial) on that host ...
    address: str = ""  # ... or an address and port
    port: int = 0


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


# Served by the agent on compute.<host>.  Accepted, then done; the end is reported.
ENSURE_SERVER = Method("ensure_server", EnsureServer, Accepted)
REMOVE_SERVER = Method("remove_server", ServerCommand, Accepted)
START = Method("start", ServerCommand, Accepted)
STOP = Method("stop", StopServer, Accepted)
REBOOT = Method("reboot", RebootServer, Accepted)
PAUSE = Method("pause", ServerCommand, Accepted)
UNPAUSE = Method("unpause", ServerCommand, Accepted)
SUSPEND = Method("suspend", ServerCommand, Accepted)
RESUME = Method("resume", ServerCommand, Accepted)
SNAPSHOT = Method("snapshot", SnapshotServer, Accepted)

# Short ones: the answer comes when it is done; they wait for the server's earlier commands.
ATTACH_NIC = Method("attach_nic", AttachNic, ServerStatus)
DETACH_NIC = Method("detach_nic", DetachNic, ServerStatus)
ATTACH_VOLUME = Method("attach_volume", AttachVolume, ServerStatus)
DETACH_VOLUME = Method("detach_volume", DetachVolume, ServerStatus)
EXTEND_VOLUME = Method("extend_volume", ExtendVolume, ServerStatus)
SET_PASSWORD = Method("set_password", SetPassword, Nothing)

# Questions: never wait for anything being worked on.
INSPECT = Method("inspect", Inspect, Inspected)
RESYNC = Method("resync", Resync, Changes)
CONSOLE_LOG = Method("console_log", ConsoleLogRequest, ConsoleLog)
CONSOLE = Method("console", ConsoleRequest, Console)
DIAGNOSTICS = Method("diagnostics", DiagnosticsRequest, Diagnostics)
HOST_STATUS = Method("host_status", Nothing, HostStatus)

# Served by the control plane on CONTROL_TOPIC; sent by cast.
SERVER_REPORT = Method("server_report", ServerReport, Nothing)
HOST_REPORT = Method("host_report", HostReport, Nothing)
