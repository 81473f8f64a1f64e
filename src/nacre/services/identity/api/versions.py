"""Which versions of the Identity API there are."""

from typing import Any

from nacre.kernel.http.request import Request, Response
from nacre.kernel.http.routing import PUBLIC, Routes
from nacre.services.identity.versions import description

routes = Routes("")


@routes.get("/", policy=PUBLIC)
def index(req: Request) -> Response:
    # compat: a list of choices is answered with 300, and wrapped in "values" (Identity API, "List versions").
    return Response(300, {"versions": {"values": [description(req.url("v3"))]}})


@routes.get("/v3", policy=PUBLIC)
def show(req: Request) -> dict[str, Any]:
    return {"version": description(req.url("v3"))}
