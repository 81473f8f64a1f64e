"""What is so: how a server, a command or a whole host is, as its agent says."""

import datetime
from typing import Any

from nacre.services.compute.rpc.spec import Message, Power, ServerState


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


class MoveProgress(Message, frozen=True, kw_only=True):
    """How far the server that is on its way to another host is.  What was sent twice counts twice."""

    memory_total_bytes: int = 0
    memory_processed_bytes: int = 0
    memory_remaining_bytes: int = 0
    disk_total_bytes: int = 0
    disk_processed_bytes: int = 0
    disk_remaining_bytes: int = 0


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
    move: MoveProgress | None = None  # while it is being sent to another host
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
