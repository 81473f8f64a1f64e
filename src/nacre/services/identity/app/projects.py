"""Projects: what everything in the cloud belongs to, in trees whose roots are domains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from nacre.kernel import errors
from nacre.kernel.db import Page
from nacre.kernel.ids import new_hex_id
from nacre.services.identity.app import attributes
from nacre.services.identity.app.state import change
from nacre.services.identity.app.tokens import revoke_earlier
from nacre.services.identity.app.users import home_domain_id, within_own_domain
from nacre.services.identity.db import (
    application_credentials,
    credentials,
    endpoint_groups,
    limits,
    projects,
    role_assignments,
    trusts,
    users,
)
from nacre.services.identity.db.projects import NO_DOMAIN, Project
from nacre.services.identity.db.tables import Target
from nacre.services.identity.errors import NameTaken, NotEnabled, ProjectTagNotFound

if TYPE_CHECKING:
    from nacre.kernel.context import Context
    from nacre.kernel.db import Transaction


def get(ctx: Context, project_id: str) -> Project:
    """Return a project, or a domain as a project."""
    return ctx.db.read(projects.get, project_id)


def index(
    ctx: Context, wanted: Mapping[str, object], page: Page, tags: Mapping[str, list[str]]
) -> list[Project]:
    """Return a page of projects; domains only where `is_domain` is wanted."""
    wishes = within_own_domain(ctx, wanted)
    domains = bool(wishes.pop("is_domain", False))
    if domains:
        wishes["domain_id"] = NO_DOMAIN
    return ctx.db.read(projects.index, wishes, page, domains=domains, tags=tags)


def create(
    ctx: Context,
    *,
    name: str,
    domain_id: str | None = None,
    parent_id: str | None = None,
    description: str | None = None,
    enabled: bool = True,
    is_domain: bool = False,
    tags: Sequence[str] = (),
    options: Mapping[str, Any] | None = None,
    extra: Mapping[str, Any] | None = None,
    id: str | None = None,
) -> Project:
    """Make a project below another, or at the top of its domain; or a domain."""
    if is_domain and (domain_id or parent_id):
        raise errors.BadRequest("A project that is a domain has neither a domain nor a parent.")
    home = domain_id or home_domain_id(ctx)
    project = Project(
        id=id or new_hex_id(),
        domain_id=NO_DOMAIN if is_domain else home,
        parent_id=None if is_domain else parent_id or home,
        name=name,
        description=description or "",
        enabled=enabled,
        options={key: value for key, value in (options or {}).items() if value is not None},
        extra=dict(extra or {}),
        tags=tuple(sorted(set(tags))),
    )
    change(ctx, _insert, project, ctx.config.project_depth)
    return project


def _insert(tx: Transaction, project: Project, depth: int) -> None:
    if project.parent_id is not None:
        projects.get_domain(tx, project.domain_id)
        _check_place(tx, project, depth)
    if projects.find(tx, project.id) is not None:
        raise errors.Conflict(f"Conflict occurred attempting to store project - {project.id} exists.")
    _refuse_taken(tx, project.domain_id, project.name)
    projects.insert(tx, project)


def _check_place(tx: Transaction, project: Project, depth: int) -> None:
    assert project.parent_id is not None
    parent = projects.get(tx, project.parent_id)
    if parent.own_domain_id != project.domain_id:
        raise errors.BadRequest(
            f"The parent {parent.id} is not in the domain {project.domain_id} of the project."
        )
    above = [parent, *_ancestors(tx, parent)]
    if len(above) > depth:
        raise NotEnabled(f"Max hierarchy depth reached for {parent.id} branch.")
    disabled = next((each for each in above if not each.enabled), None)
    if disabled is not None:
        raise NotEnabled(f"Cannot create a project below {disabled.id}, which is disabled.")


def _ancestors(tx: Transaction, project: Project) -> list[Project]:
    """Return the projects above, the nearest first, the domain last."""
    ids = projects.ancestor_ids(tx, project.id)
    found = projects.find_all(tx, ids)
    return [found[id] for id in ids if id in found]


def update(ctx: Context, project: Project, changes: Mapping[str, Any]) -> Project:
    """Change a project; disabling it ends all tokens for it."""
    attributes.refuse_immutable("project", project, changes)
    values = attributes.merged(project, changes)
    if "domain_id" in values and (values.pop("domain_id") or NO_DOMAIN) != project.domain_id:
        raise errors.BadRequest("Update of `domain_id` is not allowed.")
    if "parent_id" in values and values.pop("parent_id") != project.parent_id:
        raise errors.Forbidden("Update of `parent_id` is not allowed.")
    if "is_domain" in values and values.pop("is_domain") != project.is_domain:
        raise errors.BadRequest("Update of `is_domain` is not allowed.")
    if values.get("description", "") is None:
        values["description"] = ""
    return change(ctx, _update, project, values)


def _update(tx: Transaction, project: Project, values: dict[str, Any]) -> Project:
    if values.get("name", project.name) != project.name:
        _refuse_taken(tx, project.domain_id, values["name"])
    enabled = values.get("enabled", project.enabled)
    if enabled and not project.enabled:
        _refuse_below_disabled(tx, project)
    if project.enabled and not enabled:
        _refuse_above_enabled(tx, project)
        values |= revoke_earlier(tx)
    tags = values.pop("tags", None)
    projects.update(tx, project.id, values)
    if tags is not None:
        projects.set_tags(tx, project.id, tags)
    return projects.get(tx, project.id)


def _refuse_below_disabled(tx: Transaction, project: Project) -> None:
    for above in _ancestors(tx, project):
        if not above.enabled:
            raise NotEnabled(f"Cannot enable project {project.id} since it has disabled parents.")


def _refuse_above_enabled(tx: Transaction, project: Project) -> None:
    # compat: a domain may be disabled whatever is below it, a project only when all below it is (keystone).
    if not project.is_domain and any(below.enabled for below in projects.subtree(tx, project.id)):
        raise NotEnabled(f"Cannot disable project {project.id} since its subtree contains enabled projects.")


def delete(ctx: Context, project: Project) -> None:
    """Remove a project that has none below it; one that is a domain must be empty of projects too."""
    attributes.refuse_immutable("project", project)
    if project.is_domain and project.enabled:
        raise NotEnabled("Cannot delete a domain that is enabled, please disable it first.")
    change(ctx, _delete_leaf, project)


def _delete_leaf(tx: Transaction, project: Project) -> None:
    if projects.subtree(tx, project.id):
        raise NotEnabled(
            f"Cannot delete the project {project.id} since it is not a leaf in the hierarchy. "
            "Delete the projects below it first."
        )
    remove(tx, project.id)


def remove(tx: Transaction, project_id: str) -> None:
    """Remove a project and everything that hangs on it."""
    role_assignments.delete_on_target(tx, project_id)
    application_credentials.delete_of_project(tx, project_id)
    credentials.delete_of_project(tx, project_id)
    trusts.delete_of_project(tx, project_id)
    limits.delete_of_project(tx, project_id)
    endpoint_groups.forget_project(tx, project_id)
    users.forget_default_project(tx, project_id)
    projects.delete(tx, project_id)


def _refuse_taken(tx: Transaction, domain_id: str, name: str) -> None:
    if projects.find_named(tx, domain_id, name) is not None:
        raise NameTaken("domain" if domain_id == NO_DOMAIN else "project", name)


# -- the tree ---------------------------------------------------------------------------------------


def parents(ctx: Context, project: Project) -> list[Project]:
    """Return the projects above, as far as the caller has a role on them, the nearest first."""
    return _visible(ctx, ctx.db.read(_ancestors, project))


def subtree(ctx: Context, project: Project) -> list[Project]:
    """Return the projects below, as far as the caller has a role on them."""
    return _visible(ctx, ctx.db.read(projects.subtree, project.id))


def _visible(ctx: Context, found: list[Project]) -> list[Project]:
    mine = ctx.db.read(role_assignments.targets_of_user, ctx.user_id, Target.PROJECT)
    return [project for project in found if project.id in mine]


def parent_ids(ctx: Context, project: Project) -> dict[str, Any] | None:
    """Return the ids above as nested objects: {"parent": {"grandparent": None}}."""
    nested: dict[str, Any] | None = None
    for id in reversed(ctx.db.read(projects.ancestor_ids, project.id)):
        nested = {id: nested}
    return nested


def subtree_ids(ctx: Context, project: Project) -> dict[str, Any] | None:
    """Return the ids below as nested objects: {"child": {"grandchild": None}, "leaf": None}."""
    children: dict[str, list[str]] = {}
    for below in ctx.db.read(projects.subtree, project.id):
        children.setdefault(below.parent_id or "", []).append(below.id)

    def nest(id: str) -> dict[str, Any] | None:
        return {child: nest(child) for child in children[id]} if id in children else None

    return nest(project.id)


# -- tags -------------------------------------------------------------------------------------------


def set_tags(ctx: Context, project: Project, tags: Sequence[str]) -> list[str]:
    """Replace a project's tags; returns them."""
    attributes.refuse_immutable("project", project, {"tags": tags})
    ctx.db.run(projects.set_tags, project.id, tags)
    return sorted(set(tags))


def add_tag(ctx: Context, project: Project, tag: str) -> None:
    """Add a tag; may run twice."""
    attributes.refuse_immutable("project", project, {"tags": tag})
    ctx.db.run(projects.add_tag, project.id, tag)


def check_tag(ctx: Context, project: Project, tag: str) -> None:
    """Raise ProjectTagNotFound unless the project has the tag."""
    if tag not in project.tags:
        raise ProjectTagNotFound(tag)


def remove_tag(ctx: Context, project: Project, tag: str) -> None:
    """Remove a tag; ProjectTagNotFound if it is not there."""
    attributes.refuse_immutable("project", project, {"tags": tag})
    if not ctx.db.run(projects.remove_tag, project.id, tag):
        raise ProjectTagNotFound(tag)
