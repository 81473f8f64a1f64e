"""Lists in pages: what a query asks for, and the links by which clients find the next page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from nacre.kernel import errors, wire
from nacre.kernel.db import Page, Sort
from nacre.kernel.wire import fields as wire_fields

if TYPE_CHECKING:
    from nacre.kernel.http.request import Request

_LIMIT = wire.Int(0)


def page(
    req: Request,
    resource: type[wire.Resource],
    *,
    maximum: int | None = None,
    default_sort: Sequence[Sort] = (),
) -> Page:
    """Read limit, marker, sort keys and directions from a query.

    `maximum` is the longest page, and the length when none is asked for.  Accepts both spellings:
    `sort_key=name&sort_dir=asc` (repeatable) and `sort=name:asc,id:desc`.  Raises BadRequest for a
    bad limit, an unknown key or a bad direction.
    """
    limit = _limit(req, maximum)
    return Page(
        limit=limit,
        marker=req.arg("marker") or None,
        sort=tuple(_sorts(req, resource)) or tuple(default_sort),
        offset=req.arg("offset", _LIMIT, 0),
        backwards=req.flag("page_reverse"),
    )


def _limit(req: Request, maximum: int | None) -> int | None:
    asked = req.arg("limit", _LIMIT)
    if asked is None:
        return maximum
    return asked if maximum is None else min(asked, maximum)


def _sorts(req: Request, resource: type[wire.Resource]) -> list[Sort]:
    keys, directions = list(req.query.get("sort_key", ())), list(req.query.get("sort_dir", ()))
    for part in ",".join(req.query.get("sort", ())).split(","):
        if part:
            key, _, direction = part.partition(":")
            keys.append(key)
            directions += ["asc"] * (len(keys) - 1 - len(directions)) + [direction or "asc"]
    if len(directions) > len(keys):
        raise errors.BadRequest("There are more sort directions than sort keys.")
    directions += ["asc"] * (len(keys) - len(directions))
    sorts = []
    for key, direction in zip(keys, directions, strict=True):
        if direction not in ("asc", "desc"):
            raise errors.BadRequest(f"{direction[:40]} is not a sort direction: it is asc or desc.")
        name = wire_fields.sort_field(resource, key, req.version)
        sorts.append(Sort(name, "asc" if direction == "asc" else "desc"))
    return sorts


def next_links(req: Request, page: Page, ids: Sequence[str]) -> list[dict[str, Any]]:
    """Return the `<things>_links` of a list: a "next" link when the page is full."""
    if not page.limit or len(ids) < page.limit:
        return []
    return [{"rel": "next", "href": req.url_with_query(marker=ids[-1])}]
