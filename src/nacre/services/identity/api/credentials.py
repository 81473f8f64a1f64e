"""/v3/credentials: secrets that identity keeps for users."""

from __future__ import annotations

from typing import Any

from nacre.kernel import wire
from nacre.kernel.context import Context
from nacre.kernel.http.request import Request
from nacre.kernel.http.routing import HANDLER_AUTHORISES, Routes
from nacre.kernel.wire import CREATE, FILTER, SHOW, UPDATE, Resource, field
from nacre.services.identity import policy
from nacre.services.identity.api.shapes import ID, many, one, page, self_link, wanted
from nacre.services.identity.app import credentials, targets
from nacre.services.identity.db.credentials import Credential as Row


class Credential(Resource):
    key, keys = "credential", "credentials"
    unknown = wire.Unknown.KEEP

    id = field(SHOW)
    user_id = field(CREATE, UPDATE, SHOW, FILTER, check=ID, required=True)
    project_id = field(CREATE, UPDATE, SHOW, check=wire.Nullable(ID))
    type = field(CREATE, UPDATE, SHOW, FILTER, check=wire.Str(1, 255), required=True)
    blob = field(
        CREATE,
        UPDATE,
        SHOW,
        check=wire.Str(0, 65535),
        required=True,
        source=lambda req, thing: credentials.blob(req.ctx, thing),
    )
    links = self_link("credentials")


routes = Routes("/v3/credentials", resource=Credential)


def _as_target(ctx: Context, credential: Row, body: Any) -> dict[str, Any]:
    return targets.credential(credential.user_id)


@routes.get(policy=HANDLER_AUTHORISES)
def index(req: Request) -> dict[str, Any]:
    filters, asked = wanted(req, Credential), page(req, Credential)
    if not req.ctx.can(policy.LIST_CREDENTIALS, {}):
        req.authorise(policy.LIST_CREDENTIALS, targets.credential(req.ctx.user_id))
        if filters.get("user_id", req.ctx.user_id) != req.ctx.user_id:
            return many(req, Credential, [], asked)
        filters["user_id"] = req.ctx.user_id
    req.authorised = True
    return many(req, Credential, credentials.index(req.ctx, filters, asked), asked)


@routes.post(
    status=201,
    policy=policy.CREATE_CREDENTIAL,
    target=lambda ctx, loaded, body: targets.credential(body["user_id"]),
)
def create(req: Request, body: dict[str, Any]) -> dict[str, Any]:
    return one(req, Credential, credentials.create(req.ctx, **body))


@routes.get("/{credential_id}", policy=policy.GET_CREDENTIAL, load=credentials.get, target=_as_target)
def show(req: Request, credential: Row) -> dict[str, Any]:
    return one(req, Credential, credential)


@routes.patch("/{credential_id}", policy=policy.UPDATE_CREDENTIAL, load=credentials.get, target=_as_target)
def update(req: Request, credential: Row, body: dict[str, Any]) -> dict[str, Any]:
    return one(req, Credential, credentials.update(req.ctx, credential, body))


@routes.delete("/{credential_id}", policy=policy.DELETE_CREDENTIAL, load=credentials.get, target=_as_target)
def delete(req: Request, credential: Row) -> None:
    credentials.delete(req.ctx, credential)
