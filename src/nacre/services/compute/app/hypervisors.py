"""Hypervisors: what each host has, and what its servers take of it.

What a host has is as its agent last reported; what is taken is what servers were promised (their flavors), as the
scheduler counts, and for disks what is really in use.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from nacre.kernel.context import Context
from nacre.kernel.db import Page, Transaction
from nacre.services.compute.app import services
from nacre.services.compute.app.services import Service
from nacre.services.compute.db import hosts
from nacre.services.compute.db import servers as server_rows
from nacre.services.compute.db.hosts import Aggregate, Host
from nacre.services.compute.db.servers import Promised
from nacre.services.compute.errors import HypervisorNotFound


class Hypervisor(msgspec.Struct, frozen=True):
    """A host with what its servers take of it, and maybe the servers themselves (id and name)."""

    host: Host
    service: Service
    promised: Promised
    reserved_memory_mb: int
    servers: list[tuple[str, str]] | None = None

    @property
    def memory_used_mb(self) -> int:
        return min(self.promised.memory_mb + self.reserved_memory_mb, self.host.status.memory_mb)

    @property
    def memory_free_mb(self) -> int:
        return self.host.status.memory_mb - self.memory_used_mb

    @property
    def disk_used_gb(self) -> int:
        return self.host.status.disk_gb - self.host.status.disk_free_gb


class Statistics(msgspec.Struct, frozen=True, kw_only=True):
    """All enabled hypervisors together."""

    count: int = 0
    vcpus: int = 0
    vcpus_used: int = 0
    memory_mb: int = 0
    memory_mb_used: int = 0
    free_ram_mb: int = 0
    local_gb: int = 0
    local_gb_used: int = 0
    free_disk_gb: int = 0
    disk_available_least: int = 0
    current_workload: int = 0
    running_vms: int = 0


def index(ctx: Context, page: Page, *, by_number: bool, with_servers: bool = False) -> list[Hypervisor]:
    """Return one page of hypervisors; the page's marker is a number or an id."""
    found = ctx.db.read(hosts.index, page, by_number=by_number)
    return _described(ctx, found, with_servers=with_servers)


def like(ctx: Context, text: str, *, with_servers: bool = False) -> list[Hypervisor]:
    """Return the hypervisors with this text in their hostname."""
    return _described(ctx, ctx.db.read(hosts.like, text), with_servers=with_servers)


def get(ctx: Context, hypervisor_id: str | int, *, with_servers: bool = False) -> Hypervisor:
    """Return a hypervisor by its id, or by the number that it had up to 2.52; raises HypervisorNotFound."""
    host = ctx.db.read(hosts.by_id, hypervisor_id)
    if host is None:
        raise HypervisorNotFound(str(hypervisor_id))
    return _described(ctx, [host], with_servers=with_servers)[0]


def on_host(ctx: Context, name: str) -> Hypervisor | None:
    """Return the hypervisor of a host, or None."""
    host = ctx.db.read(hosts.find, name)
    return _described(ctx, [host])[0] if host is not None else None


class Share(msgspec.Struct, frozen=True):
    """What one project's servers may use of a host."""

    vcpus: int = 0
    memory_mb: int = 0
    disk_gb: int = 0


def shares(ctx: Context, host: str) -> dict[str, Share]:
    """Return what each project's servers may use of a host."""
    found: dict[str, Share] = {}
    for server in sorted(ctx.db.read(server_rows.on_host, host), key=lambda each: each.project_id):
        share, flavor = found.get(server.project_id, Share()), server.flavor
        found[server.project_id] = Share(
            share.vcpus + flavor.vcpus,
            share.memory_mb + flavor.memory_mb,
            share.disk_gb + flavor.root_gb + flavor.ephemeral_gb,
        )
    return found


def statistics(ctx: Context) -> Statistics:
    """Add up what all enabled hypervisors have and use."""
    found = [each for each in _described(ctx, ctx.db.read(hosts.every)) if not each.host.disabled]
    return Statistics(
        count=len(found),
        vcpus=sum(each.host.status.vcpus for each in found),
        vcpus_used=sum(each.promised.vcpus for each in found),
        memory_mb=sum(each.host.status.memory_mb for each in found),
        memory_mb_used=sum(each.memory_used_mb for each in found),
        free_ram_mb=sum(each.memory_free_mb for each in found),
        local_gb=sum(each.host.status.disk_gb for each in found),
        local_gb_used=sum(each.disk_used_gb for each in found),
        free_disk_gb=sum(each.host.status.disk_free_gb for each in found),
        disk_available_least=sum(each.host.status.disk_free_gb for each in found),
        current_workload=sum(each.host.status.busy for each in found),
        running_vms=sum(each.promised.servers for each in found),
    )


def _described(ctx: Context, found: Sequence[Host], *, with_servers: bool = False) -> list[Hypervisor]:
    """Add to hosts what is known of their servers and zones; three queries for all."""
    names = [host.name for host in found]

    def read(
        tx: Transaction,
    ) -> tuple[dict[str, Promised], list[Aggregate], dict[str, list[tuple[str, str]]]]:
        return (
            server_rows.promised(tx, names),
            hosts.all_aggregates(tx),
            server_rows.names_on(tx, names) if with_servers else {},
        )

    promised, groups, servers = ctx.db.read(read)
    return [
        Hypervisor(
            host=host,
            service=services.of_host(ctx, host, groups),
            promised=promised.get(host.name, Promised()),
            reserved_memory_mb=ctx.config.reserved_host_memory_mb,
            servers=servers.get(host.name, []) if with_servers else None,
        )
        for host in found
    ]
