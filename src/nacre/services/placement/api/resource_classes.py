"""/resource_classes: the vocabulary of what providers have."""

from __future__ import annotations

from typing import Any

from nacre.kernel.http.request import Request, Response
from nacre.kernel.http.routing import Routes
from nacre.kernel.wire import Object, fields
from nacre.services.placement import policy
from nacre.services.placement.api.answers import answer
from nacre.services.placement.api.checks import CUSTOM_NAME
from nacre.services.placement.app import names as app

routes = Routes("/resource_classes")

NAME = Object({"name": CUSTOM_NAME}, required=("name",))


def show_class(name: str) -> dict[str, Any]:
    """Render a resource class."""
    return {"name": name, "links": [{"rel": "self", "href": f"/resource_classes/{name}"}]}


@routes.get(policy=policy.LIST_CLASSES, since="1.2")
def index(req: Request) -> Response:
    return answer(req, {"resource_classes": [show_class(name) for name in app.classes(req.ctx)]})


def _created(req: Request, made: list[str]) -> Response:
    return answer(req, None, status=201, location=req.url("resource_classes", made[0]))


@routes.post(
    policy=policy.CREATE_CLASS, body=NAME, since="1.2", creates="custom_classes.name", tell_again=_created
)
def create(req: Request, body: dict[str, Any]) -> Response:
    app.create_class(req.ctx, body["name"])
    return _created(req, [body["name"]])


@routes.get("/{name}", policy=policy.SHOW_CLASS, since="1.2")
def show(req: Request, name: str) -> Response:
    app.check_class(req.ctx, name)
    return answer(req, show_class(name))


@routes.put("/{name}", policy=policy.UPDATE_CLASS, body=NAME, since="1.2", until="1.6")
def rename(req: Request, name: str, body: dict[str, Any]) -> Response:
    app.rename_class(req.ctx, name, body["name"])
    return answer(req, show_class(body["name"]))


@routes.put("/{name}", policy=policy.UPDATE_CLASS, since="1.7")
def ensure(req: Request, name: str) -> Response:
    fields.check_value("name", CUSTOM_NAME, name)
    added = app.ensure_class(req.ctx, name)
    return answer(
        req, None, status=201 if added else 204, location=req.url("resource_classes", name),
        modified_at=req.ctx.clock.now(),
    )  # fmt: skip


@routes.delete("/{name}", policy=policy.DELETE_CLASS, since="1.2")
def delete(req: Request, name: str) -> None:
    app.delete_class(req.ctx, name)
