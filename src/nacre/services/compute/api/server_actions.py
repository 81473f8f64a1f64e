"""POST /servers/{id}/action: one handler for each thing that may be asked of a server."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET

from nacre.kernel.errors import BadRequest, PolicyForbidden
from nacre.kernel.http.request import Request, Response
from nacre.kernel.http.routing import Routes
from nacre.kernel.policy import Rule
from nacre.kernel.wire import CREATE, UUID, Bool, Each, Enum, Int, Nullable, Object, Resource, Str, field
from nacre.kernel.wire import Any as Anything
from nacre.services.compute import policy as rules
from nacre.services.compute import versions
from nacre.services.compute.api import links, server_views
from nacre.services.compute.api.checks import (
    DESCRIPTION,
    DOMAIN_NAME,
    FILES,
    HOSTNAME,
    IPV4,
    IPV6,
    METADATA,
    USER_DATA,
    FlavorReference,
    TrimmedName,
)  # fmt: skip
from nacre.services.compute.app import (
    consoles,
    deletions,
    nics,
    power,
    resize,
    respec,
    servers,
    snapshots,
    states,
)
from nacre.services.compute.db.servers import Server as Row
from nacre.services.compute.db.tables import VmState

PATH = "/{server_id}/action"
routes = Routes("/v2.1/servers")


def _power(name: str, rule: Rule, verb: str) -> None:
    """Add an action without parameters that changes the power state."""

    def act(req: Request, server: Row) -> None:
        power.begin(req.ctx, server, verb)

    act.__name__ = verb
    routes.action(name, path=PATH, policy=rule, load=servers.get, status=202, body=Anything())(act)


for _name, _rule, _verb in (
    ("os-start", rules.START, "start"),
    ("os-stop", rules.STOP, "stop"),
    ("pause", rules.PAUSE, "pause"),
    ("unpause", rules.UNPAUSE, "unpause"),
    ("suspend", rules.SUSPEND, "suspend"),
    ("resume", rules.RESUME, "resume"),
):
    _power(_name, _rule, _verb)


@routes.action(
    "reboot", path=PATH, policy=rules.REBOOT, load=servers.get, status=202,
    body=Object({"type": Enum("HARD", "SOFT", fold=True)}, required=("type",)),
)  # fmt: skip
def reboot(req: Request, server: Row, body: dict[str, str]) -> None:
    power.begin(req.ctx, server, "reboot_hard" if body["type"] == "HARD" else "reboot_soft")


@routes.action("forceDelete", path=PATH, policy=rules.FORCE_DELETE, load=servers.get, status=202,
               body=Anything())  # fmt: skip
def force_delete(req: Request, server: Row) -> None:
    servers.delete(req.ctx, server, force=True)


@routes.action("restore", path=PATH, policy=rules.RESTORE, load=servers.get, status=202, body=Anything())
def restore(req: Request, server: Row) -> None:
    deletions.restore(req.ctx, server)


@routes.action("injectNetworkInfo", path=PATH, policy=rules.INJECT_NETWORK, load=servers.get, status=202,
               body=Anything())  # fmt: skip
def inject_network_info(req: Request, server: Row) -> None:
    states.check_lock(req.ctx, server)
    nics.refresh(req.ctx, [server.id])


@routes.action(
    "lock", path=PATH, policy=rules.LOCK, load=servers.get, status=202, until="2.72", body=Anything()
)
def lock(req: Request, server: Row) -> None:
    servers.lock(req.ctx, server, None)


@routes.action(
    "lock", path=PATH, policy=rules.LOCK, load=servers.get, status=202, since="2.73",
    body=Nullable(Object({"locked_reason": Str(1, 255)})),
)  # fmt: skip
def lock_with_reason(req: Request, server: Row, body: dict[str, str] | None) -> None:
    servers.lock(req.ctx, server, (body or {}).get("locked_reason"))


@routes.action("unlock", path=PATH, policy=rules.UNLOCK, load=servers.get, status=202, body=Anything())
def unlock(req: Request, server: Row) -> None:
    if server.locked_by == "admin" and not req.ctx.can(rules.UNLOCK_ANY, server):
        raise PolicyForbidden(rules.UNLOCK_ANY.name)
    servers.unlock(req.ctx, server)


@routes.action(
    "os-resetState", path=PATH, policy=rules.RESET_STATE, load=servers.get, status=202,
    body=Object({"state": Enum("active", "error")}, required=("state",)),
)  # fmt: skip
def reset_state(req: Request, server: Row, body: dict[str, str]) -> None:
    servers.reset_state(req.ctx, server, VmState(body["state"]))


@routes.action(
    "os-getConsoleOutput", path=PATH, policy=rules.CONSOLE_OUTPUT, load=servers.get, status=200,
    body=Object({"length": Nullable(Int(-1))}),
)  # fmt: skip
def console_output(req: Request, server: Row, body: dict[str, Any]) -> dict[str, str]:
    length = body.get("length")
    return {"output": consoles.output(req.ctx, server, None if length is None or length < 0 else length)}


@routes.action(
    "changePassword", path=PATH, policy=rules.CHANGE_PASSWORD, load=servers.get, status=202,
    body=Object({"adminPass": Str(0, 255)}, required=("adminPass",)),
)  # fmt: skip
def change_password(req: Request, server: Row, body: dict[str, str]) -> None:
    if not body["adminPass"]:
        raise BadRequest("adminPass must not be empty.")
    servers.change_password(req.ctx, server, body["adminPass"])


# --- images -----------------------------------------------------------------------------------------

SNAPSHOT = Object({"name": Str(1, 255), "metadata": METADATA}, required=("name",))


@routes.action(
    "createImage", path=PATH, policy=rules.CREATE_IMAGE, load=servers.get, status=202, body=SNAPSHOT
)
def create_image(req: Request, server: Row, body: dict[str, Any]) -> Response:
    return _new_image(req, snapshots.create(req.ctx, server, body["name"], body.get("metadata", {})))


@routes.action(
    "createBackup", path=PATH, policy=rules.CREATE_BACKUP, load=servers.get, status=202,
    body=Object(
        {"name": TrimmedName(), "backup_type": Str(0, 255), "rotation": Int(0), "metadata": METADATA},
        required=("name", "backup_type", "rotation"),
    ),
)  # fmt: skip
def create_backup(req: Request, server: Row, body: dict[str, Any]) -> Response:
    image_id = snapshots.back_up(
        req.ctx, server, body["name"], body.get("metadata", {}),
        backup_type=body["backup_type"], keep=body["rotation"],
    )  # fmt: skip
    # compat: the address of a backup that will not be kept is not told (nova, create_backup.py)
    return _new_image(req, image_id, kept=body["rotation"] > 0)


def _new_image(req: Request, image_id: str, *, kept: bool = True) -> Response:
    """Say which image is being made: in the body, and to clients of old in a header."""
    if req.version is not None and req.version >= versions.IMAGE_ID_IN_BODY:
        return Response(202, {"image_id": image_id})
    location = f"{req.ctx.service.process.public_url('image')}/v2/images/{image_id}"
    return Response(202, headers=[("Location", location)] if kept else [])


class Rebuilding(Resource):
    """The body of a rebuild."""

    key, keys = "rebuild", "rebuilds"

    image_id = field(CREATE, check=UUID, wire="imageRef", required=True)
    name = field(CREATE, check=TrimmedName())
    admin_password = field(CREATE, check=Str(0, 255), wire="adminPass")
    metadata = field(CREATE, check=METADATA)
    preserve_ephemeral = field(CREATE, check=Bool())
    disk_config = field(CREATE, check=Enum("AUTO", "MANUAL"), wire="OS-DCF:diskConfig")
    access_ipv4 = field(CREATE, check=IPV4, wire="accessIPv4")
    access_ipv6 = field(CREATE, check=IPV6, wire="accessIPv6")
    files = field(CREATE, check=FILES, wire="personality", until="2.56")
    description = field(CREATE, check=DESCRIPTION, since="2.19")
    key_name = field(CREATE, check=Nullable(Str(1, 255)), since="2.54")
    user_data = field(CREATE, check=USER_DATA, since="2.57")
    certificates = field(
        CREATE, check=Nullable(Each(Str(1, 255), maximum=50)), wire="trusted_image_certificates", since="2.63"
    )
    hostname_90 = field(CREATE, check=HOSTNAME, wire="hostname", since="2.90", until="2.93")
    hostname_94 = field(CREATE, check=DOMAIN_NAME, wire="hostname", since="2.94")


@routes.action("rebuild", path=PATH, policy=rules.REBUILD, load=servers.get, status=202,
               resource=Rebuilding, body=CREATE, envelope="")  # fmt: skip
def rebuild(req: Request, server: Row, body: dict[str, Any]) -> Response:
    if body.pop("certificates", None):
        raise BadRequest("Certificate validation is not available in this cloud.")
    if body.pop("preserve_ephemeral", False):
        raise BadRequest("The current driver does not support preserving ephemeral partitions.")
    for wire in ("hostname_90", "hostname_94"):
        if wire in body:
            body["hostname"] = body.pop(wire)
    files = body.pop("files", None)
    asked = respec.Rebuild(
        image_id=body.pop("image_id"),
        admin_password=body.pop("admin_password", None),
        metadata=body.pop("metadata", None),
        files=None if files is None else {each["path"]: each["contents"] for each in files},
        key_name=body.pop("key_name", UNSET),
        changes=body,
    )
    rebuilt, password = respec.rebuild(req.ctx, server, asked)
    shown = server_views.limited(req, server_views.one(req, rebuilt), rebuilt=True)
    location = req.url(links.ROOT, "servers", server.id)
    return Response(202, {"server": {**shown, "adminPass": password}}, headers=[("Location", location)])


# --- rescue -----------------------------------------------------------------------------------------


@routes.action(
    "rescue", path=PATH, policy=rules.RESCUE, load=servers.get, status=200,
    body=Nullable(Object({"adminPass": Str(0, 255), "rescue_image_ref": UUID})),
)  # fmt: skip
def rescue(req: Request, server: Row, body: dict[str, str] | None) -> dict[str, str]:
    asked = body or {}
    password = respec.rescue(req.ctx, server, asked.get("rescue_image_ref"), asked.get("adminPass"))
    return {"adminPass": password}


@routes.action("unrescue", path=PATH, policy=rules.UNRESCUE, load=servers.get, status=202,
               body=Anything())  # fmt: skip
def unrescue(req: Request, server: Row) -> None:
    respec.unrescue(req.ctx, server)


# --- size -------------------------------------------------------------------------------------------


@routes.action(
    "resize", path=PATH, policy=rules.RESIZE, load=servers.get, status=202,
    body=Object(
        {"flavorRef": FlavorReference(), "OS-DCF:diskConfig": Enum("AUTO", "MANUAL")}, required=("flavorRef",)
    ),
)  # fmt: skip
def resize_server(req: Request, server: Row, body: dict[str, str]) -> None:
    resize.begin(req.ctx, server, body["flavorRef"], body.get("OS-DCF:diskConfig"))


@routes.action("confirmResize", path=PATH, policy=rules.CONFIRM_RESIZE, load=servers.get, status=204,
               body=Anything())  # fmt: skip
def confirm_resize(req: Request, server: Row) -> None:
    resize.confirm(req.ctx, server)


@routes.action("revertResize", path=PATH, policy=rules.REVERT_RESIZE, load=servers.get, status=202,
               body=Anything())  # fmt: skip
def revert_resize(req: Request, server: Row) -> None:
    resize.revert(req.ctx, server)
