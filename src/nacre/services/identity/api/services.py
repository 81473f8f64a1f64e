"""/v3/services: what the catalog announces."""

from __future__ import annotations

from typing import Any

from nacre.kernel import wire
from nacre.kernel.http.request import Request
from nacre.kernel.http.routing import Routes
from nacre.kernel.wire import CREATE, FILTER, SHOW, UPDATE, Resource, field
from nacre.services.identity import policy
from nacre.services.identity.api.shapes import (
    DESCRIPTION,
    FLAG,
    many,
    no_target,
    one,
    page,
    self_link,
    wanted,
)
from nacre.services.identity.app import services
from nacre.services.identity.db.catalog import Service as Row


class Service(Resource):
    key, keys = "service", "services"
    unknown = wire.Unknown.KEEP
    absent_when_null = ("name", "description")

    id = field(SHOW)
    type = field(CREATE, UPDATE, SHOW, FILTER, check=wire.Str(1, 255), required=True)
    name = field(CREATE, UPDATE, SHOW, FILTER, check=wire.Str(0, 255))
    description = field(CREATE, UPDATE, SHOW, check=DESCRIPTION)
    enabled = field(CREATE, UPDATE, SHOW, check=FLAG)
    links = self_link("services")


routes = Routes("/v3/services", resource=Service)


@routes.get(policy=policy.LIST_SERVICES, target=no_target)
def index(req: Request) -> dict[str, Any]:
    asked = page(req, Service)
    return many(req, Service, services.index(req.ctx, wanted(req, Service), asked), asked)


@routes.post(status=201, policy=policy.CREATE_SERVICE, target=no_target)
def create(req: Request, body: dict[str, Any]) -> dict[str, Any]:
    return one(req, Service, services.create(req.ctx, **body))


@routes.get("/{service_id}", policy=policy.GET_SERVICE, load=services.get, target=no_target)
def show(req: Request, service: Row) -> dict[str, Any]:
    return one(req, Service, service)


@routes.patch("/{service_id}", policy=policy.UPDATE_SERVICE, load=services.get, target=no_target)
def update(req: Request, service: Row, body: dict[str, Any]) -> dict[str, Any]:
    return one(req, Service, services.update(req.ctx, service, body))


@routes.delete("/{service_id}", policy=policy.DELETE_SERVICE, load=services.get, target=no_target)
def delete(req: Request, service: Row) -> None:
    services.delete(req.ctx, service)
