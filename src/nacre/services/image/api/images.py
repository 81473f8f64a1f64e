"""/v2/images: list, create, show, delete."""

from __future__ import annotations

from typing import Any

from nacre.kernel.clock import isoformat
from nacre.kernel.http.request import Request, Response
from nacre.kernel.http.routing import Routes
from nacre.kernel.wire import CREATE, UUID, Bool, Each, Enum, Int, Nullable, Resource, Str, Unknown, field
from nacre.services.image import policy
from nacre.services.image.api import queries
from nacre.services.image.app import images
from nacre.services.image.app.formats import CONTAINER_FORMATS, DISK_FORMATS
from nacre.services.image.app.imports import METHODS
from nacre.services.image.app.stores import STORE_IDS
from nacre.services.image.db.images import Image
from nacre.services.image.db.tables import Visibility

TEXT = Nullable(Str(0, 255))
FLAG = Bool(strings=False)
SIZE = Int(0, strings=False)
TAG = Str(0, 255)
CONTAINER_FORMAT = Nullable(Enum(*CONTAINER_FORMATS))
DISK_FORMAT = Nullable(Enum(*DISK_FORMATS))
VISIBILITY = Enum(*(str(one) for one in Visibility))


class ImageBody(Resource):
    """What a create may say of an image; whatever else it says are properties of the user's own."""

    key, keys = "image", "images"
    unknown = Unknown.KEEP

    id = field(CREATE, check=UUID)
    name = field(CREATE, check=TEXT)
    owner = field(CREATE, check=TEXT)
    visibility = field(CREATE, check=VISIBILITY)
    os_hidden = field(CREATE, check=FLAG)
    protected = field(CREATE, check=FLAG)
    container_format = field(CREATE, check=CONTAINER_FORMAT)
    disk_format = field(CREATE, check=DISK_FORMAT)
    min_disk = field(CREATE, check=SIZE)
    min_ram = field(CREATE, check=SIZE)
    tags = field(CREATE, check=Each(TAG))


routes = Routes("/v2/images", resource=ImageBody)


def show_image(image: Image) -> dict[str, Any]:
    """Render an image; its own properties stand beside the service's attributes."""
    path = f"/v2/images/{image.id}"
    return {
        **image.properties,
        "id": image.id,
        "name": image.name,
        "status": image.status,
        "visibility": image.visibility,
        "os_hidden": image.os_hidden,
        "protected": image.protected,
        "owner": image.owner,
        "container_format": image.container_format,
        "disk_format": image.disk_format,
        "min_disk": image.min_disk,
        "min_ram": image.min_ram,
        "size": image.size,
        "virtual_size": image.virtual_size,
        "checksum": image.checksum,
        "os_hash_algo": image.os_hash_algo,
        "os_hash_value": image.os_hash_value,
        "tags": list(image.tags),
        "created_at": isoformat(image.created_at),
        "updated_at": isoformat(image.updated_at),
        **({"stores": STORE_IDS[0]} if image.location else {}),
        "self": path,
        "file": f"{path}/file",
        "schema": "/v2/schemas/image",
    }


@routes.get(policy=policy.GET_IMAGES)
def index(req: Request) -> dict[str, Any]:
    wanted, part = queries.wanted(req), queries.part(req)
    found = images.page(req.ctx, wanted, part)
    return {
        "images": [show_image(image) for image in found],
        **queries.links(req, part, [image.id for image in found]),
        "schema": "/v2/schemas/images",
    }


@routes.post(policy=policy.ADD_IMAGE, envelope="", status=201)
def create(req: Request, body: dict[str, Any]) -> Response:
    image = images.create(req.ctx, properties=body.pop("extra", {}), **body)
    return Response(
        201,
        show_image(image),
        headers=[
            ("Location", req.url("v2", "images", image.id)),
            ("OpenStack-image-import-methods", ",".join(METHODS)),
            ("OpenStack-image-store-ids", ",".join(STORE_IDS)),
        ],
    )


@routes.get("/{image_id}", policy=policy.GET_IMAGE, load=images.get)
def show(req: Request, image: Image) -> dict[str, Any]:
    return show_image(image)


@routes.delete("/{image_id}", policy=policy.DELETE_IMAGE, load=images.get)
def delete(req: Request, image: Image) -> None:
    images.delete(req.ctx, image)
