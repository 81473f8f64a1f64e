"""GET /servers and /servers/detail: what a list may be filtered and sorted by, and by whom."""

from __future__ import annotations

import ipaddress
from typing import Any

import msgspec

from nacre.kernel.db import Match
from nacre.kernel.errors import BadRequest, Forbidden
from nacre.kernel.http.pagination import next_links, page
from nacre.kernel.http.request import Request
from nacre.kernel.policy import Rule
from nacre.kernel.wire import DATETIME, SORT, Bool, Resource, field
from nacre.kernel.wire.fields import check_value
from nacre.services.compute import policy as rules
from nacre.services.compute import versions
from nacre.services.compute.api import queries, server_views
from nacre.services.compute.app import servers, states
from nacre.services.compute.db.servers import Wanted
from nacre.services.compute.db.tables import TaskState, VmState


class Sorting(Resource):
    """By what servers may be sorted, under upstream's names of its columns."""

    key, keys = "server", "servers"

    name = field(SORT, wire="display_name")
    description = field(SORT, wire="display_description")
    id = field(SORT, wire="uuid")
    access_ipv4 = field(SORT, wire="access_ip_v4")
    access_ipv6 = field(SORT, wire="access_ip_v6")
    disk_config = field(SORT, wire="auto_disk_config")
    zone = field(SORT, wire="availability_zone")
    config_drive = field(SORT)
    created_at = field(SORT)
    hostname = field(SORT)
    image_id = field(SORT, wire="image_ref")
    flavor_id = field(SORT, wire="instance_type_id")
    key_name = field(SORT)
    launch_index = field(SORT)
    launched_at = field(SORT)
    locked = field(SORT, since="2.73")
    locked_by = field(SORT)
    power_state = field(SORT)
    progress = field(SORT)
    project_id = field(SORT)
    root_device = field(SORT, wire="root_device_name")
    task_state = field(SORT)
    terminated_at = field(SORT)
    updated_at = field(SORT)
    user_id = field(SORT)
    vm_state = field(SORT)


class AdminSorting(Sorting):
    """The same with what only administrators may know."""

    host = field(SORT)
    hypervisor_hostname = field(SORT, wire="node")


EQUAL = {
    "image": "image_id", "flavor": "flavor_id", "reservation_id": "reservation_id",
}  # fmt: skip
"""Filters for everybody whose value is compared as it is: parameter → column."""

LATER = {
    "availability_zone": "zone", "key_name": "key_name", "power_state": "power_state",
    "task_state": "task_state", "vm_state": "vm_state", "progress": "progress", "user_id": "user_id",
    "created_at": "created_at", "launched_at": "launched_at", "terminated_at": "terminated_at",
    "config_drive": "config_drive",
}  # fmt: skip
"""Filters that became everybody's with 2.83."""

ADMINS = {
    "host": "host", "node": "hypervisor_hostname", "hostname": "hostname", "uuid": "id",
    "access_ip_v4": "access_ipv4", "access_ip_v6": "access_ipv6", "display_description": "description",
    "description": "description", "display_name": "name", "image_ref": "image_id",
    "instance_type_id": "flavor_id", "launch_index": "launch_index", "locked_by": "locked_by",
    "root_device_name": "root_device",
}  # fmt: skip
"""Filters for administrators only."""

STATES: dict[str, Any] = {"vm_state": VmState, "task_state": TaskState}
NUMBERS = frozenset(("power_state", "progress", "launch_index"))
MOMENTS = frozenset(("created_at", "launched_at", "terminated_at"))
TAGS = {"tags": "tags", "tags-any": "tags_any", "not-tags": "not_tags", "not-tags-any": "not_tags_any"}
OTHERS = frozenset(
    ("name", "status", "ip", "ip6", "changes-since", "changes-before", "all_tenants", "tenant_id",
     "project_id", "deleted", "soft_deleted", "locked", "metadata", "kernel_id", "ramdisk_id",
     "auto_disk_config", "disk_config", "system_metadata", "block_device_mapping", "services", "info_cache",
     "pci_devices", "security_groups", "fault", "flavor")
)  # fmt: skip
KNOWN = {*EQUAL, *LATER, *ADMINS, *TAGS, *OTHERS, *queries.PAGING, *queries.SORTING}


def index(req: Request, *, details: bool) -> dict[str, Any]:
    """Answer a list of servers."""
    queries.refuse_unknown(req, KNOWN)
    unrestricted = req.ctx.can(rules.ALL_FILTERS)
    rule, all_rule = (rules.DETAIL, rules.DETAIL_ALL) if details else (rules.INDEX, rules.INDEX_ALL)
    req.authorise(rule, {"project_id": req.ctx.project_id, "user_id": req.ctx.user_id})
    asked = page(req, AdminSorting if unrestricted else Sorting, maximum=req.ctx.config.max_list)
    wanted = _wanted(req, all_rule, unrestricted=unrestricted)
    found = servers.index(req.ctx, wanted, asked) if wanted is not None else []
    around = servers.details(req.ctx, found) if details else [_Line(server.id, server) for server in found]
    body: dict[str, Any] = {
        "servers": [
            server_views.whole(req, each, in_list=True)  # type: ignore[arg-type]
            if details
            else req.show(server_views.Line, each, brief=True)
            for each in around
        ]
    }
    if more := next_links(req, asked, [server.id for server in found]):
        body["servers_links"] = more
    return body


class _Line(msgspec.Struct, frozen=True):
    id: str
    server: Any


def _wanted(req: Request, all_rule: Rule, *, unrestricted: bool) -> Wanted | None:
    """Read the filters; None: no server can match."""
    columns = _columns(req, unrestricted=unrestricted)
    since, before = queries.span(req)
    if before is not None and not _at_least(req, versions.CHANGES_BEFORE):
        before = None
    tags = (
        {name: tuple(req.query[wire][-1].split(",")) for wire, name in TAGS.items() if wire in req.query}
        if _at_least(req, versions.TAGS)
        else {}
    )
    status = [each for each in req.query.get("status", ()) if each]
    found_states = states.states_with(status)
    if found_states is None:
        if _at_least(req, versions.STRICT_STATUS):
            raise BadRequest("Invalid status value")
        return None
    deleted: bool | None = False if since is None else None
    if any(each.lower() == "deleted" for each in status):
        if not unrestricted:
            raise Forbidden("Only administrators may list deleted instances")
        deleted = True
    if unrestricted and "deleted" in req.query:
        deleted = req.flag("deleted")
    ip = req.arg("ip")
    if ip is None and (unrestricted or _at_least(req, versions.IP6_FOR_ALL)):
        ip = req.arg("ip6")
    return Wanted(
        project_id=_project(req, all_rule, unrestricted=unrestricted),
        deleted=deleted,
        columns=columns,
        name=req.arg("name"),
        soft_deleted=unrestricted and bool(req.flag("soft_deleted")),
        states=found_states if status else None,
        metadata=_metadata(req) if unrestricted else {},
        ip=_plain_ip(ip) if ip else None,
        changes_since=since,
        changes_before=before,
        **tags,
    )


def _at_least(req: Request, version: Any) -> bool:
    return req.version is not None and req.version >= version


def _project(req: Request, all_rule: Rule, *, unrestricted: bool) -> str | None:
    """Return the project whose servers are asked for; None: those of all."""
    named = req.arg("tenant_id") or req.arg("project_id")
    everywhere = req.query.get("all_tenants")
    if everywhere is None:
        # compat: without all_tenants the name of a project is ignored (nova, bug 1185290)
        return req.ctx.project_id
    word = everywhere[-1].strip().lower()
    if word and word not in Bool.TRUE and word not in Bool.FALSE:
        raise BadRequest(f"Invalid value for all_tenants: {word[:40]}")
    if word in Bool.FALSE:
        return req.ctx.project_id
    req.authorise(all_rule, {"project_id": req.ctx.project_id, "user_id": req.ctx.user_id})
    return named or None


def _columns(req: Request, *, unrestricted: bool) -> dict[str, object]:
    open_ones = dict(EQUAL)
    if unrestricted or _at_least(req, versions.MORE_FILTERS):
        open_ones |= LATER
    if unrestricted:
        open_ones |= ADMINS
    columns: dict[str, object] = {}
    for wire, column in open_ones.items():
        values = req.query.get(wire)
        if values:
            columns[column] = _value(wire, values[-1])
    if _at_least(req, versions.LOCK_REASONS) and "locked" in req.query:
        columns["locked"] = _flag("locked", req.query["locked"][-1])
    return columns


def _value(wire: str, text: str) -> object:
    if wire in NUMBERS:
        if not text.lstrip("-").isdigit():
            raise BadRequest(f"Invalid filter {wire}={text[:40]}: it is a number.")
        return int(text)
    if wire in MOMENTS:
        return check_value(wire, DATETIME, text)
    if wire == "config_drive":
        return _flag(wire, text)
    if wire == "vm_state" or (wire == "task_state" and text.lower() not in ("", "none", "null")):
        return text if text in set(STATES[wire]) else []
    if wire == "task_state":
        return None
    if wire == "flavor":
        return text.rstrip("/").rsplit("/", 1)[-1]
    if wire == "description" or wire.startswith("display_"):
        return Match("contains", text)
    return text


def _flag(wire: str, text: str) -> bool:
    word = text.strip().lower()
    if word not in Bool.TRUE and word not in Bool.FALSE:
        raise BadRequest(f"Invalid filter {wire}={text[:40]}: it is true or false.")
    return word in Bool.TRUE


def _metadata(req: Request) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in req.query.get("metadata", ()):
        try:
            found |= msgspec.json.decode(text.replace("'", '"'), type=dict[str, str])
        except msgspec.MsgspecError:
            raise BadRequest(f"Invalid filter metadata={text[:40]}") from None
    return found


def _plain_ip(text: str) -> str:
    """Take the marks of a regular expression off an address, and write a whole one as it is stored."""
    plain = text.removeprefix("^").removesuffix("$").removesuffix(".*").replace("\\", "")
    try:
        return str(ipaddress.ip_address(plain))
    except ValueError:
        return plain
