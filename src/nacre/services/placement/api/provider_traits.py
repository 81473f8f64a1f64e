"""/resource_providers/{uuid}/traits and …/aggregates: what a provider is like and where it belongs."""

from __future__ import annotations

from typing import Any

from nacre.kernel.http.request import Request, Response
from nacre.kernel.http.routing import Routes
from nacre.kernel.wire import Each, Object
from nacre.services.placement import policy
from nacre.services.placement.api.answers import answer
from nacre.services.placement.api.checks import AGGREGATES, GENERATION, TRAIT_NAME
from nacre.services.placement.app import providers as app
from nacre.services.placement.db.providers import Provider

routes = Routes("/resource_providers/{uuid}")

GENERATION_KEY = "resource_provider_generation"


@routes.get("/traits", policy=policy.LIST_PROVIDER_TRAITS, load=app.get, since="1.6")
def list_traits(req: Request, provider: Provider) -> Response:
    return answer(req, {"traits": app.traits(req.ctx, provider), GENERATION_KEY: provider.generation})


@routes.put(
    "/traits",
    policy=policy.UPDATE_PROVIDER_TRAITS,
    load=app.get,
    since="1.6",
    body=Object(
        {"traits": Each(TRAIT_NAME, unique=True), GENERATION_KEY: GENERATION},
        required=("traits", GENERATION_KEY),
    ),
)
def replace_traits(req: Request, provider: Provider, body: dict[str, Any]) -> Response:
    generation = app.replace_traits(req.ctx, provider, body[GENERATION_KEY], body["traits"])
    return answer(req, {"traits": sorted(body["traits"]), GENERATION_KEY: generation})


@routes.delete("/traits", policy=policy.DELETE_PROVIDER_TRAITS, load=app.get, since="1.6")
def delete_traits(req: Request, provider: Provider) -> None:
    app.replace_traits(req.ctx, provider, None, [])


@routes.get("/aggregates", policy=policy.LIST_AGGREGATES, load=app.get, since="1.1", until="1.18")
def list_aggregates(req: Request, provider: Provider) -> Response:
    return answer(req, {"aggregates": app.aggregates(req.ctx, provider)})


@routes.get("/aggregates", policy=policy.LIST_AGGREGATES, load=app.get, since="1.19")
def list_guarded_aggregates(req: Request, provider: Provider) -> Response:
    found = app.aggregates(req.ctx, provider)
    return answer(req, {"aggregates": found, GENERATION_KEY: provider.generation})


@routes.put(
    "/aggregates",
    policy=policy.UPDATE_AGGREGATES,
    load=app.get,
    since="1.1",
    until="1.18",
    body=AGGREGATES,
)
def replace_aggregates(req: Request, provider: Provider, body: list[str]) -> Response:
    app.replace_aggregates(req.ctx, provider, None, body)
    return answer(req, {"aggregates": sorted(body)})


@routes.put(
    "/aggregates",
    policy=policy.UPDATE_AGGREGATES,
    load=app.get,
    since="1.19",
    body=Object(
        {"aggregates": AGGREGATES, GENERATION_KEY: GENERATION}, required=("aggregates", GENERATION_KEY)
    ),
)
def replace_guarded_aggregates(req: Request, provider: Provider, body: dict[str, Any]) -> Response:
    generation = app.replace_aggregates(req.ctx, provider, body[GENERATION_KEY], body["aggregates"])
    return answer(req, {"aggregates": sorted(body["aggregates"]), GENERATION_KEY: generation})
