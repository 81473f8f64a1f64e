"""The description of a guest on one host, turned into that on another: the same devices, other paths.

A guest that moves while it runs must find the same machine, down to the addresses of its devices; so what the
other host is given is not made anew from the spec but is the running guest's own description.  Only where its
bytes are differs from host to host.
"""

import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

import msgspec


class Places(msgspec.Struct, frozen=True):
    """Where one server's files are on a host."""

    files: str  # the server's own directory
    images: str  # of all base images
    screens: str  # of the sockets of all screens


@dataclass(frozen=True)
class Translation:
    """From one host's places to another's."""

    here: Places
    there: Places

    def of(self, description: str) -> str:
        """Return the description for the other host."""
        domain = ET.fromstring(description)
        for disk in domain.iterfind("./devices/disk"):
            for backing in disk.findall("backingStore"):
                disk.remove(backing)  # libvirt looks for itself
            self._attribute(disk.find("source"), "file")
        for tag in ("serial", "console"):
            for log in domain.iterfind(f"./devices/{tag}/log"):
                self._attribute(log, "file")
        for graphics in domain.iterfind("./devices/graphics"):
            self._attribute(graphics, "socket")
            for listen in graphics.iterfind("listen"):
                self._attribute(listen, "socket")
        for name in ("kernel", "initrd"):
            element = domain.find(f"./os/{name}")
            if element is not None and element.text:
                element.text = self._path(element.text)
        return ET.tostring(domain, encoding="unicode")

    def _attribute(self, element: ET.Element | None, name: str) -> None:
        if element is not None and (path := element.get(name)):
            element.set(name, self._path(path))

    def _path(self, path: str) -> str:
        for before, after in (
            (self.here.files, self.there.files),
            (self.here.images, self.there.images),
            (self.here.screens, self.there.screens),
        ):
            if path.startswith(f"{before}/"):
                return f"{after}/{Path(path).relative_to(before)}"
        return path
