"""The metadata service: what guests read at http://169.254.169.254, passed on by the network agents."""

from __future__ import annotations

from nacre.kernel.errors import NotFound
from nacre.kernel.http.request import Request, Response
from nacre.kernel.http.routing import PUBLIC, Routes
from nacre.services.compute.app import metadata_callers, metadata_tree, passwords
from nacre.services.compute.app.metadata import Guest

JSON, PLAIN = "application/json", "text/plain; charset=UTF-8"
LARGEST_BODY_BYTES = 16 * 1024

routes = Routes("")


def _guest(req: Request) -> Guest:
    return metadata_callers.guest(
        req.ctx,
        req.headers.get("x-instance-id", ""),
        req.headers.get("x-tenant-id", ""),
        req.headers.get("x-instance-id-signature", ""),
        host=req.headers.get("x-nacre-host", ""),
    )


def _segments(path: str) -> list[str]:
    """Split a path; slashes may be doubled, as clients of EC2 write them."""
    return [segment for segment in path.split("/") if segment]


@routes.get("/{path*}", policy=PUBLIC)
def show(req: Request, path: str) -> Response:
    guest, segments = _guest(req), _segments(path)
    if metadata_tree.is_password(segments):
        return Response(200, passwords.get(req.ctx, guest.server))
    found = metadata_tree.find(guest, segments)
    if found is None:
        raise NotFound()
    return Response(200, found, content_type=JSON if path.endswith(".json") else PLAIN)


@routes.post("/{path*}", policy=PUBLIC)
def leave_password(req: Request, path: str) -> Response:
    guest = _guest(req)
    if not metadata_tree.is_password(_segments(path)):
        raise NotFound()
    passwords.leave(req.ctx, guest.server, req.body)
    return Response(200)
