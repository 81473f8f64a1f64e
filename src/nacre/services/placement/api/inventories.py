"""/resource_providers/{uuid}/inventories: how much a provider has of each resource class."""

from __future__ import annotations

from typing import Any

from nacre.kernel import errors
from nacre.kernel.http.request import Request, Response
from nacre.kernel.http.routing import Routes
from nacre.kernel.wire import Object
from nacre.services.placement import policy, versions
from nacre.services.placement.api.answers import answer
from nacre.services.placement.api.checks import CLASS_NAME, GENERATION, INVENTORIES, INVENTORY_MEMBERS
from nacre.services.placement.app import providers as app
from nacre.services.placement.db.providers import Inventory, Provider
from nacre.services.placement.errors import InventoryNotFound

routes = Routes("/resource_providers/{uuid}")

SHOWN = ("total", "reserved", "min_unit", "max_unit", "step_size", "allocation_ratio")
GENERATION_KEY = "resource_provider_generation"


def read_inventory(req: Request, resource_class: str, members: dict[str, Any]) -> Inventory:
    """Make an inventory of a checked body."""
    inventory = Inventory(resource_class, **{name: members[name] for name in SHOWN if name in members})
    assert req.version is not None
    most = inventory.total if req.version >= versions.ALL_RESERVED else inventory.total - 1
    if inventory.reserved > most:
        raise errors.BadRequest(
            f"Unable to update inventory for resource provider: Invalid inventory for '{resource_class}'. "
            "The reserved value is greater than "
            f"{'' if req.version >= versions.ALL_RESERVED else 'or equal to '}total."
        )
    return inventory


def show_inventory(inventory: Inventory) -> dict[str, Any]:
    """Render an inventory."""
    return {name: getattr(inventory, name) for name in SHOWN}


def show_all(provider: Provider, found: dict[str, Inventory], generation: int) -> dict[str, Any]:
    """Render all inventories of a provider."""
    return {
        GENERATION_KEY: generation,
        "inventories": {name: show_inventory(inventory) for name, inventory in found.items()},
    }


@routes.get("/inventories", policy=policy.LIST_INVENTORIES, load=app.get)
def index(req: Request, provider: Provider) -> Response:
    return answer(req, show_all(provider, app.inventories(req.ctx, provider), provider.generation))


@routes.put(
    "/inventories",
    policy=policy.UPDATE_INVENTORY,
    load=app.get,
    body=Object(
        {GENERATION_KEY: GENERATION, "inventories": INVENTORIES}, required=(GENERATION_KEY, "inventories")
    ),
)
def replace(req: Request, provider: Provider, body: dict[str, Any]) -> Response:
    wanted = {name: read_inventory(req, name, members) for name, members in body["inventories"].items()}
    generation = app.replace_inventories(req.ctx, provider, body[GENERATION_KEY], wanted)
    return answer(req, show_all(provider, app.inventories(req.ctx, provider), generation))


@routes.post(
    "/inventories",
    policy=policy.CREATE_INVENTORY,
    load=app.get,
    status=201,
    creates="inventories.resource_class",
    body=Object(
        {"resource_class": CLASS_NAME, GENERATION_KEY: GENERATION, **INVENTORY_MEMBERS},
        required=("resource_class", "total"),
    ),
)
def create(req: Request, provider: Provider, body: dict[str, Any]) -> Response:
    inventory = read_inventory(req, body["resource_class"], body)
    generation = app.put_inventory(req.ctx, provider, body.get(GENERATION_KEY), inventory, new=True)
    location = req.url("resource_providers", provider.uuid, "inventories", inventory.resource_class)
    shown = {GENERATION_KEY: generation, **show_inventory(inventory)}
    return answer(req, shown, status=201, location=location)


@routes.delete("/inventories", policy=policy.DELETE_INVENTORY, load=app.get, since="1.5")
def delete_all(req: Request, provider: Provider) -> None:
    app.delete_inventories(req.ctx, provider, None)


@routes.get("/inventories/{resource_class}", policy=policy.SHOW_INVENTORY, load=app.get)
def show(req: Request, provider: Provider, resource_class: str) -> Response:
    inventory = app.inventories(req.ctx, provider).get(resource_class)
    if inventory is None:
        raise InventoryNotFound(resource_class, provider.uuid)
    return answer(req, {GENERATION_KEY: provider.generation, **show_inventory(inventory)})


@routes.put(
    "/inventories/{resource_class}",
    policy=policy.UPDATE_INVENTORY,
    load=app.get,
    body=Object({GENERATION_KEY: GENERATION, **INVENTORY_MEMBERS}, required=(GENERATION_KEY, "total")),
)
def update(req: Request, provider: Provider, resource_class: str, body: dict[str, Any]) -> Response:
    inventory = read_inventory(req, resource_class, body)
    generation = app.put_inventory(req.ctx, provider, body[GENERATION_KEY], inventory, new=False)
    return answer(req, {GENERATION_KEY: generation, **show_inventory(inventory)})


@routes.delete("/inventories/{resource_class}", policy=policy.DELETE_INVENTORY, load=app.get)
def delete(req: Request, provider: Provider, resource_class: str) -> None:
    app.delete_inventories(req.ctx, provider, (resource_class,))
