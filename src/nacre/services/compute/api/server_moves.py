"""POST /servers/{id}/action, continued: what brings a server to another host."""

from __future__ import annotations

from typing import Any

from nacre.kernel.errors import BadRequest
from nacre.kernel.http.request import Request, Response
from nacre.kernel.http.routing import Routes
from nacre.kernel.policy import Rule
from nacre.kernel.wire import BOOL, Check, Enum, Nullable, Object, Str
from nacre.kernel.wire import Any as Anything
from nacre.services.compute import policy as rules
from nacre.services.compute import versions
from nacre.services.compute.app import moves, servers
from nacre.services.compute.db.servers import Server

PATH = "/{server_id}/action"
HOST = Str(1, 255, pattern=r"[a-zA-Z0-9-._]*")
FORCED_NOWHERE = "Can't force to a non-provided destination"

routes = Routes("/v2.1/servers")


class AutoOrBool:
    """ "auto", or what BOOL takes."""

    def __call__(self, value: Any) -> Any:
        return value if value == "auto" else BOOL(value)

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [Enum("auto").schema(), BOOL.schema()]}


def _since(req: Request, version: Any) -> bool:
    return req.version is not None and req.version >= version


def _may_name_host(req: Request, server: Server, rule: Rule, host: str | None) -> None:
    if host is not None:
        req.authorise(rule, server)


# --- live -------------------------------------------------------------------------------------------

Members = dict[str, Check]
OLD: Members = {"host": Nullable(HOST), "block_migration": BOOL, "disk_over_commit": BOOL}
AUTO: Members = {"host": Nullable(HOST), "block_migration": AutoOrBool()}


def _live(req: Request, server: Server, body: dict[str, Any]) -> None:
    host, force = body["host"], body.get("force", False)
    _may_name_host(req, server, rules.MIGRATE_LIVE_TO_HOST, host)
    if force and host is None:
        raise BadRequest(FORCED_NOWHERE)
    # compat: before 2.30 a host that is named is taken without asking the scheduler (nova, compute/api.py)
    unasked = host is not None and not _since(req, versions.CHECKED_LIVE_HOST)
    moves.live_migrate(
        req.ctx,
        server,
        host,
        forced=force or unasked,
        checked_first=not _since(req, versions.LIVE_CHECKS_LATER),
    )


for _until, _from, _members, _required in (
    ("2.24", None, OLD, tuple(OLD)),
    ("2.29", "2.25", AUTO, tuple(AUTO)),
    ("2.67", "2.30", {**AUTO, "force": BOOL}, tuple(AUTO)),
    (None, "2.68", AUTO, tuple(AUTO)),
):
    routes.action(
        "os-migrateLive", path=PATH, policy=rules.MIGRATE_LIVE, load=servers.get, status=202,
        since=_from, until=_until, body=Object(_members, required=_required),
    )(_live)  # fmt: skip


# --- cold -------------------------------------------------------------------------------------------


@routes.action("migrate", path=PATH, policy=rules.MIGRATE, load=servers.get, status=202, until="2.55",
               body=Anything())  # fmt: skip
def migrate(req: Request, server: Server) -> None:
    moves.migrate(req.ctx, server, None)


@routes.action("migrate", path=PATH, policy=rules.MIGRATE, load=servers.get, status=202, since="2.56",
               body=Nullable(Object({"host": Nullable(HOST)})))  # fmt: skip
def migrate_to_host(req: Request, server: Server, body: dict[str, Any] | None) -> None:
    host = (body or {}).get("host")
    _may_name_host(req, server, rules.MIGRATE_TO_HOST, host)
    moves.migrate(req.ctx, server, host)


# --- evacuation -------------------------------------------------------------------------------------

PLACE: Members = {"host": HOST, "adminPass": Str(0, 255)}


def _evacuate(req: Request, server: Server, body: dict[str, Any]) -> Response:
    host, force = body.get("host"), body.get("force", False)
    if body.get("onSharedStorage") and "adminPass" in body:
        raise BadRequest("admin password can't be changed on existing disk")
    if force and host is None:
        raise BadRequest(FORCED_NOWHERE)
    # compat: before 2.29 a host that is named is taken without asking the scheduler (nova, compute/api.py)
    unasked = host is not None and not _since(req, versions.CHECKED_EVACUATION_HOST)
    password = moves.evacuate(
        req.ctx,
        server,
        host,
        forced=force or unasked,
        stays_off=_since(req, versions.EVACUATED_STAY_OFF),
        admin_password=body.get("adminPass"),
    )
    # compat: 200 although it is only begun, and the password is told up to 2.13 (Compute API, "evacuate")
    return Response(200, None if _since(req, versions.EVACUATE_TELLS_NOTHING) else {"adminPass": password})


for _until, _from, _members, _required in (
    ("2.13", None, {**PLACE, "onSharedStorage": BOOL}, ("onSharedStorage",)),
    ("2.28", "2.14", PLACE, ()),
    ("2.67", "2.29", {**PLACE, "force": BOOL}, ()),
    (None, "2.68", PLACE, ()),
):
    routes.action(
        "evacuate", path=PATH, policy=rules.EVACUATE, load=servers.get, status=200,
        since=_from, until=_until, body=Object(_members, required=_required),
    )(_evacuate)  # fmt: skip
