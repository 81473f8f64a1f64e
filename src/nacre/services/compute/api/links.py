"""The links by which the compute API's answers point at things."""

from __future__ import annotations

from nacre.kernel.http.request import Request

ROOT = "v2.1"


def of(req: Request, *segments: str) -> list[dict[str, str]]:
    """Return the two links of a thing: with the version in the path, and for ever."""
    return [
        {"rel": "self", "href": req.url(ROOT, *segments)},
        {"rel": "bookmark", "href": req.url(*segments)},
    ]


def bookmark(req: Request, *segments: str) -> list[dict[str, str]]:
    """Return only the link without a version, as embedded things have it."""
    return [{"rel": "bookmark", "href": req.url(*segments)}]
