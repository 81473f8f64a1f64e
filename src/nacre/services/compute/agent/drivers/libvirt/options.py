"""How guests run on this host."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class LibvirtOptions:
    """Options of the libvirt driver."""

    netns: str | None = None
    """Name or path of the network namespace in which the tap devices are; None = the machine's own."""
    virt_type: Literal["auto", "kvm", "qemu"] = "auto"
    """auto = kvm where a guest really boots with it, otherwise qemu (emulation)."""
    cpu_model: str | None = None
    """A CPU model by name.  None = the host's under kvm, and `EMULATED_CPU` under emulation."""
    translation_cache_mb: int = 128
    """Under emulation: memory for translated code per guest, which QEMU would let grow to a gigabyte."""
    small_guest_mb: int = 256
    """Guests of up to this size get half of that cache."""
    cgroups: bool = True
    """Off where several libvirt daemons without systemd share a machine's cgroups."""
    user: str = "root"
    """Who QEMU runs as; the state directory must be within this user's reach."""
    disk_cache: Literal["none", "writeback", "writethrough", "directsync", "unsafe"] = "writeback"
    """How the host's memory caches guests' disks."""
    console_log_bytes: int = 1 << 20
    """How much of a guest's console output is kept, about."""
    tap_wait_seconds: float = 60.0
    """How long a server may wait for its tap devices, which the network agent makes."""
    detach_wait_seconds: float = 20.0
    """How long a guest may take to let go of a device."""
    hotplug_slots: int = 8
    """Empty PCIe slots that a guest starts with."""
    reserved_memory_mb: int = 512
    """Of the host's memory, not offered to guests."""


#: The CPU that an emulated guest sees: what today's distributions ask for at least (x86-64-v2).
EMULATED_CPU = "Nehalem"
