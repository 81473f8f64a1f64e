"""Domains: namespaces of users and projects, each the root of a tree of projects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from nacre.kernel.db import Page
from nacre.services.identity.app import attributes, groups, projects, users
from nacre.services.identity.app.state import change
from nacre.services.identity.db import domain_configs, role_assignments
from nacre.services.identity.db import groups as group_rows
from nacre.services.identity.db import projects as project_rows
from nacre.services.identity.db import roles as role_rows
from nacre.services.identity.db import users as user_rows
from nacre.services.identity.db.projects import NO_DOMAIN, Project
from nacre.services.identity.errors import NotEnabled

if TYPE_CHECKING:
    from nacre.kernel.context import Context
    from nacre.kernel.db import Transaction


def get(ctx: Context, domain_id: str) -> Project:
    """Return a domain."""
    return ctx.db.read(project_rows.get_domain, domain_id)


def index(ctx: Context, wanted: Mapping[str, object], page: Page) -> list[Project]:
    """Return a page of domains; who has a token for a domain without being admin sees only that."""
    wishes = {**wanted, "domain_id": NO_DOMAIN}
    if ctx.domain_id is not None and not ctx.is_admin:
        wishes["id"] = ctx.domain_id
    return ctx.db.read(project_rows.index, wishes, page, domains=True, tags={})


def create(ctx: Context, *, explicit_domain_id: str | None = None, **attributes: Any) -> Project:
    """Make a domain."""
    return projects.create(ctx, is_domain=True, id=explicit_domain_id, **attributes)


def update(ctx: Context, domain: Project, changes: Mapping[str, Any]) -> Project:
    """Change a domain; disabling it ends all tokens of its users and for its projects."""
    return projects.update(ctx, domain, changes)


def delete(ctx: Context, domain: Project) -> None:
    """Remove a disabled domain with its users, groups, roles and projects."""
    attributes.refuse_immutable("domain", domain)
    if domain.enabled:
        raise NotEnabled("Cannot delete a domain that is enabled, please disable it first.")
    change(ctx, _remove, domain)


def _remove(tx: Transaction, domain: Project) -> None:
    everything = Page()
    inside = {"domain_id": domain.id}
    for user in user_rows.index(tx, inside, everything):
        users.remove(tx, user.id)
    for group in group_rows.index(tx, inside, everything):
        groups.remove(tx, group.id)
    for project in reversed(project_rows.subtree(tx, domain.id)):
        projects.remove(tx, project.id)
    for role in role_rows.index(tx, inside, everything):
        role_assignments.delete_of_role(tx, role.id)
        role_rows.delete(tx, role.id)
    domain_configs.delete(tx, domain.id)
    projects.remove(tx, domain.id)
