"""What other services ask of placement: keep a host's provider true, find room, claim it, give it back.

All of it is done as the service itself: users have no business here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from nacre.kernel import errors
from nacre.kernel.context import Context

SERVICE = "placement"
VERSION = "1.39"
TRIES = 5

Resources = Mapping[str, int]


class Inventory(msgspec.Struct, frozen=True, kw_only=True):
    """How much of one resource class a provider has."""

    total: int
    reserved: int = 0
    min_unit: int = 1
    max_unit: int
    step_size: int = 1
    allocation_ratio: float = 1.0


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """A provider among the candidates: what it could hold, what it holds, what it is like."""

    capacity: dict[str, int]
    used: dict[str, int]
    traits: frozenset[str]


class Candidates(msgspec.Struct, frozen=True, kw_only=True):
    """Allocation requests, each provider → resources, and what is known of the providers."""

    requests: list[dict[str, dict[str, int]]]
    summaries: dict[str, Summary]


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """What a consumer holds: provider → resources; its generation guards changes (None: nothing)."""

    allocations: dict[str, dict[str, int]]
    generation: int | None
    consumer_type: str = ""


def allocation_candidates(
    ctx: Context,
    resources: Resources,
    *,
    required: Iterable[str] = (),
    forbidden: Iterable[str] = (),
    member_of: Iterable[Iterable[str]] = (),
    limit: int | None = None,
) -> Candidates:
    """Return where the resources would fit; `member_of` is one set of alternatives for each condition."""
    query: dict[str, Any] = {
        "resources": ",".join(f"{name}:{amount}" for name, amount in resources.items() if amount)
    }
    if traits := [*required, *(f"!{trait}" for trait in forbidden)]:
        query["required"] = ",".join(traits)
    if conditions := [f"in:{','.join(one)}" for one in member_of]:
        query["member_of"] = conditions
    if limit is not None:
        query["limit"] = limit
    body = _call(ctx, "GET", "/allocation_candidates", query=query)
    return Candidates(
        requests=[
            {uuid: one["resources"] for uuid, one in request["allocations"].items()}
            for request in body["allocation_requests"]
        ],
        summaries={
            uuid: Summary(
                capacity={name: one["capacity"] for name, one in summary["resources"].items()},
                used={name: one["used"] for name, one in summary["resources"].items()},
                traits=frozenset(summary["traits"]),
            )
            for uuid, summary in body["provider_summaries"].items()
        },
    )


def left(ctx: Context, classes: Iterable[str]) -> dict[str, Summary]:
    """Return the providers that have anything left of any of these classes; a class nobody knows is left out.

    For saying why something fits nowhere.
    """
    found: dict[str, Summary] = {}
    for name in classes:
        try:
            found |= allocation_candidates(ctx, {name: 1}).summaries
        except errors.BadRequest:
            continue
    return found


def held(ctx: Context, consumer_id: str) -> Held:
    """Return what a consumer holds."""
    body = _call(ctx, "GET", f"/allocations/{consumer_id}")
    return Held(
        allocations={uuid: one["resources"] for uuid, one in body["allocations"].items()},
        generation=body.get("consumer_generation"),
        consumer_type=body.get("consumer_type") or "",
    )


def held_of(ctx: Context, uuid: str) -> dict[str, dict[str, int]]:
    """Return who holds how much of a provider; raises NotFound for one that does not exist."""
    body = _call(ctx, "GET", f"/resource_providers/{uuid}/allocations")
    return {consumer: one["resources"] for consumer, one in body["allocations"].items()}


def claim(
    ctx: Context,
    consumer_id: str,
    allocations: Mapping[str, Resources],
    *,
    project_id: str,
    user_id: str,
    consumer_type: str = "INSTANCE",
) -> None:
    """Let a consumer hold exactly this, whatever it held before; Conflict where there is no room.

    May be repeated: the second time changes nothing.
    """
    wanted = {uuid: dict(resources) for uuid, resources in allocations.items()}
    for left in reversed(range(TRIES)):
        now = held(ctx, consumer_id)
        if now.allocations == wanted:
            return
        body = {
            "allocations": {uuid: {"resources": resources} for uuid, resources in wanted.items()},
            "project_id": project_id,
            "user_id": user_id,
            "consumer_generation": now.generation,
            "consumer_type": consumer_type,
        }
        try:
            _call(ctx, "PUT", f"/allocations/{consumer_id}", body=body)
            return
        except errors.Conflict as error:
            if not left or "generation" not in error.message:
                raise


def claim_together(
    ctx: Context,
    claims: Mapping[str, Mapping[str, Resources]],
    *,
    project_id: str,
    user_id: str,
    consumer_types: Mapping[str, str] | None = None,
) -> None:
    """Let each of several consumers hold exactly this (nothing, if it is empty), all of them or none.

    So room can pass from one to another without being free in between.  Conflict where there is no room.  May
    be repeated: the second time changes nothing.
    """
    types = consumer_types or {}
    for left in reversed(range(TRIES)):
        body: dict[str, Any] = {}
        for consumer_id, allocations in claims.items():
            wanted = {uuid: dict(resources) for uuid, resources in allocations.items()}
            now = held(ctx, consumer_id)
            if now.allocations != wanted:
                body[consumer_id] = {
                    "allocations": {uuid: {"resources": resources} for uuid, resources in wanted.items()},
                    "project_id": project_id,
                    "user_id": user_id,
                    "consumer_generation": now.generation,
                    "consumer_type": types.get(consumer_id, "INSTANCE"),
                }
        if not body:
            return
        try:
            _call(ctx, "POST", "/allocations", body=body)
            return
        except errors.Conflict as error:
            if not left or "generation" not in error.message:
                raise


def release(ctx: Context, consumer_id: str) -> None:
    """Let a consumer hold nothing; what holds nothing already is no error."""
    try:
        _call(ctx, "DELETE", f"/allocations/{consumer_id}")
    except errors.NotFound:
        return


def ensure_provider(
    ctx: Context,
    uuid: str,
    name: str,
    inventories: Mapping[str, Inventory],
    traits: Iterable[str],
    aggregates: Iterable[str] | None = None,
    *,
    formerly: Iterable[str] = (),
) -> tuple[str, ...]:
    """Make a provider exist with these inventories and traits; writes only what differs.

    What it has besides is somebody else's (an operator's own traits and classes) and stays, unless it is named
    in `formerly`: what the caller said at other times.
    Returns what differed: "provider" (it was not there), "name", "inventories", "traits", "aggregates".
    """
    for left in reversed(range(TRIES)):
        try:
            return _ensure_provider(ctx, uuid, name, inventories, traits, aggregates, set(formerly))
        except errors.Conflict:  # most likely somebody else wrote at the same time
            if not left:
                raise
    raise AssertionError("not reached")


def _ensure_provider(
    ctx: Context,
    uuid: str,
    name: str,
    inventories: Mapping[str, Inventory],
    traits: Iterable[str],
    aggregates: Iterable[str] | None,
    before: set[str],
) -> tuple[str, ...]:
    provider, differed = _ensure_exists(ctx, uuid, name)
    generation = provider["generation"]
    if provider["name"] != name:
        generation = _call(ctx, "PUT", f"/resource_providers/{uuid}", body={"name": name})["generation"]
        differed.append("name")
    wanted = {key: msgspec.structs.asdict(one) for key, one in inventories.items()}
    path = f"/resource_providers/{uuid}"
    present = _call(ctx, "GET", f"{path}/inventories")["inventories"]
    wanted |= {key: one for key, one in present.items() if key not in wanted and key not in before}
    if present != wanted:
        body = {"resource_provider_generation": generation, "inventories": wanted}
        generation = _call(ctx, "PUT", f"{path}/inventories", body=body)["resource_provider_generation"]
        differed.append("inventories")
    shown = _call(ctx, "GET", f"{path}/traits")["traits"]
    names = sorted({*traits, *(trait for trait in shown if trait not in before)})
    if names != sorted(shown):
        generation = _put_traits(ctx, path, generation, names)
        differed.append("traits")
    if aggregates is not None:
        body = {"resource_provider_generation": generation, "aggregates": sorted(set(aggregates))}
        if sorted(_call(ctx, "GET", f"{path}/aggregates")["aggregates"]) != body["aggregates"]:
            _call(ctx, "PUT", f"{path}/aggregates", body=body)
            differed.append("aggregates")
    return tuple(differed)


def _ensure_exists(ctx: Context, uuid: str, name: str) -> tuple[Any, list[str]]:
    try:
        return _call(ctx, "GET", f"/resource_providers/{uuid}"), []
    except errors.NotFound:
        body = {"uuid": uuid, "name": name}
        return _call(ctx, "POST", "/resource_providers", body=body), ["provider"]


def _put_traits(ctx: Context, path: str, generation: int, wanted: list[str]) -> int:
    for trait in wanted:
        if trait.startswith("CUSTOM_"):
            _call(ctx, "PUT", f"/traits/{trait}")
    body = {"resource_provider_generation": generation, "traits": wanted}
    return int(_call(ctx, "PUT", f"{path}/traits", body=body)["resource_provider_generation"])


def remove_provider(ctx: Context, uuid: str) -> None:
    """Remove a provider; Conflict while something is allocated of it."""
    try:
        _call(ctx, "DELETE", f"/resource_providers/{uuid}")
    except errors.NotFound:
        return


def _call(
    ctx: Context, method: str, path: str, *, body: Any = None, query: dict[str, Any] | None = None
) -> Any:
    return ctx.as_service().call(SERVICE, method, path, body=body, query=query, version=VERSION).json()
