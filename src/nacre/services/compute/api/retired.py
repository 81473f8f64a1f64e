"""What compute once served and nobody serves any more: 410, so that a client need not guess why."""

from __future__ import annotations

from collections.abc import Callable

from nacre.kernel.errors import Gone
from nacre.kernel.http.request import Request
from nacre.kernel.http.routing import AUTHENTICATED, Routes

MESSAGE = "This resource is no longer available. No forwarding address is given."

FOLDERS = (
    "os-agents",
    "os-baremetal-nodes",
    "os-cells",
    "os-certificates",
    "os-cloudpipe",
    "os-fixed-ips",
    "os-floating-ip-dns",
    "os-floating-ips-bulk",
    "os-fping",
    "os-security-group-default-rules",
)
SERVER_FOLDERS = ("consoles", "os-virtual-interfaces")
ACTIONS = ("resetNetwork",)
METHODS = ("GET", "POST", "PUT", "DELETE")

routes = Routes("/v2.1")


def _gone(method: str) -> Callable[[Request], None]:
    def handler(req: Request) -> None:
        raise Gone(MESSAGE)

    handler.__name__ = f"{method.lower()}_gone"
    return handler


for _method in METHODS:
    for _folder in FOLDERS:
        routes.add(_method, f"/{_folder}/{{rest*}}", _gone(_method), policy=AUTHENTICATED)
    for _folder in SERVER_FOLDERS:
        routes.add(
            _method, f"/servers/{{server_id}}/{_folder}/{{rest*}}", _gone(_method), policy=AUTHENTICATED
        )

for _action in ACTIONS:
    routes.action(_action, path="/servers/{server_id}/action", policy=AUTHENTICATED)(_gone("POST"))
