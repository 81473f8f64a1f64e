"""What all of placement's answers share: when a thing was last modified, and what may be cached."""

from __future__ import annotations

from datetime import datetime
from email.utils import format_datetime
from typing import Any

from nacre.kernel.http.request import Request, Response
from nacre.services.placement import versions


def answer(
    req: Request,
    body: dict[str, Any] | None,
    *,
    status: int = 200,
    modified_at: datetime | None = None,
    location: str | None = None,
) -> Response:
    """Return a response with the headers that its microversion promises.

    # compat: since 1.15 every answer with a body has Last-Modified and Cache-Control (placement API history).
    """
    headers = [("Location", location)] if location else []
    if (
        req.version is not None
        and req.version >= versions.LAST_MODIFIED
        and (body is not None or modified_at)
    ):
        moment = modified_at or req.ctx.clock.now()
        headers.append(("Last-Modified", format_datetime(moment.replace(microsecond=0), usegmt=True)))
        headers.append(("Cache-Control", "no-cache"))
    return Response(status, body if body is not None else b"", headers=headers)
