"""/v3/limits and /v3/registered_limits: how much of a service's resource projects may have."""

from __future__ import annotations

from typing import Any

from nacre.kernel import wire
from nacre.kernel.context import Context
from nacre.kernel.http.request import Request
from nacre.kernel.http.routing import Routes
from nacre.kernel.wire import FILTER, SHOW, UPDATE, Resource, field
from nacre.services.identity import policy
from nacre.services.identity.api.regions import REGION_ID
from nacre.services.identity.api.shapes import DESCRIPTION, ID, many, no_target, one, page, self_link, wanted
from nacre.services.identity.app import limits
from nacre.services.identity.db.limits import Limit as LimitRow
from nacre.services.identity.db.limits import RegisteredLimit as RegisteredRow

RESOURCE_NAME = wire.Str(1, 255)
AMOUNT = wire.Int(-1, strings=False)


class RegisteredLimit(Resource):
    key, keys = "registered_limit", "registered_limits"

    id = field(SHOW)
    service_id = field(UPDATE, SHOW, FILTER, check=ID)
    region_id = field(UPDATE, SHOW, FILTER, check=wire.Nullable(REGION_ID))
    resource_name = field(UPDATE, SHOW, FILTER, check=RESOURCE_NAME)
    default_limit = field(UPDATE, SHOW, check=AMOUNT)
    description = field(UPDATE, SHOW, check=DESCRIPTION)
    links = self_link("registered_limits")


class Limit(Resource):
    key, keys = "limit", "limits"

    id = field(SHOW)
    project_id = field(SHOW, FILTER)
    domain_id = field(SHOW, FILTER)
    service_id = field(SHOW, FILTER)
    region_id = field(SHOW, FILTER)
    resource_name = field(SHOW, FILTER)
    resource_limit = field(UPDATE, SHOW, check=AMOUNT)
    description = field(UPDATE, SHOW, check=DESCRIPTION)
    links = self_link("limits")


_ABOUT: dict[str, wire.Check] = {
    "service_id": ID,
    "region_id": wire.Nullable(REGION_ID),
    "resource_name": RESOURCE_NAME,
    "description": DESCRIPTION,
}
NEW_REGISTERED = wire.Object(
    {**_ABOUT, "default_limit": AMOUNT}, required=("service_id", "resource_name", "default_limit")
)
NEW = wire.Object(
    {
        **_ABOUT,
        "project_id": wire.Nullable(ID),
        "domain_id": wire.Nullable(ID),
        "resource_limit": AMOUNT,
    },
    required=("service_id", "resource_name", "resource_limit"),
)

registered = Routes("/v3/registered_limits", resource=RegisteredLimit)
routes = Routes("/v3/limits", resource=Limit)


@registered.get(policy=policy.LIST_REGISTERED_LIMITS)
def index_registered(req: Request) -> dict[str, Any]:
    asked = page(req, RegisteredLimit)
    found = limits.index_registered(req.ctx, wanted(req, RegisteredLimit), asked)
    return many(req, RegisteredLimit, found, asked)


@registered.post(
    status=201,
    policy=policy.CREATE_REGISTERED_LIMITS,
    target=no_target,
    envelope="registered_limits",
    body=wire.Each(NEW_REGISTERED, minimum=1),
)
def create_registered(req: Request, body: list[dict[str, Any]]) -> dict[str, Any]:
    return many(req, RegisteredLimit, limits.create_registered(req.ctx, body))


@registered.get("/{id}", policy=policy.GET_REGISTERED_LIMIT, load=limits.get_registered)
def show_registered(req: Request, limit: RegisteredRow) -> dict[str, Any]:
    return one(req, RegisteredLimit, limit)


@registered.patch(
    "/{id}", policy=policy.UPDATE_REGISTERED_LIMIT, load=limits.get_registered, target=no_target
)
def update_registered(req: Request, limit: RegisteredRow, body: dict[str, Any]) -> dict[str, Any]:
    return one(req, RegisteredLimit, limits.update_registered(req.ctx, limit, body))


@registered.delete(
    "/{id}", policy=policy.DELETE_REGISTERED_LIMIT, load=limits.get_registered, target=no_target
)
def delete_registered(req: Request, limit: RegisteredRow) -> None:
    limits.delete_registered(req.ctx, limit)


# -- limits of projects and domains ----------------------------------------------------------------------


def _as_target(ctx: Context, limit: LimitRow, body: Any) -> dict[str, Any]:
    target: dict[str, Any] = {"target.limit.project_id": limit.project_id}
    if limit.domain_id is not None:
        target["target.limit.domain.id"] = limit.domain_id
    if domain_id := limits.domain_of(ctx, limit):
        target["target.limit.project.domain_id"] = domain_id
    return target


@routes.get("/model", policy=policy.GET_LIMIT_MODEL)
def show_model(req: Request) -> dict[str, Any]:
    return {"model": limits.MODEL}


@routes.get(policy=policy.LIST_LIMITS)
def index(req: Request) -> dict[str, Any]:
    asked = page(req, Limit)
    sees_all = req.ctx.can(policy.GET_LIMIT, {})
    found = limits.index(req.ctx, wanted(req, Limit), asked, all=sees_all)
    return many(req, Limit, found, asked)


@routes.post(
    status=201,
    policy=policy.CREATE_LIMITS,
    target=no_target,
    envelope="limits",
    body=wire.Each(NEW, minimum=1),
)
def create(req: Request, body: list[dict[str, Any]]) -> dict[str, Any]:
    return many(req, Limit, limits.create(req.ctx, body))


@routes.get("/{id}", policy=policy.GET_LIMIT, load=limits.get, target=_as_target)
def show(req: Request, limit: LimitRow) -> dict[str, Any]:
    return one(req, Limit, limit)


@routes.patch("/{id}", policy=policy.UPDATE_LIMIT, load=limits.get, target=no_target)
def update(req: Request, limit: LimitRow, body: dict[str, Any]) -> dict[str, Any]:
    return one(req, Limit, limits.update(req.ctx, limit, body))


@routes.delete("/{id}", policy=policy.DELETE_LIMIT, load=limits.get, target=no_target)
def delete(req: Request, limit: LimitRow) -> None:
    limits.delete(req.ctx, limit)
