"""/v3/users/{id}/application_credentials, and the access rules that they may carry."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nacre.kernel import wire
from nacre.kernel.clock import isoformat_bare
from nacre.kernel.context import Context
from nacre.kernel.http.request import Request
from nacre.kernel.http.routing import Routes
from nacre.kernel.wire import CREATE, FILTER, SHOW, Resource, field
from nacre.services.identity import policy
from nacre.services.identity.api.shapes import DESCRIPTION, FLAG, ID, many, one, page, self_link, wanted
from nacre.services.identity.app import application_credentials, targets, users
from nacre.services.identity.db.application_credentials import AccessRule as RuleRow
from nacre.services.identity.db.application_credentials import ApplicationCredential as Row
from nacre.services.identity.db.users import User

ROLE = wire.OneOf(
    wire.Object({"id": ID}, required=("id",), unknown=wire.ANY),
    wire.Object({"name": wire.Str(1, 255)}, required=("name",), unknown=wire.ANY),
)
METHOD = wire.Enum("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
ACCESS_RULE = wire.OneOf(
    wire.Object({"id": ID}, required=("id",)),
    wire.Object(
        {"service": wire.Str(1, 255), "method": METHOD, "path": wire.Str(1, 128, pattern="/.*")},
        required=("service", "method", "path"),
    ),
)


def _time(moment: Any) -> str | None:
    """Render a moment without a zone, and without microseconds where it has none."""
    if moment is None or moment.microsecond:
        return isoformat_bare(moment)
    return moment.strftime("%Y-%m-%dT%H:%M:%S")


class AccessRule(Resource):
    key, keys = "access_rule", "access_rules"

    id = field(SHOW)
    service = field(SHOW, FILTER)
    method = field(SHOW, FILTER)
    path = field(SHOW, FILTER)
    links = self_link("users", lambda rule: rule.user_id, "access_rules")


class ApplicationCredential(Resource):
    key, keys = "application_credential", "application_credentials"

    id = field(SHOW)
    name = field(CREATE, SHOW, FILTER, check=wire.Str(1, 255), required=True)
    description = field(CREATE, SHOW, check=DESCRIPTION)
    project_id = field(SHOW)
    user_id = field(SHOW)
    secret = field(CREATE, check=wire.Nullable(wire.Str(1, 4096)))
    expires_at = field(CREATE, SHOW, check=wire.Nullable(wire.DATETIME), render=_time)
    unrestricted = field(CREATE, SHOW, check=FLAG)
    system = field(SHOW, source=lambda req, thing: None)
    roles = field(CREATE, check=wire.Each(ROLE))
    access_rules = field(CREATE, check=wire.Each(ACCESS_RULE))
    links = self_link("users", lambda credential: credential.user_id, "application_credentials")


routes = Routes("/v3/users/{user_id}/application_credentials", resource=ApplicationCredential)
rules = Routes("/v3/users/{user_id}/access_rules", resource=AccessRule)


def _user_target(ctx: Context, user: User, body: Any) -> dict[str, Any]:
    return targets.user(user)


def _owner_target(ctx: Context, thing: Row | RuleRow, body: Any) -> dict[str, Any]:
    return targets.credential(thing.user_id)


def _complete(req: Request, credentials: Sequence[Row], bodies: Sequence[dict[str, Any]]) -> None:
    """Add roles and access rules to bodies that were rendered."""
    known = application_credentials.roles_of(req.ctx, credentials)
    for credential, body in zip(credentials, bodies, strict=True):
        body["roles"] = [
            {"id": role.id, "name": role.name, "domain_id": role.domain_id or None}
            for id in credential.role_ids
            if (role := known.get(id))
        ]
        if credential.access_rules:
            body["access_rules"] = [
                {"id": rule.id, "service": rule.service, "method": rule.method, "path": rule.path}
                for rule in credential.access_rules
            ]


@routes.get(policy=policy.LIST_APPLICATION_CREDENTIALS, load=users.get, target=_user_target)
def index(req: Request, user: User) -> dict[str, Any]:
    asked = page(req, ApplicationCredential)
    found = application_credentials.index(req.ctx, user, wanted(req, ApplicationCredential), asked)
    body = many(req, ApplicationCredential, found, asked)
    _complete(req, found, body["application_credentials"])
    return body


@routes.post(status=201, policy=policy.CREATE_APPLICATION_CREDENTIAL, load=users.get, target=_user_target)
def create(req: Request, user: User, body: dict[str, Any]) -> dict[str, Any]:
    made, secret = application_credentials.create(req.ctx, user, **body)
    answer = one(req, ApplicationCredential, made)
    _complete(req, [made], [answer["application_credential"]])
    answer["application_credential"]["secret"] = secret
    return answer


@routes.get(
    "/{id}",
    policy=policy.GET_APPLICATION_CREDENTIAL,
    load=application_credentials.get,
    target=_owner_target,
)
def show(req: Request, credential: Row) -> dict[str, Any]:
    answer = one(req, ApplicationCredential, credential)
    _complete(req, [credential], [answer["application_credential"]])
    return answer


@routes.delete(
    "/{id}",
    policy=policy.DELETE_APPLICATION_CREDENTIAL,
    load=application_credentials.get,
    target=_owner_target,
)
def delete(req: Request, credential: Row) -> None:
    application_credentials.delete(req.ctx, credential)


# -- access rules ----------------------------------------------------------------------------------------


@rules.get(policy=policy.LIST_ACCESS_RULES, load=users.get, target=_user_target)
def index_rules(req: Request, user: User) -> dict[str, Any]:
    asked = page(req, AccessRule)
    found = application_credentials.index_rules(req.ctx, user, wanted(req, AccessRule), asked)
    return many(req, AccessRule, found, asked)


@rules.get(
    "/{id}",
    policy=policy.GET_ACCESS_RULE,
    load=application_credentials.get_rule,
    target=_owner_target,
)
def show_rule(req: Request, rule: RuleRow) -> dict[str, Any]:
    return one(req, AccessRule, rule)


@rules.delete(
    "/{id}",
    policy=policy.DELETE_ACCESS_RULE,
    load=application_credentials.get_rule,
    target=_owner_target,
)
def delete_rule(req: Request, rule: RuleRow) -> None:
    application_credentials.delete_rule(req.ctx, rule)
