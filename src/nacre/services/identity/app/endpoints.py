"""Endpoints: the addresses of services."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from nacre.kernel import errors
from nacre.kernel.db import Page
from nacre.kernel.ids import new_hex_id
from nacre.services.identity.app import attributes
from nacre.services.identity.app.catalog import placeholders
from nacre.services.identity.app.state import change
from nacre.services.identity.db import catalog, endpoint_groups
from nacre.services.identity.db.catalog import Endpoint, Region

if TYPE_CHECKING:
    from nacre.kernel.context import Context
    from nacre.kernel.db import Transaction

#: What an address may ask to be filled in.
KNOWN_PLACEHOLDERS = frozenset(("project_id", "tenant_id", "user_id"))


def get(ctx: Context, endpoint_id: str) -> Endpoint:
    """Return an endpoint."""
    return ctx.db.read(catalog.get_endpoint, endpoint_id)


def index(ctx: Context, wanted: Mapping[str, object], page: Page) -> list[Endpoint]:
    """Return a page of endpoints."""
    return ctx.db.read(catalog.index_endpoints, wanted, page)


def create(
    ctx: Context,
    *,
    service_id: str,
    interface: str,
    url: str,
    region_id: str | None = None,
    region: str | None = None,
    enabled: bool = True,
    extra: Mapping[str, Any] | None = None,
) -> Endpoint:
    """Make an endpoint.

    compat: a `region` that does not exist is made on the way, a `region_id` must exist (Identity
    API, "Create endpoint": region is the deprecated name).
    """
    _refuse_unfillable(url)
    endpoint = Endpoint(
        new_hex_id(), service_id, region_id or region, interface, url, enabled, dict(extra or {})
    )
    change(ctx, _insert, endpoint, region_id is None)
    return endpoint


def _insert(tx: Transaction, endpoint: Endpoint, make_region: bool) -> None:
    _check_references(tx, endpoint.service_id, endpoint.region_id, make_region)
    catalog.insert_endpoint(tx, endpoint)


def update(ctx: Context, endpoint: Endpoint, changes: Mapping[str, Any]) -> Endpoint:
    """Change an endpoint."""
    values = attributes.merged(endpoint, changes)
    if "url" in values:
        _refuse_unfillable(values["url"])
    region = values.pop("region", None)
    make_region = region is not None and "region_id" not in values
    if make_region:
        values["region_id"] = region
    return change(ctx, _update, endpoint.id, values, make_region)


def _update(tx: Transaction, endpoint_id: str, values: Mapping[str, Any], make_region: bool) -> Endpoint:
    _check_references(tx, values.get("service_id"), values.get("region_id"), make_region)
    catalog.update_endpoint(tx, endpoint_id, values)
    return catalog.get_endpoint(tx, endpoint_id)


def _check_references(
    tx: Transaction, service_id: str | None, region_id: str | None, make_region: bool
) -> None:
    """Make sure that a service and a region exist, the latter by making it where that is wanted."""
    if service_id is not None:
        catalog.get_service(tx, service_id)
    if region_id is None:
        return
    if not make_region:
        catalog.get_region(tx, region_id)
    elif catalog.find_region(tx, region_id) is None:
        catalog.insert_region(tx, Region(region_id, None, "", {}))


def _refuse_unfillable(url: str) -> None:
    unknown = [name for name in placeholders(url) if name not in KNOWN_PLACEHOLDERS]
    if unknown:
        raise errors.BadRequest(f"The address {url[:200]} asks for {unknown[0]}, which no token has.")


def delete(ctx: Context, endpoint: Endpoint) -> None:
    """Remove an endpoint."""
    change(ctx, remove, endpoint.id)


def remove(tx: Transaction, endpoint_id: str) -> None:
    """Remove an endpoint and what refers to it."""
    endpoint_groups.forget_endpoint(tx, endpoint_id)
    catalog.delete_endpoint(tx, endpoint_id)
