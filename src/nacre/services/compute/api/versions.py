"""The version documents: what GET / and GET /v2.1 tell a client before it asks for anything else."""

from __future__ import annotations

from typing import Any

from nacre.kernel.http.request import Request, Response
from nacre.kernel.http.routing import PUBLIC, Routes
from nacre.services.compute.versions import VERSIONS

MEDIA = "application/vnd.openstack.compute+json;version="
routes = Routes("")


def _version(req: Request, id: str) -> dict[str, Any]:
    current = id == "v2.1"
    return {
        "id": id,
        "status": "CURRENT" if current else "SUPPORTED",
        "version": str(VERSIONS.maximum) if current else "",
        "min_version": str(VERSIONS.minimum) if current else "",
        "updated": "2013-07-23T11:33:21Z" if current else "2011-01-21T11:33:21Z",
        "links": [{"rel": "self", "href": req.url(_path(id)) + "/"}],
    }


def _path(id: str) -> str:
    return "v2.1" if id == "v2.1" else "v2"


def _detailed(req: Request, id: str) -> dict[str, Any]:
    described = {"rel": "describedby", "type": "text/html", "href": "http://docs.openstack.org/"}
    version = _version(req, id)
    return {
        "version": {
            **version,
            "links": [*version["links"], described],
            "media-types": [{"base": "application/json", "type": MEDIA + _path(id)[1:]}],
        }
    }


@routes.get("/", policy=PUBLIC)
def index(req: Request) -> Response:
    # compat: v2.0 leads the list, as in the versions document of nova; who checks interoperability looks for it there
    return Response(200, {"versions": [_version(req, "v2.0"), _version(req, "v2.1")]})


@routes.get("/v2.1", policy=PUBLIC)
def show(req: Request) -> dict[str, Any]:
    return _detailed(req, "v2.1")


@routes.get("/v2", policy=PUBLIC)
def show_legacy(req: Request) -> dict[str, Any]:
    return _detailed(req, "v2.0")
