"""Tags of everything that can be tagged: /v2.0/<things>/{id}/tags."""

from __future__ import annotations

from typing import Any

from nacre.kernel.http.request import Request, Response
from nacre.kernel.http.routing import DO_AGAIN, Routes
from nacre.kernel.wire import Each, Object
from nacre.services.network.api import rights
from nacre.services.network.api.checks import TAG
from nacre.services.network.app import tags
from nacre.services.network.errors import TagNotFound
from nacre.services.network.policy import RULES_BY_NAME

NAMES = Object({"tags": Each(TAG, maximum=50, unique=True)}, required=("tags",))


def _routes_of(collection: str) -> Routes:
    """Return the tag routes of one collection."""
    routes = Routes(f"/v2.0/{collection.replace('_', '-')}" + "/{id}/tags")
    rules = {
        word: RULES_BY_NAME[f"{word}_{collection}_tags"] for word in ("get", "create", "update", "delete")
    }
    options: dict[str, Any] = {"load": tags.GETTERS[collection], "target": rights.loaded_itself}

    @routes.get(policy=rules["get"], **options)
    def index(req: Request, thing: Any) -> Any:
        return {"tags": list(thing.tags)}

    @routes.put(policy=rules["update"], body=NAMES, **options)
    def replace(req: Request, thing: Any, body: Any) -> Any:
        return {"tags": tags.replace(req.ctx, collection, thing, body["tags"])}

    @routes.post(policy=rules["create"], body=NAMES, status=201, tell_again=DO_AGAIN, **options)
    def add_many(req: Request, thing: Any, body: Any) -> Any:
        tags.add(req.ctx, collection, thing, body["tags"])
        return Response(201)

    @routes.delete(policy=rules["delete"], **options)
    def clear(req: Request, thing: Any) -> None:
        tags.replace(req.ctx, collection, thing, ())

    @routes.get("/{tag}", policy=rules["get"], status=204, **options)
    def show(req: Request, thing: Any, tag: str) -> None:
        if tag not in thing.tags:
            raise TagNotFound(tag)

    @routes.put("/{tag}", policy=rules["update"], status=201, **options)
    def add(req: Request, thing: Any, tag: str) -> Any:
        tags.add(req.ctx, collection, thing, [TAG(tag)])
        return Response(201)

    @routes.delete("/{tag}", policy=rules["delete"], **options)
    def remove(req: Request, thing: Any, tag: str) -> None:
        tags.remove(req.ctx, collection, thing, tag)

    return routes


routes = tuple(_routes_of(collection) for collection in tags.GETTERS)
