"""Plug network cards and volumes into a server and take them out, while it runs or not.

Unplugging needs the guest: it is asked, and may take its time.  So `detach_...` asks, answers `Later`, and
looks again when libvirt reports that the device is gone.
"""

import xml.etree.ElementTree as ET
from collections.abc import Collection

import libvirt

from nacre.kernel.errors import Conflict, NotFound, Unavailable
from nacre.services.compute import rpc
from nacre.services.compute.agent.drivers.base import Attempt, Done, Later
from nacre.services.compute.agent.drivers.devices import next_device
from nacre.services.compute.agent.drivers.libvirt.connection import Connection, meanings
from nacre.services.compute.agent.drivers.libvirt.domains import (
    DISK_BUSES,
    NIC,
    VOLUME,
    Host,
    Plugged,
    device_of,
    nic_element,
    volume_element,
)
from nacre.services.compute.agent.drivers.libvirt.private import PrivateLibvirt

GIB = 1 << 30
TAP_LOOK_SECONDS = 0.5
DETACH_LOOK_SECONDS = 5.0
PREFIXES = {"nics": NIC, "volumes": VOLUME}
LIVE, CONFIG = libvirt.VIR_DOMAIN_AFFECT_LIVE, libvirt.VIR_DOMAIN_AFFECT_CONFIG


class Devices:
    """What can be plugged."""

    def __init__(self, connection: Connection, private: PrivateLibvirt, host: Host) -> None:
        self._connection, self.private, self._host = connection, private, host

    def await_taps(self, nics: Collection[rpc.NicSpec], attempt: Attempt) -> Done:
        """Wait until the network agent has made the tap devices."""
        present = self.private.devices()
        absent = sorted({nic.tap_device for nic in nics} - present) if present is not None else []
        if not absent:
            return None
        if attempt.waited_seconds >= self._host.options.tap_wait_seconds:
            raise Unavailable(
                "The server's network is not ready on this host.",
                detail=f"no device {', '.join(absent)} after {attempt.waited_seconds:.0f} s",
            )
        return Later(TAP_LOOK_SECONDS, "waiting for its network")

    def match(self, domain: "libvirt.virDomain", spec: rpc.ServerSpec, attempt: Attempt) -> Done:
        """Plug and unplug until a running server has what its spec says."""
        plugged = Plugged.read(domain.XMLDesc())
        wanted_nics = {nic.port_id for nic in spec.nics}
        wanted_volumes = {volume.volume_id for volume in spec.volumes}
        steps: list[Done] = []
        for port_id in plugged.nics.keys() - wanted_nics:
            steps.append(self.detach_nic(domain, port_id, attempt))
        for volume_id in plugged.volumes.keys() - wanted_volumes:
            steps.append(self.detach_volume(domain, volume_id, attempt))
        for nic in spec.nics:
            if nic.port_id not in plugged.nics:
                steps.append(self.attach_nic(domain, nic, attempt))
        for volume in spec.volumes:
            if volume.volume_id not in plugged.volumes:
                steps.append(self.attach_volume(domain, volume))
        return next((later for later in steps if later is not None), None)

    # --- network cards ---

    def attach_nic(self, domain: "libvirt.virDomain", nic: rpc.NicSpec, attempt: Attempt) -> Done:
        if nic.port_id in _plugged(domain).nics:
            return None
        element = nic_element(nic)
        if domain.isActive() and (later := self.await_taps([nic], attempt)) is not None:
            return later
        self._attach(domain, element, f"Port {nic.port_id} cannot be plugged into the server.")
        return None

    def detach_nic(self, domain: "libvirt.virDomain", port_id: str, attempt: Attempt) -> Done:
        return self._detach(domain, "nics", port_id, attempt, f"port {port_id}")

    # --- volumes ---

    def attach_volume(self, domain: "libvirt.virDomain", volume: rpc.VolumeSpec) -> Done:
        plugged = _plugged(domain)
        if volume.volume_id in plugged.volumes:
            return None
        device = next_device(volume.device, plugged.devices, DISK_BUSES.get(volume.bus, "vd"))
        element = volume_element(volume, device, self._host)
        self._attach(domain, element, f"Volume {volume.volume_id} cannot be plugged into the server.")
        return None

    def detach_volume(self, domain: "libvirt.virDomain", volume_id: str, attempt: Attempt) -> Done:
        return self._detach(domain, "volumes", volume_id, attempt, f"volume {volume_id}")

    def extend_volume(self, domain: "libvirt.virDomain", volume_id: str, size_gb: int) -> None:
        disk = _plugged(domain).volumes.get(volume_id)
        if disk is None:
            raise NotFound(f"Volume {volume_id} is not attached to server {domain.UUIDString()}.")
        if domain.isActive():
            with meanings(f"The guest cannot be shown the new size of volume {volume_id}."):
                domain.blockResize(device_of(disk), size_gb * GIB, libvirt.VIR_DOMAIN_BLOCK_RESIZE_BYTES)

    # --- either ---

    def _attach(self, domain: "libvirt.virDomain", element: ET.Element, what: str) -> None:
        flags = CONFIG | (LIVE if domain.isActive() else 0)
        with meanings(what):
            domain.attachDeviceFlags(ET.tostring(element, encoding="unicode"), flags)

    def _detach(self, domain: "libvirt.virDomain", kind: str, key: str, attempt: Attempt, words: str) -> Done:
        what = f"{words.capitalize()} cannot be unplugged from the server."
        stored = _plugged(domain, libvirt.VIR_DOMAIN_XML_INACTIVE)
        if (element := getattr(stored, kind).get(key)) is not None:
            with meanings(what):
                domain.detachDeviceFlags(ET.tostring(element, encoding="unicode"), CONFIG)
        if not domain.isActive() or key not in getattr(_plugged(domain), kind):
            return None
        limit = self._host.options.detach_wait_seconds
        if attempt.waited_seconds >= limit:
            raise Conflict(f"The guest did not let go of {words} within {limit:g} seconds.")
        # Asked again at every look: a guest that boots does not hear it.  By alias, for that does not wait.
        with meanings(what):
            try:
                domain.detachDeviceAlias(PREFIXES[kind] + key, LIVE)
            except libvirt.libvirtError as error:
                if not _in_progress(error):
                    raise
        return Later(DETACH_LOOK_SECONDS, f"waiting for the guest to let go of {words}")


def _plugged(domain: "libvirt.virDomain", flags: int = 0) -> Plugged:
    with meanings("The hypervisor does not describe the server."):
        return Plugged.read(domain.XMLDesc(flags))


def _in_progress(error: libvirt.libvirtError) -> bool:
    """QEMU refuses a second request to unplug while the first is on its way."""
    return "in the process of unplug" in str(error)
