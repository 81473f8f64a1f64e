"""/allocation_candidates: on which providers a request would fit."""

from __future__ import annotations

import re
from typing import Any

from nacre.kernel.errors import BadRequest
from nacre.kernel.http.request import Request, Response
from nacre.kernel.http.routing import Routes
from nacre.kernel.ids import is_uuid_like
from nacre.kernel.version import Version
from nacre.kernel.wire import Int
from nacre.services.placement import policy, versions
from nacre.services.placement.api import filters
from nacre.services.placement.api.answers import answer
from nacre.services.placement.app import candidates as app
from nacre.services.placement.app.candidates import Found, Group, Query

routes = Routes("/allocation_candidates")

PARAMETER = re.compile(r"(resources|required|member_of|in_tree)([a-zA-Z0-9_-]{0,64})")
NUMBERED = re.compile(r"[1-9][0-9]*")
WHOLE = frozenset(("limit", "group_policy", "root_required", "same_subtree"))
SINCE = {
    "limit": Version(1, 16),
    "required": versions.CANDIDATE_TRAITS,
    "member_of": versions.CANDIDATE_AGGREGATES,
    "group_policy": versions.GRANULAR,
    "in_tree": versions.CANDIDATES_IN_TREE,
    "root_required": versions.ROOT_REQUIRED,
    "same_subtree": versions.SAME_SUBTREE,
}


@routes.get(policy=policy.CANDIDATES, since="1.10")
def index(req: Request) -> Response:
    assert req.version is not None
    found = app.find(req.ctx, read_query(req))
    return answer(req, show(found, req.version, asked_classes(req)))


def read_query(req: Request) -> Query:
    """Make a Query of the query string."""
    version = req.version
    assert version is not None
    suffixes: dict[str, dict[str, list[str]]] = {}
    for name, values in req.query.items():
        match = PARAMETER.fullmatch(name)
        plain = name if name in WHOLE else match[1] if match else None
        if plain is None or version < SINCE.get(plain, version):
            raise BadRequest(f"Invalid query string parameters: {name[:100]} was unexpected")
        if match and name not in WHOLE:
            suffix = match[2]
            if suffix and version < versions.GRANULAR:
                raise BadRequest(f"Invalid query string parameters: {name[:100]} was unexpected")
            if suffix and version < versions.NAMED_GROUPS and not NUMBERED.fullmatch(suffix):
                raise BadRequest(f"Invalid query string parameters: {name[:100]} was unexpected")
            suffixes.setdefault(suffix, {})[match[1]] = values
    if not any("resources" in group for group in suffixes.values()):
        raise BadRequest("All requests must specify one or more resources.")
    same_subtree = [frozenset(text.split(",")) for text in req.query.get("same_subtree", ())]
    loose = frozenset().union(*same_subtree) if same_subtree else frozenset()
    groups = {
        suffix: read_group(suffix, group, version, suffix in loose) for suffix, group in suffixes.items()
    }
    if strange := loose - set(groups):
        raise BadRequest(f"same_subtree names unknown groups: {', '.join(sorted(strange))[:200]}")
    named = [suffix for suffix in groups if suffix]
    group_policy = req.arg("group_policy")
    if group_policy not in (None, "none", "isolate"):
        raise BadRequest("group_policy must be one of none, isolate.")
    if len(named) > 1 and group_policy is None:
        raise BadRequest(
            'The "group_policy" parameter is required when specifying more than one "resources{N}" parameter.'
        )
    root = filters.traits(
        req.query.get("root_required", []), forbid=True, alternatives=False, name="root_required"
    )
    return Query(
        groups=groups,
        isolate=group_policy == "isolate",
        limit=req.arg("limit", Int(1)),
        root_required=root.required,
        root_forbidden=root.forbidden,
        same_subtree=same_subtree,
        trees=version >= versions.CANDIDATE_TREES,
    )


def read_group(suffix: str, group: dict[str, list[str]], version: Version, loose: bool) -> Group:
    """Make one group; only groups of a common subtree may ask for traits alone."""
    if "resources" not in group and not (loose and version >= versions.SAME_SUBTREE):
        raise BadRequest(f"All traits and aggregates must be associated with resources{suffix}.")
    traits = filters.traits(
        group.get("required", []),
        forbid=version >= versions.FORBIDDEN_TRAITS,
        alternatives=version >= versions.ANY_TRAIT,
        name=f"required{suffix}",
    )
    aggregates = filters.aggregates(
        group.get("member_of", []),
        forbid=version >= versions.FORBIDDEN_AGGREGATES,
        repeated=version >= versions.REPEATED_MEMBER_OF,
    )
    in_tree = group["in_tree"][-1] if "in_tree" in group else None
    if in_tree is not None and not is_uuid_like(in_tree):
        raise BadRequest(f"Invalid query string parameters: '{in_tree[:60]}' is not a 'uuid'")
    return Group(
        resources=filters.resources(group["resources"][-1]) if "resources" in group else {},
        required=traits.required,
        forbidden=traits.forbidden,
        member_of=aggregates.required,
        not_member_of=aggregates.forbidden,
        in_tree=in_tree,
    )


def asked_classes(req: Request) -> set[str]:
    """Return every resource class that the query names."""
    return {
        name
        for parameter, values in req.query.items()
        if parameter.startswith("resources")
        for name in filters.resources(values[-1])
    }


def show(found: Found, version: Version, asked: set[str]) -> dict[str, Any]:
    """Render candidates and provider summaries as the microversion has them."""
    requests = []
    for candidate in found.candidates:
        shown: dict[str, Any]
        if version >= versions.KEYED_ALLOCATIONS:
            shown = {
                "allocations": {
                    uuid: {"resources": amounts} for uuid, amounts in candidate.allocations.items()
                }
            }
        else:
            shown = {
                "allocations": [
                    {"resource_provider": {"uuid": uuid}, "resources": amounts}
                    for uuid, amounts in candidate.allocations.items()
                ]
            }
        if version >= versions.MAPPINGS:
            shown["mappings"] = candidate.mappings
        requests.append(shown)
    used = {uuid for candidate in found.candidates for uuid in candidate.allocations}
    summaries = {}
    for uuid, place in found.places.items():
        if uuid not in used and version < versions.CANDIDATE_TREES:
            continue
        room = found.room[uuid]
        if version < versions.FULL_SUMMARIES:
            room = {name: room[name] for name in room if name in asked}
        summary: dict[str, Any] = {"resources": room}
        if version >= versions.CANDIDATE_TRAITS:
            summary["traits"] = found.traits[uuid]
        if version >= versions.CANDIDATE_TREES:
            summary["parent_provider_uuid"] = place.parent_uuid
            summary["root_provider_uuid"] = place.root_uuid
        summaries[uuid] = summary
    return {"allocation_requests": requests, "provider_summaries": summaries}
