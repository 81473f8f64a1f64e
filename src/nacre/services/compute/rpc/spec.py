"""What a server should be, as its host is told: the spec, and the words that all messages share."""

import datetime
from enum import StrEnum
from typing import Any

import msgspec

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
    ARRIVING = "arriving"  # another host is sending it; it does not live here yet
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


#: What a guest can be given to plug its networks into, by the names that QEMU has for them.
NIC_MODELS = ("virtio", "e1000", "e1000e", "rtl8139")


class NicSpec(Message, frozen=True, kw_only=True):
    """A network card.  The network agent makes and plugs the tap device; the guest's process opens it."""

    port_id: str
    tap_device: str
    mac_address: str
    mtu: int | None = None
    model: str = "virtio"  # hw_vif_model: one of NIC_MODELS
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
