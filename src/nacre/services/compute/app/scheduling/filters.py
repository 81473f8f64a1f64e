"""Filters: each looks at one host and one wish and returns why the host will not do, or None.

FILTERS is the whole list, in the order in which they are asked; the first refusal counts.  Reasons are
written for people: they end up in the scheduling record, and for administrators in the server's fault.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import msgspec

from nacre.services.compute.app.scheduling import shortages
from nacre.services.compute.app.scheduling.hosts import Candidate, Wish

Filter = Callable[[Candidate, Wish], str | None]

AFFINITY, ANTI_AFFINITY = "affinity", "anti-affinity"
PROJECT_PROPERTY = "filter_tenant_id"
SPEC_SCOPE = "aggregate_instance_extra_specs:"


def requested_host(host: Candidate, wish: Wish) -> str | None:
    """Only the host that an administrator named."""
    if wish.host is not None and host.name != wish.host:
        return f"the server was asked to be on host {wish.host}"
    if wish.hypervisor_hostname is not None and host.hypervisor_hostname != wish.hypervisor_hostname:
        return f"the server was asked to be on hypervisor {wish.hypervisor_hostname}"
    return None


def elsewhere(host: Candidate, wish: Wish) -> str | None:
    """Another host than the one that the server is to leave."""
    return "the server is on it now" if host.name == wish.leaves else None


def not_tried_before(host: Candidate, wish: Wish) -> str | None:
    """No host that failed to make this server already."""
    return "an earlier attempt to bring the server here failed" if host.name in wish.excluded else None


def reports(host: Candidate, wish: Wish) -> str | None:
    """No host whose agent is silent, or whose hypervisor is away."""
    if not host.up:
        return f"its agent has not reported for {host.silent_seconds:.0f} seconds"
    return f"its hypervisor has trouble: {host.trouble}" if host.trouble else None


def enabled(host: Candidate, wish: Wish) -> str | None:
    """No host that operators keep new servers away from."""
    if not host.disabled:
        return None
    return f"it is disabled: {host.disabled_reason}" if host.disabled_reason else "it is disabled"


def room(host: Candidate, wish: Wish) -> str | None:
    """Only hosts that placement offered: enough of everything, and the traits that are asked for."""
    if host.has_room:
        return None
    lacks = shortages.of(host, wish)
    return "; ".join(each.reason for each in lacks) or "placement does not offer it"


def zone(host: Candidate, wish: Wish) -> str | None:
    """Only hosts of the availability zone."""
    if wish.zone is not None and host.zone != wish.zone:
        return f"it is in availability zone {host.zone}, not {wish.zone}"
    return None


def architecture(host: Candidate, wish: Wish) -> str | None:
    """Only hosts that can run what the image is made for."""
    wanted = wish.image_properties.get("hw_architecture") or wish.image_properties.get("architecture")
    if wanted and host.arch and wanted != host.arch:
        return f"the image is for {wanted}, the host is {host.arch}"
    kind = wish.image_properties.get("img_hv_type")
    if kind and host.hypervisor_type and kind.lower() not in (host.hypervisor_type.lower(), "kvm", "qemu"):
        return f"the image is for hypervisor {kind}, the host has {host.hypervisor_type}"
    return None


def project(host: Candidate, wish: Wish) -> str | None:
    """Hosts that aggregates keep for certain projects are for those only."""
    allowed = [
        project.strip()
        for key, values in host.properties.items()
        if key.startswith(PROJECT_PROPERTY)
        for value in values
        for project in value.split(",")
    ]
    if allowed and wish.project_id not in allowed:
        return "it is kept for other projects"
    return None


def aggregate_specs(host: Candidate, wish: Wish) -> str | None:
    """What the flavor asks of aggregates."""
    for key, wanted in wish.flavor.extra_specs.items():
        name = key.removeprefix(SPEC_SCOPE)
        if name != key and wanted not in host.properties.get(name, ()):
            return f"the flavor asks for an aggregate with {name}={wanted}"
    return None


def same_host(host: Candidate, wish: Wish) -> str | None:
    """Beside the servers that the user wants to be near."""
    if wish.same_host is not None and host.name not in wish.same_host:
        return "none of the servers named by same_host is here"
    return None


def different_host(host: Candidate, wish: Wish) -> str | None:
    """Apart from the servers that the user wants to be away from."""
    return "a server named by different_host is here" if host.name in wish.different_host else None


def group(host: Candidate, wish: Wish) -> str | None:
    """As the server's group wants it: together, or apart."""
    if wish.group_policy == ANTI_AFFINITY and wish.group_hosts.get(host.name, 0) >= wish.group_limit:
        return f"{wish.group_hosts[host.name]} server(s) of its anti-affinity group are here"
    if wish.group_policy == AFFINITY and wish.group_hosts and host.name not in wish.group_hosts:
        return "the servers of its affinity group are elsewhere"
    return None


def query(host: Candidate, wish: Wish) -> str | None:
    """The hint `query`: a condition in JSON on what the host has left."""
    if wish.query is None or _holds(wish.query, host):
        return None
    return "the condition in the hint `query` does not hold"


_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq, "<": operator.lt, ">": operator.gt, "<=": operator.le, ">=": operator.ge,
}  # fmt: skip
_DEEPEST = 10


def _holds(condition: Any, host: Candidate, depth: int = 0) -> bool:
    """Evaluate `["and", [">=", "$free_ram_mb", 1024], …]`; what makes no sense does not hold."""
    if not isinstance(condition, list) or len(condition) < 2 or depth > _DEEPEST:
        return False
    word, *arguments = condition
    if word == "and":
        return all(_holds(each, host, depth + 1) for each in arguments)
    if word == "or":
        return any(_holds(each, host, depth + 1) for each in arguments)
    if word == "not":
        return not _holds(arguments[0], host, depth + 1)
    first, *others = [_value(each, host) for each in arguments]
    try:
        if word == "in":
            return first in others
        return bool(others) and all(_COMPARE[word](first, each) for each in others)
    except (KeyError, TypeError):
        return False


def _value(argument: Any, host: Candidate) -> Any:
    if not isinstance(argument, str) or not argument.startswith("$"):
        return argument
    known = {
        "$free_ram_mb": host.free.get("MEMORY_MB"),
        "$free_disk_mb": host.free.get("DISK_GB", 0) * 1024,
        "$vcpus_free": host.free.get("VCPU"),
        "$hypervisor_hostname": host.hypervisor_hostname,
        "$host": host.name,
        "$num_io_ops": host.busy,
    }
    return known.get(argument)


FILTERS: tuple[Filter, ...] = (
    requested_host,
    elsewhere,
    not_tried_before,
    reports,
    enabled,
    zone,
    architecture,
    project,
    aggregate_specs,
    same_host,
    different_host,
    group,
    query,
    room,
)

ALWAYS: tuple[Filter, ...] = (requested_host, elsewhere, not_tried_before, room)
"""What counts even where an administrator forces a host."""


#: What may be said to users when a filter refuses; where nothing is said here, the filter's name.
CAUSES: dict[Filter, Callable[[Candidate, Wish], str]] = {
    requested_host: lambda host, wish: "not the host that was asked for",
    elsewhere: lambda host, wish: "where the server is now",
    not_tried_before: lambda host, wish: "failed to take the server before",
    reports: lambda host, wish: "in trouble" if host.up else "down",
    enabled: lambda host, wish: "disabled",
    zone: lambda host, wish: f"not in availability zone {wish.zone}",
    architecture: lambda host, wish: "not able to run this kind of image",
    project: lambda host, wish: "kept for other projects",
    aggregate_specs: lambda host, wish: "in no aggregate that the flavor asks for",
    same_host: lambda host, wish: "without the servers that same_host names",
    different_host: lambda host, wish: "with a server that different_host names",
    group: lambda host, wish: (
        "with servers of its anti-affinity group"
        if wish.group_policy == ANTI_AFFINITY
        else "without the servers of its affinity group"
    ),
    query: lambda host, wish: "not as the hint query wants it",
    room: lambda host, wish: next((each.cause for each in shortages.of(host, wish)), "without room"),
}


class Verdict(msgspec.Struct, frozen=True):
    """Which filter refused, and why: for operators, and as it may be said to users."""

    by: str
    reason: str
    cause: str = ""


def refuse(host: Candidate, wish: Wish, filters: tuple[Filter, ...] = FILTERS) -> Verdict | None:
    """Return the first refusal, or None where the host will do."""
    for each in filters:
        reason = each(host, wish)
        if reason is not None:
            cause = CAUSES.get(each)
            return Verdict(each.__name__, reason, cause(host, wish) if cause else "")
    return None
