"""/images, up to 2.35, and their metadata, up to 2.38: passed on to the image service.

compat: microversions 2.36 and 2.39 of the Compute API took these away; clients of long ago still ask.
"""

from __future__ import annotations

from typing import Any

from nacre.kernel.clock import isoformat
from nacre.kernel.errors import BadRequest, NotFound
from nacre.kernel.http.pagination import next_links, page
from nacre.kernel.http.request import Request
from nacre.kernel.http.routing import AUTHENTICATED, Routes
from nacre.kernel.wire import BRIEF, DATETIME, SHOW, Bool, FreeMap, Object, Resource, Str, field
from nacre.services.compute.api import links
from nacre.services.compute.api.checks import KEY, METADATA
from nacre.services.compute.app import image_proxy
from nacre.services.image.client import Image as Row

UNTIL, METADATA_UNTIL = "2.35", "2.38"
ALTERNATE = "application/vnd.openstack.image"
PAGING = {"limit", "marker", "changes-since"}
METADATA_BODY = Object({"metadata": METADATA}, required=("metadata",))
ITEM_BODY = Object({"meta": FreeMap(Str(0, 255), key=KEY, minimum=1, maximum=1)}, required=("meta",))


def _links(req: Request, image: Row) -> list[dict[str, str]]:
    where = f"{req.service.process.public_url('image')}/images/{image.id}"
    return [*links.of(req, "images", image.id), {"rel": "alternate", "type": ALTERNATE, "href": where}]


class Image(Resource):
    key, keys = "image", "images"

    id = field(SHOW, BRIEF)
    name = field(SHOW, BRIEF)
    min_ram = field(SHOW, wire="minRam")
    min_disk = field(SHOW, wire="minDisk")
    metadata = field(SHOW, source="properties")
    created = field(SHOW, source="created_at", render=isoformat)
    updated = field(SHOW, source="updated_at", render=isoformat)
    status = field(SHOW, render=lambda status: image_proxy.STATUSES.get(status, "UNKNOWN"))
    progress = field(SHOW, source="status", render=lambda status: image_proxy.PROGRESS.get(status, 0))
    size = field(SHOW, wire="OS-EXT-IMG-SIZE:size")
    links = field(SHOW, BRIEF, source=_links)


routes = Routes("/v2.1/images", resource=Image)


def _shown(req: Request, image: Row, *, brief: bool = False) -> dict[str, Any]:
    shown = req.show(Image, image, brief=brief)
    if brief:
        return shown
    if server := image.properties.get("instance_uuid"):
        shown["server"] = {"id": server, "links": links.of(req, "servers", server)}
    if automatic := image.properties.get("auto_disk_config"):
        shown["OS-DCF:diskConfig"] = "AUTO" if automatic.lower() in Bool.TRUE else "MANUAL"
    return shown


def _index(req: Request, *, brief: bool) -> dict[str, Any]:
    asked = page(req, Image, maximum=req.ctx.config.max_list)
    since = req.arg("changes-since", DATETIME)
    wanted = {name: values[-1] for name, values in req.query.items() if name not in PAGING}
    if "server" in wanted:  # an id, or a link, which ends with it
        wanted["server"] = wanted["server"].rstrip("/").rsplit("/", 1)[-1]
    found = image_proxy.index(
        req.ctx,
        wanted,
        since=isoformat(since),
        marker=asked.marker,
        limit=asked.limit or req.ctx.config.max_list,
    )
    body: dict[str, Any] = {"images": [_shown(req, each, brief=brief) for each in found]}
    more = next_links(req, asked, [each.id for each in found]) if asked.limit else []
    return {**body, "images_links": more} if more else body


@routes.get(policy=AUTHENTICATED, until=UNTIL)
def index(req: Request) -> dict[str, Any]:
    return _index(req, brief=True)


@routes.get("/detail", policy=AUTHENTICATED, until=UNTIL)
def detail(req: Request) -> dict[str, Any]:
    return _index(req, brief=False)


@routes.get("/{image_id}", policy=AUTHENTICATED, load=image_proxy.get, until=UNTIL)
def show(req: Request, image: Row) -> dict[str, Any]:
    return {"image": _shown(req, image)}


@routes.delete("/{image_id}", policy=AUTHENTICATED, load=image_proxy.get, until=UNTIL)
def delete(req: Request, image: Row) -> None:
    image_proxy.delete(req.ctx, image)


# --- metadata ---------------------------------------------------------------------------------------


@routes.get("/{image_id}/metadata", policy=AUTHENTICATED, load=image_proxy.get, until=METADATA_UNTIL)
def index_metadata(req: Request, image: Row) -> dict[str, Any]:
    return {"metadata": image.properties}


@routes.post(
    "/{image_id}/metadata",
    policy=AUTHENTICATED,
    load=image_proxy.get,
    body=METADATA_BODY,
    until=METADATA_UNTIL,
)
def add_metadata(req: Request, image: Row, body: dict[str, Any]) -> dict[str, Any]:
    return {"metadata": image_proxy.set_properties(req.ctx, image, {**image.properties, **body["metadata"]})}


@routes.put(
    "/{image_id}/metadata",
    policy=AUTHENTICATED,
    load=image_proxy.get,
    body=METADATA_BODY,
    until=METADATA_UNTIL,
)
def replace_metadata(req: Request, image: Row, body: dict[str, Any]) -> dict[str, Any]:
    return {"metadata": image_proxy.set_properties(req.ctx, image, body["metadata"])}


@routes.get("/{image_id}/metadata/{key}", policy=AUTHENTICATED, load=image_proxy.get, until=METADATA_UNTIL)
def show_metadata_item(req: Request, image: Row, key: str) -> dict[str, Any]:
    if key not in image.properties:
        raise NotFound("Metadata item was not found")
    return {"meta": {key: image.properties[key]}}


@routes.put(
    "/{image_id}/metadata/{key}",
    policy=AUTHENTICATED,
    load=image_proxy.get,
    body=ITEM_BODY,
    until=METADATA_UNTIL,
)
def set_metadata_item(req: Request, image: Row, key: str, body: dict[str, Any]) -> dict[str, Any]:
    if list(body["meta"]) != [key]:
        raise BadRequest("Request body and URI mismatch")
    image_proxy.set_properties(req.ctx, image, {**image.properties, **body["meta"]})
    return body


@routes.delete("/{image_id}/metadata/{key}", policy=AUTHENTICATED, load=image_proxy.get, until=METADATA_UNTIL)
def delete_metadata_item(req: Request, image: Row, key: str) -> None:
    image_proxy.without(req.ctx, image, key)
