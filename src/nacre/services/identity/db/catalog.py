"""What the catalog is made of: services, their endpoints, and the regions these are in."""

from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, select

from nacre.kernel.db import Page, Transaction, conditions, page
from nacre.services.identity.db.tables import endpoints, regions, services
from nacre.services.identity.errors import EndpointNotFound, RegionNotFound, ServiceNotFound


class Region(msgspec.Struct, frozen=True):
    """A part of the cloud, perhaps within another."""

    id: str
    parent_region_id: str | None
    description: str
    extra: dict[str, Any]


class Service(msgspec.Struct, frozen=True):
    """A service as clients look it up, by its type."""

    id: str
    type: str
    name: str | None
    description: str | None
    enabled: bool
    extra: dict[str, Any]


class Endpoint(msgspec.Struct, frozen=True):
    """An address of a service for one kind of client in one region."""

    id: str
    service_id: str
    region_id: str | None
    interface: str
    url: str
    enabled: bool
    extra: dict[str, Any]


def get_region(tx: Transaction, region_id: str) -> Region:
    """Return a region."""
    query = select(regions).where(regions.c.id == region_id)
    return tx.one(query, Region, otherwise=RegionNotFound(region_id))


def find_region(tx: Transaction, region_id: str) -> Region | None:
    """Return a region, or None."""
    return tx.find(select(regions).where(regions.c.id == region_id), Region)


def index_regions(tx: Transaction, wanted: Mapping[str, object], asked: Page) -> list[Region]:
    """Return a page of regions."""
    return page(tx, select(regions).where(*conditions(regions.c, wanted)), Region, regions, asked)


def insert_region(tx: Transaction, region: Region) -> None:
    """Add a region."""
    tx.insert(regions, region)


def update_region(tx: Transaction, region_id: str, changes: Mapping[str, Any]) -> None:
    """Change columns of a region."""
    if changes:
        tx.update(regions, region_id, changes)


def delete_region(tx: Transaction, region_id: str) -> None:
    """Remove a region."""
    tx.delete(regions, region_id)


def child_regions(tx: Transaction, region_id: str) -> list[str]:
    """Return the ids of the regions just below one."""
    return tx.scalars(select(regions.c.id).where(regions.c.parent_region_id == region_id))


def get_service(tx: Transaction, service_id: str) -> Service:
    """Return a service."""
    query = select(services).where(services.c.id == service_id)
    return tx.one(query, Service, otherwise=ServiceNotFound(service_id))


def find_service(tx: Transaction, type: str, name: str) -> Service | None:
    """Return a service by type and name."""
    return tx.find(select(services).where(services.c.type == type, services.c.name == name), Service)


def index_services(tx: Transaction, wanted: Mapping[str, object], asked: Page) -> list[Service]:
    """Return a page of services."""
    return page(tx, select(services).where(*conditions(services.c, wanted)), Service, services, asked)


def insert_service(tx: Transaction, service: Service) -> None:
    """Add a service."""
    tx.insert(services, service)


def update_service(tx: Transaction, service_id: str, changes: Mapping[str, Any]) -> None:
    """Change columns of a service."""
    if changes:
        tx.update(services, service_id, changes)


def delete_service(tx: Transaction, service_id: str) -> None:
    """Remove a service; its endpoints go first."""
    tx.delete(services, service_id)


def get_endpoint(tx: Transaction, endpoint_id: str) -> Endpoint:
    """Return an endpoint."""
    query = select(endpoints).where(endpoints.c.id == endpoint_id)
    return tx.one(query, Endpoint, otherwise=EndpointNotFound(endpoint_id))


def index_endpoints(
    tx: Transaction, wanted: Mapping[str, object], asked: Page, *where: ColumnElement[bool]
) -> list[Endpoint]:
    """Return a page of endpoints."""
    query = select(endpoints).where(*conditions(endpoints.c, wanted), *where)
    return page(tx, query, Endpoint, endpoints, asked)


def insert_endpoint(tx: Transaction, endpoint: Endpoint) -> None:
    """Add an endpoint."""
    tx.insert(endpoints, endpoint)


def update_endpoint(tx: Transaction, endpoint_id: str, changes: Mapping[str, Any]) -> None:
    """Change columns of an endpoint."""
    if changes:
        tx.update(endpoints, endpoint_id, changes)


def delete_endpoint(tx: Transaction, endpoint_id: str) -> None:
    """Remove an endpoint."""
    tx.delete(endpoints, endpoint_id)


def everything_enabled(tx: Transaction) -> tuple[list[Service], list[Endpoint]]:
    """Return the services and endpoints that the catalog announces."""
    return (
        tx.all(select(services).where(services.c.enabled.is_(True)).order_by(services.c.id), Service),
        tx.all(select(endpoints).where(endpoints.c.enabled.is_(True)).order_by(endpoints.c.id), Endpoint),
    )
