"""Endpoint groups, and which endpoints a project's catalog is limited to."""

from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import and_, select

from nacre.kernel.db import Page, Transaction, conditions, page
from nacre.services.identity.db import catalog
from nacre.services.identity.db.tables import (
    endpoint_group_projects,
    endpoint_groups,
    endpoint_projects,
    endpoints,
)
from nacre.services.identity.errors import EndpointGroupNotFound


class EndpointGroup(msgspec.Struct, frozen=True):
    """The endpoints that have some values in common: {"region_id": "north"}."""

    id: str
    name: str
    description: str | None
    filters: dict[str, Any]


def get(tx: Transaction, group_id: str) -> EndpointGroup:
    """Return an endpoint group."""
    query = select(endpoint_groups).where(endpoint_groups.c.id == group_id)
    return tx.one(query, EndpointGroup, otherwise=EndpointGroupNotFound(group_id))


def index(tx: Transaction, wanted: Mapping[str, object], asked: Page) -> list[EndpointGroup]:
    """Return a page of endpoint groups."""
    query = select(endpoint_groups).where(*conditions(endpoint_groups.c, wanted))
    return page(tx, query, EndpointGroup, endpoint_groups, asked)


def insert(tx: Transaction, group: EndpointGroup) -> None:
    """Add an endpoint group."""
    tx.insert(endpoint_groups, group)


def update(tx: Transaction, group_id: str, changes: Mapping[str, Any]) -> None:
    """Change columns of an endpoint group."""
    if changes:
        tx.update(endpoint_groups, group_id, changes)


def delete(tx: Transaction, group_id: str) -> None:
    """Remove an endpoint group and its associations."""
    tx.delete(endpoint_group_projects, endpoint_group_projects.c.endpoint_group_id == group_id)
    tx.delete(endpoint_groups, group_id)


def endpoints_of(tx: Transaction, group: EndpointGroup) -> list[catalog.Endpoint]:
    """Return the endpoints that a group's filters let through."""
    filters = {name: value for name, value in group.filters.items() if name in endpoints.c}
    return catalog.index_endpoints(tx, filters, Page())


# -- associations with projects ----------------------------------------------------------------------


def add_group(tx: Transaction, group_id: str, project_id: str) -> None:
    """Limit a project's catalog to a group (and whatever else it is limited to)."""
    tx.insert_if_absent(endpoint_group_projects, {"endpoint_group_id": group_id, "project_id": project_id})


def remove_group(tx: Transaction, group_id: str, project_id: str) -> bool:
    """Undo that; tell whether it was so."""
    return bool(tx.delete(endpoint_group_projects, (group_id, project_id)))


def has_group(tx: Transaction, group_id: str, project_id: str) -> bool:
    """Tell whether a project's catalog is limited to a group."""
    table = endpoint_group_projects
    return tx.exists(
        select(table.c.project_id).where(
            and_(table.c.endpoint_group_id == group_id, table.c.project_id == project_id)
        )
    )


def groups_of_project(tx: Transaction, project_id: str) -> list[EndpointGroup]:
    """Return the groups that a project's catalog is limited to."""
    table = endpoint_group_projects
    own = select(table.c.endpoint_group_id).where(table.c.project_id == project_id)
    return tx.all(select(endpoint_groups).where(endpoint_groups.c.id.in_(own)), EndpointGroup)


def project_ids_of_group(tx: Transaction, group_id: str) -> list[str]:
    """Return the projects that are limited to a group."""
    table = endpoint_group_projects
    return tx.scalars(select(table.c.project_id).where(table.c.endpoint_group_id == group_id))


def add_endpoint(tx: Transaction, endpoint_id: str, project_id: str) -> None:
    """Limit a project's catalog to an endpoint (and whatever else it is limited to)."""
    tx.insert_if_absent(endpoint_projects, {"endpoint_id": endpoint_id, "project_id": project_id})


def remove_endpoint(tx: Transaction, endpoint_id: str, project_id: str) -> bool:
    """Undo that; tell whether it was so."""
    return bool(tx.delete(endpoint_projects, (endpoint_id, project_id)))


def has_endpoint(tx: Transaction, endpoint_id: str, project_id: str) -> bool:
    """Tell whether a project's catalog is limited to an endpoint."""
    table = endpoint_projects
    return tx.exists(
        select(table.c.project_id).where(
            and_(table.c.endpoint_id == endpoint_id, table.c.project_id == project_id)
        )
    )


def project_ids_of_endpoint(tx: Transaction, endpoint_id: str) -> list[str]:
    """Return the projects that are limited to an endpoint."""
    table = endpoint_projects
    return tx.scalars(select(table.c.project_id).where(table.c.endpoint_id == endpoint_id))


def forget_endpoint(tx: Transaction, endpoint_id: str) -> None:
    """Remove the associations of an endpoint that goes away."""
    tx.delete(endpoint_projects, endpoint_projects.c.endpoint_id == endpoint_id)


def forget_project(tx: Transaction, project_id: str) -> None:
    """Remove the associations of a project that goes away."""
    tx.delete(endpoint_projects, endpoint_projects.c.project_id == project_id)
    tx.delete(endpoint_group_projects, endpoint_group_projects.c.project_id == project_id)


def any_exist(tx: Transaction) -> bool:
    """Tell whether any project's catalog is limited at all."""
    return tx.exists(select(endpoint_projects.c.project_id)) or tx.exists(
        select(endpoint_group_projects.c.project_id)
    )


def endpoint_ids_of_project(tx: Transaction, project_id: str) -> set[str]:
    """Return the endpoints that a project's catalog is limited to; empty: it is not limited."""
    query = select(endpoint_projects.c.endpoint_id).where(endpoint_projects.c.project_id == project_id)
    found = set(tx.scalars(query))
    for group in groups_of_project(tx, project_id):
        found |= {endpoint.id for endpoint in endpoints_of(tx, group)}
    return found
