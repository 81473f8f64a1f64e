"""/servers: making, showing, listing, changing and deleting servers."""

from __future__ import annotations

from typing import Any

from nacre.kernel.errors import BadRequest, Invalid
from nacre.kernel.http.request import Request, Response
from nacre.kernel.http.routing import HANDLER_AUTHORISES, Routes
from nacre.kernel.wire import (
    CREATE,
    UPDATE,
    UUID,
    Bool,
    Check,
    Each,
    Enum,
    Int,
    Nullable,
    Object,
    OneOf,
    Resource,
    Str,
    field,
)
from nacre.kernel.wire import (
    Any as Anything,
)
from nacre.kernel.wire.fields import check_value
from nacre.services.compute import policy as rules
from nacre.services.compute import versions
from nacre.services.compute.api import block_devices, links, server_lists, server_views
from nacre.services.compute.api.checks import (
    DESCRIPTION,
    DOMAIN_NAME,
    FILES,
    HOSTNAME,
    IPV4,
    IPV6,
    METADATA,
    TAG,
    TAGS,
    USER_DATA,
    FlavorReference,
    TrimmedName,
)
from nacre.services.compute.app import deletions, servers
from nacre.services.compute.db.servers import Server as Row
from nacre.services.compute.db.tables import NetworkWish

NAME = TrimmedName()
PASSWORD = Str(0, 255)
HOST = Str(1, 255, pattern=r"[a-zA-Z0-9._:-]+")
FIXED_IP = OneOf(IPV4, IPV6)
_NETWORK: dict[str, Check] = {"fixed_ip": FIXED_IP, "port": Nullable(UUID), "uuid": UUID}
NETWORKS = Each(Object(_NETWORK))
TAGGED_NETWORKS = Each(Object({**_NETWORK, "tag": TAG}))
NETWORKS_OR_WORD = OneOf(Enum("auto", "none"), NETWORKS)
TAGGED_OR_WORD = OneOf(Enum("auto", "none"), TAGGED_NETWORKS)
GROUPS = Each(Object({"name": Str(1, 255)}, unknown=Anything()))
IMAGE = OneOf(Enum(""), UUID)
UUIDS = OneOf(UUID, Each(UUID))
HINTS = Object(
    {"group": UUID, "different_host": UUIDS, "same_host": UUIDS, "query": Anything(),
     "build_near_host_ip": Str(), "cidr": Str(0, 255)},
    unknown=Anything(),
)  # fmt: skip


class Creation(Resource):
    """The body of a request for a new server."""

    key, keys = "server", "servers"

    name = field(CREATE, check=NAME, required=True)
    image_id = field(CREATE, check=IMAGE, wire="imageRef")
    flavor_id = field(CREATE, check=FlavorReference(), wire="flavorRef", required=True)
    admin_password = field(CREATE, check=PASSWORD, wire="adminPass")
    metadata = field(CREATE, check=METADATA)
    networks_1 = field(CREATE, check=NETWORKS, wire="networks", until="2.31")
    networks_32 = field(CREATE, check=TAGGED_NETWORKS, wire="networks", since="2.32", until="2.36")
    networks_37 = field(
        CREATE, check=NETWORKS_OR_WORD, wire="networks", since="2.37", until="2.41", required=True
    )
    networks_42 = field(CREATE, check=TAGGED_OR_WORD, wire="networks", since="2.42", required=True)
    disk_config = field(CREATE, check=Enum("AUTO", "MANUAL"), wire="OS-DCF:diskConfig")
    access_ipv4 = field(CREATE, check=IPV4, wire="accessIPv4")
    access_ipv6 = field(CREATE, check=IPV6, wire="accessIPv6")
    files = field(CREATE, check=FILES, wire="personality", until="2.56")
    availability_zone = field(CREATE, check=NAME)
    old_disks = field(CREATE, check=block_devices.OLD, wire="block_device_mapping")
    disks = field(CREATE, check=block_devices.NEW, wire="block_device_mapping_v2")
    config_drive = field(CREATE, check=OneOf(Enum(""), Bool()))
    key_name = field(CREATE, check=Str(1, 255))
    min_count = field(CREATE, check=Int(1))
    max_count = field(CREATE, check=Int(1))
    return_reservation_id = field(CREATE, check=Bool())
    security_groups = field(CREATE, check=GROUPS)
    user_data = field(CREATE, check=USER_DATA)
    description = field(CREATE, check=DESCRIPTION, since="2.19")
    tags = field(CREATE, check=TAGS, since="2.52")
    certificates = field(
        CREATE, check=Nullable(Each(Str(1, 255), maximum=50)), wire="trusted_image_certificates", since="2.63"
    )
    host = field(CREATE, check=HOST, since="2.74", create_policy=rules.CREATE_WITH_DESTINATION)
    hypervisor_hostname = field(CREATE, check=HOST, since="2.74", create_policy=rules.CREATE_WITH_DESTINATION)
    hostname_90 = field(CREATE, check=HOSTNAME, wire="hostname", since="2.90", until="2.93")
    hostname_94 = field(CREATE, check=DOMAIN_NAME, wire="hostname", since="2.94")


class Change(Resource):
    """The body of a change."""

    key, keys = "server", "servers"

    name = field(UPDATE, check=NAME)
    disk_config = field(UPDATE, check=Enum("AUTO", "MANUAL"), wire="OS-DCF:diskConfig")
    access_ipv4 = field(UPDATE, check=Nullable(OneOf(Enum(""), IPV4)), wire="accessIPv4")
    access_ipv6 = field(UPDATE, check=Nullable(OneOf(Enum(""), IPV6)), wire="accessIPv6")
    description = field(UPDATE, check=DESCRIPTION, since="2.19")
    hostname_90 = field(UPDATE, check=HOSTNAME, wire="hostname", since="2.90", until="2.93")
    hostname_94 = field(UPDATE, check=DOMAIN_NAME, wire="hostname", since="2.94")


routes = Routes("/v2.1/servers", resource=Creation)


@routes.get(policy=HANDLER_AUTHORISES)
def index(req: Request) -> dict[str, Any]:
    return server_lists.index(req, details=False)


@routes.get("/detail", policy=HANDLER_AUTHORISES)
def detail(req: Request) -> dict[str, Any]:
    return server_lists.index(req, details=True)


@routes.get("/{server_id}", policy=rules.SHOW, load=servers.get)
def show(req: Request, server: Row) -> dict[str, Any]:
    return {"server": server_views.whole(req, server_views.one(req, server))}


def _made_before(req: Request, made: list[str]) -> Response:
    """Answer a creation that was interrupted; the password is shown only once."""
    server = servers.get(req.ctx, made[0])
    if req.json()["server"].get("return_reservation_id"):
        return Response(202, {"reservation_id": server.reservation_id})
    return _made(req, server, server.disk_config)


@routes.post(policy=rules.CREATE, status=202, tell_again=_made_before)
def create(req: Request, body: dict[str, Any]) -> Response:
    hints = _hints(req)
    reserve = body.pop("return_reservation_id", False)
    diskconfig = body.get("disk_config")
    asked = _request(req, body, hints)
    made, password = servers.create(req.ctx, asked)
    if reserve:
        return Response(202, {"reservation_id": made[0].reservation_id})
    return _made(req, made[0], diskconfig or made[0].disk_config, adminPass=password)


def _made(req: Request, server: Row, diskconfig: str, **more: str) -> Response:
    shown: dict[str, Any] = {
        "id": server.id,
        "links": links.of(req, "servers", server.id),
        "OS-DCF:diskConfig": diskconfig,
        "security_groups": [{"name": name} for name in server.security_groups],
        **more,
    }
    location = req.url(links.ROOT, "servers", server.id)
    return Response(202, {"server": shown}, headers=[("Location", location)])


def _hints(req: Request) -> dict[str, Any]:
    """Read the scheduler's hints, which stand beside the server."""
    # compat: two names for the same member; the first wins (Compute API, "Create Server")
    root = req.json()
    known = ("server", "os:scheduler_hints", "OS-SCH-HNT:scheduler_hints")
    strangers = [name for name in root if name not in known]
    if strangers:
        raise Invalid(
            "body", None, f"Additional properties are not allowed ({strangers[0]!r} was unexpected)"
        )
    for name in known[1:]:
        if root.get(name):
            hints: dict[str, Any] = check_value(name, HINTS, root[name])
            return hints
    return {}


def _networks(req: Request, body: dict[str, Any]) -> str | list[NetworkWish] | None:
    """Read the networks of a new server, whichever version worded them."""
    asked = next((body.pop(name) for name in list(body) if name.startswith("networks_")), None)
    if asked is None or isinstance(asked, str):
        return asked
    if asked:
        req.authorise(rules.CREATE_WITH_NETWORK)
    wishes = []
    for each in asked:
        if not each.get("port") and not each.get("uuid"):
            raise BadRequest("Bad network format: missing 'uuid'")
        wishes.append(
            NetworkWish(
                network_id=each.get("uuid"),
                port_id=each.get("port"),
                fixed_ip=None if each.get("port") else each.get("fixed_ip"),
                tag=each.get("tag"),
            )
        )
    return wishes


def _request(req: Request, body: dict[str, Any], hints: dict[str, Any]) -> servers.Request:
    if body.pop("certificates", None):
        raise BadRequest("Certificate validation is not available in this cloud.")
    networks = _networks(req, body)
    image_id = block_devices.image_of(body.pop("image_id", None) or None, body)
    count = body.get("min_count", 1)
    hostname = body.pop("hostname_90", None) or body.pop("hostname_94", None)
    return servers.Request(
        name=body["name"],
        flavor_id=body["flavor_id"],
        image_id=image_id,
        networks=networks,
        description=body.get("description") if "description" in body else _old_description(req, body["name"]),
        hostname=hostname,
        key_name=body.get("key_name"),
        metadata=body.get("metadata", {}),
        tags=tuple(dict.fromkeys(body.get("tags", ()))),
        security_groups=tuple(group["name"] for group in body.get("security_groups", ()) if "name" in group),
        user_data=body.get("user_data"),
        config_drive=body.get("config_drive") is True,
        availability_zone=body.get("availability_zone"),
        host=body.get("host"),
        hypervisor_hostname=body.get("hypervisor_hostname"),
        hints=hints,
        min_count=count,
        max_count=body.get("max_count", count),
        admin_password=body.get("admin_password"),
        files={each["path"]: each["contents"] for each in body.get("files", ())},
        disk_config=body.get("disk_config"),
        access_ipv4=body.get("access_ipv4"),
        access_ipv6=body.get("access_ipv6"),
    )


def _old_description(req: Request, name: str) -> str | None:
    # compat: before servers had a description it was silently their name (Compute API, 2.19)
    return None if req.version is not None and req.version >= versions.DESCRIPTIONS else name


@routes.put("/{server_id}", policy=rules.UPDATE, load=servers.get, resource=Change)
def update(req: Request, server: Row, body: dict[str, Any]) -> dict[str, Any]:
    for wire in ("hostname_90", "hostname_94"):
        if wire in body:
            body["hostname"] = body.pop(wire)
    for address in ("access_ipv4", "access_ipv6"):
        if address in body:
            body[address] = body[address] or None
    return {"server": server_views.limited(req, server_views.one(req, servers.update(req.ctx, server, body)))}


@routes.delete("/{server_id}", policy=rules.DELETE, load=servers.get)
def delete(req: Request, server: Row) -> None:
    deletions.delete(req.ctx, server)
