"""/v3/policies: documents that identity keeps for other programs."""

from __future__ import annotations

from typing import Any

from nacre.kernel import wire
from nacre.kernel.http.request import Request
from nacre.kernel.http.routing import Routes
from nacre.kernel.wire import CREATE, FILTER, SHOW, UPDATE, Resource, field
from nacre.services.identity import policy as rules
from nacre.services.identity.api.shapes import many, no_target, one, page, self_link, wanted
from nacre.services.identity.app import policies
from nacre.services.identity.db.policies import Policy as Row


class Policy(Resource):
    key, keys = "policy", "policies"
    unknown = wire.Unknown.KEEP

    id = field(SHOW)
    type = field(CREATE, UPDATE, SHOW, FILTER, check=wire.Str(1, 255), required=True)
    blob = field(CREATE, UPDATE, SHOW, check=wire.Str(0, 1_000_000), required=True)
    links = self_link("policies")


routes = Routes("/v3/policies", resource=Policy)


@routes.get(policy=rules.LIST_POLICIES, target=no_target)
def index(req: Request) -> dict[str, Any]:
    asked = page(req, Policy)
    return many(req, Policy, policies.index(req.ctx, wanted(req, Policy), asked), asked)


@routes.post(status=201, policy=rules.CREATE_POLICY, target=no_target)
def create(req: Request, body: dict[str, Any]) -> dict[str, Any]:
    return one(req, Policy, policies.create(req.ctx, **body))


@routes.get("/{policy_id}", policy=rules.GET_POLICY, load=policies.get, target=no_target)
def show(req: Request, policy: Row) -> dict[str, Any]:
    return one(req, Policy, policy)


@routes.patch("/{policy_id}", policy=rules.UPDATE_POLICY, load=policies.get, target=no_target)
def update(req: Request, policy: Row, body: dict[str, Any]) -> dict[str, Any]:
    return one(req, Policy, policies.update(req.ctx, policy, body))


@routes.delete("/{policy_id}", policy=rules.DELETE_POLICY, load=policies.get, target=no_target)
def delete(req: Request, policy: Row) -> None:
    policies.delete(req.ctx, policy)
