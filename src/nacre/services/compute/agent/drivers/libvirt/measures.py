"""What the host has, what its guests use, and what they wrote to their consoles."""

import os
import platform
import shutil
import xml.etree.ElementTree as ET
from contextlib import suppress
from functools import cache
from pathlib import Path

import libvirt
import os_traits

from nacre.services.compute import rpc
from nacre.services.compute.agent.drivers.libvirt.connection import meanings
from nacre.services.compute.agent.drivers.libvirt.disks import Disks
from nacre.services.compute.agent.drivers.libvirt.domains import Host, device_of

GIB = 1 << 30

#: What this driver can do, in the words of os-traits.
TRAITS = (
    "COMPUTE_ARCH_X86_64", "COMPUTE_FIRMWARE_BIOS", "COMPUTE_GRAPHICS_MODEL_BOCHS",
    "COMPUTE_GRAPHICS_MODEL_CIRRUS", "COMPUTE_GRAPHICS_MODEL_NONE", "COMPUTE_GRAPHICS_MODEL_VGA",
    "COMPUTE_GRAPHICS_MODEL_VIRTIO", "COMPUTE_IMAGE_TYPE_AKI", "COMPUTE_IMAGE_TYPE_AMI",
    "COMPUTE_IMAGE_TYPE_ARI", "COMPUTE_IMAGE_TYPE_ISO", "COMPUTE_IMAGE_TYPE_QCOW2", "COMPUTE_IMAGE_TYPE_RAW",
    "COMPUTE_NET_ATTACH_INTERFACE", "COMPUTE_NET_VIF_MODEL_E1000", "COMPUTE_NET_VIF_MODEL_E1000E",
    "COMPUTE_NET_VIF_MODEL_RTL8139", "COMPUTE_NET_VIF_MODEL_VIRTIO",
    "COMPUTE_NODE", "COMPUTE_RESCUE_BFV", "COMPUTE_STORAGE_BUS_SATA", "COMPUTE_STORAGE_BUS_SCSI",
    "COMPUTE_STORAGE_BUS_VIRTIO", "COMPUTE_VOLUME_ATTACH", "COMPUTE_VOLUME_EXTEND",
    "COMPUTE_VOLUME_MULTI_ATTACH",
)  # fmt: skip
UEFI_FIRMWARE = Path("/usr/share/OVMF/OVMF_CODE_4M.fd")

#: Processor flags whose trait has another name than the flag.
FLAG_TRAITS = {
    "pni": "SSE3", "sse4_1": "SSE41", "sse4_2": "SSE42", "pclmulqdq": "CLMUL", "fma": "FMA3", "aes": "AESNI",
    "sha_ni": "SHA", "bmi1": "BMI", "3dnow": "3DNOW", "avx512vaes": "AVX512VAES", "avx512_vnni": "AVX512VNNI",
    "avx512_vbmi2": "AVX512VBMI2", "avx512_bitalg": "AVX512BITALG", "avx512_vpopcntdq": "AVX512VPOPCNTDQ",
    "gfni": "AVX512GFNI", "vaes": "AVX512VAES", "vpclmulqdq": "AVX512VPCLMULQDQ", "rtm": "TSX",
    "amx_bf16": "AMXBF16", "amx_int8": "AMXINT8", "amx_tile": "AMXTILE",
}  # fmt: skip


def host_status(
    host: str, connection: "libvirt.virConnect", machine: Host, state_dir: Path, disks: Disks
) -> rpc.HostStatus:
    """Say what the host is and has."""
    with meanings("The hypervisor does not answer."):
        domains = connection.listAllDomains()
        version = connection.getVersion()
        name = connection.getHostname()
        used = [domain.info()[1] // 1024 for domain in domains if domain.isActive()]
    space = shutil.disk_usage(state_dir)
    cpu = _cpu_info()
    traits = {*TRAITS, *(_cpu_traits(cpu.features) if machine.virt_type == "kvm" else ())}
    if UEFI_FIRMWARE.exists():
        traits.add("COMPUTE_FIRMWARE_UEFI")
    return rpc.HostStatus(
        host=host,
        hypervisor_hostname=name,
        hypervisor_type="QEMU",
        hypervisor_version=version,
        virt_type=machine.virt_type,
        vcpus=os.cpu_count() or 1,
        memory_mb=max(0, _memory_mb() - machine.options.reserved_memory_mb),
        memory_used_mb=sum(used),
        disk_gb=space.total // GIB,
        disk_free_gb=space.free // GIB,
        cpu_info=cpu,
        traits=tuple(sorted(traits)),
        supported=(("x86_64", machine.virt_type, "hvm"), ("i686", machine.virt_type, "hvm")),
        uptime_seconds=int(float(Path("/proc/uptime").read_text().split()[0])),
        load_average=os.getloadavg(),
        servers=len(domains),
        running_servers=len(used),
        cached_images=tuple(disks.images.names()),
    )


def diagnostics(domain: "libvirt.virDomain", machine: Host, *, config_drive: bool) -> rpc.Diagnostics:
    """Say what a running guest uses."""
    state, memory_kib, _used, _vcpus, cpu_time = domain.info()
    memory = domain.memoryStats()
    root = ET.fromstring(domain.XMLDesc())
    return rpc.Diagnostics(
        state=rpc.ServerState.PAUSED if state == libvirt.VIR_DOMAIN_PAUSED else rpc.ServerState.RUNNING,
        driver="libvirt",
        hypervisor=machine.virt_type,
        hypervisor_os=platform.system().lower(),
        uptime_seconds=memory.get("uptime", 0),
        config_drive=config_drive,
        cpus=tuple(rpc.CpuUse(time_ns=vcpu[2]) for vcpu in domain.vcpus()[0])
        or (rpc.CpuUse(time_ns=cpu_time),),
        nics=tuple(_nic_use(domain, element) for element in root.iterfind("./devices/interface")),
        disks=tuple(_disk_use(domain, device_of(disk)) for disk in root.iterfind("./devices/disk")),
        memory_mb=memory_kib // 1024,
        memory_used_mb=max(0, memory.get("available", 0) - memory.get("unused", 0)) // 1024,
    )


def _nic_use(domain: "libvirt.virDomain", interface: ET.Element) -> rpc.NicUse:
    mac, target = interface.find("mac"), interface.find("target")
    address = mac.get("address", "") if mac is not None else ""
    use = [0] * 8
    with suppress(libvirt.libvirtError):  # a tap device that is being replaced
        use = domain.interfaceStats(target.get("dev", "") if target is not None else "")
    return rpc.NicUse(
        mac_address=address,
        rx_bytes=use[0],
        rx_packets=use[1],
        rx_errors=use[2],
        rx_drop=use[3],
        tx_bytes=use[4],
        tx_packets=use[5],
        tx_errors=use[6],
        tx_drop=use[7],
    )


def _disk_use(domain: "libvirt.virDomain", device: str) -> rpc.DiskUse:
    use = domain.blockStats(device)
    return rpc.DiskUse(
        device=device,
        read_requests=use[0],
        read_bytes=use[1],
        write_requests=use[2],
        write_bytes=use[3],
        errors=max(0, use[4]),
    )


def serial_device(description: str) -> str:
    """Return the terminal device of a domain's first serial port."""
    source = ET.fromstring(description).find("./devices/serial/source")
    return source.get("path", "") if source is not None else ""


def console_log(path: Path, length: int | None) -> str:
    """Return the last lines of a console log, of which virtlogd keeps one older part."""
    parts = [part.read_bytes() for part in (path.with_name(path.name + ".0"), path) if part.exists()]
    text = b"".join(parts).decode("utf-8", errors="replace")
    if length is None:
        return text
    return "".join(text.splitlines(keepends=True)[-length:]) if length > 0 else ""


@cache
def _cpu_info() -> rpc.CpuInfo:
    """Read what the machine says of its processors, once."""
    fields: dict[str, str] = {}
    sockets: set[str] = set()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        key, _colon, value = line.partition(":")
        fields.setdefault(key.strip(), value.strip())
        if key.strip() == "physical id":
            sockets.add(value.strip())
    processors, packages = os.cpu_count() or 1, max(1, len(sockets))
    cores = int(fields.get("cpu cores", "0") or 0) or max(1, processors // packages)
    return rpc.CpuInfo(
        arch=platform.machine(),
        model=fields.get("model name", ""),
        vendor={"AuthenticAMD": "AMD", "GenuineIntel": "Intel"}.get(fields.get("vendor_id", ""), ""),
        features=tuple(sorted(fields.get("flags", "").split())),
        sockets=packages,
        cores=cores,
        threads=max(1, processors // (packages * cores)),
    )


def _cpu_traits(flags: tuple[str, ...]) -> set[str]:
    known = set(os_traits.get_traits("HW_CPU_X86_"))
    return {f"HW_CPU_X86_{FLAG_TRAITS.get(flag, flag.upper())}" for flag in flags} & known


def _memory_mb() -> int:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >> 20
