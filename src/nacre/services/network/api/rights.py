"""Who may do this: policy targets as operators' rules know them, and the rules of single attributes.

Rules name attributes of what is acted upon (`project_id`, `shared`), of the network around it
(`network:tenant_id`) or of what it belongs to (`ext_parent:tenant_id`).  A *target* is a mapping with
these names.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from nacre.kernel import errors
from nacre.kernel.context import Context
from nacre.kernel.http.request import Request
from nacre.kernel.policy import Rule
from nacre.kernel.wire import UNSET, Resource
from nacre.services.network.app import networks
from nacre.services.network.db.networks import Network
from nacre.services.network.policy import RULES_BY_NAME

Target = dict[str, Any]


def target_of(thing: Any) -> Target:
    """Return the target of a thing: its attributes by the code's names, and those that rules spell otherwise."""
    target = dict(thing) if isinstance(thing, Mapping) else msgspec.structs.asdict(thing)
    target["tenant_id"] = target.get("project_id")
    if "external" in target:
        target["router:external"] = target["external"]
    if "target_project" in target:
        target["target_tenant"] = target["target_project"]
    return target


def around(target: Target, network: Network) -> Target:
    """Add what rules may say of the network around a thing."""
    return target | {
        "network:tenant_id": network.project_id,
        "network:project_id": network.project_id,
        "shared": network.shared,
        "router:external": network.external,
    }


def on_network(ctx: Context, thing: Any) -> Target:
    """Return the target of something on a network."""
    target = target_of(thing)
    try:
        return around(target, networks.get(ctx, target["network_id"]))
    except errors.NotFound:
        return target  # what it is on may not be seen; then rules about it do not hold


def loaded_on_network(ctx: Context, loaded: Any, body: Any) -> Target:
    """The same as the `target` of a route."""
    return on_network(ctx, loaded)


def loaded_itself(ctx: Context, loaded: Any, body: Any) -> Target:
    """Return the target of what a route loaded."""
    return target_of(loaded)


def authorise(
    req: Request, operation: str, resource: type[Resource], body: dict[str, Any], target: Target
) -> None:
    """Raise Forbidden unless the caller may do an operation, and name the attributes that it names.

    An attribute that has its default value is as good as not named (neutron asks no rule then either).
    """
    req.authorise(RULES_BY_NAME[operation], target)
    creating = operation.startswith("create_")
    for name, value in body.items():
        field = resource.fields.get(name)
        if field is None or (creating and _is_default(field.default, value)):
            continue
        path = f"{operation}:{field.wire}"
        _require(req, path, target)
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, Mapping):
                for member in item:
                    _require(req, f"{path}:{member}", target)


def _is_default(default: Any, value: Any) -> bool:
    if default is UNSET:
        return value is None
    return bool(value == (default() if callable(default) else default))


def _require(req: Request, name: str, target: Target) -> None:
    rule: Rule | None = RULES_BY_NAME.get(name)
    if rule is not None:
        req.authorise(rule, target)
