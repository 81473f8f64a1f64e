"""The versions that the service speaks: what GET / tells a client before it asks for anything else."""

from __future__ import annotations

from nacre.kernel.http.request import Request, Response
from nacre.kernel.http.routing import PUBLIC, Routes
from nacre.services.image.versions import CURRENT, VERSIONS

routes = Routes("")


def _versions(req: Request, status: int) -> Response:
    links = [{"rel": "self", "href": req.url("v2") + "/"}]
    shown = [
        {"id": id, "status": "CURRENT" if id == CURRENT else "SUPPORTED", "links": links}
        for id in reversed(VERSIONS)
    ]
    return Response(status, {"versions": shown})


@routes.get("/", policy=PUBLIC)
def choices(req: Request) -> Response:
    return _versions(req, 300)


@routes.get("/versions", policy=PUBLIC)
def index(req: Request) -> Response:
    return _versions(req, 200)


@routes.get("/v2", policy=PUBLIC)
def version_2(req: Request) -> Response:
    return _versions(req, 200)
