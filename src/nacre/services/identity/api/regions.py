"""/v3/regions: parts of the cloud."""

from __future__ import annotations

from typing import Any

from nacre.kernel import errors, wire
from nacre.kernel.http.request import Request
from nacre.kernel.http.routing import Routes
from nacre.kernel.wire import CREATE, FILTER, SHOW, UPDATE, Resource, field
from nacre.services.identity import policy
from nacre.services.identity.api.shapes import DESCRIPTION, many, no_target, one, page, self_link, wanted
from nacre.services.identity.app import regions
from nacre.services.identity.db.catalog import Region as Row

REGION_ID = wire.Str(1, 191, pattern=r"[^/]+")


class Region(Resource):
    key, keys = "region", "regions"
    unknown = wire.Unknown.KEEP

    id = field(CREATE, UPDATE, SHOW, check=wire.Nullable(wire.Str(0, 191, pattern=r"[^/]*")))
    description = field(CREATE, UPDATE, SHOW, check=DESCRIPTION)
    parent_region_id = field(CREATE, UPDATE, SHOW, FILTER, check=wire.Nullable(REGION_ID))
    links = self_link("regions")


routes = Routes("/v3/regions", resource=Region)


@routes.get(policy=policy.LIST_REGIONS, target=no_target)
def index(req: Request) -> dict[str, Any]:
    asked = page(req, Region)
    return many(req, Region, regions.index(req.ctx, wanted(req, Region), asked), asked)


@routes.post(status=201, policy=policy.CREATE_REGION, target=no_target)
def create(req: Request, body: dict[str, Any]) -> dict[str, Any]:
    return one(req, Region, regions.create(req.ctx, **body))


@routes.put("/{region_id}", status=201, policy=policy.CREATE_REGION, target=no_target)
def create_with_id(req: Request, region_id: str, body: dict[str, Any]) -> dict[str, Any]:
    if body.get("id") not in (None, region_id):
        raise errors.BadRequest("The id in the body is not that in the address.")
    return one(req, Region, regions.create(req.ctx, **{**body, "id": region_id}))


@routes.get("/{region_id}", policy=policy.GET_REGION, load=regions.get, target=no_target)
def show(req: Request, region: Row) -> dict[str, Any]:
    return one(req, Region, region)


@routes.patch("/{region_id}", policy=policy.UPDATE_REGION, load=regions.get, target=no_target)
def update(req: Request, region: Row, body: dict[str, Any]) -> dict[str, Any]:
    return one(req, Region, regions.update(req.ctx, region, body))


@routes.delete("/{region_id}", policy=policy.DELETE_REGION, load=regions.get, target=no_target)
def delete(req: Request, region: Row) -> None:
    regions.delete(req.ctx, region)
