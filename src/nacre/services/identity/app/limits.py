"""Limits: how much of a service's resource projects may have; services ask, identity only keeps them.

A registered limit holds for everybody.  A project or domain may have a limit of its own on the
same resource; there must be a registered one first, and it stays as long as others refer to it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from nacre.kernel import errors
from nacre.kernel.db import Page
from nacre.kernel.ids import new_hex_id
from nacre.services.identity.db import catalog, limits, projects
from nacre.services.identity.db.limits import Limit, RegisteredLimit

if TYPE_CHECKING:
    from nacre.kernel.context import Context
    from nacre.kernel.db import Transaction

#: How the limits of a project relate to those of its parents: not at all.
MODEL = {
    "name": "flat",
    "description": "Each project has the limit that was set for it, or else the registered one.",
}


def get_registered(ctx: Context, id: str) -> RegisteredLimit:
    """Return a registered limit."""
    return ctx.db.read(limits.get_registered, id)


def index_registered(ctx: Context, wanted: Mapping[str, object], page: Page) -> list[RegisteredLimit]:
    """Return a page of registered limits."""
    return ctx.db.read(limits.index_registered, wanted, page)


def create_registered(ctx: Context, bodies: Sequence[Mapping[str, Any]]) -> list[RegisteredLimit]:
    """Make registered limits, all or none."""
    made = [
        RegisteredLimit(
            id=new_hex_id(),
            service_id=body["service_id"],
            region_id=body.get("region_id"),
            resource_name=body["resource_name"],
            default_limit=body["default_limit"],
            description=body.get("description"),
        )
        for body in bodies
    ]
    ctx.db.run(_insert_registered, made)
    return made


def _insert_registered(tx: Transaction, made: Sequence[RegisteredLimit]) -> None:
    for each in made:
        _check_references(tx, each.service_id, each.region_id)
        _refuse_registered_twice(tx, each)
        limits.insert_registered(tx, each)


def _check_references(tx: Transaction, service_id: str, region_id: str | None) -> None:
    """Raise BadRequest for a service or region that does not exist."""
    try:
        catalog.get_service(tx, service_id)
        if region_id is not None:
            catalog.get_region(tx, region_id)
    except errors.NotFound as missing:
        raise errors.BadRequest(str(missing)) from None


def _refuse_registered_twice(tx: Transaction, limit: RegisteredLimit) -> None:
    known = limits.find_registered(tx, limit.service_id, limit.region_id, limit.resource_name)
    if known is not None and known.id != limit.id:
        raise errors.Conflict(
            f"Conflict occurred attempting to store registered_limit - Duplicate entry: {known.id}."
        )


def update_registered(ctx: Context, limit: RegisteredLimit, changes: Mapping[str, Any]) -> RegisteredLimit:
    """Change a registered limit; what it is about only as long as no limit refers to it."""
    return ctx.db.run(_update_registered, limit, changes)


def _update_registered(
    tx: Transaction, limit: RegisteredLimit, changes: Mapping[str, Any]
) -> RegisteredLimit:
    if {"service_id", "region_id", "resource_name"} & set(changes):
        _refuse_used(tx, limit)
    limits.update_registered(tx, limit.id, changes)
    changed = limits.get_registered(tx, limit.id)
    _check_references(tx, changed.service_id, changed.region_id)
    _refuse_registered_twice(tx, changed)
    return changed


def delete_registered(ctx: Context, limit: RegisteredLimit) -> None:
    """Remove a registered limit that no limit refers to."""
    ctx.db.run(_delete_registered, limit)


def _delete_registered(tx: Transaction, limit: RegisteredLimit) -> None:
    _refuse_used(tx, limit)
    limits.delete_registered(tx, limit.id)


def _refuse_used(tx: Transaction, limit: RegisteredLimit) -> None:
    if limits.uses(tx, limit):
        raise errors.Forbidden(
            f"Unable to update or delete registered limit {limit.id} because there are project "
            "limits associated with it."
        )


# -- limits of projects and domains ----------------------------------------------------------------------


def get(ctx: Context, id: str) -> Limit:
    """Return a limit."""
    return ctx.db.read(limits.get, id)


def index(ctx: Context, wanted: Mapping[str, object], page: Page, *, all: bool) -> list[Limit]:
    """Return a page of limits: all, or those of the domain or project that the token is for."""
    if all:
        return ctx.db.read(limits.index, wanted, page)
    if ctx.domain_id is not None:
        return ctx.db.read(limits.index, wanted, page, within_domain=ctx.domain_id)
    return ctx.db.read(limits.index, wanted, page, of_project=ctx.project_id or "")


def create(ctx: Context, bodies: Sequence[Mapping[str, Any]]) -> list[Limit]:
    """Make limits, all or none."""
    made = [
        Limit(
            id=new_hex_id(),
            project_id=body.get("project_id"),
            domain_id=body.get("domain_id"),
            service_id=body["service_id"],
            region_id=body.get("region_id"),
            resource_name=body["resource_name"],
            resource_limit=body["resource_limit"],
            description=body.get("description"),
        )
        for body in bodies
    ]
    ctx.db.run(_insert, made)
    return made


def _insert(tx: Transaction, made: Sequence[Limit]) -> None:
    for each in made:
        if (each.project_id is None) == (each.domain_id is None):
            raise errors.BadRequest("A limit is either a project's or a domain's.")
        if each.project_id is not None and projects.find(tx, each.project_id) is None:
            raise errors.BadRequest(f"Could not find project: {each.project_id}.")
        if each.domain_id is not None and projects.find(tx, each.domain_id) is None:
            raise errors.BadRequest(f"Could not find domain: {each.domain_id}.")
        if limits.find_registered(tx, each.service_id, each.region_id, each.resource_name) is None:
            raise errors.Forbidden("Unable to create a limit that has no corresponding registered limit.")
        if limits.find(tx, each) is not None:
            raise errors.Conflict("Conflict occurred attempting to store limit - Duplicate entry.")
        limits.insert(tx, each)


def update(ctx: Context, limit: Limit, changes: Mapping[str, Any]) -> Limit:
    """Change how much a limit allows."""
    ctx.db.run(limits.update, limit.id, changes)
    return get(ctx, limit.id)


def delete(ctx: Context, limit: Limit) -> None:
    """Remove a limit."""
    ctx.db.run(limits.delete, limit.id)


def domain_of(ctx: Context, limit: Limit) -> str | None:
    """Return the domain of the project that a limit is for."""
    if limit.project_id is None:
        return None
    found = ctx.db.read(projects.find, limit.project_id)
    return found.own_domain_id if found else None
