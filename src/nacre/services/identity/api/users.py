"""/v3/users: who may log in."""

from __future__ import annotations

from typing import Any

from nacre.kernel import wire
from nacre.kernel.clock import isoformat_micros
from nacre.kernel.http.request import Request
from nacre.kernel.http.routing import PUBLIC, Routes
from nacre.kernel.wire import CREATE, FILTER, SHOW, SORT, UPDATE, Resource, field
from nacre.services.identity import policy
from nacre.services.identity.api import groups, projects
from nacre.services.identity.api.shapes import FLAG, ID, many, one, page, self_link, wanted
from nacre.services.identity.app import targets, user_projects, users
from nacre.services.identity.db.users import User as Row

NAME = wire.Str(1, 255)
PASSWORD = wire.Nullable(wire.Str(0, 4096))
OPTIONS = wire.Object(
    {
        "ignore_change_password_upon_first_use": wire.Nullable(FLAG),
        "ignore_password_expiry": wire.Nullable(FLAG),
        "ignore_lockout_failure_attempts": wire.Nullable(FLAG),
        "ignore_user_inactivity": wire.Nullable(FLAG),
        "lock_password": wire.Nullable(FLAG),
        "multi_factor_auth_enabled": wire.Nullable(FLAG),
        "multi_factor_auth_rules": wire.Nullable(
            wire.Each(wire.Each(wire.Str(1, 64), minimum=1, unique=True), unique=True)
        ),
    }
)


class User(Resource):
    """Attributes that identity does not know (email, description …) are kept and shown as they came."""

    key, keys = "user", "users"
    unknown = wire.Unknown.KEEP
    absent_when_null = ("default_project_id",)

    id = field(SHOW)
    name = field(CREATE, UPDATE, SHOW, FILTER, SORT, check=NAME, required=True)
    domain_id = field(CREATE, UPDATE, SHOW, FILTER, check=wire.Nullable(ID))
    enabled = field(CREATE, UPDATE, SHOW, FILTER, check=FLAG)
    default_project_id = field(CREATE, UPDATE, SHOW, FILTER, check=wire.Nullable(ID))
    password = field(CREATE, UPDATE, check=PASSWORD)
    password_expires_at = field(SHOW, render=isoformat_micros)
    options = field(CREATE, UPDATE, SHOW, check=OPTIONS)
    links = self_link("users")


def filters(req: Request) -> dict[str, Any]:
    """Return the filters for lists of users."""
    asked = wanted(req, User, flags=("enabled",))
    if expiry := req.arg("password_expires_at"):
        asked["password_expires_at"] = users.expiry_wish(expiry)
    if unique_id := req.arg("unique_id"):
        asked["id"] = unique_id
    return asked


routes = Routes("/v3/users", resource=User)


@routes.get(policy=policy.LIST_USERS, target=lambda ctx, loaded, body: targets.own_domain(ctx))
def index(req: Request) -> dict[str, Any]:
    asked = page(req, User)
    return many(req, User, users.index(req.ctx, filters(req), asked), asked)


@routes.post(
    status=201,
    policy=policy.CREATE_USER,
    target=lambda ctx, loaded, body: targets.in_domain(
        "user", body.get("domain_id") or users.home_domain_id(ctx)
    ),
)
def create(req: Request, body: dict[str, Any]) -> dict[str, Any]:
    return one(req, User, users.create(req.ctx, **body))


def _as_target(ctx: Any, user: Row, body: Any) -> dict[str, Any]:
    return targets.user(user)


@routes.get("/{user_id}", policy=policy.GET_USER, load=users.get, target=_as_target)
def show(req: Request, user: Row) -> dict[str, Any]:
    return one(req, User, user)


@routes.patch("/{user_id}", policy=policy.UPDATE_USER, load=users.get, target=_as_target)
def update(req: Request, user: Row, body: dict[str, Any]) -> dict[str, Any]:
    return one(req, User, users.update(req.ctx, user, body))


@routes.delete("/{user_id}", policy=policy.DELETE_USER, load=users.get, target=_as_target)
def delete(req: Request, user: Row) -> None:
    users.delete(req.ctx, user)


# compat: no token is needed, the original password is the proof (Identity API, "Change password").
@routes.post(
    "/{user_id}/password",
    policy=PUBLIC,
    status=204,
    envelope="user",
    body=wire.Object(
        {"password": wire.Str(0, 4096), "original_password": wire.Str(0, 4096)},
        required=("password", "original_password"),
    ),
)
def change_password(req: Request, user_id: str, body: dict[str, Any]) -> None:
    users.change_password(req.ctx, user_id, **body)


@routes.get("/{user_id}/projects", policy=policy.LIST_USER_PROJECTS, load=users.get, target=_as_target)
def index_projects(req: Request, user: Row) -> dict[str, Any]:
    return many(req, projects.Project, user_projects.all_projects(req.ctx, user.id))


@routes.get("/{user_id}/groups", policy=policy.LIST_GROUPS_FOR_USER, load=users.get, target=_as_target)
def index_groups(req: Request, user: Row) -> dict[str, Any]:
    asked = page(req, groups.Group)
    found = users.groups_of(req.ctx, user, wanted(req, groups.Group), asked)
    body = many(req, groups.Group, found, asked)
    for group in body["groups"]:
        group["membership_expires_at"] = None
    return body
