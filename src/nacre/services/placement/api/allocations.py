"""/allocations: what consumers hold.

The form of a body changed over the microversions: a list of allocations (to 1.11), an object keyed by
provider (from 1.12), with the consumer's generation (from 1.28) and its type (from 1.38).
"""

from __future__ import annotations

from typing import Any

from nacre.kernel.errors import BadRequest
from nacre.kernel.http.request import Request, Response
from nacre.kernel.http.routing import Routes
from nacre.kernel.ids import is_uuid_like
from nacre.kernel.version import Version
from nacre.kernel.wire import UUID, Check, Each, FreeMap, Object
from nacre.services.placement import policy, versions
from nacre.services.placement.api.answers import answer
from nacre.services.placement.api.checks import (
    AMOUNTS,
    CONSUMER_TYPE,
    GENERATION,
    NULLABLE_GENERATION,
    OWNER,
)
from nacre.services.placement.app import allocations as app
from nacre.services.placement.app import providers
from nacre.services.placement.app.allocations import Claim
from nacre.services.placement.db.allocations import Consumer, by_provider
from nacre.services.placement.db.providers import Provider

routes = Routes("/allocations")
provider_routes = Routes("/resource_providers/{uuid}/allocations")

NOBODY = "00000000-0000-0000-0000-000000000000"
UNKNOWN_TYPE = "unknown"

_LISTED = Each(
    Object(
        {"resource_provider": Object({"uuid": UUID}, required=("uuid",)), "resources": AMOUNTS},
        required=("resource_provider", "resources"),
    ),
    minimum=1,
)


def _keyed(*, minimum: int) -> Check:
    return FreeMap(
        Object({"resources": AMOUNTS, "generation": GENERATION}, required=("resources",)),
        key=UUID,
        minimum=minimum,
    )


_OWNER = {"project_id": OWNER, "user_id": OWNER}
_MAPPINGS = FreeMap(Each(UUID, minimum=1))


def claim_check(version: Version, *, many: bool = False) -> Object:
    """Return the check for one consumer's body; `many`: as part of a POST, where nothing may be held."""
    if version < versions.OWNED_ALLOCATIONS:
        return Object({"allocations": _LISTED}, required=("allocations",))
    if version < versions.KEYED_ALLOCATIONS:
        return Object({"allocations": _LISTED, **_OWNER}, required=("allocations", *_OWNER))
    members: dict[str, Check] = dict(_OWNER)
    guarded = version >= versions.CONSUMER_GENERATIONS
    members["allocations"] = _keyed(minimum=0 if many or guarded else 1)
    required = ["allocations", *_OWNER]
    if guarded:
        members["consumer_generation"] = NULLABLE_GENERATION
        required.append("consumer_generation")
    if version >= versions.MAPPINGS:
        members["mappings"] = _MAPPINGS
    if version >= versions.CONSUMER_TYPES:
        members["consumer_type"] = CONSUMER_TYPE
        required.append("consumer_type")
    return Object(members, required=required)


def read_claim(consumer_uuid: str, body: dict[str, Any], version: Version) -> Claim:
    """Make a claim of a checked body."""
    found = body["allocations"]
    if isinstance(found, list):
        keyed: dict[str, dict[str, Any]] = {}
        for one in found:
            keyed.setdefault(one["resource_provider"]["uuid"], {"resources": {}})["resources"].update(
                one["resources"]
            )
    else:
        keyed = found
    return Claim(
        consumer=Consumer(
            consumer_uuid,
            body.get("project_id", NOBODY),
            body.get("user_id", NOBODY),
            0,
            body.get("consumer_type"),
        ),
        wanted={uuid: dict(one["resources"]) for uuid, one in keyed.items()},
        seen_generation=body.get("consumer_generation"),
        guarded=version >= versions.CONSUMER_GENERATIONS,
        provider_generations={uuid: one["generation"] for uuid, one in keyed.items() if "generation" in one},
    )


def check_consumer(uuid: str) -> str:
    """Return the consumer's id; BadRequest if it is none."""
    if not is_uuid_like(uuid):
        raise BadRequest(f"Malformed consumer_uuid: {uuid[:60]}")
    return uuid


@routes.get("/{consumer_uuid}", policy=policy.LIST_ALLOCATIONS)
def show(req: Request, consumer_uuid: str) -> Response:
    held = app.of_consumer(req.ctx, consumer_uuid)
    assert req.version is not None
    body: dict[str, Any] = {
        "allocations": {
            uuid: {"generation": held.generations[uuid], "resources": amounts}
            for uuid, amounts in by_provider(held.allocations).items()
        }
    }
    consumer = held.consumer
    if consumer is not None and req.version >= versions.KEYED_ALLOCATIONS:
        body |= {"project_id": consumer.project_id, "user_id": consumer.user_id}
        if req.version >= versions.CONSUMER_GENERATIONS:
            body["consumer_generation"] = consumer.generation
        if req.version >= versions.CONSUMER_TYPES:
            body["consumer_type"] = consumer.type or UNKNOWN_TYPE
    return answer(req, body)


@routes.put("/{consumer_uuid}", policy=policy.UPDATE_ALLOCATIONS)
def replace(req: Request, consumer_uuid: str) -> Response:
    assert req.version is not None
    checked = req.checked(claim_check(req.version))
    claim = read_claim(check_consumer(consumer_uuid), checked, req.version)
    app.claim(req.ctx, [claim])
    return answer(req, None, status=204)


@routes.post(policy=policy.MANAGE_ALLOCATIONS, since="1.13")
def replace_many(req: Request) -> Response:
    assert req.version is not None
    checked = req.checked(FreeMap(claim_check(req.version, many=True), key=UUID, minimum=1))
    app.claim(req.ctx, [read_claim(uuid, body, req.version) for uuid, body in checked.items()])
    return answer(req, None, status=204)


@routes.delete("/{consumer_uuid}", policy=policy.DELETE_ALLOCATIONS)
def delete(req: Request, consumer_uuid: str) -> None:
    app.release(req.ctx, consumer_uuid)


@provider_routes.get(policy=policy.PROVIDER_ALLOCATIONS, load=providers.get)
def on_provider(req: Request, provider: Provider) -> Response:
    held, consumers = app.on_provider(req.ctx, provider.uuid)
    assert req.version is not None
    found: dict[str, dict[str, Any]] = {}
    for one in held:
        entry = found.setdefault(one.consumer_uuid, {"resources": {}})
        entry["resources"][one.resource_class] = one.used
        if req.version >= versions.CONSUMER_GENERATIONS:
            entry["consumer_generation"] = consumers[one.consumer_uuid].generation
    return answer(req, {"allocations": found, "resource_provider_generation": provider.generation})
