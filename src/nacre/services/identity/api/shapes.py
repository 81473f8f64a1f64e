"""What all resources of identity have in common on the wire: links, attributes of the user's own, lists."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from nacre.kernel import wire
from nacre.kernel.db import Match, Page
from nacre.kernel.http import pagination
from nacre.kernel.http.request import Request
from nacre.kernel.wire import Resource
from nacre.kernel.wire import fields as wire_fields

#: Ids that come in requests: ours have 32 digits, those of other origin up to 64 characters.
ID = wire.Str(1, 64, pattern=r"[a-zA-Z0-9-]+")
#: Booleans of identity are never strings.
FLAG = wire.Bool(strings=False)
DESCRIPTION = wire.Nullable(wire.Str(0, 65535))
IMMUTABLE_OPTION = wire.Object({"immutable": wire.Nullable(FLAG)})

_COMPARATORS = {
    "contains": "contains", "icontains": "icontains", "startswith": "starts", "istartswith": "istarts",
    "endswith": "ends", "iendswith": "iends", "iexact": "ieq", "gt": "gt", "gte": "gte", "lt": "lt",
    "lte": "lte", "neq": "ne",
}  # fmt: skip


def self_link(*path: str | Callable[[Any], str]) -> Any:
    """Declare `links`: the address of a thing is the path below /v3 and then its id."""

    def links(req: Request, thing: Any) -> dict[str, str]:
        segments = [part if isinstance(part, str) else part(thing) for part in path]
        return {"self": req.url("v3", *segments, thing.id)}

    return wire.field(wire.SHOW, source=links)


def shown(req: Request, resource: type[Resource], thing: Any) -> dict[str, Any]:
    """Render a thing: the attributes that its users invented, and over them those that identity knows.

    A resource may name members in `absent_when_null` that it leaves out rather than show as null.
    """
    rendered = {**getattr(thing, "extra", {}), **req.show(resource, thing)}
    for name in getattr(resource, "absent_when_null", ()):
        if rendered[name] is None:
            del rendered[name]
    return rendered


def one(req: Request, resource: type[Resource], thing: Any) -> dict[str, Any]:
    """Render a thing in its envelope."""
    return {resource.key: shown(req, resource, thing)}


def many(
    req: Request, resource: type[Resource], things: Sequence[Any], page: Page | None = None, **more: Any
) -> dict[str, Any]:
    """Render a list in its envelope, with the link to the next page where there may be one."""
    following = None
    if page is not None and page.limit and len(things) >= page.limit:
        following = req.url_with_query(marker=things[-1].id)
    return {
        resource.keys: [shown(req, resource, thing) for thing in things],
        "links": {"self": req.url_with_query(), "previous": None, "next": following},
        **more,
    }


def no_target(ctx: Any, loaded: Any, body: Any) -> dict[str, Any]:
    """Return the policy target of what belongs to nobody: rules that compare owners say no."""
    return {}


def page(req: Request, resource: type[Resource]) -> Page:
    """Read limit, marker and sort order from a query."""
    return pagination.page(req, resource)


def wanted(req: Request, resource: type[Resource], *, flags: Sequence[str] = ()) -> dict[str, Any]:
    """Return the filters of a query for `db`: exact values, and comparisons like `name__contains`.

    `flags` are the filters that are yes or no; anything but a word for no is a yes.
    """
    found: dict[str, Any] = {}
    for name in flags:
        if name in req.query:
            found[name] = req.query[name][-1].strip().lower() not in wire.Bool.FALSE
    for declared in wire_fields.fields_for(resource, wire.FILTER, None):
        if declared.name in flags:
            continue
        if declared.wire in req.query:
            found[declared.name] = req.query[declared.wire][-1]
        matches = [
            Match(operator, req.query[f"{declared.wire}__{comparator}"][-1])  # type: ignore[arg-type]
            for comparator, operator in _COMPARATORS.items()
            if f"{declared.wire}__{comparator}" in req.query
        ]
        if matches:
            exact = [Match("eq", found[declared.name])] if declared.name in found else []
            found[declared.name] = exact + matches
    return found
