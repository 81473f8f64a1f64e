"""/v2/info: how data may be imported, where it is kept, how much there is of one's own."""

from __future__ import annotations

from typing import Any

from nacre.kernel.http.request import Request
from nacre.kernel.http.routing import AUTHENTICATED, Routes
from nacre.services.image import policy
from nacre.services.image.app import imports, stores, usages

routes = Routes("/v2/info")


@routes.get("/import", policy=AUTHENTICATED)
def import_methods(req: Request) -> dict[str, Any]:
    described = {"description": "Import methods available.", "type": "array", "value": list(imports.METHODS)}
    return {"import-methods": described}


@routes.get("/stores", policy=AUTHENTICATED)
def list_stores(req: Request) -> dict[str, Any]:
    return {"stores": [_store(req)]}


@routes.get("/stores/detail", policy=policy.STORES_DETAIL)
def detail_stores(req: Request) -> dict[str, Any]:
    return {"stores": [{**_store(req), "type": stores.store(req.ctx).kind, "properties": {}, "weight": 0}]}


def _store(req: Request) -> dict[str, Any]:
    store = stores.store(req.ctx)
    return {"id": store.id, "description": store.description, "default": "true"}


@routes.get("/usage", policy=AUTHENTICATED)
def usage(req: Request) -> dict[str, Any]:
    found = usages.of_project(req.ctx)
    return {"usage": {name: {"limit": limit, "usage": used} for name, (limit, used) in found.items()}}
