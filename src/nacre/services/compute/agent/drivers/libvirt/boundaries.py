"""What a guest that comes from another host may be made of here: its own files and taps, and nothing else."""

import os.path
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

from nacre.kernel.errors import Forbidden
from nacre.services.compute.agent.drivers.libvirt.domains import domain_name
from nacre.services.compute.agent.drivers.libvirt.translation import Places

TOP = frozenset(
    ("name", "uuid", "title", "description", "metadata", "memory", "currentMemory", "vcpu", "os", "sysinfo",
     "features", "cpu", "clock", "on_poweroff", "on_reboot", "on_crash", "pm", "devices", "resource", "iothreads",
     "seclabel", "maxMemory", "genid")
)  # fmt: skip
BOOT = frozenset(("type", "kernel", "initrd", "cmdline", "boot", "smbios", "bios", "loader", "nvram", "firmware",
                  "bootmenu"))  # fmt: skip
FIRMWARE = "/usr/share/"
NVRAM = "/var/lib/libvirt/qemu/nvram/"


class Boundary:
    """Everything that one expected guest may touch on this host."""

    def __init__(
        self, server_id: str, places: Places, emulator: str, taps: frozenset[str], sockets: tuple[str, str]
    ) -> None:
        """`sockets` are those of memory and disks, as libvirt sees them."""
        self._server_id, self._places = server_id, places
        self._emulator, self._taps, self._sockets = emulator, taps, sockets
        self._devices: dict[str, Callable[[ET.Element], None]] = {
            "emulator": self._emulators,
            "disk": self._disk,
            "interface": self._interface,
            "serial": self._line,
            "console": self._line,
            "channel": self._channel,
            "graphics": self._graphics,
            "rng": self._rng,
            **dict.fromkeys(("controller", "video", "audio", "memballoon", "input", "watchdog"), _harmless),
        }

    def check_sockets(self, memory: str | None, disks: str | None) -> None:
        """Raise Forbidden where memory or disks are to come in elsewhere than at their sockets."""
        for said, meant in ((memory, self._sockets[0]), (disks, self._sockets[1])):
            if said is not None and said != f"unix://{meant}":
                raise Forbidden("The guest is to come in where nobody expects it.", detail=said)

    def check_domain(self, domain: ET.Element) -> None:
        """Raise Forbidden unless this is the guest, and nothing more than the guest."""
        if domain.findtext("uuid") != self._server_id or domain.findtext("name") != domain_name(
            self._server_id
        ):
            raise Forbidden("Another guest is expected.", detail=str(domain.findtext("name")))
        for element in domain:
            if element.tag not in TOP:
                raise Forbidden(f"A guest with <{element.tag}> is not expected.")
        self._boot(domain.find("os"))
        for device in domain.iterfind("./devices/*"):
            check = self._devices.get(device.tag)
            if check is None:
                raise Forbidden(f"A guest with a <{device.tag}> is not expected.")
            check(device)

    def _boot(self, os_element: ET.Element | None) -> None:
        for element in os_element if os_element is not None else ():
            if element.tag not in BOOT:
                raise Forbidden(f"A guest that boots with <{element.tag}> is not expected.")
            if element.tag in ("kernel", "initrd"):
                self._within(element.text, self._places.images)
            if element.tag == "loader":
                self._within(element.text, FIRMWARE)
            if element.tag == "nvram":
                self._within(element.get("template") or FIRMWARE + "x", FIRMWARE)
                self._within(element.text or NVRAM + "x", NVRAM)
                if len(element):
                    raise Forbidden("A guest with such a firmware is not expected.")

    def _emulators(self, element: ET.Element) -> None:
        if element.text != self._emulator:
            raise Forbidden("A guest by another emulator is not expected.", detail=str(element.text))

    def _disk(self, disk: ET.Element) -> None:
        kind, source = disk.get("type"), disk.find("source")
        if kind == "network" and source is not None and source.get("protocol") == "nbd":
            return  # a volume: where it is reached says block storage
        if kind != "file" or source is None or disk.find("mirror") is not None:
            raise Forbidden("A guest with such a disk is not expected.", detail=f"type {kind}")
        read_only = disk.get("device") == "cdrom" and disk.find("readonly") is not None
        self._within(source.get("file"), self._places.images if read_only else self._places.files)
        for backing in disk.iterfind(".//backingStore/source"):
            self._within(backing.get("file"), self._places.images)
        if source.find("dataStore") is not None:
            raise Forbidden("A disk with its data elsewhere is not expected.")

    def _interface(self, interface: ET.Element) -> None:
        target = interface.find("target")
        device = target.get("dev", "") if target is not None else ""
        if (
            interface.get("type") != "ethernet"
            or device not in self._taps
            or interface.find("script") is not None
        ):
            raise Forbidden("A guest with such a network card is not expected.", detail=device)

    def _line(self, line: ET.Element) -> None:
        if line.get("type") != "pty":
            raise Forbidden("A guest with such a console is not expected.", detail=str(line.get("type")))
        for written in line.iterfind("log"):
            self._within(written.get("file"), self._places.files)

    def _channel(self, channel: ET.Element) -> None:
        source = channel.find("source")
        path = source.get("path") if source is not None else None
        if channel.get("type") != "unix" or (
            path and not path.startswith(("/var/lib/libvirt/", "/run/libvirt/"))
        ):
            raise Forbidden("A guest with such a channel is not expected.", detail=str(path))

    def _graphics(self, graphics: ET.Element) -> None:
        if graphics.get("type") != "vnc":
            raise Forbidden("A guest with such a screen is not expected.")
        for element in (graphics, *graphics.iterfind("listen")):
            self._within(element.get("socket"), self._places.screens)

    def _rng(self, rng: ET.Element) -> None:
        backend = rng.find("backend")
        if backend is None or backend.get("model") != "random" or backend.text != "/dev/urandom":
            raise Forbidden("A guest with such a source of chance is not expected.")

    def _within(self, path: str | None, folder: str) -> None:
        """Raise Forbidden unless a path leads into a folder, without detours."""
        inside = path is not None and path == os.path.normpath(path) and Path(path).is_relative_to(folder)
        if not inside:
            raise Forbidden("A guest is to use what is not its own.", detail=str(path))


def _harmless(_element: ET.Element) -> None:
    """Nothing of the host is in it."""
