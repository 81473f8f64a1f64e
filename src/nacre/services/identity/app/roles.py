"""Roles, and the implications by which an admin is also a manager, a member and a reader."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from nacre.kernel import errors
from nacre.kernel.db import Page
from nacre.kernel.ids import new_hex_id
from nacre.services.identity.app import attributes
from nacre.services.identity.app.state import change
from nacre.services.identity.db import projects, role_assignments, roles
from nacre.services.identity.db.roles import GLOBAL, Implication, Role
from nacre.services.identity.errors import ImplicationNotFound, NameTaken

if TYPE_CHECKING:
    from nacre.kernel.context import Context
    from nacre.kernel.db import Transaction

#: A role that can do everything must not be had by way of another.
NEVER_IMPLIED = ("admin",)


def get(ctx: Context, role_id: str) -> Role:
    """Return a role."""
    return ctx.db.read(roles.get, role_id)


def index(ctx: Context, wanted: Mapping[str, object], page: Page) -> list[Role]:
    """Return a page of the global roles, or of those of the domain that is wanted."""
    return ctx.db.read(roles.index, {"domain_id": GLOBAL, **wanted}, page)


def create(
    ctx: Context,
    *,
    name: str,
    domain_id: str | None = None,
    description: str | None = None,
    options: Mapping[str, Any] | None = None,
    extra: Mapping[str, Any] | None = None,
) -> Role:
    """Make a role, for all domains or for one."""
    kept = {key: value for key, value in (options or {}).items() if value is not None}
    role = Role(new_hex_id(), domain_id or GLOBAL, name, description, kept, dict(extra or {}))
    change(ctx, _insert, role)
    return role


def _insert(tx: Transaction, role: Role) -> None:
    if role.domain_id != GLOBAL:
        projects.get_domain(tx, role.domain_id)
    _refuse_taken(tx, role.domain_id, role.name)
    roles.insert(tx, role)


def update(ctx: Context, role: Role, changes: Mapping[str, Any]) -> Role:
    """Change a role."""
    attributes.refuse_immutable("role", role, changes)
    values = attributes.merged(role, changes)
    if "domain_id" in values and (values.pop("domain_id") or GLOBAL) != role.domain_id:
        raise errors.BadRequest("Cannot change Domain ID")
    return change(ctx, _update, role, values)


def _update(tx: Transaction, role: Role, values: Mapping[str, Any]) -> Role:
    if values.get("name", role.name) != role.name:
        _refuse_taken(tx, role.domain_id, values["name"])
    roles.update(tx, role.id, values)
    return roles.get(tx, role.id)


def delete(ctx: Context, role: Role) -> None:
    """Remove a role, wherever it is held."""
    attributes.refuse_immutable("role", role)
    change(ctx, _remove, role.id)


def _remove(tx: Transaction, role_id: str) -> None:
    role_assignments.delete_of_role(tx, role_id)
    roles.delete(tx, role_id)


def _refuse_taken(tx: Transaction, domain_id: str, name: str) -> None:
    if roles.find_named(tx, domain_id, name) is not None:
        raise NameTaken("role", name)


# -- implications -------------------------------------------------------------------------------------


def imply(ctx: Context, prior: Role, implied: Role) -> None:
    """Let who has one role have another too; may run twice."""
    if implied.name in NEVER_IMPLIED:
        raise errors.Forbidden(f"The role {implied.name} may not be implied by another.")
    if implied.domain_id != GLOBAL and prior.domain_id == GLOBAL:
        raise errors.Forbidden(f"The global role {prior.name} may not imply the role of a domain.")
    change(ctx, _imply, prior.id, implied.id)


def _imply(tx: Transaction, prior_id: str, implied_id: str) -> None:
    if prior_id in roles.closure(roles.all_implications(tx), [implied_id]):
        raise errors.Conflict(f"The role {implied_id} implies {prior_id} already: that would be a circle.")
    roles.add_implication(tx, prior_id, implied_id)


def stop_implying(ctx: Context, prior: Role, implied: Role) -> None:
    """Undo an implication; ImplicationNotFound if there is none."""
    if not change(ctx, roles.remove_implication, prior.id, implied.id):
        raise ImplicationNotFound(prior.id, implied.id)


def check_implication(ctx: Context, prior: Role, implied: Role) -> None:
    """Raise ImplicationNotFound unless one role implies the other directly."""
    if Implication(prior.id, implied.id) not in ctx.db.read(roles.all_implications):
        raise ImplicationNotFound(prior.id, implied.id)


def implied_by(ctx: Context, prior: Role) -> list[Role]:
    """Return the roles that a role implies directly."""

    def find(tx: Transaction) -> list[Role]:
        ids = [each.implied_id for each in roles.all_implications(tx) if each.prior_id == prior.id]
        return sorted(roles.find_all(tx, ids).values(), key=lambda role: role.name)

    return ctx.db.read(find)


def implications(ctx: Context) -> list[tuple[Role, list[Role]]]:
    """Return every role that implies others, with these."""

    def find(tx: Transaction) -> list[tuple[Role, list[Role]]]:
        known = roles.all_implications(tx)
        found = roles.find_all(tx, {id for each in known for id in (each.prior_id, each.implied_id)})
        implied: dict[str, list[Role]] = {}
        for each in known:
            implied.setdefault(each.prior_id, []).append(found[each.implied_id])
        return [(found[prior_id], those) for prior_id, those in implied.items()]

    return ctx.db.read(find)
