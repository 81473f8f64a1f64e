"""/os-hypervisors: what each host has and uses, for administrators."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from nacre.kernel.errors import BadRequest, NotFound
from nacre.kernel.http.pagination import next_links, page
from nacre.kernel.http.request import Request
from nacre.kernel.http.routing import Routes
from nacre.kernel.ids import is_uuid_like
from nacre.kernel.wire import BOOL, BRIEF, SHOW, Resource, field
from nacre.services.compute import policy as rules
from nacre.services.compute import rpc, versions
from nacre.services.compute.api import queries
from nacre.services.compute.app import hypervisors
from nacre.services.compute.app.hypervisors import Hypervisor as Found
from nacre.services.compute.errors import HypervisorNotFound

DAY, HOUR, MINUTE = 86400, 3600, 60


def _cpu(info: rpc.CpuInfo) -> dict[str, Any]:
    return {
        "arch": info.arch,
        "model": info.model,
        "vendor": info.vendor,
        "features": list(info.features),
        "topology": {"sockets": info.sockets, "cores": info.cores, "threads": info.threads},
    }


def _cpu_text(info: rpc.CpuInfo) -> str:
    return msgspec.json.encode(_cpu(info)).decode()


def _service(req: Request, found: Found) -> dict[str, Any]:
    service = found.service
    return {
        "host": service.host,
        "id": service.id if _speaks_uuids(req) else service.number,
        "disabled_reason": service.disabled_reason,
    }


def _uptime(req: Request, found: Found) -> str | None:
    """Return what `uptime` would say on the host; nothing of one that is silent."""
    if not found.service.up:
        return None
    status, now = found.host.status, req.ctx.clock.now()
    days, rest = divmod(status.uptime_seconds, DAY)
    hours, rest = divmod(rest, HOUR)
    load = ", ".join(f"{value:.2f}" for value in status.load_average)
    since = f"{days} days, {hours:2d}:{rest // MINUTE:02d}"
    return f" {now:%H:%M:%S} up {since},  0 users,  load average: {load}"


class Hypervisor(Resource):
    key, keys = "hypervisor", "hypervisors"

    number = field(SHOW, BRIEF, wire="id", source="host.number", until="2.52")
    id = field(SHOW, BRIEF, source="host.id", since="2.53")
    hypervisor_hostname = field(SHOW, BRIEF, source="host.hypervisor_hostname")
    state = field(SHOW, BRIEF, source="service.state")
    status = field(SHOW, BRIEF, source="service.status")
    vcpus = field(SHOW, source="host.status.vcpus", until="2.87")
    vcpus_used = field(SHOW, source="promised.vcpus", until="2.87")
    memory_mb = field(SHOW, source="host.status.memory_mb", until="2.87")
    memory_mb_used = field(SHOW, source="memory_used_mb", until="2.87")
    free_ram_mb = field(SHOW, source="memory_free_mb", until="2.87")
    local_gb = field(SHOW, source="host.status.disk_gb", until="2.87")
    local_gb_used = field(SHOW, source="disk_used_gb", until="2.87")
    free_disk_gb = field(SHOW, source="host.status.disk_free_gb", until="2.87")
    disk_available_least = field(SHOW, source="host.status.disk_free_gb", until="2.87")
    current_workload = field(SHOW, source="host.status.busy", until="2.87")
    running_vms = field(SHOW, source="promised.servers", until="2.87")
    cpu_text = field(SHOW, wire="cpu_info", source="host.status.cpu_info", render=_cpu_text, until="2.27")
    cpu_info = field(SHOW, source="host.status.cpu_info", render=_cpu, since="2.28", until="2.87")
    hypervisor_type = field(SHOW, source="host.status.hypervisor_type")
    hypervisor_version = field(SHOW, source="host.status.hypervisor_version")
    host_ip = field(SHOW, source="host.status.host_ip", render=lambda ip: ip or None)
    service = field(SHOW, source=_service)
    uptime = field(SHOW, source=_uptime, since="2.88")


PAGING = {"limit", "marker"}
WITH_SERVERS, PATTERN = "with_servers", "hypervisor_hostname_pattern"
routes = Routes("/v2.1/os-hypervisors", resource=Hypervisor)


def _speaks_uuids(req: Request) -> bool:
    return req.version is not None and req.version >= versions.UUIDS_OF_HOSTS


def _shown(req: Request, found: Found, *, brief: bool = False) -> dict[str, Any]:
    shown = req.show(Hypervisor, found, brief=brief)
    if found.servers is None:
        return shown
    # compat: a host without servers has no such key up to 2.74 (nova, hypervisors.py)
    always = req.version is not None and req.version >= versions.EMPTY_LISTS_OF_SERVERS
    if found.servers or always:
        shown["servers"] = [{"uuid": server_id, "name": name} for server_id, name in found.servers]
    return shown


def _index(req: Request, *, brief: bool) -> dict[str, Any]:
    known = {*PAGING, WITH_SERVERS, PATTERN} if _speaks_uuids(req) else PAGING
    queries.refuse_unknown(req, known)
    with_servers = _wants_servers(req)
    pattern = queries.single(req, PATTERN) if _speaks_uuids(req) else None
    paged = req.version is not None and req.version >= versions.HYPERVISOR_PAGES
    if pattern is not None:
        if not PAGING.isdisjoint(req.query):
            raise BadRequest(f"Paging over hypervisors with the {PATTERN} query parameter is not supported.")
        found, links = _like(req, pattern, with_servers=with_servers), []
    else:
        asked = page(req, Hypervisor, maximum=req.ctx.config.max_list if paged else None)
        by_number = not _speaks_uuids(req)
        found = hypervisors.index(req.ctx, asked, by_number=by_number, with_servers=with_servers)
        ids = [str(each.host.number) if by_number else each.host.id for each in found]
        links = next_links(req, asked, ids) if paged else []
    body: dict[str, Any] = {"hypervisors": [_shown(req, each, brief=brief) for each in found]}
    return {**body, "hypervisors_links": links} if links else body


def _wants_servers(req: Request) -> bool:
    return bool(_speaks_uuids(req) and req.arg(WITH_SERVERS, BOOL, False))


def _like(req: Request, pattern: str, *, with_servers: bool = False) -> list[Found]:
    found = hypervisors.like(req.ctx, pattern, with_servers=with_servers)
    if not found:
        raise NotFound(f"No hypervisor matching '{pattern[:80]}' could be found.")
    return found


def _id(req: Request, text: str) -> str | int:
    if _speaks_uuids(req):
        if not is_uuid_like(text):
            raise BadRequest(f"Invalid uuid {text[:40]}")
        return text
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise HypervisorNotFound(text[:40])
    return int(text)


@routes.get(policy=rules.HYPERVISORS_LIST)
def index(req: Request) -> dict[str, Any]:
    return _index(req, brief=True)


@routes.get("/detail", policy=rules.HYPERVISORS_DETAIL)
def detail(req: Request) -> dict[str, Any]:
    return _index(req, brief=False)


@routes.get("/statistics", policy=rules.HYPERVISORS_STATISTICS, until="2.87")
def statistics(req: Request) -> dict[str, Any]:
    return {"hypervisor_statistics": msgspec.to_builtins(hypervisors.statistics(req.ctx))}


@routes.get("/{hypervisor_id}", policy=rules.HYPERVISORS_SHOW)
def show(req: Request, hypervisor_id: str) -> dict[str, Any]:
    queries.refuse_unknown(req, {WITH_SERVERS})
    wanted = _id(req, hypervisor_id)
    found = hypervisors.get(req.ctx, wanted, with_servers=_wants_servers(req))
    return {"hypervisor": _shown(req, found)}


@routes.get("/{hypervisor_id}/uptime", policy=rules.HYPERVISORS_UPTIME, until="2.87")
def uptime(req: Request, hypervisor_id: str) -> dict[str, Any]:
    found = hypervisors.get(req.ctx, _id(req, hypervisor_id))
    text = _uptime(req, found)
    if text is None:
        raise BadRequest(f"Compute service of {found.host.name} is unavailable at this time.")
    return {"hypervisor": {**_shown(req, found, brief=True), "uptime": text}}


@routes.get("/{pattern}/search", policy=rules.HYPERVISORS_SEARCH, until="2.52")
def search(req: Request, pattern: str) -> dict[str, Any]:
    return {"hypervisors": [_shown(req, each, brief=True) for each in _like(req, pattern)]}


@routes.get("/{pattern}/servers", policy=rules.HYPERVISORS_SERVERS, until="2.52")
def servers(req: Request, pattern: str) -> dict[str, Any]:
    found = _like(req, pattern, with_servers=True)
    return {"hypervisors": [_shown(req, each, brief=True) for each in found]}
