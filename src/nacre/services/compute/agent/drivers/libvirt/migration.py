"""One guest's way to another host, as libvirt goes it: begin here, prepare there, perform, finish there, confirm."""

import logging
import xml.etree.ElementTree as ET
from contextlib import ExitStack, suppress

import libvirt

from nacre.services.compute.agent.drivers.libvirt.connection import meanings
from nacre.services.compute.agent.drivers.libvirt.departures import Departing
from nacre.services.compute.agent.drivers.libvirt.domains import device_of
from nacre.services.compute.agent.drivers.libvirt.private import PrivateLibvirt
from nacre.services.compute.agent.drivers.libvirt.sockets import Relay, seen_by_libvirt, socket_of
from nacre.services.compute.agent.drivers.libvirt.translation import Places, Translation
from nacre.services.compute.agent.passages import Way

log = logging.getLogger(__name__)

DAEMON, MEMORY, DISKS = "daemon", "memory", "disks"
RUNNING = (
    libvirt.VIR_DOMAIN_XML_SECURE | libvirt.VIR_DOMAIN_XML_MIGRATABLE,
    libvirt.VIR_DOMAIN_XML_SECURE | libvirt.VIR_DOMAIN_XML_INACTIVE,
)
FLAGS = (
    libvirt.VIR_MIGRATE_LIVE
    | libvirt.VIR_MIGRATE_PERSIST_DEST
    | libvirt.VIR_MIGRATE_UNDEFINE_SOURCE
    | libvirt.VIR_MIGRATE_NON_SHARED_INC
    | libvirt.VIR_MIGRATE_ABORT_ON_ERROR
)


class Migration:
    """One guest that is sent."""

    def __init__(
        self, private: PrivateLibvirt, domain: "libvirt.virDomain", way: Way, here: Places, there: Places
    ) -> None:
        self._private, self._domain, self._way = private, domain, way
        self._here, self._translation = here, Translation(here, there)
        self._server_id = domain.UUIDString()

    def run(self, departing: Departing) -> None:
        """Go the whole way; returns when the guest runs over there, raises when it goes on here."""
        with ExitStack() as stack:
            for channel in (DAEMON, MEMORY, DISKS):
                relay = Relay(socket_of(self._private, self._server_id, channel), self._way, channel)
                stack.callback(relay.close)
                relay.start()
            departing.give_way()
            self._end_what_was_begun()
            with meanings("The host that is to take the server does not answer."):
                path = socket_of(self._private, self._server_id, DAEMON)
                there = libvirt.open(f"qemu+unix:///system?socket={path}")
            stack.callback(_let_go, there)
            departing.give_way()
            with meanings("The server could not be sent to the other host."):
                self._domain.migrate3(there, self._parameters(), FLAGS)

    def _end_what_was_begun(self) -> None:
        """End what an agent that died meanwhile had begun and cannot go on with."""
        with suppress(libvirt.libvirtError):
            if self._domain.jobInfo()[0] != libvirt.VIR_DOMAIN_JOB_NONE:
                self._domain.abortJob()

    def _parameters(self) -> dict[str, object]:
        live, kept = (self._domain.XMLDesc(flags) for flags in RUNNING)
        return {
            libvirt.VIR_MIGRATE_PARAM_URI: f"unix://{seen_by_libvirt(self._server_id, MEMORY)}",
            libvirt.VIR_MIGRATE_PARAM_DISKS_URI: f"unix://{seen_by_libvirt(self._server_id, DISKS)}",
            libvirt.VIR_MIGRATE_PARAM_MIGRATE_DISKS: self._own_disks(live),
            libvirt.VIR_MIGRATE_PARAM_DEST_XML: self._translation.of(live),
            libvirt.VIR_MIGRATE_PARAM_PERSIST_XML: self._translation.of(kept),
        }

    def _own_disks(self, description: str) -> list[str]:
        """Name the disks that the guest writes to and that are files of this host."""
        names = []
        for disk in ET.fromstring(description).iterfind("./devices/disk"):
            source = disk.find("source")
            path = source.get("file", "") if source is not None else ""
            if path.startswith(f"{self._here.files}/") and disk.find("readonly") is None:
                names.append(device_of(disk))
        return names


def _let_go(connection: "libvirt.virConnect") -> None:
    with suppress(libvirt.libvirtError):
        connection.close()
