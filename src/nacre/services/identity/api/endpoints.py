"""/v3/endpoints: the addresses of services."""

from __future__ import annotations

from typing import Any

from nacre.kernel import wire
from nacre.kernel.http.request import Request
from nacre.kernel.http.routing import Routes
from nacre.kernel.wire import CREATE, FILTER, SHOW, UPDATE, Resource, field
from nacre.services.identity import policy
from nacre.services.identity.api.regions import REGION_ID
from nacre.services.identity.api.shapes import FLAG, ID, many, no_target, one, page, self_link, wanted
from nacre.services.identity.app import endpoints
from nacre.services.identity.db.catalog import Endpoint as Row

#: The address may hold placeholders like %(project_id)s.
URL = wire.Str(1, 2000)


class Endpoint(Resource):
    key, keys = "endpoint", "endpoints"
    unknown = wire.Unknown.KEEP

    id = field(SHOW)
    service_id = field(CREATE, UPDATE, SHOW, FILTER, check=ID, required=True)
    region_id = field(CREATE, UPDATE, SHOW, FILTER, check=wire.Nullable(REGION_ID))
    region = field(CREATE, UPDATE, SHOW, check=wire.Nullable(REGION_ID), source="region_id")
    interface = field(
        CREATE, UPDATE, SHOW, FILTER, check=wire.Enum("admin", "internal", "public"), required=True
    )
    url = field(CREATE, UPDATE, SHOW, check=URL, required=True)
    enabled = field(CREATE, UPDATE, SHOW, FILTER, check=FLAG)
    links = self_link("endpoints")


routes = Routes("/v3/endpoints", resource=Endpoint)


@routes.get(policy=policy.LIST_ENDPOINTS, target=no_target)
def index(req: Request) -> dict[str, Any]:
    asked = page(req, Endpoint)
    found = endpoints.index(req.ctx, wanted(req, Endpoint, flags=("enabled",)), asked)
    return many(req, Endpoint, found, asked)


@routes.post(status=201, policy=policy.CREATE_ENDPOINT, target=no_target)
def create(req: Request, body: dict[str, Any]) -> dict[str, Any]:
    return one(req, Endpoint, endpoints.create(req.ctx, **body))


@routes.get("/{endpoint_id}", policy=policy.GET_ENDPOINT, load=endpoints.get, target=no_target)
def show(req: Request, endpoint: Row) -> dict[str, Any]:
    return one(req, Endpoint, endpoint)


@routes.patch("/{endpoint_id}", policy=policy.UPDATE_ENDPOINT, load=endpoints.get, target=no_target)
def update(req: Request, endpoint: Row, body: dict[str, Any]) -> dict[str, Any]:
    return one(req, Endpoint, endpoints.update(req.ctx, endpoint, body))


@routes.delete("/{endpoint_id}", policy=policy.DELETE_ENDPOINT, load=endpoints.get, target=no_target)
def delete(req: Request, endpoint: Row) -> None:
    endpoints.delete(req.ctx, endpoint)
