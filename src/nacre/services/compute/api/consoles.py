"""Consoles of servers: how to ask for one, up to 2.5 by actions and from 2.6 by /remote-consoles."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode, urlsplit

from nacre.kernel.errors import NotFound
from nacre.kernel.http.request import Request
from nacre.kernel.http.routing import DO_AGAIN, Routes
from nacre.kernel.wire import CREATE, Enum, Object, Resource, Str, field
from nacre.services.compute import policy as rules
from nacre.services.compute.app import console_tokens, servers
from nacre.services.compute.db.servers import Server as Row
from nacre.services.compute.errors import ConsoleUnavailable

PAGE = "vnc_lite.html"
VNC, SPICE, RDP, SERIAL, MKS = "vnc", "spice", "rdp", "serial", "mks"
TYPES = {
    VNC: ("novnc", "xvpvnc"), SPICE: ("spice-html5",), RDP: ("rdp-html5",), SERIAL: ("serial",), MKS: ("webmks",),
}  # fmt: skip
FIRST_TYPES = tuple(type for protocol, types in TYPES.items() if protocol != MKS for type in types)


class RemoteConsole(Resource):
    key, keys = "remote_console", "remote_consoles"

    first_protocol = field(
        CREATE, check=Enum(VNC, SPICE, RDP, SERIAL), required=True, wire="protocol", until="2.7"
    )
    protocol = field(CREATE, check=Enum(*TYPES), required=True, since="2.8")
    first_type = field(CREATE, check=Enum(*FIRST_TYPES), required=True, wire="type", until="2.7")
    type = field(CREATE, check=Enum(*FIRST_TYPES, *TYPES[MKS]), required=True, since="2.8")


routes = Routes("/v2.1", resource=RemoteConsole)


def address(req: Request, server: Row, kind: str) -> str:
    """Return the address of a page that shows the server's screen to whoever opens it first."""
    token = console_tokens.issue(req.ctx, server, kind)
    root = req.service.process.public_url("console")
    # The page opens a websocket at ws://<its host>/<path>, whatever folder it is in itself.
    folder = urlsplit(root).path.strip("/")
    socket = f"{folder}/?token={token}" if folder else f"?token={token}"
    return f"{root}/{PAGE}?{urlencode({'path': socket})}"


@routes.post(
    "/servers/{server_id}/remote-consoles",
    policy=rules.REMOTE_CONSOLES,
    load=servers.get,
    since="2.6",
    tell_again=DO_AGAIN,
)
def create(req: Request, server: Row, body: dict[str, Any]) -> dict[str, Any]:
    protocol = body.get("protocol") or body["first_protocol"]
    kind = body.get("type") or body["first_type"]
    if kind not in TYPES[protocol]:
        raise ConsoleUnavailable(kind)
    return {"remote_console": {"protocol": protocol, "type": kind, "url": address(req, server, kind)}}


def _action(name: str, *kinds: str) -> None:
    """Add one of the actions of old, which knows only these types."""

    def act(req: Request, server: Row, body: dict[str, str]) -> dict[str, Any]:
        if body["type"] not in kinds:
            raise ConsoleUnavailable(body["type"])
        return {"console": {"type": body["type"], "url": address(req, server, body["type"])}}

    act.__name__ = name
    routes.action(
        name,
        path="/servers/{server_id}/action",
        policy=rules.REMOTE_CONSOLES,
        tell_again=DO_AGAIN,
        load=servers.get,
        until="2.5",
        body=Object({"type": Str(1, 255)}, required=("type",)),
    )(act)


_action("os-getVNCConsole", *TYPES[VNC])
_action("os-getSPICEConsole", *TYPES[SPICE])
_action("os-getRDPConsole", *TYPES[RDP])
_action("os-getSerialConsole", *TYPES[SERIAL])


@routes.get("/os-console-auth-tokens/{token}", policy=rules.CONSOLE_TOKENS)
def show_token(req: Request, token: str) -> dict[str, Any]:
    # compat: up to 2.30 only tokens for RDP are found, and those do not exist (nova, console_auth_tokens.py)
    if req.version is not None and (req.version.major, req.version.minor) < (2, 31):
        raise NotFound("The requested console type details are not accessible")
    screen = console_tokens.show(req.ctx, token)
    console = screen.console
    return {
        "console": {
            "instance_uuid": screen.server_id,
            "host": console.host,
            "port": console.port,
            "internal_access_path": console.path or None,
        }
    }
