"""Groups of users."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from nacre.kernel import errors
from nacre.kernel.db import Page
from nacre.kernel.ids import new_hex_id
from nacre.services.identity.app import attributes
from nacre.services.identity.app.state import change
from nacre.services.identity.app.users import home_domain_id, within_own_domain
from nacre.services.identity.db import groups, projects, role_assignments
from nacre.services.identity.db.groups import Group
from nacre.services.identity.db.users import User
from nacre.services.identity.errors import MembershipNotFound, NameTaken

if TYPE_CHECKING:
    from nacre.kernel.context import Context
    from nacre.kernel.db import Transaction


def get(ctx: Context, group_id: str) -> Group:
    """Return a group."""
    return ctx.db.read(groups.get, group_id)


def index(ctx: Context, wanted: Mapping[str, object], page: Page) -> list[Group]:
    """Return a page of groups; who has a token for a domain sees only that domain's."""
    return ctx.db.read(groups.index, within_own_domain(ctx, wanted), page)


def create(
    ctx: Context,
    *,
    name: str,
    domain_id: str | None = None,
    description: str | None = None,
    extra: Mapping[str, Any] | None = None,
) -> Group:
    """Make a group, in the caller's domain unless one is named."""
    group = Group(new_hex_id(), domain_id or home_domain_id(ctx), name, description or "", dict(extra or {}))
    change(ctx, _insert, group)
    return group


def _insert(tx: Transaction, group: Group) -> None:
    projects.get_domain(tx, group.domain_id)
    _refuse_taken(tx, group.domain_id, group.name)
    groups.insert(tx, group)


def update(ctx: Context, group: Group, changes: Mapping[str, Any]) -> Group:
    """Change a group."""
    values = attributes.merged(group, changes)
    if "domain_id" in values and values.pop("domain_id") != group.domain_id:
        raise errors.BadRequest("Cannot change Domain ID")
    if values.get("description", "") is None:
        values["description"] = ""
    return change(ctx, _update, group, values)


def _update(tx: Transaction, group: Group, values: Mapping[str, Any]) -> Group:
    if values.get("name", group.name) != group.name:
        _refuse_taken(tx, group.domain_id, values["name"])
    groups.update(tx, group.id, values)
    return groups.get(tx, group.id)


def delete(ctx: Context, group: Group) -> None:
    """Remove a group and the roles that its members had by it."""
    change(ctx, remove, group.id)


def remove(tx: Transaction, group_id: str) -> None:
    """Remove a group and everything that hangs on it."""
    role_assignments.delete_of_actor(tx, group_id)
    groups.delete(tx, group_id)


def add_member(ctx: Context, group: Group, user: User) -> None:
    """Put a user into a group; may run twice."""
    change(ctx, groups.add_member, group.id, user.id)


def remove_member(ctx: Context, group: Group, user: User) -> None:
    """Take a user out of a group; MembershipNotFound if the user is not in it."""
    if not change(ctx, groups.remove_member, group.id, user.id):
        raise MembershipNotFound(user.id, group.id)


def check_member(ctx: Context, group: Group, user: User) -> None:
    """Raise MembershipNotFound unless the user is in the group."""
    if not ctx.db.read(groups.has_member, group.id, user.id):
        raise MembershipNotFound(user.id, group.id)


def _refuse_taken(tx: Transaction, domain_id: str, name: str) -> None:
    if groups.find_named(tx, domain_id, name) is not None:
        raise NameTaken("group", name)
