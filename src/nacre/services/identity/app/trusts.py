"""Trusts: a user (the trustor) lets another (the trustee) act with some roles on a project.

A trust that allows it may be passed on: whoever acts by it makes a new trust out of it, for the same
trustor, with no more roles and no longer life, and one fewer time.  Ending a trust ends those
that were made out of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from nacre.kernel import errors
from nacre.kernel.db import Page
from nacre.kernel.ids import new_hex_id
from nacre.services.identity.app.application_credentials import refuse_restricted
from nacre.services.identity.app.state import change
from nacre.services.identity.db import projects, role_assignments, roles, trusts, users
from nacre.services.identity.db.roles import GLOBAL, Role
from nacre.services.identity.db.tables import Target
from nacre.services.identity.db.trusts import Trust
from nacre.services.identity.errors import AssignmentNotFound, RoleNotFound

if TYPE_CHECKING:
    from nacre.kernel.context import Context
    from nacre.kernel.db import Transaction


def get(ctx: Context, trust_id: str) -> Trust:
    """Return a trust that has not expired."""
    return ctx.db.read(trusts.get, trust_id)


def index(ctx: Context, wanted: Mapping[str, object], page: Page) -> list[Trust]:
    """Return a page of trusts."""
    return ctx.db.read(trusts.index, wanted, page)


def roles_of(ctx: Context, trust: Trust) -> list[Role]:
    """Return the roles that a trust passes on."""
    found = ctx.db.read(roles.find_all, trust.role_ids)
    return sorted(found.values(), key=lambda role: role.name)


def role_of(ctx: Context, trust: Trust, role_id: str) -> Role:
    """Return one role of a trust; RoleNotFound if it has no such role."""
    found = {role.id: role for role in roles_of(ctx, trust)}
    if role_id not in found:
        raise RoleNotFound(role_id)
    return found[role_id]


def create(
    ctx: Context,
    *,
    trustor_user_id: str,
    trustee_user_id: str,
    impersonation: bool,
    project_id: str | None = None,
    roles: Sequence[Mapping[str, str]] = (),
    expires_at: datetime | None = None,
    remaining_uses: int | None = None,
    allow_redelegation: bool = False,
    redelegation_count: int | None = None,
    extra: Mapping[str, Any] | None = None,
) -> Trust:
    """Make a trust; AssignmentNotFound for a role that the trustor does not hold."""
    refuse_restricted(ctx)
    if expires_at is not None and expires_at <= ctx.clock.now():
        raise errors.BadRequest("The expiry of a trust must be in the future.")
    if project_id is not None and not roles:
        raise errors.Forbidden("At least one role should be specified")
    most = ctx.config.redelegations
    if redelegation_count is not None and redelegation_count > most:
        raise errors.Forbidden(f"The requested redelegation depth of {redelegation_count} exceeds {most}.")
    asked = most if redelegation_count is None else redelegation_count
    trust = Trust(
        id=new_hex_id(),
        trustor_user_id=trustor_user_id,
        trustee_user_id=trustee_user_id,
        project_id=project_id,
        impersonation=impersonation,
        expires_at=expires_at,
        remaining_uses=remaining_uses,
        redelegated_trust_id=ctx.credentials.trust_id,
        redelegation_count=asked if allow_redelegation else 0,
        extra=dict(extra or {}),
    )
    return change(ctx, _insert, trust, roles)


def _insert(tx: Transaction, trust: Trust, wanted: Sequence[Mapping[str, str]]) -> Trust:
    users.get(tx, trust.trustor_user_id)
    users.get(tx, trust.trustee_user_id)
    held: dict[str, Role] = {}
    if trust.project_id is not None:
        projects.get(tx, trust.project_id)
        held = role_assignments.effective_roles(tx, trust.trustor_user_id, Target.PROJECT, trust.project_id)
    role_ids = tuple(dict.fromkeys(_role_id(tx, trust, held, named) for named in wanted))
    trust = msgspec.structs.replace(trust, role_ids=role_ids)
    if trust.redelegated_trust_id is not None:
        trust = _passed_on(tx, trust, trusts.get(tx, trust.redelegated_trust_id))
    trusts.insert(tx, trust)
    return trust


def _role_id(tx: Transaction, trust: Trust, held: Mapping[str, Role], named: Mapping[str, str]) -> str:
    if "id" in named:
        role = roles.find_all(tx, [named["id"]]).get(named["id"])
    else:
        role = roles.find_named(tx, GLOBAL, named["name"])
    if role is None:
        raise RoleNotFound(named.get("id") or named["name"])
    if role.id not in held:
        raise AssignmentNotFound(role.id, trust.trustor_user_id, trust.project_id or "")
    return role.id


def _passed_on(tx: Transaction, trust: Trust, parent: Trust) -> Trust:
    """Return a trust as it may be made out of another; Forbidden where it wants more than that."""
    if parent.redelegation_count < 1 or not parent.impersonation:
        raise errors.Forbidden(f"The trust {parent.id} may not be passed on.")
    if trust.project_id != parent.project_id:
        raise errors.Forbidden("A trust that is passed on is for the same project.")
    may = roles.closure(roles.all_implications(tx), parent.role_ids)
    if not set(trust.role_ids) <= may:
        raise errors.Forbidden("Some of the requested roles are not in the trust that is passed on.")
    if trust.remaining_uses is not None:
        raise errors.Forbidden("A trust that is passed on cannot be limited in its uses.")
    if (
        parent.expires_at is not None
        and trust.expires_at is not None
        and trust.expires_at > parent.expires_at
    ):
        raise errors.Forbidden("A trust that is passed on cannot outlive the first.")
    return msgspec.structs.replace(
        trust,
        expires_at=trust.expires_at or parent.expires_at,
        redelegation_count=min(trust.redelegation_count, parent.redelegation_count - 1),
    )


def delete(ctx: Context, trust: Trust) -> None:
    """End a trust, and those that were made out of it."""
    change(ctx, trusts.delete_tree, [trust.id])
