"""The five verbs as every resource of this API knows them.

A list can be filtered by any attribute, repeated values meaning "any of them"; it can be cut to some
`fields`, sorted, and paged.  A create may carry one object or many.  An update or delete may name the revision
that the client saw (`If-Match: revision_number=7`).  Whoever names no project means its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from nacre.kernel import errors
from nacre.kernel.context import Context
from nacre.kernel.db import Page, Sort
from nacre.kernel.http.pagination import page as read_page
from nacre.kernel.http.request import Request
from nacre.kernel.policy import Rule
from nacre.kernel.wire import FILTER, Bool, CheckFailed, Enum, Int, Resource
from nacre.kernel.wire.fields import fields_for
from nacre.services.network.api import rights
from nacre.services.network.api.rights import Target
from nacre.services.network.errors import InvalidFilter

CONTROLS = frozenset(("fields", "limit", "marker", "page_reverse", "sort_key", "sort_dir", "sort", "offset"))
TAG_FILTERS = ("tags", "tags-any", "not-tags", "not-tags-any")
STRICT = (Bool, Int, Enum)
"""Filters by these must make sense; any other text simply matches nothing."""

Wanted = dict[str, list[Any]]
IF_MATCH = re.compile(r"\s*revision_number\s*=\s*([0-9]{1,18})\s*")


def listed(
    req: Request,
    resource: type[Resource],
    index: Callable[[Context, Wanted, Page], Sequence[Any]],
    *,
    keys: str | None = None,
) -> dict[str, Any]:
    """Answer a list: filtered, paged, cut to the fields that were asked for."""
    asked = _page(req, resource)
    found = index(req.ctx, filters(req, resource), asked)
    key = keys or resource.keys
    body: dict[str, Any] = {key: [cut(req, req.show(resource, thing)) for thing in found]}
    if links := _links(req, asked, found):
        body[f"{key}_links"] = links
    return body


def may_list(req: Request, rule: Rule) -> bool:
    """Tell whether the caller may see any of a list that is for administrators.

    compat: who may not gets an empty list and no refusal (neutron's policy hook filters lists).
    """
    req.authorised = True
    return req.ctx.can(rule)


def _page(req: Request, resource: type[Resource]) -> Page:
    maximum = req.ctx.config.maximum_page or None
    asked = read_page(req, resource, maximum=maximum)
    sort = tuple(
        Sort("project_id", each.direction) if each.key == "tenant_id" else each for each in asked.sort
    )
    # compat: a limit of 0 is no limit at all (neutron, api_common.get_limit_and_marker).
    return Page(asked.limit or None, asked.marker, sort, asked.offset, asked.backwards)


def _links(req: Request, asked: Page, found: Sequence[Any]) -> list[dict[str, str]]:
    """Return links to the pages before and behind this one."""
    links = []
    if asked.limit and found:
        more = len(found) >= asked.limit
        if more or asked.backwards:
            links.append({"rel": "next", "href": _turned(req, found[-1].id, None)})
        if asked.marker and (more or not asked.backwards):
            links.append({"rel": "previous", "href": _turned(req, found[0].id, "True")})
    elif asked.limit and asked.marker:
        links.append({"rel": "previous", "href": _turned(req, asked.marker, "True")})
    return links


def _turned(req: Request, marker: str, reverse: str | None) -> str:
    return req.url_with_query(marker=marker, page_reverse=reverse)


def filters(req: Request, resource: type[Resource]) -> Wanted:
    """Return the filters of a query by the code's names; InvalidFilter for what is no attribute."""
    known = {field.wire: field for field in fields_for(resource, FILTER, None)}
    strangers = [
        name for name in req.query if name not in known and name not in CONTROLS and name not in TAG_FILTERS
    ]
    if strangers:
        raise InvalidFilter(strangers)
    wanted: Wanted = {}
    for name, texts in req.query.items():
        if name in known:
            field = known[name]
            values = [_value(field.wire, field.check, text) for text in texts]
            code_name = "project_id" if field.name == "tenant_id" else field.name
            wanted.setdefault(code_name, []).extend(values)
        elif name in TAG_FILTERS and "tags" in resource.fields:
            wanted[name] = list(texts)
    return wanted


def _value(wire: str, check: Any, text: str) -> Any:
    inner = getattr(check, "inner", check)
    try:
        return inner(text)
    except CheckFailed as failure:
        if isinstance(inner, STRICT):
            raise errors.Invalid(wire, text, failure.reason) from None
        return text


def cut(req: Request, shown: dict[str, Any]) -> dict[str, Any]:
    """Return only the fields that were asked for; all of them if none was."""
    wanted = [name for name in req.query.get("fields", ()) if name]
    return {name: shown[name] for name in wanted if name in shown} if wanted else shown


def one(req: Request, resource: type[Resource], thing: Any) -> dict[str, Any]:
    """Answer with one thing."""
    return {resource.key: cut(req, req.show(resource, thing))}


def created(
    req: Request,
    resource: type[Resource],
    operation: str,
    body: dict[str, Any] | list[dict[str, Any]],
    create: Callable[[Context, Sequence[dict[str, Any]]], Sequence[Any]],
    *,
    target: Callable[[Context, dict[str, Any]], Target] | None = None,
) -> dict[str, Any]:
    """Make one thing or many, once the caller may."""
    bodies = [own(req.ctx, each) for each in (body if isinstance(body, list) else [body])]
    for each in bodies:
        found = target(req.ctx, each) if target else rights.target_of(each)
        rights.authorise(req, operation, resource, each, found)
    made = create(req.ctx, bodies)
    if isinstance(body, list):
        return {resource.keys: [req.show(resource, thing) for thing in made]}
    return {resource.key: req.show(resource, made[0])}


def own(ctx: Context, body: dict[str, Any]) -> dict[str, Any]:
    """Return a create's body with its project settled: the one that it names, by either name, or the caller's."""
    named = body.get("project_id"), body.get("tenant_id")
    if named[0] and named[1] and named[0] != named[1]:
        raise errors.BadRequest("'project_id' and 'tenant_id' do not match")
    project_id = named[0] or named[1] or ctx.project_id
    if not project_id:
        raise errors.BadRequest("A project must be named: the token is not scoped to one.")
    return {name: value for name, value in body.items() if name != "tenant_id"} | {"project_id": project_id}


def updated(
    req: Request,
    resource: type[Resource],
    operation: str,
    thing: Any,
    body: dict[str, Any],
    update: Callable[..., Any],
    *,
    target: Target | None = None,
) -> dict[str, Any]:
    """Change one thing, once the caller may."""
    found = target if target is not None else rights.target_of(thing)
    rights.authorise(req, operation, resource, body, found)
    return {resource.key: req.show(resource, update(req.ctx, thing, body, expected=expected(req)))}


def expected(req: Request) -> int | None:
    """Return the revision that the client says it saw; None when it says nothing."""
    text = req.headers.get("if-match")
    if text is None:
        return None
    match = IF_MATCH.fullmatch(text)
    if match is None:
        raise errors.BadRequest(f"Invalid If-Match header: {text[:80]}")
    return int(match[1])
