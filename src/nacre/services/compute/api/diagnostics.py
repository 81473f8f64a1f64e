"""/servers/{id}/diagnostics: what a guest uses, in one format for all drivers from 2.48 on."""

from __future__ import annotations

from typing import Any

from nacre.kernel.http.request import Request
from nacre.kernel.http.routing import Routes
from nacre.services.compute import policy as rules
from nacre.services.compute.app import diagnostics, servers
from nacre.services.compute.db.servers import Server
from nacre.services.compute.rpc import Diagnostics

routes = Routes("/v2.1/servers/{server_id}/diagnostics")


@routes.get(policy=rules.DIAGNOSTICS, load=servers.get, until="2.47")
def show_free_form(req: Request, server: Server) -> dict[str, Any]:
    found = diagnostics.get(req.ctx, server)
    shown: dict[str, Any] = {"memory": found.memory_mb * 1024, "memory-rss": found.memory_used_mb * 1024}
    for number, cpu in enumerate(found.cpus):
        shown[f"cpu{number}_time"] = cpu.time_ns
    for disk in found.disks:
        shown |= {
            f"{disk.device}_read": disk.read_bytes, f"{disk.device}_read_req": disk.read_requests,
            f"{disk.device}_write": disk.write_bytes, f"{disk.device}_write_req": disk.write_requests,
            f"{disk.device}_errors": disk.errors,
        }  # fmt: skip
    for nic in found.nics:
        for name in ("rx", "tx"):
            for what in ("packets", "errors", "drop"):
                shown[f"{nic.mac_address}_{name}_{what}"] = getattr(nic, f"{name}_{what}")
            shown[f"{nic.mac_address}_{name}"] = getattr(nic, f"{name}_bytes")
    return shown


@routes.get(policy=rules.DIAGNOSTICS, load=servers.get, since="2.48")
def show(req: Request, server: Server) -> dict[str, Any]:
    return _standard(diagnostics.get(req.ctx, server))


DRIVERS = frozenset(("libvirt", "xenapi", "vmwareapi", "ironic", "hyperv"))


def _driver(name: str) -> str:
    # compat: clients know these names only; nova's own imitation of a driver calls itself libvirt too
    # (Compute API, "Show Server Diagnostics"; nova, virt/fake.py)
    return name if name in DRIVERS else "libvirt"


def _standard(found: Diagnostics) -> dict[str, Any]:
    return {
        "state": str(found.state),
        "driver": _driver(found.driver),
        "hypervisor": found.hypervisor or None,
        "hypervisor_os": found.hypervisor_os or None,
        "uptime": found.uptime_seconds,
        "config_drive": found.config_drive,
        "num_cpus": len(found.cpus),
        "num_nics": len(found.nics),
        "num_disks": len(found.disks),
        "memory_details": {"maximum": found.memory_mb, "used": found.memory_used_mb},
        "cpu_details": [
            {
                "id": number,
                "time": cpu.time_ns,
                "utilisation": None if cpu.utilisation is None else round(cpu.utilisation),
            }
            for number, cpu in enumerate(found.cpus)
        ],
        "nic_details": [
            {
                "mac_address": nic.mac_address,
                "rx_octets": nic.rx_bytes, "rx_errors": nic.rx_errors, "rx_drop": nic.rx_drop,
                "rx_packets": nic.rx_packets, "rx_rate": None,
                "tx_octets": nic.tx_bytes, "tx_errors": nic.tx_errors, "tx_drop": nic.tx_drop,
                "tx_packets": nic.tx_packets, "tx_rate": None,
            }
            for nic in found.nics
        ],
        "disk_details": [
            {
                "read_bytes": disk.read_bytes, "read_requests": disk.read_requests,
                "write_bytes": disk.write_bytes, "write_requests": disk.write_requests,
                "errors_count": disk.errors,
            }
            for disk in found.disks
        ],
    }  # fmt: skip
