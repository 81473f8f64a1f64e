"""What a guest is given: a spec turned into libvirt's description of a domain.

A pure function of its arguments, so that what a guest sees can be read (and tested) here.  The shape: a q35
machine with virtio devices, free PCIe slots for what is plugged later, a serial console that is logged, VNC
on a unix socket, a channel for the guest agent.  It calls itself "OpenStack Nova" in its firmware's tables,
since cloud-init looks for that name before it looks for metadata.

Devices that come and go carry their API id as libvirt alias (``ua-nic-<port id>``, ``ua-volume-<volume
id>``), so that nothing else has to remember which is which.
"""

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nacre.kernel.errors import BadRequest
from nacre.services.compute import rpc
from nacre.services.compute.agent.drivers.devices import device_names, next_device
from nacre.services.compute.agent.drivers.libvirt.disks import ServerFiles
from nacre.services.compute.agent.drivers.libvirt.options import EMULATED_CPU, LibvirtOptions

NAMESPACE = "https://nacre.cloud/xmlns/libvirt/1"
NIC, VOLUME = "ua-nic-", "ua-volume-"
AGENT_CHANNEL = "org.qemu.guest_agent.0"

DISK_BUSES = {"virtio": "vd", "scsi": "sd", "sata": "sd", "ide": "sd"}  # how disks are called on a bus
VIDEO_MODELS = {"vga", "virtio", "qxl", "cirrus", "bochs", "none"}
MACHINE_TYPE = re.compile(r"(pc|q35|pc-(q35|i440fx)-[0-9]+\.[0-9]+)")
_ID = re.compile(r"[0-9A-Za-z_-]{1,64}")
_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")
_TAP = re.compile(r"[0-9A-Za-z_.-]{1,15}")

ET.register_namespace("nacre", NAMESPACE)


@dataclass(frozen=True)
class Host:
    """What a domain's description needs to know of the host."""

    virt_type: str  # kvm | qemu
    emulator: str
    options: LibvirtOptions
    vnc_directory: Path


def disk_bus(wish: str | None) -> str:
    """Return the bus for disks; what a machine of today calls SATA was IDE on an older one."""
    bus = wish or "virtio"
    if bus not in DISK_BUSES:
        raise BadRequest(f"{bus!r} is not a bus for disks: {', '.join(DISK_BUSES)}.")
    return "sata" if bus == "ide" else bus


def domain_name(server_id: str) -> str:
    return f"server-{server_id}"


def describe(spec: rpc.ServerSpec, files: ServerFiles, host: Host) -> str:
    """Describe a whole domain; `BadRequest` for what cannot be."""
    domain = ET.Element("domain", type=host.virt_type)
    _add(domain, "name", domain_name(spec.id))
    _add(domain, "uuid", spec.id)
    _add(domain, "title", _printable(spec.name))
    _metadata(domain, spec)
    _add(domain, "memory", spec.memory_mb, unit="MiB")
    _add(domain, "vcpu", spec.vcpus)
    _firmware(domain, spec, files)
    _add_sysinfo(domain, spec)
    _processor(domain, spec, host)
    clock = _add(domain, "clock", offset="utc")
    if host.virt_type == "kvm":
        _add(clock, "timer", name="pit", tickpolicy="delay")
        _add(clock, "timer", name="rtc", tickpolicy="catchup")
        _add(clock, "timer", name="hpet", present="no")
    for event, action in (("poweroff", "destroy"), ("reboot", "restart"), ("crash", "destroy")):
        _add(domain, f"on_{event}", action)
    devices = _add(domain, "devices")
    _add(devices, "emulator", host.emulator)
    for device in _disks(spec, files, host):
        devices.append(device)
    for nic in spec.nics:
        devices.append(nic_element(nic))
    _consoles(devices, spec, files, host)
    _add_buses(devices, spec, host)
    return ET.tostring(domain, encoding="unicode")


def nic_element(nic: rpc.NicSpec) -> ET.Element:
    """Describe a network card on a tap device that somebody else made."""
    if not (
        _ID.fullmatch(nic.port_id) and _TAP.fullmatch(nic.tap_device) and _MAC.fullmatch(nic.mac_address)
    ):
        raise BadRequest(f"Port {nic.port_id} is described in a way that cannot be plugged.")
    if nic.model not in rpc.NIC_MODELS:
        raise BadRequest(f"{nic.model!r} is not a model of a network card: {', '.join(rpc.NIC_MODELS)}.")
    interface = ET.Element("interface", type="ethernet")
    _add(interface, "mac", address=nic.mac_address)
    _add(interface, "target", dev=nic.tap_device, managed="no")
    _add(interface, "model", type=nic.model)
    if nic.mtu is not None and nic.model == "virtio":
        _add(interface, "mtu", size=nic.mtu)
    if nic.boot_index is not None:
        _add(interface, "boot", order=nic.boot_index + 1)
    _add(interface, "alias", name=NIC + nic.port_id)
    return interface


def volume_element(volume: rpc.VolumeSpec, device: str, host: Host, *, bootable: bool = False) -> ET.Element:
    """Describe a volume as a disk."""
    if not _ID.fullmatch(volume.volume_id):
        raise BadRequest(f"{volume.volume_id!r} is not an id of a volume.")
    connection = volume.connection
    kind = connection.get("type")
    if kind == "file":
        disk = _disk("file", connection.get("format", "raw"), host)
        path = str(connection.get("path", ""))
        if not path.startswith("/") or connection.get("format", "raw") not in ("raw", "qcow2"):
            raise BadRequest(f"Volume {volume.volume_id} names no file that can be attached.")
        _add(disk, "source", file=path)
    elif kind == "nbd":
        disk = _disk("network", "raw", host)
        source = _add(disk, "source", protocol="nbd", name=str(connection.get("export", "")))
        if connection.get("socket"):
            _add(source, "host", transport="unix", socket=str(connection["socket"]))
        else:
            _add(source, "host", name=str(connection.get("host")), port=str(connection.get("port", 10809)))
    else:
        raise BadRequest(f"This host cannot attach volumes of the kind {kind!r}.")
    _add(disk, "target", dev=device, bus=disk_bus(volume.bus))
    _add(disk, "serial", volume.volume_id)
    if volume.read_only:
        _add(disk, "readonly")
    if connection.get("shared"):
        _add(disk, "shareable")
    if bootable:
        _add(disk, "boot", order=1)
    _add(disk, "alias", name=VOLUME + volume.volume_id)
    return disk


# --- reading a description ---


@dataclass(frozen=True)
class Plugged:
    """What is plugged into a domain, read from libvirt's description."""

    nics: dict[str, ET.Element]  # by port id
    volumes: dict[str, ET.Element]  # by volume id
    devices: frozenset[str]  # names of all disks

    @classmethod
    def read(cls, description: str) -> "Plugged":
        nics, volumes, devices = {}, {}, set()
        for element in ET.fromstring(description).iterfind("./devices/*"):
            alias = element.find("alias")
            name = alias.get("name", "") if alias is not None else ""
            if element.tag == "interface" and name.startswith(NIC):
                nics[name.removeprefix(NIC)] = element
            if element.tag == "disk":
                devices.add(device_of(element))
                if name.startswith(VOLUME):
                    volumes[name.removeprefix(VOLUME)] = element
        return cls(nics, volumes, frozenset(devices))


def device_of(disk: ET.Element) -> str:
    """Return the name of a disk as the domain counts it ("vda")."""
    target = disk.find("target")
    return target.get("dev", "") if target is not None else ""


# --- parts ---


def _metadata(domain: ET.Element, spec: rpc.ServerSpec) -> None:
    """Tell the operator who looks at the host whose server this is."""
    server = _add(_add(domain, "metadata"), f"{{{NAMESPACE}}}server")

    def note(tag: str, text: str, **attributes: str) -> None:
        _add(server, f"{{{NAMESPACE}}}{tag}", _printable(text), **attributes)

    note("name", spec.name)
    note("flavor", spec.flavor_name)
    if spec.image is not None:
        note("image", spec.image_name or spec.image.name, id=spec.image.image_id)
    note("project", spec.owner.project_name, id=spec.owner.project_id)
    note("user", spec.owner.user_name, id=spec.owner.user_id)
    if spec.created_at is not None:
        note("created", spec.created_at.isoformat())
    for nic in spec.nics:
        note("port", "", id=nic.port_id)


def _firmware(domain: ET.Element, spec: rpc.ServerSpec, files: ServerFiles) -> None:
    hardware = spec.hardware
    machine = hardware.machine_type or "q35"
    if not MACHINE_TYPE.fullmatch(machine):
        raise BadRequest(f"{machine!r} is not a machine type of this host: q35, pc, pc-q35-7.2 ...")
    if hardware.firmware not in (None, "bios", "uefi"):
        raise BadRequest(f"{hardware.firmware!r} is not a firmware: bios, uefi.")
    os = _add(domain, "os", **({"firmware": "efi"} if hardware.firmware == "uefi" else {}))
    _add(os, "type", "hvm", arch="x86_64", machine=machine)
    if hardware.firmware == "uefi":
        _add(_add(os, "firmware"), "feature", name="secure-boot", enabled="no")
    made = files.made()
    if made.kernel is not None and spec.rescue is None:
        _add(os, "kernel", made.kernel)
        if made.ramdisk is not None:
            _add(os, "initrd", made.ramdisk)
        _add(os, "cmdline", hardware.kernel_arguments or "root=/dev/vda console=tty0 console=ttyS0")
    _add(os, "smbios", mode="sysinfo")


def _add_sysinfo(domain: ET.Element, spec: rpc.ServerSpec) -> None:
    system = _add(_add(domain, "sysinfo", type="smbios"), "system")
    # compat: cloud-init's ds-identify looks for this product name (cloud-init, tools/ds-identify).
    for name, text in (
        ("manufacturer", "OpenStack Foundation"),
        ("product", "OpenStack Nova"),
        ("serial", spec.id),
        ("uuid", spec.id),
        ("family", "Virtual Machine"),
    ):
        _add(system, "entry", text, name=name)


def _processor(domain: ET.Element, spec: rpc.ServerSpec, host: Host) -> None:
    options, hardware = host.options, spec.hardware
    features = _add(domain, "features")
    _add(features, "acpi")
    _add(features, "apic")
    if host.virt_type == "qemu":
        cache = options.translation_cache_mb
        if spec.memory_mb <= options.small_guest_mb:
            cache = max(16, cache // 2)
        _add(_add(features, "tcg"), "tb-cache", cache, unit="MiB")
    model = options.cpu_model or (EMULATED_CPU if host.virt_type == "qemu" else None)
    if model is None:
        cpu = _add(domain, "cpu", mode="host-model", check="partial")
    else:
        cpu = _add(domain, "cpu", mode="custom", match="exact", check="none")
        _add(cpu, "model", model, fallback="allow")
    sockets, cores, threads = _topology(spec.vcpus, hardware)
    _add(cpu, "topology", sockets=sockets, cores=cores, threads=threads)


def _topology(vcpus: int, hardware: rpc.Hardware) -> tuple[int, int, int]:
    """Arrange VCPUs as wished where that is possible; wishes are preferences, not demands."""
    threads = hardware.cpu_threads or 1
    cores = hardware.cpu_cores or (vcpus // (hardware.cpu_sockets * threads) if hardware.cpu_sockets else 1)
    sockets = vcpus // (cores * threads) if cores * threads > 0 else 0
    return (sockets, cores, threads) if sockets * cores * threads == vcpus else (vcpus, 1, 1)


def _disks(spec: rpc.ServerSpec, files: ServerFiles, host: Host) -> Iterator[ET.Element]:
    """Describe the disks in the order in which the guest is to count them."""
    bus = disk_bus(spec.hardware.disk_bus)
    prefix = DISK_BUSES[bus]
    names = device_names(prefix)
    taken: set[str] = set()

    def local(path: Path, disk_format: str, **extras: Any) -> ET.Element:
        device = next(name for name in names if name not in taken)
        taken.add(device)
        disk = _disk("file", disk_format, host)
        _add(disk, "source", file=str(path))
        _add(disk, "target", dev=device, bus=bus)
        if extras.get("read_only"):
            _add(disk, "readonly")
        if "boot" in extras:
            _add(disk, "boot", order=extras["boot"])
        return disk

    if spec.rescue is not None:
        yield local(files.rescue, "qcow2", boot=1)
    first = 1 if spec.rescue is None else 2
    iso = spec.image is not None and spec.image.disk_format == "iso"
    if spec.image is not None:
        yield local(files.root, "qcow2", boot=first + 1 if iso else first)
    boot_volume = next((v for v in spec.volumes if v.boot_index == 0), None) if spec.image is None else None
    if spec.image is None and boot_volume is None:
        raise BadRequest("The server has nothing to boot from: no image and no volume with boot index 0.")
    if boot_volume is not None:
        device = next_device(None, taken, DISK_BUSES.get(boot_volume.bus, "vd"))
        taken.add(device)
        yield volume_element(boot_volume, device, host, bootable=spec.rescue is None)
    if spec.ephemeral_gb:
        yield local(files.ephemeral, "raw")
    if spec.swap_mb:
        yield local(files.swap, "raw")
    if spec.config_drive is not None:
        yield local(files.config_drive, "raw", read_only=True)
    for volume in spec.volumes:
        if volume is not boot_volume:
            device = next_device(volume.device, taken, DISK_BUSES.get(volume.bus, "vd"))
            taken.add(device)
            yield volume_element(volume, device, host)
    if iso:
        yield _cd(files.made().base or "", next_device(None, taken, "sd"), first)


def _disk(kind: str, disk_format: str, host: Host) -> ET.Element:
    disk = ET.Element("disk", type=kind, device="disk")
    _add(disk, "driver", name="qemu", type=disk_format, cache=host.options.disk_cache, discard="unmap")
    return disk


def _cd(path: str, device: str, boot: int) -> ET.Element:
    disk = ET.Element("disk", type="file", device="cdrom")
    _add(disk, "driver", name="qemu", type="raw")
    _add(disk, "source", file=path)
    _add(disk, "target", dev=device, bus="sata")
    _add(disk, "readonly")
    _add(disk, "boot", order=boot)
    return disk


def _add_buses(devices: ET.Element, spec: rpc.ServerSpec, host: Host) -> None:
    """Add free PCIe slots: without them nothing can be plugged into a running q35."""
    _add(devices, "controller", type="usb", model="none")
    if any(device_of(disk) and _bus_of(disk) == "scsi" for disk in devices.iterfind("disk")):
        _add(devices, "controller", type="scsi", model="virtio-scsi")
    machine = spec.hardware.machine_type or "q35"
    if machine == "pc" or machine.startswith("pc-i440fx"):
        return
    virtio_disks = sum(_bus_of(disk) == "virtio" for disk in devices.iterfind("disk"))
    others = sum(len(devices.findall(tag)) for tag in ("interface", "channel", "rng", "memballoon"))
    _add(devices, "controller", type="pci", index=0, model="pcie-root")
    for _ in range(virtio_disks + others + host.options.hotplug_slots):
        _add(devices, "controller", type="pci", model="pcie-root-port")


def _bus_of(disk: ET.Element) -> str:
    target = disk.find("target")
    return target.get("bus", "") if target is not None else ""


def _consoles(devices: ET.Element, spec: rpc.ServerSpec, files: ServerFiles, host: Host) -> None:
    serial = _add(devices, "serial", type="pty")
    _add(serial, "log", file=str(files.console_log), append="off")
    _add(serial, "target", port=0)
    _add(_add(devices, "console", type="pty"), "target", type="serial", port=0)
    for port in range(1, min(4, spec.hardware.serial_ports)):
        _add(_add(devices, "serial", type="pty"), "target", port=port)
    if spec.hardware.guest_agent:
        channel = _add(devices, "channel", type="unix")
        _add(channel, "source", mode="bind")
        _add(channel, "target", type="virtio", name=AGENT_CHANNEL)
    _add(devices, "graphics", type="vnc", socket=str(vnc_socket(host, spec.id)))
    model = spec.hardware.video_model or "vga"
    if model not in VIDEO_MODELS:
        raise BadRequest(f"{model!r} is not a model of a video card: {', '.join(sorted(VIDEO_MODELS))}.")
    _add(_add(devices, "video"), "model", type=model)
    if spec.hardware.rng:
        rng = _add(devices, "rng", model="virtio")
        _add(rng, "backend", "/dev/urandom", model="random")
    _add(_add(devices, "memballoon", model="virtio"), "stats", period=10)


def vnc_socket(host: Host, server_id: str) -> Path:
    """Return the socket on which a running server's screen is served."""
    return host.vnc_directory / server_id


def _add(parent: ET.Element, tag: str, text: object = None, **attributes: object) -> ET.Element:
    element = ET.SubElement(parent, tag, {key: str(value) for key, value in attributes.items()})
    if text is not None:
        element.text = str(text)
    return element


def _printable(text: str) -> str:
    """Take out what XML cannot hold; names are free text."""
    return "".join(character if character.isprintable() else " " for character in text)[:255]
