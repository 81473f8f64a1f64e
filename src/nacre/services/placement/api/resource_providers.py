"""/resource_providers: who has resources to give."""

from __future__ import annotations

from typing import Any

from nacre.kernel.errors import BadRequest
from nacre.kernel.http.request import Request, Response
from nacre.kernel.http.routing import Routes
from nacre.kernel.ids import is_uuid_like
from nacre.kernel.wire import Check, Nullable, Object
from nacre.services.placement import policy, versions
from nacre.services.placement.api import filters
from nacre.services.placement.api.answers import answer
from nacre.services.placement.api.checks import PROVIDER_NAME, UUID
from nacre.services.placement.app import listing
from nacre.services.placement.app import providers as app
from nacre.services.placement.db.providers import Provider

routes = Routes("/resource_providers")

CREATE: dict[str, Check] = {"name": PROVIDER_NAME, "uuid": UUID}
CREATE_IN_TREE: dict[str, Check] = {**CREATE, "parent_provider_uuid": Nullable(UUID)}
LIST_PARAMETERS = frozenset(("name", "uuid", "member_of", "resources", "in_tree", "required"))


def show_provider(req: Request, provider: Provider) -> dict[str, Any]:
    """Render a provider as its microversion has it."""
    url = f"/resource_providers/{provider.uuid}"
    relations = ["inventories", "usages", "aggregates", "traits"]
    assert req.version is not None
    if req.version >= versions.ALLOCATION_LINKS:
        relations.append("allocations")
    body: dict[str, Any] = {
        "uuid": provider.uuid,
        "name": provider.name,
        "generation": provider.generation,
        "links": [
            {"rel": "self", "href": url},
            *({"rel": relation, "href": f"{url}/{relation}"} for relation in relations),
        ],
    }
    if req.version >= versions.TREES:
        body["parent_provider_uuid"] = provider.parent_uuid
        body["root_provider_uuid"] = provider.root_uuid
    return body


@routes.get(policy=policy.LIST_PROVIDERS)
def index(req: Request) -> Response:
    assert req.version is not None
    if strange := set(req.query) - LIST_PARAMETERS:
        raise BadRequest(f"Invalid query string parameters: {', '.join(sorted(strange))[:200]}")
    for name in ("uuid", "in_tree"):
        if (value := req.arg(name)) is not None and not is_uuid_like(value):
            raise BadRequest(f"Invalid query string parameters: '{value[:60]}' is not a 'uuid'")
    found = listing.find(
        req.ctx,
        name=req.arg("name"),
        uuid=req.arg("uuid"),
        tree_of=req.arg("in_tree"),
        resources=filters.resources(req.arg("resources")) if "resources" in req.query else {},
        traits=filters.traits(
            req.query.get("required", []),
            forbid=req.version >= versions.FORBIDDEN_TRAITS,
            alternatives=req.version >= versions.ANY_TRAIT,
        ),
        aggregates=filters.aggregates(
            req.query.get("member_of", []),
            forbid=req.version >= versions.FORBIDDEN_AGGREGATES,
            repeated=req.version >= versions.REPEATED_MEMBER_OF,
        ),
    )
    return answer(req, {"resource_providers": [show_provider(req, provider) for provider in found]})


def _create(req: Request, body: dict[str, Any]) -> Response:
    return _created(
        req, app.create(req.ctx, body["name"], body.get("uuid"), body.get("parent_provider_uuid"))
    )


def _created(req: Request, provider: Provider) -> Response:
    location = req.url("resource_providers", provider.uuid)
    assert req.version is not None
    if req.version >= versions.RETURN_PROVIDER:
        return answer(req, show_provider(req, provider), location=location, modified_at=provider.updated_at)
    return answer(req, None, status=201, location=location)


def _created_before(req: Request, made: list[str]) -> Response:
    return _created(req, app.get(req.ctx, made[0]))


MADE: dict[str, Any] = {"creates": "providers.uuid", "tell_again": _created_before}


@routes.post(policy=policy.CREATE_PROVIDER, body=Object(CREATE, required=("name",)), until="1.13", **MADE)
def create(req: Request, body: dict[str, Any]) -> Response:
    return _create(req, body)


@routes.post(
    policy=policy.CREATE_PROVIDER, body=Object(CREATE_IN_TREE, required=("name",)), since="1.14", **MADE
)
def create_in_tree(req: Request, body: dict[str, Any]) -> Response:
    return _create(req, body)


@routes.get("/{uuid}", policy=policy.SHOW_PROVIDER, load=app.get)
def show(req: Request, provider: Provider) -> Response:
    return answer(req, show_provider(req, provider), modified_at=provider.updated_at)


@routes.put(
    "/{uuid}",
    policy=policy.UPDATE_PROVIDER,
    load=app.get,
    body=Object({"name": PROVIDER_NAME}, required=("name",)),
    until="1.13",
)
def rename(req: Request, provider: Provider, body: dict[str, Any]) -> Response:
    changed = app.update(req.ctx, provider, body["name"], None, moves=False, may_move=False)
    return answer(req, show_provider(req, changed), modified_at=changed.updated_at)


@routes.put(
    "/{uuid}",
    policy=policy.UPDATE_PROVIDER,
    load=app.get,
    body=Object({"name": PROVIDER_NAME, "parent_provider_uuid": Nullable(UUID)}, required=("name",)),
    since="1.14",
)
def update(req: Request, provider: Provider, body: dict[str, Any]) -> Response:
    assert req.version is not None
    changed = app.update(
        req.ctx,
        provider,
        body["name"],
        body.get("parent_provider_uuid"),
        moves="parent_provider_uuid" in body,
        may_move=req.version >= versions.REPARENTING,
    )
    return answer(req, show_provider(req, changed), modified_at=changed.updated_at)


@routes.delete("/{uuid}", policy=policy.DELETE_PROVIDER, load=app.get)
def delete(req: Request, provider: Provider) -> None:
    app.delete(req.ctx, provider.uuid)
