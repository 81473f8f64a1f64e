"""Where a user may go: the projects and domains on which the user has a role."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nacre.services.identity.db import projects, role_assignments
from nacre.services.identity.db.projects import Project
from nacre.services.identity.db.tables import Target

if TYPE_CHECKING:
    from nacre.kernel.context import Context
    from nacre.kernel.db import Transaction


def all_projects(ctx: Context, user_id: str) -> list[Project]:
    """Return the projects on which a user has a role."""
    return ctx.db.read(_targets, user_id, Target.PROJECT)


def enabled_projects(ctx: Context, user_id: str) -> list[Project]:
    """Return the projects for which a user may have a token."""

    def find(tx: Transaction) -> list[Project]:
        found = [p for p in _targets(tx, user_id, Target.PROJECT) if p.enabled]
        domains = projects.find_all(tx, {project.own_domain_id for project in found})
        return [p for p in found if p.own_domain_id in domains and domains[p.own_domain_id].enabled]

    return ctx.db.read(find)


def enabled_domains(ctx: Context, user_id: str) -> list[Project]:
    """Return the domains for which a user may have a token."""
    return [domain for domain in ctx.db.read(_targets, user_id, Target.DOMAIN) if domain.enabled]


def has_system_role(ctx: Context, user_id: str) -> bool:
    """Tell whether a user may have a token for the system."""
    found = ctx.db.read(role_assignments.effective_roles, user_id, Target.SYSTEM, role_assignments.SYSTEM_ID)
    return bool(found)


def _targets(tx: Transaction, user_id: str, target: Target) -> list[Project]:
    found = projects.find_all(tx, role_assignments.targets_of_user(tx, user_id, target))
    return projects.with_tags(tx, sorted(found.values(), key=lambda project: project.name))
