"""/v3/groups: users who get their roles together."""

from __future__ import annotations

from typing import Any

from nacre.kernel import wire
from nacre.kernel.context import Context
from nacre.kernel.http.request import Request
from nacre.kernel.http.routing import Routes
from nacre.kernel.wire import CREATE, FILTER, SHOW, SORT, UPDATE, Resource, field
from nacre.services.identity import policy
from nacre.services.identity.api.shapes import DESCRIPTION, ID, many, one, page, self_link, wanted
from nacre.services.identity.app import groups, targets, users
from nacre.services.identity.db.groups import Group as Row
from nacre.services.identity.db.users import User


class Group(Resource):
    key, keys = "group", "groups"
    unknown = wire.Unknown.KEEP

    id = field(SHOW)
    name = field(CREATE, UPDATE, SHOW, FILTER, SORT, check=wire.Str(1, 64), required=True)
    domain_id = field(CREATE, UPDATE, SHOW, FILTER, check=ID)
    description = field(CREATE, UPDATE, SHOW, check=DESCRIPTION)
    links = self_link("groups")


routes = Routes("/v3/groups", resource=Group)


@routes.get(policy=policy.LIST_GROUPS, target=lambda ctx, loaded, body: targets.own_domain(ctx))
def index(req: Request) -> dict[str, Any]:
    asked = page(req, Group)
    return many(req, Group, groups.index(req.ctx, wanted(req, Group), asked), asked)


@routes.post(
    status=201,
    policy=policy.CREATE_GROUP,
    target=lambda ctx, loaded, body: targets.in_domain(
        "group", body.get("domain_id") or users.home_domain_id(ctx)
    ),
)
def create(req: Request, body: dict[str, Any]) -> dict[str, Any]:
    return one(req, Group, groups.create(req.ctx, **body))


def _as_target(ctx: Context, group: Row, body: Any) -> dict[str, Any]:
    return targets.group(group)


@routes.get("/{group_id}", policy=policy.GET_GROUP, load=groups.get, target=_as_target)
def show(req: Request, group: Row) -> dict[str, Any]:
    return one(req, Group, group)


@routes.patch("/{group_id}", policy=policy.UPDATE_GROUP, load=groups.get, target=_as_target)
def update(req: Request, group: Row, body: dict[str, Any]) -> dict[str, Any]:
    return one(req, Group, groups.update(req.ctx, group, body))


@routes.delete("/{group_id}", policy=policy.DELETE_GROUP, load=groups.get, target=_as_target)
def delete(req: Request, group: Row) -> None:
    groups.delete(req.ctx, group)


# -- members ----------------------------------------------------------------------------------------

Membership = tuple[Row, User]


def _membership(ctx: Context, group_id: str, user_id: str) -> Membership:
    return groups.get(ctx, group_id), users.get(ctx, user_id)


def _membership_target(ctx: Context, pair: Membership, body: Any) -> dict[str, Any]:
    group, user = pair
    return targets.group(group) | targets.user(user)


@routes.put(
    "/{group_id}/users/{user_id}",
    policy=policy.ADD_USER_TO_GROUP,
    load=_membership,
    target=_membership_target,
    status=204,
)
def add_member(req: Request, pair: Membership) -> None:
    groups.add_member(req.ctx, *pair)


@routes.get(
    "/{group_id}/users/{user_id}",
    policy=policy.CHECK_USER_IN_GROUP,
    load=_membership,
    target=_membership_target,
    status=204,
)
def check_member(req: Request, pair: Membership) -> None:
    groups.check_member(req.ctx, *pair)


@routes.delete(
    "/{group_id}/users/{user_id}",
    policy=policy.REMOVE_USER_FROM_GROUP,
    load=_membership,
    target=_membership_target,
)
def remove_member(req: Request, pair: Membership) -> None:
    groups.remove_member(req.ctx, *pair)
