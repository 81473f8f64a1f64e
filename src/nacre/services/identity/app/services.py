"""The services that the catalog announces."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from nacre.kernel.db import Page
from nacre.kernel.ids import new_hex_id
from nacre.services.identity.app import attributes, endpoints
from nacre.services.identity.app.state import change
from nacre.services.identity.db import catalog
from nacre.services.identity.db.catalog import Service

if TYPE_CHECKING:
    from nacre.kernel.context import Context
    from nacre.kernel.db import Transaction


def get(ctx: Context, service_id: str) -> Service:
    """Return a service."""
    return ctx.db.read(catalog.get_service, service_id)


def index(ctx: Context, wanted: Mapping[str, object], page: Page) -> list[Service]:
    """Return a page of services."""
    return ctx.db.read(catalog.index_services, wanted, page)


def create(
    ctx: Context,
    *,
    type: str,
    name: str | None = None,
    description: str | None = None,
    enabled: bool = True,
    extra: Mapping[str, Any] | None = None,
) -> Service:
    """Put a service into the catalog."""
    service = Service(new_hex_id(), type, name, description, enabled, dict(extra or {}))
    change(ctx, catalog.insert_service, service)
    return service


def update(ctx: Context, service: Service, changes: Mapping[str, Any]) -> Service:
    """Change a service."""
    change(ctx, catalog.update_service, service.id, attributes.merged(service, changes))
    return get(ctx, service.id)


def delete(ctx: Context, service: Service) -> None:
    """Take a service and its endpoints out of the catalog."""
    change(ctx, _remove, service.id)


def _remove(tx: Transaction, service_id: str) -> None:
    for endpoint in catalog.index_endpoints(tx, {"service_id": service_id}, Page()):
        endpoints.remove(tx, endpoint.id)
    catalog.delete_service(tx, service_id)
