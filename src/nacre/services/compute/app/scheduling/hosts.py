"""A host as the scheduler sees it, and what a server asks of a host: plain values for pure functions."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from nacre.services.compute.db.hosts import Aggregate, Host
from nacre.services.compute.db.tables import FlavorCopy

ZONE_PROPERTY = "availability_zone"


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """One host that might take the server."""

    name: str
    provider_id: str
    hypervisor_hostname: str
    zone: str
    up: bool
    silent_seconds: float = 0.0
    disabled: bool = False
    disabled_reason: str = ""
    trouble: str = ""  # what the hypervisor suffers from
    arch: str = ""
    hypervisor_type: str = ""
    busy: int = 0
    free: dict[str, float] = {}  # resource class → what placement has left
    capacity: dict[str, float] = {}  # resource class → what placement has in all
    largest: dict[str, int] = {}  # resource class → the most that one server may take
    traits: frozenset[str] = frozenset()
    properties: dict[str, tuple[str, ...]] = {}  # of its aggregates: key → values
    has_room: bool = True  # placement offered it


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What a server asks of a host."""

    server_id: str
    project_id: str
    flavor: FlavorCopy
    image_properties: dict[str, str] = {}
    zone: str | None = None
    host: str | None = None
    hypervisor_hostname: str | None = None
    excluded: tuple[str, ...] = ()
    leaves: str | None = None  # the host where it is, if it is to go elsewhere
    same_host: frozenset[str] | None = None  # names of hosts, from servers named in hints
    different_host: frozenset[str] = frozenset()
    query: Any = None
    group_policy: str | None = None
    group_hosts: dict[str, int] = {}  # host → how many members of the server's group are there
    group_limit: int = 1

    def is_particular(self) -> bool:
        """Tell whether it may be that only a few hosts of many will do, or that some are liked much more."""
        named = self.zone or self.host or self.hypervisor_hostname or self.query
        together = self.group_policy in ("affinity", "soft-affinity")
        return bool(named or together or self.same_host is not None)


def resources(flavor: FlavorCopy) -> dict[str, int]:
    """Return what a flavor takes, by placement's resource classes."""
    swap_gb = -(-flavor.swap_mb // 1024)
    wanted = {
        "VCPU": flavor.vcpus,
        "MEMORY_MB": flavor.memory_mb,
        "DISK_GB": flavor.root_gb + flavor.ephemeral_gb + swap_gb,
    }
    for key, value in flavor.extra_specs.items():
        name = key.removeprefix("resources:")
        if name != key and value.isdigit():
            wanted[name] = int(value)
    return {name: amount for name, amount in wanted.items() if amount}


def traits(flavor: FlavorCopy, image_properties: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """Return the traits that a host must have, and those that it must not have."""
    required: list[str] = []
    forbidden: list[str] = []
    for key, value in {**image_properties, **flavor.extra_specs}.items():
        name = key.removeprefix("trait:")
        if name != key:
            (required if value == "required" else forbidden).append(name)
    return required, forbidden


def zone_of(host: str, aggregates: list[Aggregate], default: str) -> str:
    """Return the availability zone of a host."""
    for aggregate in aggregates:
        if host in aggregate.hosts and ZONE_PROPERTY in aggregate.properties:
            return aggregate.properties[ZONE_PROPERTY]
    return default


def properties_of(host: str, aggregates: list[Aggregate]) -> dict[str, tuple[str, ...]]:
    """Return the properties of a host's aggregates; several may name one key."""
    found: dict[str, tuple[str, ...]] = {}
    for aggregate in aggregates:
        if host in aggregate.hosts:
            for key, value in aggregate.properties.items():
                found[key] = (*found.get(key, ()), value)
    return found


def candidate(
    host: Host,
    aggregates: list[Aggregate],
    *,
    default_zone: str,
    up: bool,
    silent_seconds: float,
    offered: bool,
    capacity: Mapping[str, float],
    used: Mapping[str, float],
    traits: Collection[str] | None = None,
) -> Candidate:
    """Put together what the scheduler must know of a host; what placement has of it where that is known."""
    status = host.status
    told: Any = (host.inventory or {}).get("inventories", {})
    return Candidate(
        name=host.name,
        provider_id=host.id,
        hypervisor_hostname=host.hypervisor_hostname,
        zone=zone_of(host.name, aggregates, default_zone),
        up=up,
        silent_seconds=silent_seconds,
        disabled=host.disabled,
        disabled_reason=host.disabled_reason or "",
        trouble=status.fault.message if status.fault else "",
        arch=status.cpu_info.arch,
        hypervisor_type=status.hypervisor_type,
        busy=status.busy,
        free={name: float(total - used.get(name, 0)) for name, total in capacity.items()},
        capacity={name: float(total) for name, total in capacity.items()},
        largest={name: int(each["max_unit"]) for name, each in told.items()},
        traits=frozenset(status.traits if traits is None else traits),
        properties=properties_of(host.name, aggregates),
        has_room=offered,
    )
