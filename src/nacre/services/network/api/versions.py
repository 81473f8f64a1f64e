"""What this API is: its versions, its resources, and its extensions.

Clients decide by the list of extensions what they may ask for, so it names what works here and nothing else.
"""

from __future__ import annotations

from typing import Any

from nacre.kernel.http.request import Request
from nacre.kernel.http.routing import PUBLIC, Routes
from nacre.services.network import policy
from nacre.services.network.errors import ExtensionNotFound
from nacre.services.network.versions import EXTENSIONS, Extension

RESOURCES = (
    "networks", "subnets", "ports", "routers", "floatingips", "security-groups", "security-group-rules",
    "subnetpools", "address-scopes", "address-groups", "rbac-policies", "quotas", "agents",
    "availability_zones", "network-ip-availabilities", "service-providers", "extensions",
    "auto-allocated-topology",
)  # fmt: skip

routes = Routes("")


@routes.get("/", policy=PUBLIC)
def index(req: Request) -> Any:
    return {
        "versions": [
            {
                "id": "v2.0",
                "status": "CURRENT",
                "links": [{"rel": "self", "href": f"{req.base_url}/v2.0/"}],
            }
        ]
    }


@routes.get("/v2.0", policy=PUBLIC)
def show(req: Request) -> Any:
    return {
        "resources": [
            {
                "name": name[:-3] + "y" if name.endswith("ies") else name.removesuffix("s"),
                "collection": name,
                "links": [{"rel": "self", "href": f"{req.base_url}/v2.0/{name}"}],
            }
            for name in RESOURCES
        ]
    }


def _shown(extension: Extension) -> dict[str, Any]:
    return {
        "alias": extension.alias,
        "name": extension.name,
        "description": extension.description,
        "updated": extension.updated,
        "links": [],
    }


@routes.get("/v2.0/extensions", policy=policy.GET_EXTENSIONS)
def index_extensions(req: Request) -> Any:
    return {"extensions": [_shown(extension) for extension in EXTENSIONS]}


@routes.get("/v2.0/extensions/{alias}", policy=policy.GET_EXTENSIONS)
def show_extension(req: Request, alias: str) -> Any:
    for extension in EXTENSIONS:
        if extension.alias == alias:
            return {"extension": _shown(extension)}
    raise ExtensionNotFound(alias)
