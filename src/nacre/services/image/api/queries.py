"""What the query of a list of images asks for: filters, order, part, and the links to the next part."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from nacre.kernel.db import Match, Page, Sort
from nacre.kernel.errors import BadRequest
from nacre.kernel.http.request import Request
from nacre.kernel.wire import DATETIME, UUID, Bool, Check, Enum, Int, Str
from nacre.kernel.wire.fields import check_value
from nacre.services.image.db.images import SORT_KEYS, Wanted
from nacre.services.image.db.tables import MemberStatus, Status, Visibility

BIG = Int(0, 2**63 - 1)
DIRECTIONS = ("asc", "desc")
OPERATORS = ("eq", "neq", "gt", "gte", "lt", "lte")
#: Filters that take one value: name → its check.
PLAIN: dict[str, Check] = {
    "owner": Str(0, 255),
    "checksum": Str(0, 32),
    "os_hash_algo": Str(0, 64),
    "os_hash_value": Str(0, 128),
    "protected": Bool(),
    "min_disk": BIG,
    "min_ram": BIG,
    "size": BIG,
    "virtual_size": BIG,
}
#: Filters that take one value, or several after `in:`.
SEVERAL: dict[str, Check] = {
    "id": UUID,
    "name": Str(0, 255),
    "status": Enum(*(str(one) for one in Status)),
    "container_format": Str(0, 20),
    "disk_format": Str(0, 20),
}
BOUNDS = {"size_min": Match("gte", 0), "size_max": Match("lte", 0)}
MOMENTS = ("created_at", "updated_at")
VISIBILITY = Enum(*(str(one) for one in Visibility), "all")
MEMBER_STATUS = Enum(*(str(one) for one in MemberStatus), "all")
NO_FILTERS = {
    "limit",
    "marker",
    "sort",
    "sort_key",
    "sort_dir",
    "tag",
    "visibility",
    "member_status",
    "os_hidden",
}


def wanted(req: Request) -> Wanted:
    """Return which images a query asks for; a parameter of any other name is a property's."""
    columns: dict[str, object] = {"os_hidden": req.arg("os_hidden", Bool(), False)}
    properties: dict[str, str] = {}
    for name, values in req.query.items():
        value = values[-1]
        if name in PLAIN:
            columns[name] = check_value(name, PLAIN[name], value)
        elif name in SEVERAL:
            columns[name] = _one_or_several(name, SEVERAL[name], value)
        elif name in MOMENTS:
            columns[name] = [_moment(name, text) for text in values]
        elif name in BOUNDS:
            bound = Match(BOUNDS[name].operator, check_value(name, BIG, value))
            columns.setdefault("size", [])
            if isinstance(columns["size"], list):
                columns["size"].append(bound)
        elif name not in NO_FILTERS:
            properties[name] = value
    return Wanted(
        columns=columns,
        properties=properties,
        tags=[check_value("tag", Str(0, 255), tag) for tag in req.query.get("tag", ())],
        visibility=req.arg("visibility", VISIBILITY),
        member_status=req.arg("member_status", MEMBER_STATUS, MemberStatus.ACCEPTED),
    )


def _one_or_several(name: str, check: Check, text: str) -> object:
    if not text.startswith("in:"):
        return check_value(name, check, text)
    return [check_value(name, check, one) for one in _split(text[3:])]


def _split(text: str) -> list[str]:
    """Cut a list at its commas; a value with commas of its own stands in double quotes."""
    values, rest = [], text
    while True:
        if rest.startswith('"'):
            value, quote, rest = rest[1:].partition('"')
            if not quote or (rest and not rest.startswith(",")):
                raise BadRequest(f"Invalid filter value {text[:80]}. The quote is not closed.")
            values.append(value)
            if not rest:
                return values
            rest = rest[1:]
        else:
            value, comma, rest = rest.partition(",")
            values.append(value)
            if not comma:
                return values


def _moment(name: str, text: str) -> Match:
    operator, colon, moment = text.partition(":")
    if not colon or operator not in OPERATORS:
        operator, moment = "eq", text
    return Match("ne" if operator == "neq" else operator, check_value(name, DATETIME, moment))  # type: ignore[arg-type]


def part(req: Request, keys: Sequence[str] = SORT_KEYS) -> Page:
    """Return which part of the list a query asks for, in which order."""
    config = req.ctx.config
    limit = req.arg("limit", BIG, config.default_page)
    return Page(
        limit=min(limit, config.maximum_page),
        marker=req.arg("marker"),
        sort=tuple(_sorts(req, keys)),
    )


def _sorts(req: Request, known: Sequence[str]) -> list[Sort]:
    old = [name for name in ("sort_key", "sort_dir") if name in req.query]
    if "sort" in req.query:
        if old:
            raise BadRequest("Old and new sorting syntax cannot be combined")
        pairs = [one.strip().partition(":") for one in req.query["sort"][-1].split(",")]
        keys = [key.strip() for key, _, _ in pairs]
        directions = [direction.strip() if colon else "desc" for _, colon, direction in pairs]
    else:
        keys = req.query.get("sort_key") or ["created_at"]
        directions = req.query.get("sort_dir") or ["desc"]
        if len(directions) == 1:
            directions = directions * len(keys)
        if len(keys) != len(directions):
            raise BadRequest("Number of sort dirs does not match the number of sort keys")
    for key in keys:
        if key not in known:
            raise BadRequest(f"Invalid sort key: {key[:40]}. It must be one of: {', '.join(known)}.")
    for direction in directions:
        if direction not in DIRECTIONS:
            raise BadRequest(f"Invalid sort direction: {direction[:40]}")
    return [Sort(key, "asc" if way == "asc" else "desc") for key, way in zip(keys, directions, strict=True)]


def links(req: Request, part: Page, ids: Sequence[str]) -> dict[str, Any]:
    """Return the paths of this list's beginning and of its next part."""
    pairs = [(name, value) for name, values in req.query.items() if name != "marker" for value in values]
    first = req.path + (f"?{urlencode(pairs)}" if pairs else "")
    found: dict[str, Any] = {"first": first}
    if part.limit and len(ids) == part.limit:
        found["next"] = f"{req.path}?{urlencode([*pairs, ('marker', ids[-1])])}"
    return found
