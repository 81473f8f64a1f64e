"""Simulated servers: what one remembers, where it is kept, and what its console shows.

A server is a small struct and a file of a few hundred bytes.  Its console is not written while time goes
by; it is computed from the moment of the boot whenever somebody looks.
"""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from nacre.services.compute import rpc


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """One simulated server."""

    id: str
    name: str
    hostname: str
    state: rpc.ServerState
    reason: str = ""
    vcpus: int
    memory_mb: int
    root_gb: int
    image_id: str | None = None
    root_generation: int = 1
    nics: tuple[str, ...] = ()
    macs: tuple[str, ...] = ()
    volumes: dict[str, str] = {}
    config_drive: bool = False
    started_at: datetime | None = None
    stop_asked_at: datetime | None = None
    passwords_set: int = 0
    disk_lost: bool = False


class Machines:
    """The machines of one host, in memory and in a file each, so that a restart finds them again."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._lock = threading.Lock()
        self._machines: dict[str, Machine] = {}

    def load(self) -> None:
        self._directory.mkdir(parents=True, exist_ok=True)
        found = (
            msgspec.json.decode(path.read_bytes(), type=Machine) for path in self._directory.glob("*.json")
        )
        with self._lock:
            self._machines = {machine.id: machine for machine in found}

    def get(self, server_id: str) -> Machine | None:
        return self._machines.get(server_id)

    def all(self) -> dict[str, Machine]:
        with self._lock:
            return dict(self._machines)

    def change(self, server_id: str, function: Callable[[Machine | None], Machine | None]) -> Machine | None:
        """Replace a machine by what `function` makes of it; `None`: it is no more."""
        with self._lock:
            before = self._machines.get(server_id)
            after = function(before)
            if after == before:
                return after
            path = self._directory / f"{server_id}.json"
            if after is None:
                path.unlink(missing_ok=True)
                self._machines.pop(server_id, None)
                return None
            temporary = path.with_suffix(".tmp")
            temporary.write_bytes(msgspec.json.encode(after))
            temporary.rename(path)
            self._machines[server_id] = after
            return after


def console_lines(machine: Machine, now: datetime, boot_seconds: float) -> list[str]:
    """Show what the machine has written to its console by now."""
    if machine.started_at is None:
        return []
    script = [
        (0.00, "SeaBIOS (version simulated-1.0)"),
        (0.02, "Booting from Hard Disk..."),
        (0.10, "Linux version 6.1.0-nacre (simulated) #1 SMP PREEMPT_DYNAMIC"),
        (0.10, "Command line: BOOT_IMAGE=/boot/vmlinuz root=/dev/vda1 console=ttyS0"),
        (0.15, f"smp: Brought up 1 node, {machine.vcpus} CPU{'s' if machine.vcpus > 1 else ''}"),
        (0.16, f"Memory: {machine.memory_mb * 1000}K/{machine.memory_mb * 1024}K available"),
        (0.25, f"virtio_blk virtio0: [vda] {machine.root_gb * 2097152} 512-byte logical blocks"),
        *((0.30, f"virtio_net virtio{n + 1} eth{n}: {mac}") for n, mac in enumerate(machine.macs)),
        (0.45, "EXT4-fs (vda1): mounted filesystem with ordered data mode"),
        (0.60, "cloud-init: Cloud-init running 'init'"),
        (0.70, f"cloud-init: data source {'ConfigDrive' if machine.config_drive else 'OpenStack'}"),
        (0.75, f"cloud-init: instance-id {machine.id}"),
        (0.95, "cloud-init: Cloud-init finished"),
    ]
    end = now if machine.stop_asked_at is None else machine.stop_asked_at
    lines = [
        f"[{share * boot_seconds:12.6f}] {text}"
        for share, text in script
        if machine.started_at + timedelta(seconds=share * boot_seconds) <= end
    ]
    if machine.started_at + timedelta(seconds=boot_seconds) <= end:
        lines += ["", "Debian GNU/Linux 12 (simulated) ttyS0", "", f"{machine.hostname} login: "]
    if machine.stop_asked_at is not None:
        lines += ["acpi: power button pressed", "reboot: Power down"]
    return lines
