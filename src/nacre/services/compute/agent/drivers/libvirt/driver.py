"""The libvirt driver: keeps the contract of ``drivers/base.py`` with QEMU guests.

libvirt holds each server as a persistent domain whose UUID is the server's id; what is so is always asked
of it. The files around this one: `servers` (one server's life), `domains` (what a guest is given), `disks`
and `images` (its bytes), `measures` (what host and guests have and use), `copies` (snapshots), `private`
and `connection` (the daemons).
"""

import logging
import shutil
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import libvirt

from nacre.kernel.errors import Unavailable
from nacre.services.compute import rpc
from nacre.services.compute.agent.drivers.base import Attempt, Done, Driver, Events, Observed
from nacre.services.compute.agent.drivers.libvirt import measures
from nacre.services.compute.agent.drivers.libvirt.acceleration import kvm_works
from nacre.services.compute.agent.drivers.libvirt.connection import Connection, meanings
from nacre.services.compute.agent.drivers.libvirt.copies import Copies
from nacre.services.compute.agent.drivers.libvirt.departures import Departures
from nacre.services.compute.agent.drivers.libvirt.devices import Devices
from nacre.services.compute.agent.drivers.libvirt.disks import Disks
from nacre.services.compute.agent.drivers.libvirt.domains import Host, domain_name, vnc_socket
from nacre.services.compute.agent.drivers.libvirt.examination import examine
from nacre.services.compute.agent.drivers.libvirt.images import ImageCache
from nacre.services.compute.agent.drivers.libvirt.moves import LibvirtMoves
from nacre.services.compute.agent.drivers.libvirt.options import LibvirtOptions
from nacre.services.compute.agent.drivers.libvirt.private import SOCKET_PATH_LIMIT, PrivateLibvirt
from nacre.services.compute.agent.drivers.libvirt.servers import Servers
from nacre.services.compute.agent.drivers.moves import Moves
from nacre.services.compute.agent.transfers import HttpTransfers, Transfers

log = logging.getLogger(__name__)

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
EMULATOR = "/usr/bin/qemu-system-x86_64"

#: What happened to a domain, by libvirt's lifecycle event, where it matters.
LIFECYCLE = {
    libvirt.VIR_DOMAIN_EVENT_STARTED: "started",
    libvirt.VIR_DOMAIN_EVENT_SUSPENDED: "paused",
    libvirt.VIR_DOMAIN_EVENT_RESUMED: "running again",
    libvirt.VIR_DOMAIN_EVENT_STOPPED: "stopped",
    libvirt.VIR_DOMAIN_EVENT_SHUTDOWN: "shutting down",
    libvirt.VIR_DOMAIN_EVENT_CRASHED: "crashed",
}


@dataclass(frozen=True)
class Parts:
    """What the driver works with once it is known how guests run here."""

    host: Host
    devices: Devices
    servers: Servers
    copies: Copies
    moves: LibvirtMoves


class LibvirtDriver(Driver):
    """QEMU guests on this machine."""

    name = "libvirt"

    def __init__(
        self,
        state_dir: Path,
        options: LibvirtOptions | None = None,
        *,
        transfers: Transfers | None = None,
        boot_id: str | None = None,
    ) -> None:
        self.options = options or LibvirtOptions()
        self.state_dir = state_dir
        self._boot_id = boot_id or BOOT_ID.read_text().strip()
        self.private = PrivateLibvirt(state_dir / "libvirt", self.options, self._boot_id)
        self.connection = Connection(self.private, self._connected, self._host_changed)
        images = ImageCache(state_dir / "images", transfers or HttpTransfers())
        self._disks = Disks(state_dir / "servers", images)
        self._vnc = state_dir / "vnc"
        self._events: Events | None = None
        self._parts: Parts | None = None
        self._departures = Departures(self._departure_ended)

    # --- the host ---

    def open(self, events: Events) -> None:
        self._events = events
        longest = self._vnc / ("0" * 36)
        if len(str(longest)) > SOCKET_PATH_LIMIT:
            raise Unavailable(
                "The state directory's path is too long for the sockets in it.", detail=str(longest)
            )
        self._vnc.mkdir(parents=True, exist_ok=True, mode=0o711)
        self._disks.prepare()
        host = Host(self._virt_type(), EMULATOR, self.options, self._vnc)
        devices = Devices(self.connection, self.private, host)
        servers = Servers(self.connection, self._disks, devices, host)
        moves = LibvirtMoves(self.private, servers, self._disks, host, self._departures)
        self._parts = Parts(host, devices, servers, Copies(self.connection, self._disks), moves)
        self.private.hides_kvm = host.virt_type != "kvm"
        self.connection.open()

    def close(self) -> None:
        """Let go.  The daemons end too when no guest is left, so an empty host keeps nothing running."""
        idle = False
        with suppress(libvirt.libvirtError, Unavailable):  # then they stay
            idle = self.connection.get().numOfDomains() == 0
        self.connection.close()
        if idle:
            self.private.stop()
        self._events = None

    def purge(self) -> None:
        """Remove every server of this host, end the daemons, and remove all that the driver ever wrote.

        May be repeated.  Asks no daemon for anything, so it works where they cannot be started any more.
        """
        self.connection.close()
        self.private.end_everything()
        for directory in (
            self.private.directory,
            self._disks.directory,
            self._disks.images.directory,
            self._vnc,
        ):
            if directory.exists():
                shutil.rmtree(directory)
        (self.state_dir / "kvm.json").unlink(missing_ok=True)

    def host_status(self, host: str) -> rpc.HostStatus:
        return measures.host_status(
            host, self.connection.get(), self._opened.host, self.state_dir, self._disks
        )

    def sweep(self, *, unused_seconds: float) -> list[str]:
        return self._disks.sweep(unused_seconds)

    def examine(self, known: Collection[rpc.ServerSpec]) -> list[rpc.Found]:
        running = {name.removeprefix("server-"): pid for name, pid in self.private.guests().items()}
        return list(examine(self._disks, known, self.inspect(), running))

    def _virt_type(self) -> str:
        if self.options.virt_type != "auto":
            return self.options.virt_type
        return "kvm" if kvm_works(EMULATOR, self.state_dir, self._boot_id) else "qemu"

    @property
    def _opened(self) -> Parts:
        if self._parts is None:
            raise Unavailable("The hypervisor is not connected yet.")
        return self._parts

    @property
    def moves(self) -> Moves:  # type: ignore[override]
        """How guests come and go; Unavailable before the driver is open."""
        return self._opened.moves

    def _departure_ended(self, server_id: str) -> None:
        if self._events is not None:
            self._events.server_changed(server_id, "is no longer on its way")

    # --- questions ---

    def inspect(self, server_ids: Collection[str] | None = None) -> dict[str, Observed]:
        return self._opened.servers.inspect(server_ids)

    def console_log(self, server_id: str, length: int | None) -> str:
        self._opened.servers.get(server_id)
        return measures.console_log(self._disks.files(server_id).console_log, length)

    def console(self, server_id: str, kind: rpc.ConsoleType) -> rpc.Console:
        domain = self._opened.servers.running(server_id)
        if kind is rpc.ConsoleType.VNC:
            return rpc.Console(host="", type=kind, path=str(vnc_socket(self._opened.host, server_id)))
        with meanings(f"Server {server_id} has no serial console."):
            return rpc.Console(host="", type=kind, path=measures.serial_device(domain.XMLDesc()))

    def diagnostics(self, server_id: str) -> rpc.Diagnostics:
        domain = self._opened.servers.running(server_id)
        config_drive = self._disks.files(server_id).config_drive.exists()
        with meanings(f"Server {server_id} cannot be measured."):
            return measures.diagnostics(domain, self._opened.host, config_drive=config_drive)

    # --- the server as a whole, and power ---

    def ensure(self, spec: rpc.ServerSpec, attempt: Attempt) -> Done:
        return self._opened.servers.ensure(spec, attempt)

    def remove(self, server_id: str) -> Done:
        return self._opened.servers.remove(server_id)

    def start(self, spec: rpc.ServerSpec, attempt: Attempt) -> Done:
        return self._opened.servers.start(spec, attempt)

    def stop(self, server_id: str, timeout_seconds: float, attempt: Attempt) -> Done:
        return self._opened.servers.stop(server_id, timeout_seconds, attempt)

    def reboot(
        self, spec: rpc.ServerSpec, kind: rpc.RebootType, timeout_seconds: float, attempt: Attempt
    ) -> Done:
        return self._opened.servers.reboot(spec, kind, timeout_seconds, attempt)

    def pause(self, server_id: str) -> None:
        self._opened.servers.pause(server_id)

    def unpause(self, server_id: str) -> None:
        self._opened.servers.unpause(server_id)

    def suspend(self, server_id: str) -> Done:
        return self._opened.servers.suspend(server_id)

    def resume(self, spec: rpc.ServerSpec, attempt: Attempt) -> Done:
        return self._opened.servers.resume(spec, attempt)

    # --- parts ---

    def attach_nic(self, server_id: str, nic: rpc.NicSpec, attempt: Attempt) -> Done:
        return self._opened.devices.attach_nic(self._opened.servers.get(server_id), nic, attempt)

    def detach_nic(self, server_id: str, port_id: str, attempt: Attempt) -> Done:
        return self._opened.devices.detach_nic(self._opened.servers.get(server_id), port_id, attempt)

    def attach_volume(self, server_id: str, volume: rpc.VolumeSpec, attempt: Attempt) -> Done:
        return self._opened.devices.attach_volume(self._opened.servers.get(server_id), volume)

    def detach_volume(self, server_id: str, volume_id: str, attempt: Attempt) -> Done:
        return self._opened.devices.detach_volume(self._opened.servers.get(server_id), volume_id, attempt)

    def extend_volume(self, server_id: str, volume_id: str, size_gb: int) -> None:
        self._opened.devices.extend_volume(self._opened.servers.get(server_id), volume_id, size_gb)

    # --- inside ---

    def snapshot(
        self, server_id: str, target: Path, disk_format: str, quiesce: bool, attempt: Attempt
    ) -> Done:
        return self._opened.copies.copy(
            self._opened.servers.get(server_id), target, disk_format, quiesce, attempt
        )

    def set_password(self, server_id: str, user: str, password: str) -> None:
        domain = self._opened.servers.running(server_id)
        with meanings(f"The guest agent of server {server_id} did not change the password."):
            domain.setUserPassword(user, password)

    # --- libvirt's events; called in its loop's thread, where libvirt must not be asked anything ---

    def _connected(self, connection: "libvirt.virConnect") -> None:
        register = connection.domainEventRegisterAny
        register(None, libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, self._on_lifecycle, None)
        register(None, libvirt.VIR_DOMAIN_EVENT_ID_REBOOT, self._on_reboot, None)
        register(None, libvirt.VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED, self._on_device_removed, None)
        register(None, libvirt.VIR_DOMAIN_EVENT_ID_JOB_COMPLETED, self._on_job, None)

    def _host_changed(self) -> None:
        if self._events is not None:
            self._events.host_changed()

    def _tell(self, domain: "libvirt.virDomain", reason: str) -> None:
        if self._events is not None and domain.name() == domain_name(domain.UUIDString()):
            self._events.server_changed(domain.UUIDString(), reason)

    def _on_lifecycle(self, _connection, domain, event: int, detail: int, _opaque) -> None:  # noqa: ANN001
        if (words := LIFECYCLE.get(event)) is not None:
            self._tell(domain, words)

    def _on_reboot(self, _connection, domain, _opaque) -> None:  # noqa: ANN001
        if self._parts is not None:
            self._parts.servers.note_reset(domain.UUIDString())
        self._tell(domain, "rebooted")

    def _on_device_removed(self, _connection, domain, device: str, _opaque) -> None:  # noqa: ANN001
        self._tell(domain, f"let go of {device}")

    def _on_job(self, _connection, domain, _details, _opaque) -> None:  # noqa: ANN001
        self._tell(domain, "a copy is done")
