"""/os-aggregates: sets of hosts, for administrators."""

from __future__ import annotations

import re
from typing import Any

from nacre.kernel.clock import isoformat_bare
from nacre.kernel.errors import BadRequest, Invalid
from nacre.kernel.http.request import Request, Response
from nacre.kernel.http.routing import DO_AGAIN, Routes
from nacre.kernel.wire import BRIEF, CREATE, SHOW, UPDATE, FreeMap, Nullable, Object, Resource, Str, field
from nacre.services.compute import policy as rules
from nacre.services.compute.api import queries
from nacre.services.compute.api.checks import KEY, TrimmedName
from nacre.services.compute.app import aggregates
from nacre.services.compute.app.scheduling.hosts import ZONE_PROPERTY
from nacre.services.compute.db.hosts import Aggregate as Row

LARGEST_ID = 2**31 - 1


class ZoneName:
    """The name of a zone: as other names, but without a colon, which separates zone and host elsewhere."""

    def __init__(self) -> None:
        self._name, self._plain = TrimmedName(), Str(1, 255, pattern=r"[^:]*")

    def __call__(self, value: Any) -> str:
        return self._plain(self._name(value))

    def schema(self) -> dict[str, Any]:
        return self._plain.schema()


ZONE = Nullable(ZoneName())
HOST = Object({"host": Str(1, 255, pattern=r"[a-zA-Z0-9_.-]+")}, required=("host",))
METADATA = Object({"metadata": FreeMap(Nullable(Str(0, 255)), key=KEY)}, required=("metadata",))


class Aggregate(Resource):
    key, keys = "aggregate", "aggregates"

    id = field(SHOW, BRIEF)
    uuid = field(SHOW, BRIEF, since="2.41")
    name = field(CREATE, UPDATE, SHOW, BRIEF, check=TrimmedName(), required=True)
    zone = field(
        CREATE,
        UPDATE,
        SHOW,
        BRIEF,
        check=ZONE,
        wire="availability_zone",
        source=lambda req, aggregate: aggregate.properties.get(ZONE_PROPERTY),
    )
    created_at = field(SHOW, BRIEF, render=isoformat_bare)
    updated_at = field(SHOW, BRIEF, render=isoformat_bare)
    deleted_at = field(SHOW, BRIEF, source=lambda req, aggregate: None)
    deleted = field(SHOW, BRIEF, source=lambda req, aggregate: False)
    hosts = field(SHOW)
    metadata = field(SHOW, source="properties")


routes = Routes("/v2.1/os-aggregates", resource=Aggregate)


def _number(text: str) -> int:
    if not re.fullmatch(r"-?[0-9]{1,18}", text):
        raise BadRequest("id must be an integer")
    return min(int(text), LARGEST_ID)


def _shown(req: Request, aggregate: Row) -> dict[str, Any]:
    return {"aggregate": req.show(Aggregate, aggregate)}


@routes.get(policy=rules.AGGREGATES_INDEX)
def index(req: Request) -> dict[str, Any]:
    queries.refuse_unknown(req, ())
    return {"aggregates": [req.show(Aggregate, each) for each in aggregates.index(req.ctx)]}


@routes.post(policy=rules.AGGREGATES_CREATE)
def create(req: Request, body: dict[str, Any]) -> dict[str, Any]:
    made = aggregates.create(req.ctx, body["name"], body.get("zone"))
    # compat: a new aggregate shows neither hosts nor metadata (nova, aggregates.py)
    return {"aggregate": req.show(Aggregate, made, brief=True)}


@routes.get("/{aggregate_id}", policy=rules.AGGREGATES_SHOW)
def show(req: Request, aggregate_id: str) -> dict[str, Any]:
    return _shown(req, aggregates.get(req.ctx, _number(aggregate_id)))


@routes.put("/{aggregate_id}", policy=rules.AGGREGATES_UPDATE)
def update(req: Request, aggregate_id: str, body: dict[str, Any]) -> dict[str, Any]:
    if not body:
        raise Invalid("aggregate", body, "{} does not have enough properties")
    return _shown(req, aggregates.update(req.ctx, _number(aggregate_id), **body))


@routes.delete("/{aggregate_id}", policy=rules.AGGREGATES_DELETE)
def delete(req: Request, aggregate_id: str) -> Response:
    aggregates.delete(req.ctx, _number(aggregate_id))
    return Response(200)


ACTION = "/{aggregate_id}/action"


@routes.action("add_host", path=ACTION, policy=rules.AGGREGATES_ADD_HOST, body=HOST)
def add_host(req: Request, aggregate_id: str, body: dict[str, str]) -> dict[str, Any]:
    return _shown(req, aggregates.add_host(req.ctx, _number(aggregate_id), body["host"]))


@routes.action("remove_host", path=ACTION, policy=rules.AGGREGATES_REMOVE_HOST, body=HOST)
def remove_host(req: Request, aggregate_id: str, body: dict[str, str]) -> dict[str, Any]:
    return _shown(req, aggregates.remove_host(req.ctx, _number(aggregate_id), body["host"]))


@routes.action(
    "set_metadata",
    path=ACTION,
    policy=rules.AGGREGATES_SET_METADATA,
    body=METADATA,
    tell_again=DO_AGAIN,
)
def set_metadata(req: Request, aggregate_id: str, body: dict[str, Any]) -> dict[str, Any]:
    return _shown(req, aggregates.set_metadata(req.ctx, _number(aggregate_id), body["metadata"]))
