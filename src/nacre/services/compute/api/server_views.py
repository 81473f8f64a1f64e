"""What answers show of a server, for every microversion.

Three shapes: the line in a list, the limited view that updating and rebuilding answered up to 2.74, and
the whole.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from nacre.kernel.clock import isoformat, isoformat_bare
from nacre.kernel.http.request import Request
from nacre.kernel.wire import BRIEF, SHOW, Resource, field
from nacre.services.compute import policy as rules
from nacre.services.compute import versions
from nacre.services.compute.api import links
from nacre.services.compute.app import servers, states
from nacre.services.compute.app.servers import Details
from nacre.services.compute.db.nics import Nic
from nacre.services.compute.db.servers import Server as Row


def host_id(project_id: str, host: str | None) -> str:
    """Return a name for a host that tells a project which of its servers share one, and nothing else."""
    if not host:
        return ""
    return hashlib.sha224((project_id + host).encode(), usedforsecurity=False).hexdigest()


def _image(req: Request, thing: Details) -> Any:
    image_id = thing.server.image_id
    if image_id is None:
        return ""  # compat: booted from a volume (Compute API, "image" of a server)
    return {"id": image_id, "links": links.bookmark(req, "images", image_id)}


def _flavor_link(req: Request, thing: Details) -> dict[str, Any]:
    flavor_id = thing.server.flavor.id
    return {"id": flavor_id, "links": links.bookmark(req, "flavors", flavor_id)}


def _flavor(req: Request, thing: Details) -> dict[str, Any]:
    flavor = thing.server.flavor
    shown: dict[str, Any] = {
        "vcpus": flavor.vcpus,
        "ram": flavor.memory_mb,
        "disk": flavor.root_gb,
        "ephemeral": flavor.ephemeral_gb,
        "swap": flavor.swap_mb,
        "original_name": flavor.name,
    }
    if req.visible(rules.SHOW_EXTRA_SPECS, thing):
        shown["extra_specs"] = flavor.extra_specs
    return shown


def addresses(nics: Sequence[Nic], *, extended: bool) -> dict[str, list[dict[str, Any]]]:
    """Return a server's addresses by the names of its networks."""
    shown: dict[str, list[dict[str, Any]]] = {}
    for nic in nics:
        listed = shown.setdefault(nic.network_name, [])
        for address in nic.addresses:
            for kind, texts in (("fixed", (address.address,)), ("floating", address.floating)):
                for text in texts:
                    entry: dict[str, Any] = {"version": 6 if ":" in text else 4, "addr": text}
                    if extended:
                        entry["OS-EXT-IPS:type"] = kind
                        entry["OS-EXT-IPS-MAC:mac_addr"] = nic.mac_address
                    listed.append(entry)
    return shown


def _host_status(req: Request, thing: Details) -> str:
    host = thing.host
    if host is None:
        return "UNKNOWN" if thing.server.host else ""
    if host.forced_down:
        return "DOWN"
    if host.disabled:
        return "MAINTENANCE"
    return "UP" if host.is_up(req.ctx.clock.now(), req.ctx.config.host_down_seconds) else "UNKNOWN"


def _instance_name(req: Request, thing: Details) -> str:
    return thing.server.hypervisor_name or f"instance-{thing.server.id[:8]}"


def _image_property(name: str) -> Any:
    def read(req: Request, thing: Details) -> str | None:
        return thing.server.image.properties.get(name) if thing.server.image else None

    return read


class Line(Resource):
    """A server in a list without details."""

    key, keys = "server", "servers"

    id = field(SHOW, BRIEF)
    name = field(SHOW, BRIEF, source="server.name")
    links = field(SHOW, BRIEF, source=lambda req, thing: links.of(req, "servers", thing.id))


class Limited(Line):
    """What updating and rebuilding answer up to 2.74."""

    status = field(SHOW, source=lambda req, thing: states.status(thing.server))
    tenant_id = field(SHOW, source="server.project_id")
    user_id = field(SHOW, source="server.user_id")
    metadata = field(SHOW)
    hostId = field(  # noqa: N815 - so it travels
        SHOW, source=lambda req, thing: host_id(thing.server.project_id, thing.server.host)
    )
    image = field(SHOW, source=_image)
    flavor_link = field(SHOW, wire="flavor", source=_flavor_link, until="2.46")
    flavor = field(SHOW, source=_flavor, since="2.47")
    created = field(SHOW, source="server.created_at", render=isoformat)
    updated = field(SHOW, source="server.updated_at", render=isoformat)
    addresses = field(SHOW, source=lambda req, thing: addresses(thing.nics, extended=False))
    access_ipv4 = field(SHOW, wire="accessIPv4", source="server.access_ipv4", render=lambda ip: ip or "")
    access_ipv6 = field(SHOW, wire="accessIPv6", source="server.access_ipv6", render=lambda ip: ip or "")
    disk_config = field(SHOW, wire="OS-DCF:diskConfig", source="server.disk_config")
    locked = field(SHOW, source="server.locked", since="2.9")
    description = field(SHOW, source="server.description", since="2.19")
    tags = field(SHOW, since="2.26")
    trusted_image_certificates = field(SHOW, source=lambda req, thing: None, since="2.63")
    server_groups = field(
        SHOW, source=lambda req, thing: [thing.group_id] if thing.group_id else [], since="2.71"
    )
    locked_reason = field(SHOW, source="server.locked_reason", since="2.73")


class Rebuilt(Limited):
    """The same with what a rebuild may have changed."""

    key_name = field(SHOW, source="server.key_name", since="2.54")
    user_data = field(SHOW, source="server.user_data", since="2.57")


class Whole(Limited):
    """A server, whole; some of it only for those who may see it."""

    addresses = field(SHOW, source=lambda req, thing: addresses(thing.nics, extended=True))
    key_name = field(SHOW, source="server.key_name")
    config_drive = field(SHOW, source="server.config_drive", render=lambda drive: "True" if drive else "")
    zone = field(SHOW, wire="OS-EXT-AZ:availability_zone", source=lambda req, thing: _zone(thing.server))
    launched_at = field(
        SHOW, wire="OS-SRV-USG:launched_at", source="server.launched_at", render=isoformat_bare
    )
    terminated_at = field(
        SHOW, wire="OS-SRV-USG:terminated_at", source="server.terminated_at", render=isoformat_bare
    )
    task_state = field(SHOW, wire="OS-EXT-STS:task_state", source="server.task_state")
    vm_state = field(SHOW, wire="OS-EXT-STS:vm_state", source="server.vm_state")
    power_state = field(SHOW, wire="OS-EXT-STS:power_state", source="server.power_state")
    old_volumes = field(
        SHOW, wire="os-extended-volumes:volumes_attached", source=lambda req, thing: [], until="2.2"
    )
    volumes = field(
        SHOW, wire="os-extended-volumes:volumes_attached", source=lambda req, thing: [], since="2.3"
    )
    host = field(SHOW, wire="OS-EXT-SRV-ATTR:host", source="server.host", policy=rules.EXTENDED)
    instance_name = field(
        SHOW, wire="OS-EXT-SRV-ATTR:instance_name", source=_instance_name, policy=rules.EXTENDED
    )
    hypervisor_hostname = field(
        SHOW,
        wire="OS-EXT-SRV-ATTR:hypervisor_hostname",
        source="server.hypervisor_hostname",
        policy=rules.EXTENDED,
    )
    reservation_id = field(
        SHOW,
        wire="OS-EXT-SRV-ATTR:reservation_id",
        source="server.reservation_id",
        policy=rules.EXTENDED,
        since="2.3",
    )
    launch_index = field(
        SHOW,
        wire="OS-EXT-SRV-ATTR:launch_index",
        source="server.launch_index",
        policy=rules.EXTENDED,
        since="2.3",
    )
    kernel_id = field(
        SHOW,
        wire="OS-EXT-SRV-ATTR:kernel_id",
        source=_image_property("kernel_id"),
        policy=rules.EXTENDED,
        since="2.3",
    )
    ramdisk_id = field(
        SHOW,
        wire="OS-EXT-SRV-ATTR:ramdisk_id",
        source=_image_property("ramdisk_id"),
        policy=rules.EXTENDED,
        since="2.3",
    )
    old_hostname = field(
        SHOW,
        wire="OS-EXT-SRV-ATTR:hostname",
        source="server.hostname",
        policy=rules.EXTENDED,
        since="2.3",
        until="2.89",
    )
    hostname = field(SHOW, wire="OS-EXT-SRV-ATTR:hostname", source="server.hostname", since="2.90")
    root_device_name = field(
        SHOW,
        wire="OS-EXT-SRV-ATTR:root_device_name",
        source="server.root_device",
        policy=rules.EXTENDED,
        since="2.3",
    )
    user_data = field(
        SHOW,
        wire="OS-EXT-SRV-ATTR:user_data",
        source="server.user_data",
        policy=rules.EXTENDED,
        since="2.3",
    )
    host_status = field(SHOW, source=_host_status, since="2.16", policy=rules.SHOW_HOST_STATUS)
    pinned_zone = field(SHOW, wire="pinned_availability_zone", source="server.pinned_zone", since="2.96")


def _zone(server: Row) -> str:
    return server.zone or server.pinned_zone or ""


def _finish(req: Request, thing: Details, shown: dict[str, Any]) -> dict[str, Any]:
    """Add what is only there sometimes."""
    status = shown["status"]
    if status in states.SHOW_PROGRESS:
        shown["progress"] = thing.server.progress
    if status in states.SHOW_FAULT and thing.fault is not None:
        fault = {
            "code": thing.fault.code,
            "created": isoformat(thing.fault.created_at),
            "message": thing.fault.message,
        }
        if thing.fault.detail and req.ctx.is_admin:
            fault["details"] = thing.fault.detail
        shown["fault"] = fault
    return shown


def whole(req: Request, thing: Details, *, in_list: bool = False) -> dict[str, Any]:
    """Show a server whole."""
    shown = _finish(req, thing, req.show(Whole, thing))
    if in_list:
        shown.pop("server_groups", None)
    if groups := {name: None for nic in thing.nics for name in nic.security_groups}:
        shown["security_groups"] = [{"name": name} for name in groups]
    elif not thing.server.network_wishes or not thing.nics:
        shown["security_groups"] = [{"name": name} for name in thing.server.security_groups]
    if "host_status" not in shown and _tells_unknown(req, thing):
        shown["host_status"] = "UNKNOWN"
    return shown


def _tells_unknown(req: Request, thing: Details) -> bool:
    """Tell whether somebody who may not know the host's status may still know that it is unknown."""
    return (
        req.version is not None
        and req.version >= versions.HOST_STATUS
        and req.visible(rules.SHOW_UNKNOWN_HOST_STATUS, thing)
        and _host_status(req, thing) == "UNKNOWN"
    )


def limited(req: Request, thing: Details, *, rebuilt: bool = False) -> dict[str, Any]:
    """Show what updating (or rebuilding) answers: from 2.75 the whole server."""
    if req.version is not None and req.version >= versions.STRICT_QUERIES:
        shown = whole(req, thing)
        if rebuilt:
            # compat: a rebuild shows the user data by a name of its own, to everybody (nova, servers.py)
            shown.pop("OS-EXT-SRV-ATTR:user_data", None)
            shown["user_data"] = thing.server.user_data
        return shown
    return _finish(req, thing, req.show(Rebuilt if rebuilt else Limited, thing))


def one(req: Request, server: Row) -> Details:
    """Read what surrounds one server."""
    with_groups = req.version is not None and req.version >= versions.SERVER_GROUPS_SHOWN
    return servers.details(req.ctx, [server], with_groups=with_groups)[0]
