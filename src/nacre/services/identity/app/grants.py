"""Giving roles to users and groups on projects, domains and the system, and taking them back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from nacre.kernel import errors
from nacre.services.identity.app import targets
from nacre.services.identity.app.state import change
from nacre.services.identity.db import groups, projects, role_assignments, roles, users
from nacre.services.identity.db.groups import Group
from nacre.services.identity.db.projects import Project
from nacre.services.identity.db.role_assignments import SYSTEM_ID, Assignment
from nacre.services.identity.db.roles import Role
from nacre.services.identity.db.tables import Actor, Target
from nacre.services.identity.db.users import User
from nacre.services.identity.errors import AssignmentNotFound

if TYPE_CHECKING:
    from nacre.kernel.context import Context
    from nacre.kernel.db import Transaction


class Place(msgspec.Struct, frozen=True):
    """Somebody somewhere: an actor and a target, both of which exist."""

    actor: User | Group
    target: Project | None  # None: the system
    is_domain: bool = False
    inherited: bool = False

    @property
    def as_policy_target(self) -> dict[str, Any]:
        """What the policies on grants are held against."""
        target = targets.user(self.actor) if isinstance(self.actor, User) else targets.group(self.actor)
        if self.target is not None:
            target |= targets.domain(self.target) if self.is_domain else targets.project(self.target)
        return target

    def with_role(self, role: Role) -> Assignment:
        """Return the assignment of a role to this actor on this target."""
        kind = Target.SYSTEM if self.target is None else Target.DOMAIN if self.is_domain else Target.PROJECT
        return Assignment(
            actor=Actor.USER if isinstance(self.actor, User) else Actor.GROUP,
            actor_id=self.actor.id,
            target=kind,
            target_id=SYSTEM_ID if self.target is None else self.target.id,
            role_id=role.id,
            inherited=self.inherited,
        )


def place(
    ctx: Context,
    *,
    actor: Actor,
    actor_id: str,
    target: Target,
    target_id: str = SYSTEM_ID,
    inherited: bool = False,
) -> Place:
    """Return a place; raises NotFound for the user, group, project or domain that does not exist."""

    def find(tx: Transaction) -> Place:
        who = users.get(tx, actor_id) if actor is Actor.USER else groups.get(tx, actor_id)
        if target is Target.SYSTEM:
            return Place(who, None)
        if target is Target.DOMAIN:
            return Place(who, projects.get_domain(tx, target_id), True, inherited)
        return Place(who, projects.get(tx, target_id), False, inherited)

    return ctx.db.read(find)


def roles_at(ctx: Context, place: Place) -> list[Role]:
    """Return the roles that were given to an actor on a target, no others."""

    def find(tx: Transaction) -> list[Role]:
        sample = place.with_role(Role("", "", "", None, {}, {}))
        held = role_assignments.index(
            tx,
            actor_ids=[sample.actor_id],
            target=sample.target,
            target_ids=[sample.target_id],
            inherited=sample.inherited,
        )
        found = roles.find_all(tx, [each.role_id for each in held])
        return sorted(found.values(), key=lambda role: role.name)

    return ctx.db.read(find)


def check(ctx: Context, place: Place, role: Role) -> None:
    """Raise AssignmentNotFound unless the role was given."""
    assignment = place.with_role(role)
    if not ctx.db.read(role_assignments.exists, assignment):
        raise AssignmentNotFound(role.id, assignment.actor_id, assignment.target_id)


def give(ctx: Context, place: Place, role: Role) -> None:
    """Give a role; may run twice."""
    if role.domain_id:
        if place.target is None:
            raise errors.Forbidden("A role of a domain cannot be given on the system.")
        if role.domain_id != place.target.own_domain_id:
            raise errors.Forbidden(
                f"Project {place.target.id} must be in the same domain as the role {role.id} being assigned."
            )
    change(ctx, role_assignments.insert, place.with_role(role))


def take(ctx: Context, place: Place, role: Role) -> None:
    """Take a role back; AssignmentNotFound if it was not given."""
    assignment = place.with_role(role)
    if not change(ctx, role_assignments.delete, assignment):
        raise AssignmentNotFound(role.id, assignment.actor_id, assignment.target_id)
