"""Regions: parts of the cloud, in trees."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from nacre.kernel import errors
from nacre.kernel.db import Page
from nacre.kernel.ids import new_hex_id
from nacre.services.identity.app import attributes
from nacre.services.identity.app.state import change
from nacre.services.identity.db import catalog
from nacre.services.identity.db.catalog import Region

if TYPE_CHECKING:
    from nacre.kernel.context import Context
    from nacre.kernel.db import Transaction


def get(ctx: Context, region_id: str) -> Region:
    """Return a region."""
    return ctx.db.read(catalog.get_region, region_id)


def index(ctx: Context, wanted: Mapping[str, object], page: Page) -> list[Region]:
    """Return a page of regions."""
    return ctx.db.read(catalog.index_regions, wanted, page)


def create(
    ctx: Context,
    *,
    id: str | None = None,
    parent_region_id: str | None = None,
    description: str | None = None,
    extra: Mapping[str, Any] | None = None,
) -> Region:
    """Make a region, under an id of the caller's choice or ours."""
    region = Region(id or new_hex_id(), parent_region_id, description or "", dict(extra or {}))
    change(ctx, _insert, region)
    return region


def _insert(tx: Transaction, region: Region) -> None:
    if catalog.find_region(tx, region.id) is not None:
        raise errors.Conflict(
            "Conflict occurred attempting to store region - Duplicate ID, " + region.id + "."
        )
    if region.parent_region_id is not None:
        catalog.get_region(tx, region.parent_region_id)
    catalog.insert_region(tx, region)


def update(ctx: Context, region: Region, changes: Mapping[str, Any]) -> Region:
    """Change a region; it cannot come to lie within itself."""
    values = attributes.merged(region, changes)
    values.pop("id", None)
    if values.get("description", "") is None:
        values["description"] = ""
    return change(ctx, _update, region.id, values)


def _update(tx: Transaction, region_id: str, values: Mapping[str, Any]) -> Region:
    above = values.get("parent_region_id")
    while above is not None:
        if above == region_id:
            raise errors.BadRequest(f"The specified parent region {above} would create a circular region.")
        above = catalog.get_region(tx, above).parent_region_id
    catalog.update_region(tx, region_id, values)
    return catalog.get_region(tx, region_id)


def delete(ctx: Context, region: Region) -> None:
    """Remove a region and those within it, unless there are endpoints in them."""
    change(ctx, _remove, region.id)


def _remove(tx: Transaction, region_id: str) -> None:
    if catalog.index_endpoints(tx, {"region_id": region_id}, Page(limit=1)):
        raise errors.Forbidden(
            f"Unable to delete region {region_id} because it or its child regions have associated endpoints."
        )
    for child in catalog.child_regions(tx, region_id):
        _remove(tx, child)
    catalog.delete_region(tx, region_id)
