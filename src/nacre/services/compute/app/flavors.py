"""Flavors: the sizes that servers come in.  Administrators make them; servers keep a copy of theirs."""

from __future__ import annotations

from typing import Any

from nacre.kernel.context import Context
from nacre.kernel.db import Duplicate, Page, Transaction
from nacre.kernel.errors import Conflict
from nacre.kernel.ids import new_id
from nacre.services.compute import policy
from nacre.services.compute.db import flavors as rows
from nacre.services.compute.db.flavors import Flavor
from nacre.services.compute.db.tables import FlavorCopy
from nacre.services.compute.errors import (
    BadFlavorReference,
    ExtraSpecNotFound,
    FlavorAccessExists,
    FlavorAccessNotFound,
    FlavorExists,
)


def get(ctx: Context, flavor_id: str) -> Flavor:
    """Return a flavor that the caller may use; raises FlavorNotFound."""
    return ctx.db.read(rows.get, flavor_id, _restricted_to(ctx))


def index(
    ctx: Context,
    page: Page,
    *,
    is_public: bool | None,
    min_root_gb: int | None = None,
    min_memory_mb: int | None = None,
) -> list[Flavor]:
    """Return one page of the flavors that the caller may use.

    `is_public` None means both kinds, which only administrators may ask for.
    """
    restricted = _restricted_to(ctx)
    if restricted is not None:
        is_public = None  # what is open to the project: public ones and those granted to it
    return ctx.db.read(
        rows.index,
        page,
        project_id=restricted,
        is_public=is_public,
        min_root_gb=min_root_gb,
        min_memory_mb=min_memory_mb,
    )


def _restricted_to(ctx: Context) -> str | None:
    return None if ctx.is_admin else ctx.project_id or ""


def create(ctx: Context, *, id: str | None = None, **values: Any) -> Flavor:
    """Make a flavor; raises FlavorExists."""
    flavor = Flavor(
        id=new_id() if id is None or id == "auto" else id,
        disabled=False,
        extra_specs={},
        created_at=ctx.clock.now(),
        **{"description": None, **values},
    )

    def write(tx: Transaction) -> None:
        if rows.exists(tx, id=flavor.id):
            raise FlavorExists("ID", flavor.id)
        if rows.exists(tx, name=flavor.name):
            raise FlavorExists("name", flavor.name)
        rows.insert(tx, flavor)

    try:
        ctx.db.run(write)
    except Duplicate:  # somebody was faster by a blink
        raise FlavorExists("name", flavor.name) from None
    return flavor


def describe(ctx: Context, flavor: Flavor, description: str | None) -> Flavor:
    """Change a flavor's description."""
    ctx.db.run(rows.update, flavor.id, description=description)
    return get(ctx, flavor.id)


def delete(ctx: Context, flavor: Flavor) -> None:
    """Remove a flavor; servers of that size go on."""
    ctx.db.run(rows.delete, flavor.id)


def projects(ctx: Context, flavor: Flavor) -> list[str]:
    """Return the projects that may use a private flavor."""
    return ctx.db.read(rows.projects, flavor.id)


def grant(ctx: Context, flavor: Flavor, project_id: str, *, public_is_conflict: bool) -> list[str]:
    """Let a project use a flavor; return all that may."""
    if flavor.is_public and public_is_conflict:
        raise Conflict("Can not add access to a public flavor.")
    if not ctx.db.run(rows.grant, flavor.id, project_id):
        raise FlavorAccessExists(flavor.id, project_id)
    return projects(ctx, flavor)


def revoke(ctx: Context, flavor: Flavor, project_id: str) -> list[str]:
    """Take that back; return who still may."""
    if not ctx.db.run(rows.revoke, flavor.id, project_id):
        raise FlavorAccessNotFound(flavor.id, project_id)
    return projects(ctx, flavor)


def set_extra_specs(ctx: Context, flavor: Flavor, specs: dict[str, str]) -> dict[str, str]:
    """Add or change extra specs; return all of them."""

    def write(tx: Transaction) -> dict[str, str]:
        merged = {**rows.lock(tx, flavor.id).extra_specs, **specs}
        rows.update(tx, flavor.id, extra_specs=merged)
        return merged

    return ctx.db.run(write)


def extra_spec(flavor: Flavor, key: str) -> str:
    """Return one extra spec; raises ExtraSpecNotFound."""
    if key not in flavor.extra_specs:
        raise ExtraSpecNotFound(flavor.id, key)
    return flavor.extra_specs[key]


def delete_extra_spec(ctx: Context, flavor: Flavor, key: str) -> None:
    """Remove one extra spec; raises ExtraSpecNotFound."""

    def write(tx: Transaction) -> None:
        specs = dict(rows.lock(tx, flavor.id).extra_specs)
        if specs.pop(key, None) is None:
            raise ExtraSpecNotFound(flavor.id, key)
        rows.update(tx, flavor.id, extra_specs=specs)

    ctx.db.run(write)


def for_new_server(ctx: Context, flavor_id: str) -> FlavorCopy:
    """Return the copy of a flavor that a new server keeps; raises BadFlavorReference."""
    flavor = ctx.db.read(rows.find, flavor_id, _restricted_to(ctx))
    if flavor is None or (flavor.disabled and not ctx.can(policy.FLAVORS_CREATE)):
        raise BadFlavorReference(flavor_id)
    return FlavorCopy(
        id=flavor.id,
        name=flavor.name,
        vcpus=flavor.vcpus,
        memory_mb=flavor.memory_mb,
        root_gb=flavor.root_gb,
        ephemeral_gb=flavor.ephemeral_gb,
        swap_mb=flavor.swap_mb,
        extra_specs=flavor.extra_specs,
    )
