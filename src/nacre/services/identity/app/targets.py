"""What policy rules are held against: flat mappings with upstream's dotted names.

Names without a value are left out, so that a rule that compares them says no; the exceptions are
those that upstream's rules compare with `None`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from nacre.services.identity.db.groups import Group
from nacre.services.identity.db.projects import Project
from nacre.services.identity.db.roles import Role
from nacre.services.identity.db.users import User

if TYPE_CHECKING:
    from nacre.kernel.context import Context
    from nacre.kernel.http.routing import Operation

Target = dict[str, Any]


def user(thing: User) -> Target:
    """Return the target that a user is."""
    return {
        "user_id": thing.id,
        "target.user.id": thing.id,
        "target.user.domain_id": thing.domain_id,
        "target.user.name": thing.name,
    }


def group(thing: Group) -> Target:
    """Return the target that a group is."""
    return {"target.group.id": thing.id, "target.group.domain_id": thing.domain_id}


def project(thing: Project) -> Target:
    """Return the target that a project is.

    One that is a domain belongs to no domain, so that who manages a domain may not manage it thus.
    """
    target = {"project_id": thing.id, "target.project.id": thing.id}
    if thing.domain_id:
        target["target.project.domain_id"] = thing.domain_id
    if thing.parent_id:
        target["target.project.parent_id"] = thing.parent_id
    return target


def domain(thing: Project) -> Target:
    """Return the target that a domain is."""
    return {"domain_id": thing.id, "target.domain.id": thing.id}


def role(thing: Role) -> Target:
    """Return the target that a role is."""
    return {
        "target.role.id": thing.id,
        "target.role.name": thing.name,
        "target.role.domain_id": thing.domain_id or None,
    }


def own_domain(ctx: Context) -> Target:
    """Return the target of a list: the domain that the token is for, if it is for one."""
    return {"target.domain_id": ctx.domain_id} if ctx.domain_id else {}


def in_domain(kind: str, domain_id: str) -> Target:
    """Return the target that a thing of a kind will be that is about to be made in a domain."""
    return {f"target.{kind}.domain_id": domain_id}


def credential(user_id: str) -> Target:
    """Return the target that a user's credential is."""
    return {"user_id": user_id, "target.user.id": user_id, "target.credential.user_id": user_id}


def missing(operation: Operation, values: Mapping[str, str]) -> Target | None:
    """Return the target of a request for something that does not exist: what its path says.

    So nobody learns what exists beyond what they may see, but users are told what they themselves
    do not have.
    """
    # compat: a trust that does not exist is 404 for everybody (keystone, bug 1840288).
    if operation.path.startswith("/v3/OS-TRUST/"):
        return None
    target: Target = dict(values)
    if user_id := values.get("user_id"):
        target |= credential(user_id)
    return target
