"""POST /servers/{id}/action: one handler for each thing that may be asked of a server."""

from __future__ import annotations

from typing import Any

from nacre.kernel.errors import BadRequest, PolicyForbidden
from nacre.kernel.http.request import Request
from nacre.kernel.http.routing import Routes
from nacre.kernel.policy import Rule
from nacre.kernel.wire import Any as Anything
from nacre.kernel.wire import Enum, Int, Nullable, Object, Str
from nacre.services.compute import policy as rules
from nacre.services.compute.app import consoles, power, servers
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
