"""Registered limits, which hold for everybody, and the limits of single projects and domains."""

from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import or_, select

from nacre.kernel.db import Page, Transaction, conditions, page
from nacre.services.identity.db.tables import limits, projects, registered_limits
from nacre.services.identity.errors import LimitNotFound, RegisteredLimitNotFound


class RegisteredLimit(msgspec.Struct, frozen=True):
    """How much of a service's resource each project may have unless it has a limit of its own."""

    id: str
    service_id: str
    region_id: str | None
    resource_name: str
    default_limit: int
    description: str | None


class Limit(msgspec.Struct, frozen=True):
    """How much of a service's resource one project, or one domain, may have."""

    id: str
    project_id: str | None
    domain_id: str | None
    service_id: str
    region_id: str | None
    resource_name: str
    resource_limit: int
    description: str | None


def get_registered(tx: Transaction, id: str) -> RegisteredLimit:
    """Return a registered limit."""
    query = select(registered_limits).where(registered_limits.c.id == id)
    return tx.one(query, RegisteredLimit, otherwise=RegisteredLimitNotFound(id))


def find_registered(
    tx: Transaction, service_id: str, region_id: str | None, resource_name: str
) -> RegisteredLimit | None:
    """Return the registered limit of a resource in a region, or None."""
    wanted = {"service_id": service_id, "region_id": region_id, "resource_name": resource_name}
    query = select(registered_limits).where(*conditions(registered_limits.c, wanted))
    return tx.find(query, RegisteredLimit)


def index_registered(tx: Transaction, wanted: Mapping[str, object], asked: Page) -> list[RegisteredLimit]:
    """Return a page of registered limits."""
    query = select(registered_limits).where(*conditions(registered_limits.c, wanted))
    return page(tx, query, RegisteredLimit, registered_limits, asked)


def insert_registered(tx: Transaction, limit: RegisteredLimit) -> None:
    """Add a registered limit."""
    tx.insert(registered_limits, limit)


def update_registered(tx: Transaction, id: str, changes: Mapping[str, Any]) -> None:
    """Change columns of a registered limit."""
    if changes:
        tx.update(registered_limits, id, changes)


def delete_registered(tx: Transaction, id: str) -> None:
    """Remove a registered limit."""
    tx.delete(registered_limits, id)


def uses(tx: Transaction, registered: RegisteredLimit) -> int:
    """Return how many limits refer to a registered one."""
    wanted = {
        "service_id": registered.service_id,
        "region_id": registered.region_id,
        "resource_name": registered.resource_name,
    }
    return tx.count(select(limits.c.id).where(*conditions(limits.c, wanted)))


def get(tx: Transaction, id: str) -> Limit:
    """Return a limit."""
    return tx.one(select(limits).where(limits.c.id == id), Limit, otherwise=LimitNotFound(id))


def find(tx: Transaction, limit: Limit) -> Limit | None:
    """Return the limit that a project or domain already has on the same resource, or None."""
    wanted = {
        "project_id": limit.project_id,
        "domain_id": limit.domain_id,
        "service_id": limit.service_id,
        "region_id": limit.region_id,
        "resource_name": limit.resource_name,
    }
    return tx.find(select(limits).where(*conditions(limits.c, wanted)), Limit)


def index(
    tx: Transaction,
    wanted: Mapping[str, object],
    asked: Page,
    *,
    of_project: str | None = None,
    within_domain: str | None = None,
) -> list[Limit]:
    """Return a page of limits: all, those of a project, or those of a domain and the projects in it."""
    query = select(limits).where(*conditions(limits.c, wanted))
    if of_project is not None:
        query = query.where(limits.c.project_id == of_project)
    if within_domain is not None:
        inside = select(projects.c.id).where(projects.c.domain_id == within_domain)
        query = query.where(or_(limits.c.domain_id == within_domain, limits.c.project_id.in_(inside)))
    return page(tx, query, Limit, limits, asked)


def insert(tx: Transaction, limit: Limit) -> None:
    """Add a limit."""
    tx.insert(limits, limit)


def update(tx: Transaction, id: str, changes: Mapping[str, Any]) -> None:
    """Change columns of a limit."""
    if changes:
        tx.update(limits, id, changes)


def delete(tx: Transaction, id: str) -> None:
    """Remove a limit."""
    tx.delete(limits, id)


def delete_of_project(tx: Transaction, project_id: str) -> None:
    """Remove the limits of a project or domain."""
    tx.delete(limits, or_(limits.c.project_id == project_id, limits.c.domain_id == project_id))
