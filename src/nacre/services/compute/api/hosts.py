"""/os-hosts, up to 2.42: machines and what runs on them, before hypervisors and services said it better."""

from __future__ import annotations

from typing import Any

from nacre.kernel.errors import BadRequest, NotImplementedHere
from nacre.kernel.http.request import Request
from nacre.kernel.http.routing import Routes
from nacre.kernel.wire import Enum, Object
from nacre.services.compute import policy as rules
from nacre.services.compute.app import hypervisors, services
from nacre.services.compute.app.hypervisors import Hypervisor
from nacre.services.compute.errors import HostNotFound

UNTIL = "2.42"
SWITCH = Enum("enable", "disable", fold=True)
CHANGES = Object({"status": SWITCH, "maintenance_mode": SWITCH})

routes = Routes("/v2.1/os-hosts")


def _find(req: Request, name: str) -> Hypervisor:
    found = hypervisors.on_host(req.ctx, name)
    if found is None:
        raise HostNotFound(name)
    return found


@routes.get(policy=rules.HOSTS_LIST, until=UNTIL)
def index(req: Request) -> dict[str, Any]:
    zone, kind = req.arg("zone"), req.arg("service")
    found = [
        {"host_name": each.host, "service": each.binary.removeprefix("nova-"), "zone": each.zone}
        for each in services.index(req.ctx)
    ]
    return {
        "hosts": [
            each for each in found if zone in (None, "", each["zone"]) and kind in (None, each["service"])
        ]
    }


@routes.get("/{host}", policy=rules.HOSTS_SHOW, until=UNTIL)
def show(req: Request, host: str) -> dict[str, Any]:
    found = _find(req, host)
    status = found.host.status

    def resource(project: str, cpu: int, memory_mb: int, disk_gb: int) -> dict[str, Any]:
        amounts = {"cpu": cpu, "memory_mb": memory_mb, "disk_gb": disk_gb}
        return {"resource": {"host": host, "project": project, **amounts}}

    shares = hypervisors.shares(req.ctx, host)
    everybody = [
        sum(getattr(share, part) for share in shares.values()) for part in ("vcpus", "memory_mb", "disk_gb")
    ]
    shown = [
        resource("(total)", status.vcpus, status.memory_mb, status.disk_gb),
        resource("(used_now)", found.promised.vcpus, found.memory_used_mb, found.disk_used_gb),
        resource("(used_max)", *everybody),
    ]
    shown += [resource(project, each.vcpus, each.memory_mb, each.disk_gb) for project, each in shares.items()]
    return {"host": shown}


@routes.put("/{host}", policy=rules.HOSTS_UPDATE, body=CHANGES, until=UNTIL)
def update(req: Request, host: str, body: dict[str, str]) -> dict[str, Any]:
    if not body:
        raise BadRequest("Either status or maintenance_mode is needed.")
    found = _find(req, host)
    if "maintenance_mode" in body:
        raise NotImplementedHere("The hypervisor has no maintenance mode; disable the host instead.")
    changed = services.update(req.ctx, found.service, disabled=body["status"] == "disable")
    return {"host": host, "status": changed.status}


def _power(action: str, rule: Any) -> None:
    def act(req: Request, host: str) -> None:
        _find(req, host)
        raise NotImplementedHere(f"Nothing here can {action} a host.")

    act.__name__ = action
    routes.get(f"/{{host}}/{action}", policy=rule, until=UNTIL)(act)


_power("startup", rules.HOSTS_START)
_power("shutdown", rules.HOSTS_SHUTDOWN)
_power("reboot", rules.HOSTS_REBOOT)
