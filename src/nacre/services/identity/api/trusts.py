"""/v3/OS-TRUST/trusts: letting others act in one's place."""

from __future__ import annotations

from typing import Any

from nacre.kernel import wire
from nacre.kernel.clock import isoformat_micros
from nacre.kernel.context import Context
from nacre.kernel.http.request import Request
from nacre.kernel.http.routing import HANDLER_AUTHORISES, Routes
from nacre.kernel.wire import CREATE, FILTER, SHOW, Resource, field
from nacre.services.identity import policy
from nacre.services.identity.api.application_credentials import ROLE
from nacre.services.identity.api.roles import Role
from nacre.services.identity.api.shapes import FLAG, ID, many, one, page, self_link, shown, wanted
from nacre.services.identity.app import trusts
from nacre.services.identity.db.trusts import Trust as Row


class Trust(Resource):
    key, keys = "trust", "trusts"
    unknown = wire.Unknown.KEEP

    id = field(SHOW)
    trustor_user_id = field(CREATE, SHOW, FILTER, check=ID, required=True)
    trustee_user_id = field(CREATE, SHOW, FILTER, check=ID, required=True)
    project_id = field(CREATE, SHOW, check=wire.Nullable(ID))
    impersonation = field(CREATE, SHOW, check=FLAG, required=True)
    expires_at = field(CREATE, SHOW, check=wire.Nullable(wire.DATETIME), render=isoformat_micros)
    remaining_uses = field(CREATE, SHOW, check=wire.Nullable(wire.Int(1, strings=False)))
    allow_redelegation = field(CREATE, check=FLAG)
    redelegation_count = field(CREATE, SHOW, check=wire.Nullable(wire.Int(0, strings=False)))
    redelegated_trust_id = field(SHOW)
    deleted_at = field(SHOW, source=lambda req, thing: None)
    roles = field(CREATE, check=wire.Each(ROLE))
    links = self_link("OS-TRUST", "trusts")


routes = Routes("/v3/OS-TRUST/trusts", resource=Trust)


def _as_target(ctx: Context, trust: Row, body: Any) -> dict[str, Any]:
    return {
        "target.trust.trustor_user_id": trust.trustor_user_id,
        "target.trust.trustee_user_id": trust.trustee_user_id,
    }


def _with_roles(req: Request, trust: Row) -> dict[str, Any]:
    body = one(req, Trust, trust)
    found = [shown(req, Role, role) for role in trusts.roles_of(req.ctx, trust)]
    address = req.url("v3", "OS-TRUST", "trusts", trust.id, "roles")
    body["trust"] |= {
        "roles": found,
        "roles_links": {"self": address, "next": None, "previous": None},
    }
    return body


@routes.get(policy=HANDLER_AUTHORISES)
def index(req: Request) -> dict[str, Any]:
    filters, asked = wanted(req, Trust), page(req, Trust)
    target = {f"target.trust.{name}": value for name, value in filters.items()}
    if "trustor_user_id" in filters:
        req.authorise(policy.LIST_TRUSTS_FOR_TRUSTOR, target)
    if "trustee_user_id" in filters:
        req.authorise(policy.LIST_TRUSTS_FOR_TRUSTEE, target)
    if not filters:
        req.authorise(policy.LIST_TRUSTS, {})
    return many(req, Trust, trusts.index(req.ctx, filters, asked), asked)


@routes.post(
    status=201,
    policy=policy.CREATE_TRUST,
    target=lambda ctx, loaded, body: {"target.trust.trustor_user_id": body["trustor_user_id"]},
)
def create(req: Request, body: dict[str, Any]) -> dict[str, Any]:
    return _with_roles(req, trusts.create(req.ctx, **body))


@routes.get("/{trust_id}", policy=policy.GET_TRUST, load=trusts.get, target=_as_target)
def show(req: Request, trust: Row) -> dict[str, Any]:
    return _with_roles(req, trust)


@routes.delete("/{trust_id}", policy=policy.DELETE_TRUST, load=trusts.get, target=_as_target)
def delete(req: Request, trust: Row) -> None:
    trusts.delete(req.ctx, trust)


@routes.get("/{trust_id}/roles", policy=policy.LIST_ROLES_FOR_TRUST, load=trusts.get, target=_as_target)
def index_roles(req: Request, trust: Row) -> dict[str, Any]:
    return many(req, Role, trusts.roles_of(req.ctx, trust))


@routes.get(
    "/{trust_id}/roles/{role_id}", policy=policy.GET_ROLE_FOR_TRUST, load=trusts.get, target=_as_target
)
def show_role(req: Request, trust: Row, role_id: str) -> dict[str, Any]:
    return one(req, Role, trusts.role_of(req.ctx, trust, role_id))
