"""Giving and taking roles: PUT, HEAD, GET and DELETE on the path "somebody's role somewhere".

The same five operations exist for users and groups, on projects, domains and the system, and (on
projects and domains) once more for roles that count on the projects below.  They differ only in
their paths, so they are registered by a loop.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec

from nacre.kernel.context import Context
from nacre.kernel.http.request import Request
from nacre.kernel.http.routing import Routes
from nacre.kernel.policy import Rule
from nacre.services.identity import policy
from nacre.services.identity.api.roles import Role
from nacre.services.identity.api.shapes import many
from nacre.services.identity.app import grants, roles, targets
from nacre.services.identity.app.grants import Place
from nacre.services.identity.db.roles import Role as RoleRow
from nacre.services.identity.db.tables import Actor, Target

routes = Routes("/v3", resource=Role)

Load = Callable[..., Place]


class Grant(msgspec.Struct, frozen=True):
    """A role somewhere, whether or not it is given."""

    place: Place
    role: RoleRow


def index(req: Request, place: Place) -> dict[str, Any]:
    """List the roles of somebody somewhere."""
    return many(req, Role, grants.roles_at(req.ctx, place))


def check(req: Request, grant: Grant) -> None:
    """Ask whether a role is given."""
    grants.check(req.ctx, grant.place, grant.role)


def give(req: Request, grant: Grant) -> None:
    """Give a role."""
    grants.give(req.ctx, grant.place, grant.role)


def take(req: Request, grant: Grant) -> None:
    """Take a role back."""
    grants.take(req.ctx, grant.place, grant.role)


def _load_place(ctx: Context, *ids: str, actor: Actor, target: Target, inherited: bool) -> Place:
    """Find who and where; the path names the target first, then the actor."""
    if target is Target.SYSTEM:
        return grants.place(ctx, actor=actor, actor_id=ids[0], target=target)
    return grants.place(
        ctx, target=target, target_id=ids[0], actor=actor, actor_id=ids[1], inherited=inherited
    )


def _load_grant(ctx: Context, *ids: str, load_place: Load) -> Grant:
    return Grant(load_place(ctx, *ids[:-1]), roles.get(ctx, ids[-1]))


def _place_target(ctx: Context, place: Place, body: Any) -> dict[str, Any]:
    return place.as_policy_target


def _grant_target(ctx: Context, grant: Grant, body: Any) -> dict[str, Any]:
    return grant.place.as_policy_target | targets.role(grant.role)


def _register(
    path: str, load: Load, rules: tuple[Rule, Rule, Rule, Rule], *, inherited: bool = False
) -> None:
    """Add the operations below a path like /projects/{project_id}/users/{user_id}/roles."""
    listing, checking, giving, taking = rules
    suffix = "/inherited_to_projects" if inherited else ""
    one_role = path + "/{role_id}" + suffix
    load_grant = partial(_load_grant, load_place=load)
    routes.add("GET", path + suffix, index, policy=listing, load=load, target=_place_target)
    for method in ("HEAD", "GET"):
        routes.add(
            method, one_role, check, policy=checking, load=load_grant, target=_grant_target, status=204
        )
    routes.add("PUT", one_role, give, policy=giving, load=load_grant, target=_grant_target, status=204)
    routes.add("DELETE", one_role, take, policy=taking, load=load_grant, target=_grant_target, status=204)


_GRANTS = (policy.LIST_GRANTS, policy.CHECK_GRANT, policy.CREATE_GRANT, policy.REVOKE_GRANT)
_SYSTEM_GRANTS = {
    Actor.USER: (
        policy.LIST_SYSTEM_GRANTS_FOR_USER,
        policy.CHECK_SYSTEM_GRANT_FOR_USER,
        policy.CREATE_SYSTEM_GRANT_FOR_USER,
        policy.REVOKE_SYSTEM_GRANT_FOR_USER,
    ),
    Actor.GROUP: (
        policy.LIST_SYSTEM_GRANTS_FOR_GROUP,
        policy.CHECK_SYSTEM_GRANT_FOR_GROUP,
        policy.CREATE_SYSTEM_GRANT_FOR_GROUP,
        policy.REVOKE_SYSTEM_GRANT_FOR_GROUP,
    ),
}

for _actor in Actor:
    _who = f"/{_actor}s/{{{_actor}_id}}/roles"
    for _target in (Target.PROJECT, Target.DOMAIN):
        _where = f"/{_target}s/{{{_target}_id}}{_who}"
        _load = partial(_load_place, actor=_actor, target=_target, inherited=False)
        _register(_where, _load, _GRANTS)
        _load = partial(_load_place, actor=_actor, target=_target, inherited=True)
        _register(f"/OS-INHERIT{_where}", _load, _GRANTS, inherited=True)
    _load = partial(_load_place, actor=_actor, target=Target.SYSTEM, inherited=False)
    _register(f"/system{_who}", _load, _SYSTEM_GRANTS[_actor])
