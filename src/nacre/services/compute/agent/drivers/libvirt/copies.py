"""Copy a server's root disk while it runs: a snapshot of one moment, whole, in one file.

A running guest is copied by QEMU itself (a backup job), which keeps the moment while the guest writes on.
 A server that does not run is copied by ``qemu-img``.  The job is in QEMU, so it outlives the agent; an
attempt that finds one that it did not begin ends it and begins anew.
"""

import json
import logging
import xml.etree.ElementTree as ET
from contextlib import suppress
from pathlib import Path

import libvirt

from nacre.kernel.errors import Conflict, Unavailable
from nacre.services.compute.agent.drivers.base import Attempt, Done, Later
from nacre.services.compute.agent.drivers.libvirt import qemu_img
from nacre.services.compute.agent.drivers.libvirt.connection import Connection, meanings
from nacre.services.compute.agent.drivers.libvirt.disks import Disks
from nacre.services.compute.agent.drivers.libvirt.domains import device_of

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0


class Copies:
    """Copies of root disks."""

    def __init__(self, connection: Connection, disks: Disks) -> None:
        self._connection, self._disks = connection, disks

    def copy(
        self, domain: "libvirt.virDomain", target: Path, disk_format: str, quiesce: bool, attempt: Attempt
    ) -> Done:
        """Copy the root disk to `target`."""
        with meanings("The server's disk cannot be copied."):
            if not domain.isActive():
                return self._copy_idle(domain, target, disk_format, attempt)
            raw = target.with_name(target.name + ".qcow2") if disk_format != "qcow2" else target
            if attempt.number == 1:
                self._begin(domain, raw, quiesce)
            if (later := self._progress(domain)) is not None:
                return later
        if raw is not target:
            attempt.tell(f"converting to {disk_format}")
            qemu_img.copy_flat(raw, "qcow2", target, disk_format)
            raw.unlink()
        return None

    def _copy_idle(
        self, domain: "libvirt.virDomain", target: Path, disk_format: str, attempt: Attempt
    ) -> Done:
        element, _others = _root_disk(domain)
        source, driver = element.find("source"), element.find("driver")
        path = source.get("file") if source is not None else None
        if path is None or driver is None:
            raise Conflict("The server boots from a volume, which is copied by block storage.")
        attempt.tell("copying its disk")
        qemu_img.copy_flat(Path(path), driver.get("type", "raw"), target, disk_format)
        return None

    def _begin(self, domain: "libvirt.virDomain", target: Path, quiesce: bool) -> None:
        if domain.jobInfo()[0] != libvirt.VIR_DOMAIN_JOB_NONE:
            log.info("Ending a copy of server %s that nobody waits for", domain.UUIDString())
            domain.abortJob()
        with suppress(libvirt.libvirtError):
            domain.jobStats(libvirt.VIR_DOMAIN_JOB_STATS_COMPLETED)  # reading it forgets it
        target.unlink(missing_ok=True)
        root, others = _root_disk(domain)
        backup = ET.Element("domainbackup", mode="push")
        disks = ET.SubElement(backup, "disks")
        disk = ET.SubElement(disks, "disk", name=device_of(root), backup="yes", type="file")
        ET.SubElement(disk, "driver", type="qcow2")
        ET.SubElement(disk, "target", file=str(target))
        for other in others:
            ET.SubElement(disks, "disk", name=device_of(other), backup="no")
        if quiesce:
            domain.fsFreeze()
        try:
            domain.backupBegin(ET.tostring(backup, encoding="unicode"), None, 0)
        finally:
            if quiesce:
                domain.fsThaw()

    def _progress(self, domain: "libvirt.virDomain") -> Done:
        info = domain.jobInfo()
        if info[0] != libvirt.VIR_DOMAIN_JOB_NONE:
            total, done = info[3], info[4]
            share = f", {100 * done // total} %" if total else ""
            return Later(LOOK_SECONDS, f"copying its disk{share}")
        stats = domain.jobStats(
            libvirt.VIR_DOMAIN_JOB_STATS_COMPLETED | libvirt.VIR_DOMAIN_JOB_STATS_KEEP_COMPLETED
        )
        if not stats.get("success", stats.get("type") == libvirt.VIR_DOMAIN_JOB_COMPLETED):
            raise Unavailable("The server's disk could not be copied.", detail=json.dumps(stats, default=str))
        return None


def _root_disk(domain: "libvirt.virDomain") -> tuple[ET.Element, list[ET.Element]]:
    """Return the disk that the server boots from, and the others."""
    disks = ET.fromstring(domain.XMLDesc()).findall("./devices/disk[@device='disk']")
    if not disks:
        raise Conflict("The server has no disk.")
    return disks[0], disks[1:]
