"""What joins a server to networks: /ips, /os-interface, /os-security-groups, and the actions for groups."""

from __future__ import annotations

from typing import Any

from nacre.kernel.errors import NotFound
from nacre.kernel.http.request import Request
from nacre.kernel.http.routing import Routes
from nacre.kernel.wire import UUID, Check, Each, Object, OneOf, Str
from nacre.services.compute import policy as rules
from nacre.services.compute import versions
from nacre.services.compute.api import server_views
from nacre.services.compute.api.checks import IPV4, IPV6, TAG
from nacre.services.compute.api.security_groups import shown
from nacre.services.compute.app import interfaces, security_groups, servers
from nacre.services.compute.db.nics import Nic
from nacre.services.compute.db.servers import Server
from nacre.services.network.client import Port

_FIXED = Object({"ip_address": OneOf(IPV4, IPV6)}, required=("ip_address",))
_INTERFACE: dict[str, Check] = {
    "net_id": UUID,
    "port_id": UUID,
    "fixed_ips": Each(_FIXED, minimum=1, maximum=1),
}
INTERFACE, TAGGED_INTERFACE = Object(_INTERFACE), Object({**_INTERFACE, "tag": TAG})
GROUP = Object({"name": Str(1, 255)}, required=("name",))

routes = Routes("/v2.1/servers/{server_id}")


# --- addresses --------------------------------------------------------------------------------------


@routes.get("/ips", policy=rules.IPS_INDEX, load=servers.get)
def index_addresses(req: Request, server: Server) -> dict[str, Any]:
    (details,) = servers.details(req.ctx, [server])
    return {"addresses": server_views.addresses(details.nics, extended=False)}


@routes.get("/ips/{network}", policy=rules.IPS_SHOW, load=servers.get)
def show_addresses(req: Request, server: Server, network: str) -> dict[str, Any]:
    (details,) = servers.details(req.ctx, [server])
    shown = server_views.addresses(details.nics, extended=False)
    if network not in shown:
        raise NotFound("Instance is not a member of specified network")
    return {network: shown[network]}


# --- interfaces -------------------------------------------------------------------------------------


def _shown(req: Request, port: Port, nic: Nic | None, *, with_tag: bool = True) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "port_id": port.id,
        "net_id": port.network_id,
        "mac_addr": port.mac_address,
        "port_state": port.status,
        "fixed_ips": [{"subnet_id": ip.subnet_id, "ip_address": ip.ip_address} for ip in port.fixed_ips],
    }
    if with_tag and req.version is not None and req.version >= versions.SHOWN_DEVICE_TAGS:
        shown["tag"] = nic.tag if nic else None
    return shown


@routes.get("/os-interface", policy=rules.INTERFACES_LIST, load=servers.get)
def index(req: Request, server: Server) -> dict[str, Any]:
    return {"interfaceAttachments": [_shown(req, *each) for each in interfaces.index(req.ctx, server)]}


@routes.get("/os-interface/{port_id}", policy=rules.INTERFACES_SHOW, load=servers.get)
def show(req: Request, server: Server, port_id: str) -> dict[str, Any]:
    return {"interfaceAttachment": _shown(req, *interfaces.get(req.ctx, server, port_id))}


@routes.post("/os-interface", policy=rules.INTERFACES_CREATE, load=servers.get, body=INTERFACE,
             envelope="interfaceAttachment", until="2.48")  # fmt: skip
def attach_untagged(req: Request, server: Server, body: dict[str, Any]) -> dict[str, Any]:
    return _attach(req, server, body)


@routes.post("/os-interface", policy=rules.INTERFACES_CREATE, load=servers.get, body=TAGGED_INTERFACE,
             envelope="interfaceAttachment", since="2.49")  # fmt: skip
def attach(req: Request, server: Server, body: dict[str, Any]) -> dict[str, Any]:
    return _attach(req, server, body)


def _attach(req: Request, server: Server, body: dict[str, Any]) -> dict[str, Any]:
    fixed = body.get("fixed_ips")
    port, nic = interfaces.attach(
        req.ctx,
        server,
        port_id=body.get("port_id"),
        network_id=body.get("net_id"),
        fixed_ip=fixed[0]["ip_address"] if fixed else None,
        tag=body.get("tag"),
    )
    return {"interfaceAttachment": _shown(req, port, nic)}


@routes.delete("/os-interface/{port_id}", policy=rules.INTERFACES_DELETE, load=servers.get, status=202)
def detach(req: Request, server: Server, port_id: str) -> None:
    interfaces.detach(req.ctx, server, port_id)


# --- security groups --------------------------------------------------------------------------------


@routes.get("/os-security-groups", policy=rules.GROUPS_OF_SERVER, load=servers.get)
def index_groups(req: Request, server: Server) -> dict[str, Any]:
    found = interfaces.security_groups(req.ctx, server)
    remotes = security_groups.remotes(req.ctx.as_service(), found)
    return {"security_groups": [shown(group, remotes) for group in found]}


@routes.action("addSecurityGroup", path="/action", policy=rules.GROUPS_ADD, load=servers.get, status=202,
               body=GROUP)  # fmt: skip
def add_group(req: Request, server: Server, body: dict[str, str]) -> None:
    interfaces.change_group(req.ctx, server, body["name"], add=True)


@routes.action("removeSecurityGroup", path="/action", policy=rules.GROUPS_REMOVE, load=servers.get, status=202,
               body=GROUP)  # fmt: skip
def remove_group(req: Request, server: Server, body: dict[str, str]) -> None:
    interfaces.change_group(req.ctx, server, body["name"], add=False)
