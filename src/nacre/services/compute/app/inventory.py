"""What placement is told of a host: how much it has of what, and which traits."""

from __future__ import annotations

from typing import Any

import msgspec

from nacre.kernel.context import Context
from nacre.services.compute import rpc
from nacre.services.compute.config import ComputeOptions
from nacre.services.compute.db import hosts
from nacre.services.compute.db.hosts import Host
from nacre.services.placement import client as placement

RECONCILER = "host_inventory"


def wanted(options: ComputeOptions, host: Host) -> dict[str, Any] | None:
    """Return what placement should know of a host; what it knew before where the host cannot say now."""
    status = host.status
    if status.fault is not None or status.vcpus == 0:
        return host.inventory
    totals = {
        "VCPU": (status.vcpus, options.reserved_host_cpus, options.cpu_allocation_ratio),
        "MEMORY_MB": (status.memory_mb, options.reserved_host_memory_mb, options.ram_allocation_ratio),
        "DISK_GB": (status.disk_gb, options.reserved_host_disk_gb, options.disk_allocation_ratio),
    }
    inventories = {
        name: msgspec.to_builtins(
            placement.Inventory(
                total=total, reserved=min(reserved, total - 1), max_unit=total, allocation_ratio=ratio
            )
        )
        for name, (total, reserved, ratio) in totals.items()
        if total > 0
    }
    return {
        "name": host.hypervisor_hostname,
        "inventories": inventories,
        "traits": sorted(set(status.traits)),
    }


def is_other(options: ComputeOptions, before: Host | None, status: rpc.HostStatus) -> bool:
    """Tell whether placement knows a host otherwise than it should by what the host says now."""
    return (
        before is None or wanted(options, msgspec.structs.replace(before, status=status)) != before.inventory
    )


def tell(ctx: Context, host: Host) -> bool:
    """Tell placement of a host where it knows other than it should; tell whether that was so."""
    now = wanted(ctx.config, host)
    if now is None or now == host.inventory:
        return False
    ensure(ctx, host, now)
    ctx.db.run(hosts.update, host.name, inventory=now)
    return True


def ensure(ctx: Context, host: Host, now: dict[str, Any]) -> tuple[str, ...]:
    """See to it that placement knows a host so, whatever it was told; return what was different there."""
    inventories = {
        name: msgspec.convert(values, placement.Inventory) for name, values in now["inventories"].items()
    }
    told = host.inventory or {"inventories": {}, "traits": []}
    formerly = {*told["inventories"], *told["traits"]}
    return placement.ensure_provider(ctx, host.id, now["name"], inventories, now["traits"], formerly=formerly)
