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

from nacre.kernel.bus import Method
from nacre.services.compute.rpc.commands import (
    Accepted,
    AttachNic,
    AttachVolume,
    Changes,
    Console,
    ConsoleLog,
    ConsoleLogRequest,
    ConsoleRequest,
    CpuUse,
    DetachNic,
    DetachVolume,
    Diagnostics,
    DiagnosticsRequest,
    DiskUse,
    EnsureServer,
    ExtendVolume,
    HostReport,
    Inspect,
    Inspected,
    NicUse,
    Nothing,
    RebootServer,
    Resync,
    ServerCommand,
    ServerReport,
    SetPassword,
    SnapshotServer,
    StopServer,
)
from nacre.services.compute.rpc.examination import Examined, Found, Trouble
from nacre.services.compute.rpc.moves import (
    Arrival,
    Departure,
    DepartureRequest,
    ExpectServer,
    Manner,
    MoveRequest,
    OwnedServers,
    SendServer,
    arrival,
)
from nacre.services.compute.rpc.spec import (
    NIC_MODELS,
    SECRET,
    ConsoleType,
    Download,
    Hardware,
    ImageSource,
    Message,
    NicSpec,
    Owner,
    Power,
    RebootType,
    ServerSpec,
    ServerState,
    Upload,
    VolumeSpec,
)
from nacre.services.compute.rpc.status import (
    CpuInfo,
    Fault,
    HostStatus,
    MoveProgress,
    Outcome,
    ServerStatus,
)

__all__ = [
    "ABORT_SENDING",
    "ATTACH_NIC",
    "ATTACH_VOLUME",
    "Accepted",
    "Arrival",
    "AttachNic",
    "AttachVolume",
    "CONSOLE",
    "CONSOLE_LOG",
    "CONTROL_TOPIC",
    "Changes",
    "Console",
    "ConsoleLog",
    "ConsoleLogRequest",
    "ConsoleRequest",
    "ConsoleType",
    "CpuInfo",
    "CpuUse",
    "DEPARTURE",
    "DETACH_NIC",
    "DETACH_VOLUME",
    "DIAGNOSTICS",
    "Departure",
    "DepartureRequest",
    "DetachNic",
    "DetachVolume",
    "Diagnostics",
    "DiagnosticsRequest",
    "DiskUse",
    "Download",
    "ENSURE_SERVER",
    "EXAMINE",
    "EXPECT_SERVER",
    "EXTEND_VOLUME",
    "EnsureServer",
    "Examined",
    "ExpectServer",
    "ExtendVolume",
    "FORCE_SENDING",
    "Fault",
    "Found",
    "HOST_REPORT",
    "HOST_STATUS",
    "Hardware",
    "HostReport",
    "HostStatus",
    "INSPECT",
    "ImageSource",
    "Inspect",
    "Inspected",
    "Manner",
    "Message",
    "MoveProgress",
    "MoveRequest",
    "NIC_MODELS",
    "NicSpec",
    "NicUse",
    "Nothing",
    "OWNED_SERVERS",
    "Outcome",
    "OwnedServers",
    "Owner",
    "PAUSE",
    "Power",
    "REBOOT",
    "REMOVE_SERVER",
    "RESUME",
    "RESYNC",
    "RebootServer",
    "RebootType",
    "Resync",
    "SECRET",
    "SEND_SERVER",
    "SERVER_REPORT",
    "SET_PASSWORD",
    "SNAPSHOT",
    "START",
    "STOP",
    "SUSPEND",
    "SendServer",
    "ServerCommand",
    "ServerReport",
    "ServerSpec",
    "ServerState",
    "ServerStatus",
    "SetPassword",
    "SnapshotServer",
    "StopServer",
    "Trouble",
    "UNPAUSE",
    "Upload",
    "VolumeSpec",
    "arrival",
    "host_topic",
]

CONTROL_TOPIC = "compute"


def host_topic(host: str) -> str:
    """Name the topic that the agent of ``host`` serves."""
    return f"compute.{host}"


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
EXPECT_SERVER = Method("expect_server", ExpectServer, Accepted)
SEND_SERVER = Method("send_server", SendServer, Accepted)

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
DEPARTURE = Method("departure", DepartureRequest, Departure)
HOST_STATUS = Method("host_status", Nothing, HostStatus)
EXAMINE = Method("examine", Nothing, Examined)

# Said to a server that is being sent; answered at once, and what comes of it is told by the sending's end.
ABORT_SENDING = Method("abort_sending", MoveRequest, Nothing)
FORCE_SENDING = Method("force_sending", MoveRequest, Nothing)

# Served by the control plane on CONTROL_TOPIC.  Reports are sent by cast.
SERVER_REPORT = Method("server_report", ServerReport, Nothing, speaks_for=lambda report: report.status.host)
HOST_REPORT = Method("host_report", HostReport, Nothing, speaks_for=lambda report: report.status.host)
OWNED_SERVERS = Method("owned_servers", OwnedServers, OwnedServers, speaks_for=lambda asked: asked.host)
