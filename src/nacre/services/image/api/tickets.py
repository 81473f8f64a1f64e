"""Tickets for hosts: who asks for one, and the two paths that a ticket opens.

They are no part of OpenStack's API and live outside /v2, but for the one call that issues them.
"""

from __future__ import annotations

from typing import Any

from nacre.kernel.http.request import Request, Response
from nacre.kernel.http.routing import PUBLIC, Routes
from nacre.kernel.wire import Enum, Object
from nacre.services.image import policy
from nacre.services.image.api import image_data
from nacre.services.image.app import images, tickets, uploads
from nacre.services.image.app.tickets import Operation
from nacre.services.image.db.images import Image
from nacre.services.image.db.tables import Status

HEADER = "X-Image-Ticket"

routes = Routes("/v2/images/{image_id}/nacre-tickets")
open_routes = Routes("/tickets/{image_id}")


@routes.post(
    policy=policy.ISSUE_TICKET,
    load=images.get,
    body=Object({"operation": Enum(*(str(one) for one in Operation))}, required=("operation",)),
    status=201,
)
def issue(req: Request, image: Image, body: dict[str, Any]) -> dict[str, Any]:
    ticket = tickets.issue(req.ctx, image, Operation(body["operation"]))
    return {"url": req.url("tickets", image.id, "file"), "headers": {HEADER: ticket}}


def _admit(req: Request, image_id: str, operation: Operation) -> Image:
    return tickets.admit(req.ctx, image_id, req.headers.get(HEADER.lower()), operation)


@open_routes.get("/file", policy=PUBLIC)
def download(req: Request, image_id: str) -> Response:
    return image_data.send(req, _admit(req, image_id, Operation.DOWNLOAD))


@open_routes.put("/file", policy=PUBLIC, stream=True, status=204)
async def upload(req: Request, image_id: str) -> None:
    image = await image_data.on_thread(_admit, req, image_id, Operation.UPLOAD)
    image_data.check_content_type(req)
    if image.status is Status.ACTIVE:  # its host was restarted before it heard that all had arrived
        await image_data.ignore(req)
        return
    await image_data.receive(req, lambda: uploads.begin_anew(req.ctx, image, image_data.announced_bytes(req)))
