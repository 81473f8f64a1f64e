"""/v3/roles: names for rights, and which imply which."""

from __future__ import annotations

from typing import Any

from nacre.kernel import wire
from nacre.kernel.context import Context
from nacre.kernel.http.request import Request
from nacre.kernel.http.routing import HANDLER_AUTHORISES, Routes
from nacre.kernel.wire import CREATE, FILTER, SHOW, SORT, UPDATE, Resource, field
from nacre.services.identity import policy
from nacre.services.identity.api.shapes import (
    DESCRIPTION,
    ID,
    IMMUTABLE_OPTION,
    many,
    no_target,
    one,
    page,
    self_link,
    wanted,
)
from nacre.services.identity.app import roles, targets
from nacre.services.identity.db.roles import Role as Row


class Role(Resource):
    key, keys = "role", "roles"
    unknown = wire.Unknown.KEEP

    id = field(SHOW)
    name = field(CREATE, UPDATE, SHOW, FILTER, SORT, check=wire.Str(1, 255), required=True)
    domain_id = field(CREATE, UPDATE, SHOW, FILTER, check=wire.Nullable(ID), render=lambda id: id or None)
    description = field(CREATE, UPDATE, SHOW, check=DESCRIPTION)
    options = field(CREATE, UPDATE, SHOW, check=IMMUTABLE_OPTION)
    links = self_link("roles")


routes = Routes("/v3/roles", resource=Role)
inferences = Routes("/v3/role_inferences")


@routes.get(policy=HANDLER_AUTHORISES)
def index(req: Request) -> dict[str, Any]:
    filters = wanted(req, Role)
    req.authorise(policy.LIST_DOMAIN_ROLES if filters.get("domain_id") else policy.LIST_ROLES, {})
    asked = page(req, Role)
    return many(req, Role, roles.index(req.ctx, filters, asked), asked)


@routes.post(status=201, policy=HANDLER_AUTHORISES)
def create(req: Request, body: dict[str, Any]) -> dict[str, Any]:
    req.authorise(policy.CREATE_DOMAIN_ROLE if body.get("domain_id") else policy.CREATE_ROLE, {})
    return one(req, Role, roles.create(req.ctx, **body))


@routes.get("/{role_id}", policy=HANDLER_AUTHORISES, load=roles.get)
def show(req: Request, role: Row) -> dict[str, Any]:
    req.authorise(policy.GET_DOMAIN_ROLE if role.domain_id else policy.GET_ROLE, targets.role(role))
    return one(req, Role, role)


@routes.patch("/{role_id}", policy=HANDLER_AUTHORISES, load=roles.get)
def update(req: Request, role: Row, body: dict[str, Any]) -> dict[str, Any]:
    req.authorise(policy.UPDATE_DOMAIN_ROLE if role.domain_id else policy.UPDATE_ROLE, targets.role(role))
    return one(req, Role, roles.update(req.ctx, role, body))


@routes.delete("/{role_id}", policy=HANDLER_AUTHORISES, load=roles.get)
def delete(req: Request, role: Row) -> None:
    req.authorise(policy.DELETE_DOMAIN_ROLE if role.domain_id else policy.DELETE_ROLE, targets.role(role))
    roles.delete(req.ctx, role)


# -- implications -------------------------------------------------------------------------------------

Pair = tuple[Row, Row]


def _pair(ctx: Context, prior_id: str, implied_id: str) -> Pair:
    return roles.get(ctx, prior_id), roles.get(ctx, implied_id)


def _brief(req: Request, role: Row) -> dict[str, Any]:
    return {"id": role.id, "name": role.name, "links": {"self": req.url("v3", "roles", role.id)}}


def _inference(req: Request, prior: Row, implies: Any) -> dict[str, Any]:
    return {"prior_role": _brief(req, prior), "implies": implies}


@routes.get("/{prior_id}/implies", policy=policy.LIST_IMPLIED_ROLES, load=roles.get, target=no_target)
def index_implied(req: Request, role: Row) -> dict[str, Any]:
    implied = [_brief(req, each) for each in roles.implied_by(req.ctx, role)]
    return {"role_inference": _inference(req, role, implied), "links": {"self": req.url_with_query()}}


@routes.put(
    "/{prior_id}/implies/{implied_id}",
    policy=policy.CREATE_IMPLIED_ROLE,
    load=_pair,
    target=no_target,
    status=201,
)
def imply(req: Request, pair: Pair) -> dict[str, Any]:
    roles.imply(req.ctx, *pair)
    return _one_inference(req, pair)


@routes.get("/{prior_id}/implies/{implied_id}", policy=policy.GET_IMPLIED_ROLE, load=_pair, target=no_target)
def show_implied(req: Request, pair: Pair) -> dict[str, Any]:
    roles.check_implication(req.ctx, *pair)
    return _one_inference(req, pair)


@routes.head(
    "/{prior_id}/implies/{implied_id}",
    policy=policy.CHECK_IMPLIED_ROLE,
    load=_pair,
    target=no_target,
    status=204,
)
def check_implied(req: Request, pair: Pair) -> None:
    roles.check_implication(req.ctx, *pair)


@routes.delete(
    "/{prior_id}/implies/{implied_id}", policy=policy.DELETE_IMPLIED_ROLE, load=_pair, target=no_target
)
def stop_implying(req: Request, pair: Pair) -> None:
    roles.stop_implying(req.ctx, *pair)


def _one_inference(req: Request, pair: Pair) -> dict[str, Any]:
    prior, implied = pair
    return {
        "role_inference": _inference(req, prior, _brief(req, implied)),
        "links": {"self": req.url_with_query()},
    }


@inferences.get(policy=policy.LIST_ROLE_INFERENCE_RULES, target=no_target)
def index_inferences(req: Request) -> dict[str, Any]:
    found = [
        _inference(req, prior, [_brief(req, role) for role in implied])
        for prior, implied in roles.implications(req.ctx)
    ]
    return {"role_inferences": found, "links": {"self": req.url_with_query()}}
