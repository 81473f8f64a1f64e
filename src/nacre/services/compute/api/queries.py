"""Query strings: the paging that lists share, and the strictness that came with microversion 2.75."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from nacre.kernel.errors import BadRequest, Invalid, UnknownField
from nacre.kernel.http.request import Request
from nacre.kernel.wire import DATETIME
from nacre.services.compute.versions import STRICT_QUERIES

PAGING = frozenset(("limit", "marker"))
SORTING = frozenset(("sort_key", "sort_dir"))


def refuse_unknown(req: Request, known: Collection[str], *, always: bool = False) -> None:
    """Raise UnknownField for a query parameter that does not exist here, where the version is strict."""
    if not always and (req.version is None or req.version < STRICT_QUERIES):
        return
    strangers = tuple(name for name in req.query if name not in known)
    if strangers:
        raise UnknownField("query", strangers)


def moment(req: Request, name: str) -> datetime | None:
    """Return a moment that the query names, if it does."""
    found: datetime | None = req.arg(name, DATETIME)
    return found


def span(req: Request) -> tuple[datetime | None, datetime | None]:
    """Return changes-since and changes-before; raises BadRequest when the span is empty."""
    since, before = moment(req, "changes-since"), moment(req, "changes-before")
    if since is not None and before is not None and since > before:
        raise BadRequest("The value of changes-since must be less than or equal to changes-before.")
    return since, before


def single(req: Request, name: str) -> str | None:
    """Return a parameter that may be given only once."""
    values = req.query.get(name)
    if values and len(values) > 1:
        raise Invalid(name, values, f"{values!r} is too long")
    return values[0] if values else None
