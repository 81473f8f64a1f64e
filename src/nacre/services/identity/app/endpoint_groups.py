"""Endpoint groups and single endpoints to which a project's catalog is limited."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from nacre.kernel.db import Page
from nacre.kernel.ids import new_hex_id
from nacre.services.identity.app.state import change
from nacre.services.identity.db import catalog, projects
from nacre.services.identity.db import endpoint_groups as rows
from nacre.services.identity.db.catalog import Endpoint
from nacre.services.identity.db.endpoint_groups import EndpointGroup
from nacre.services.identity.db.projects import Project
from nacre.services.identity.errors import AssociationNotFound

if TYPE_CHECKING:
    from nacre.kernel.context import Context
    from nacre.kernel.db import Transaction


def get(ctx: Context, group_id: str) -> EndpointGroup:
    """Return an endpoint group."""
    return ctx.db.read(rows.get, group_id)


def index(ctx: Context, wanted: Mapping[str, object], page: Page) -> list[EndpointGroup]:
    """Return a page of endpoint groups."""
    return ctx.db.read(rows.index, wanted, page)


def create(
    ctx: Context, *, name: str, filters: Mapping[str, Any], description: str | None = None
) -> EndpointGroup:
    """Make an endpoint group."""
    group = EndpointGroup(new_hex_id(), name, description, dict(filters))
    change(ctx, rows.insert, group)
    return group


def update(ctx: Context, group: EndpointGroup, changes: Mapping[str, Any]) -> EndpointGroup:
    """Change an endpoint group; filters are merged."""
    values = dict(changes)
    if "filters" in values:
        values["filters"] = {**group.filters, **values["filters"]}
    change(ctx, rows.update, group.id, values)
    return get(ctx, group.id)


def delete(ctx: Context, group: EndpointGroup) -> None:
    """Remove an endpoint group."""
    change(ctx, rows.delete, group.id)


def endpoints_of(ctx: Context, group: EndpointGroup) -> list[Endpoint]:
    """Return the endpoints that a group's filters let through."""
    return ctx.db.read(rows.endpoints_of, group)


# -- limits of projects ----------------------------------------------------------------------------------


def add_group(ctx: Context, group: EndpointGroup, project: Project) -> None:
    """Limit a project's catalog to a group; may run twice."""
    change(ctx, rows.add_group, group.id, project.id)


def check_group(ctx: Context, group: EndpointGroup, project: Project) -> None:
    """Raise AssociationNotFound unless the project is limited to the group."""
    if not ctx.db.read(rows.has_group, group.id, project.id):
        raise AssociationNotFound()


def remove_group(ctx: Context, group: EndpointGroup, project: Project) -> None:
    """Undo a limit to a group."""
    if not change(ctx, rows.remove_group, group.id, project.id):
        raise AssociationNotFound()


def groups_of_project(ctx: Context, project: Project) -> list[EndpointGroup]:
    """Return the groups that a project is limited to."""
    return ctx.db.read(rows.groups_of_project, project.id)


def projects_of_group(ctx: Context, group: EndpointGroup) -> list[Project]:
    """Return the projects that are limited to a group."""
    return _projects(ctx, ctx.db.read(rows.project_ids_of_group, group.id))


def add_endpoint(ctx: Context, project: Project, endpoint: Endpoint) -> None:
    """Limit a project's catalog to an endpoint; may run twice."""
    change(ctx, rows.add_endpoint, endpoint.id, project.id)


def check_endpoint(ctx: Context, project: Project, endpoint: Endpoint) -> None:
    """Raise AssociationNotFound unless the project is limited to the endpoint."""
    if not ctx.db.read(rows.has_endpoint, endpoint.id, project.id):
        raise AssociationNotFound()


def remove_endpoint(ctx: Context, project: Project, endpoint: Endpoint) -> None:
    """Undo a limit to an endpoint."""
    if not change(ctx, rows.remove_endpoint, endpoint.id, project.id):
        raise AssociationNotFound()


def endpoints_of_project(ctx: Context, project: Project) -> list[Endpoint]:
    """Return the endpoints that a project is limited to, by groups or one by one."""

    def find(tx: Transaction) -> list[Endpoint]:
        ids = rows.endpoint_ids_of_project(tx, project.id)
        return catalog.index_endpoints(tx, {"id": sorted(ids)}, Page())

    return ctx.db.read(find)


def projects_of_endpoint(ctx: Context, endpoint: Endpoint) -> list[Project]:
    """Return the projects that are limited to an endpoint."""
    return _projects(ctx, ctx.db.read(rows.project_ids_of_endpoint, endpoint.id))


def _projects(ctx: Context, ids: list[str]) -> list[Project]:
    found = ctx.db.read(projects.find_all, ids)
    return sorted(found.values(), key=lambda project: project.name)
