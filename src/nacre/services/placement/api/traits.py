"""/traits: the vocabulary of what providers are like."""

from __future__ import annotations

from nacre.kernel.errors import BadRequest
from nacre.kernel.http.request import Request, Response
from nacre.kernel.http.routing import Routes
from nacre.kernel.wire import fields
from nacre.services.placement import policy
from nacre.services.placement.api.answers import answer
from nacre.services.placement.api.checks import CUSTOM_NAME
from nacre.services.placement.app import names as app

routes = Routes("/traits")


@routes.get(policy=policy.LIST_TRAITS, since="1.6")
def index(req: Request) -> Response:
    wanted = req.arg("name", default="")
    kind, _, rest = wanted.partition(":")
    if wanted and kind not in ("in", "startswith"):
        raise BadRequest(f"Badly formatted name parameter. Expected name query string parameter in form: "
                         f"?name=[in|startswith]:[name1,name2|prefix]. Got: {wanted[:200]!r}")  # fmt: skip
    associated = None
    if "associated" in req.query:
        text = req.query["associated"][-1].lower()
        if text not in ("true", "false"):
            raise BadRequest(
                f'The query parameter "associated" only accepts "true" or "false": {text[:40]!r}'
            )
        associated = text == "true"
    names = app.traits(req.ctx, associated=associated)
    if kind == "in":
        among = set(rest.split(","))
        names = [name for name in names if name in among]
    elif kind == "startswith":
        names = [name for name in names if name.startswith(rest)]
    return answer(req, {"traits": names})


@routes.get("/{name}", policy=policy.SHOW_TRAIT, since="1.6")
def show(req: Request, name: str) -> Response:
    app.check_trait(req.ctx, name)
    return answer(req, None, status=204, modified_at=req.ctx.clock.now())


@routes.put("/{name}", policy=policy.UPDATE_TRAIT, since="1.6")
def create(req: Request, name: str) -> Response:
    fields.check_value("trait", CUSTOM_NAME, name)
    added = app.ensure_trait(req.ctx, name)
    return answer(
        req,
        None,
        status=201 if added else 204,
        location=req.url("traits", name),
        modified_at=req.ctx.clock.now(),
    )


@routes.delete("/{name}", policy=policy.DELETE_TRAIT, since="1.6")
def delete(req: Request, name: str) -> None:
    app.delete_trait(req.ctx, name)
