"""What is done to an image besides changing it: putting it in and out of use, tags, import, its tasks."""

from __future__ import annotations

from typing import Any

from nacre.kernel.http.request import Request, Response
from nacre.kernel.http.routing import Routes
from nacre.kernel.wire import ANY, Bool, Each, Object, Str
from nacre.kernel.wire.fields import check_value
from nacre.services.image import policy
from nacre.services.image.api.images import TAG
from nacre.services.image.api.tasks import show_task
from nacre.services.image.app import changes, images, imports, tasks
from nacre.services.image.db.images import Image

FLAG = Bool(strings=False)
METHOD = Object({"name": Str(1, 80)}, required=("name",), unknown=ANY)
IMPORT = Object(
    {
        "method": METHOD,
        "stores": Each(Str(1, 80), maximum=100),
        "all_stores": FLAG,
        "all_stores_must_succeed": FLAG,
    },
    required=("method",),
)

routes = Routes("/v2/images/{image_id}")


@routes.post("/actions/deactivate", policy=policy.DEACTIVATE, load=images.get)
def deactivate(req: Request, image: Image) -> None:
    images.deactivate(req.ctx, image)


@routes.post("/actions/reactivate", policy=policy.REACTIVATE, load=images.get)
def reactivate(req: Request, image: Image) -> None:
    images.reactivate(req.ctx, image)


@routes.put("/tags/{tag}", policy=policy.MODIFY_IMAGE, load=images.get)
def add_tag(req: Request, image: Image, tag: str) -> None:
    changes.add_tag(req.ctx, image, check_value("tag", TAG, tag))


@routes.delete("/tags/{tag}", policy=policy.MODIFY_IMAGE, load=images.get)
def remove_tag(req: Request, image: Image, tag: str) -> None:
    changes.remove_tag(req.ctx, image, tag)


@routes.post("/import", policy=policy.MODIFY_IMAGE, load=images.get, body=IMPORT)
def import_(req: Request, image: Image, body: dict[str, Any]) -> Response:
    imports.begin(req.ctx, image, body)
    return Response(202)


@routes.get("/tasks", policy=policy.GET_IMAGE, load=images.get)
def list_tasks(req: Request, image: Image) -> dict[str, Any]:
    return {"tasks": [show_task(task) for task in tasks.of_image(req.ctx, image)]}
