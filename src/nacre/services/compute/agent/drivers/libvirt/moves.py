"""Guests that come and go.

Live: libvirt's own migration, in which a client (this driver, on the host that the guest leaves) speaks with both
daemons.  QEMU sends memory and disks itself.  All three conversations end at unix sockets on either host and are
carried between them by the passage (agent/passages.py), so no daemon listens to any network, and the sockets
have the same name on both hosts because each libvirt has a view of its own of /run/libvirt.

Cold: the files of the server are sent.  What they stand on, the base image, is fetched by each host for itself.
"""

import logging
import ssl
import xml.etree.ElementTree as ET
from contextlib import suppress
from pathlib import Path
from typing import Any

import libvirt
import msgspec

from nacre.kernel.errors import BadRequest, Conflict, NacreError, RemoteFailure
from nacre.services.compute import rpc
from nacre.services.compute.agent.drivers.base import Attempt, Done, Later
from nacre.services.compute.agent.drivers.libvirt import freight, qemu_img
from nacre.services.compute.agent.drivers.libvirt.boundaries import Boundary
from nacre.services.compute.agent.drivers.libvirt.connection import meanings
from nacre.services.compute.agent.drivers.libvirt.departures import Departing, Departures
from nacre.services.compute.agent.drivers.libvirt.disks import Disks, ServerFiles
from nacre.services.compute.agent.drivers.libvirt.domains import Host
from nacre.services.compute.agent.drivers.libvirt.guards import Guard
from nacre.services.compute.agent.drivers.libvirt.migration import DAEMON, DISKS, MEMORY, Migration
from nacre.services.compute.agent.drivers.libvirt.private import PrivateLibvirt
from nacre.services.compute.agent.drivers.libvirt.servers import POWERED, Servers
from nacre.services.compute.agent.drivers.libvirt.sockets import relay_to, seen_by_libvirt, socket_of
from nacre.services.compute.agent.drivers.libvirt.translation import Places
from nacre.services.compute.agent.drivers.moves import Moves, Passport, Readiness
from nacre.services.compute.agent.passages import Way

log = logging.getLogger(__name__)

GIB, MIB = 1 << 30, 1 << 20
LOOK_SECONDS = 1.0
FILES = "files"
SLACK_BYTES = 4 * GIB
"""How much larger a file may be than the disk in it: its own tables, and what was said too small."""


class Papers(msgspec.Struct, frozen=True, kw_only=True):
    """What a host says of a guest that wants to leave."""

    virt_type: str
    cpu: str | None = None  # libvirt's description of the processor that a running guest sees
    arch: str = "x86_64"
    machine: str | None = None
    disk_bytes: dict[str, int] = {}  # name of a file → size of the disk in it


class LibvirtMoves(Moves):
    """Guests on their way."""

    def __init__(
        self, private: PrivateLibvirt, servers: Servers, disks: Disks, host: Host, departures: Departures
    ) -> None:
        self._private, self._servers, self._disks, self._host = private, servers, disks, host
        self._departures = departures

    # --- before ---

    def depart(self, server_id: str, manner: rpc.Manner) -> Passport:
        domain = self._servers.get(server_id)
        state = self._servers.state(domain)
        cpu = machine = None
        if manner is rpc.Manner.LIVE:
            if state not in POWERED:
                raise Conflict(f"Server {server_id} is {state}.")
            with meanings("The hypervisor does not describe the server."):
                running = ET.fromstring(domain.XMLDesc(libvirt.VIR_DOMAIN_XML_MIGRATABLE))
            element, kind = running.find("cpu"), running.find("./os/type")
            cpu = ET.tostring(element, encoding="unicode") if element is not None else None
            machine = kind.get("machine") if kind is not None else None
        files = self._disks.files(server_id)
        sizes = {
            path.name: qemu_img.virtual_bytes(path, path.suffix.lstrip("."))
            for path in (files.root, files.ephemeral, files.swap)
            if path.exists()
        }
        papers = Papers(virt_type=self._host.virt_type, cpu=cpu, machine=machine, disk_bytes=sizes)
        shown: Passport = msgspec.to_builtins(papers)
        return shown

    def expect(
        self, spec: rpc.ServerSpec, manner: rpc.Manner, passport: Passport, attempt: Attempt
    ) -> Later | Readiness:
        papers = msgspec.convert(passport, Papers)
        if manner is rpc.Manner.LIVE:
            self._check_machine(papers)
        files = self._disks.ensure(spec, attempt.tell)
        self._check_sizes(spec, files, papers)
        limits = {name: size + SLACK_BYTES for name, size in papers.disk_bytes.items()}
        limits[files.console_log.name] = SLACK_BYTES
        if files.config_drive.exists():
            limits[files.config_drive.name] = SLACK_BYTES
        if manner is rpc.Manner.COLD:
            iso = spec.image is not None and spec.image.disk_format == "iso"
            base = None if iso else files.made().base
            return Readiness({FILES: lambda arrived: _take_in(arrived, files, limits, base)})
        for channel in (MEMORY, DISKS):
            socket_of(self._private, spec.id, channel).unlink(missing_ok=True)  # of an earlier try
        only_drive = {name: limits[name] for name in limits if name == files.config_drive.name}
        guard = Guard(self._private.socket, self._boundary(spec, files))
        return Readiness(
            {
                FILES: lambda arrived: freight.receive(arrived, files.directory, only_drive),
                DAEMON: guard.let_in,
                MEMORY: lambda arrived: relay_to(arrived, socket_of(self._private, spec.id, MEMORY)),
                DISKS: lambda arrived: relay_to(arrived, socket_of(self._private, spec.id, DISKS)),
            },
            msgspec.to_builtins(self._places(files)),
        )

    def _check_machine(self, papers: Papers) -> None:
        """Raise BadRequest where the guest would find another processor than it knows."""
        if papers.virt_type != self._host.virt_type:
            raise BadRequest(f"This host runs guests by {self._host.virt_type}, not by {papers.virt_type}.")
        if papers.virt_type != "kvm" or papers.cpu is None:
            return  # an emulated processor is the same everywhere
        with meanings("The hypervisor cannot compare the processors."):
            verdict = self._servers.connection.compareHypervisorCPU(
                self._host.emulator, papers.arch, papers.machine, "kvm", papers.cpu, 0
            )
        if verdict == libvirt.VIR_CPU_COMPARE_INCOMPATIBLE:
            raise BadRequest("The processor of this host lacks something that the guest uses.")

    def _check_sizes(self, spec: rpc.ServerSpec, files: ServerFiles, papers: Papers) -> None:
        """Give the disks the sizes that they have elsewhere; what is larger there was made so on purpose."""
        for path in (files.root, files.ephemeral, files.swap):
            wanted, disk_format = papers.disk_bytes.get(path.name), path.suffix.lstrip(".")
            if wanted is None or not path.exists():
                continue
            most = max(spec.root_gb * GIB, spec.image.size_bytes if spec.image else 0, GIB) * 16
            if path == files.root and wanted > most:
                raise BadRequest(f"A disk of {wanted} bytes is not what flavor {spec.flavor_name} has.")
            if wanted > qemu_img.virtual_bytes(path, disk_format):
                qemu_img.resize(path, disk_format, wanted)

    def _boundary(self, spec: rpc.ServerSpec, files: ServerFiles) -> Boundary:
        return Boundary(
            spec.id,
            self._places(files),
            self._host.emulator,
            frozenset(nic.tap_device for nic in spec.nics),
            (seen_by_libvirt(spec.id, MEMORY), seen_by_libvirt(spec.id, DISKS)),
        )

    def _places(self, files: ServerFiles) -> Places:
        return Places(
            files=str(files.directory),
            images=str(self._disks.images.directory),
            screens=str(self._host.vnc_directory),
        )

    # --- on its way ---

    def send(self, server_id: str, manner: rpc.Manner, way: Way, attempt: Attempt) -> Done:
        departing = self._departures.get(server_id)
        if departing is None:
            if attempt.number > 1:
                raise Conflict("The server is not being sent any more.")
            departing = self._departures.begin(server_id, self._work(server_id, manner, way))
        if departing.is_alive():
            return Later(LOOK_SECONDS, *self._progress(server_id, departing))
        self._departures.forget(server_id)
        if departing.error is not None:
            raise _meant(departing)
        return None

    def _work(self, server_id: str, manner: rpc.Manner, way: Way) -> Any:
        files = self._disks.files(server_id)
        if manner is rpc.Manner.COLD:
            domain = self._servers.get(server_id)
            if self._servers.state(domain) in POWERED:
                raise Conflict(f"Server {server_id} runs.")
            freights = [
                path
                for path in (files.root, files.ephemeral, files.swap, files.config_drive, files.console_log)
                if path.exists()
            ]
            return lambda departing: _send_files(departing, way, freights)
        return lambda departing: self._migrate(departing, server_id, way, files)

    def _migrate(self, departing: Departing, server_id: str, way: Way, files: ServerFiles) -> None:
        """Have libvirt send a running guest; returns when it runs over there."""
        domain = self._servers.running(server_id)
        if files.config_drive.exists():
            _send_files(departing, way, [files.config_drive])
        there = msgspec.convert(way.passport, Places)
        Migration(self._private, domain, way, self._places(files), there).run(departing)

    def _progress(self, server_id: str, departing: Departing) -> tuple[str, rpc.MoveProgress | None]:
        if departing.bytes_total:
            return "sending its disks", rpc.MoveProgress(
                disk_total_bytes=departing.bytes_total,
                disk_processed_bytes=departing.bytes_sent,
                disk_remaining_bytes=max(0, departing.bytes_total - departing.bytes_sent),
            )
        stats: dict[str, Any] = {}
        with suppress(libvirt.libvirtError, NacreError):
            stats = self._servers.get(server_id).jobStats()
        if "memory_total" not in stats and "disk_total" not in stats:
            return "sending it", None
        progress = rpc.MoveProgress(
            **{
                f"{what}_{part}_bytes": int(stats.get(f"{what}_{part}", 0))
                for what in ("memory", "disk")
                for part in ("total", "processed", "remaining")
            }
        )
        left = progress.memory_remaining_bytes + progress.disk_remaining_bytes
        return f"sending it, {left // MIB} MB left", progress

    def force(self, server_id: str) -> None:
        """Stop the guest's processors: what does not change arrives.  Over there they go on."""
        if self._departures.get(server_id) is None:
            raise Conflict(f"Server {server_id} is not being sent.")
        with meanings("The guest cannot be stopped for its migration."):
            self._servers.get(server_id).suspend()

    def abort(self, server_id: str) -> None:
        departing = self._departures.get(server_id)
        if departing is not None:
            departing.aborted.set()
        domain = self._servers.find(server_id)
        if domain is not None:
            with suppress(libvirt.libvirtError):  # then there is nothing to abort
                if domain.jobInfo()[0] != libvirt.VIR_DOMAIN_JOB_NONE:
                    domain.abortJob()


def _send_files(departing: Departing, way: Way, files: list[Path]) -> None:
    departing.bytes_total = sum(path.stat().st_blocks * 512 for path in files)

    def told(sent: int) -> None:
        departing.bytes_sent = sent
        departing.give_way()

    with way.open(FILES) as connection:
        freight.send(connection, files, told)
    departing.bytes_total = 0


def _meant(departing: Departing) -> NacreError:
    """Return what went wrong as a meaning."""
    error = departing.error
    if departing.aborted.is_set():
        return Conflict("The migration was aborted.", detail=str(error))
    if isinstance(error, NacreError):
        return error
    return RemoteFailure("The server could not be sent.", detail=f"{type(error).__name__}: {error}")


def _take_in(arrived: ssl.SSLSocket, files: ServerFiles, limits: dict[str, int], base: str | None) -> None:
    """Take in a cold server's files, and have its disk stand on the base image of this host."""

    def settle(part: Path) -> None:
        if part.name.startswith(files.root.name):
            qemu_img.put_on(part, Path(base) if base is not None else None)

    freight.receive(arrived, files.directory, limits, settle)
