"""/v2/metadefs/resource_types: what definitions can be about, and which namespaces are about what."""

from __future__ import annotations

from typing import Any

from nacre.kernel.http.request import Request
from nacre.kernel.http.routing import Routes
from nacre.services.image import policy
from nacre.services.image.api.namespaces import ASSOCIATION, ROOT, moments, show_association
from nacre.services.image.app import namespaces
from nacre.services.image.db.namespaces import Namespace

routes = Routes("/v2/metadefs/resource_types")
of_namespace = Routes(ROOT + "/{namespace_name}/resource_types")


@routes.get(policy=policy.LIST_RESOURCE_TYPES)
def index(req: Request) -> dict[str, Any]:
    found = namespaces.known_types(req.ctx)
    return {
        "resource_types": [{"name": one.name, **moments(one)} for one in found],
        "schema": "/v2/schemas/metadefs/resource_types",
    }


@of_namespace.get(policy=policy.GET_RESOURCE_TYPES, load=namespaces.get)
def list_associations(req: Request, namespace: Namespace) -> dict[str, Any]:
    found = namespaces.associations(req.ctx, namespace)
    return {"resource_type_associations": [show_association(one) for one in found]}


@of_namespace.post(policy=policy.ADD_RESOURCE_TYPE, load=namespaces.get, body=ASSOCIATION, status=201)
def associate(req: Request, namespace: Namespace, body: dict[str, Any]) -> dict[str, Any]:
    return show_association(
        namespaces.associate(
            req.ctx, namespace, body["name"], body.get("prefix"), body.get("properties_target")
        )
    )


@of_namespace.delete("/{name}", policy=policy.REMOVE_RESOURCE_TYPE, load=namespaces.get)
def dissociate(req: Request, namespace: Namespace, name: str) -> None:
    namespaces.dissociate(req.ctx, namespace, name)
