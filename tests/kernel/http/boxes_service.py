"""A small service with one of everything, for the tests of the edge."""

import msgspec
from sqlalchemy import Table, select

from nacre.kernel import errors
from nacre.kernel.auth import Credentials
from nacre.kernel.db import Id, Name, Page, Schema, Transaction, column, new_metadata
from nacre.kernel.db import page as db_page
from nacre.kernel.http.api import Api, CatalogEntry
from nacre.kernel.http.faults import Named
from nacre.kernel.http.pagination import next_links, page
from nacre.kernel.http.request import Response
from nacre.kernel.http.routing import HANDLER_AUTHORISES, PUBLIC, Routes
from nacre.kernel.policy import ADMIN, PROJECT_MEMBER_OR_ADMIN, PROJECT_READER_OR_ADMIN, Rule
from nacre.kernel.service import Manifest
from nacre.kernel.version import Versions
from nacre.kernel.wire import (
    BRIEF,
    CREATE,
    FILTER,
    NAME,
    SHOW,
    SORT,
    UPDATE,
    Enum,
    Int,
    Nullable,
    Object,
    Resource,
    Str,
    field,
)

READ = Rule("boxes:read", PROJECT_READER_OR_ADMIN, "See boxes.")
WRITE = Rule("boxes:write", PROJECT_MEMBER_OR_ADMIN, "Make and change boxes.")
SECRET = Rule("boxes:secret", ADMIN, "See where a box stands.")

metadata = new_metadata()
boxes = Table(
    "boxes",
    metadata,
    column("id", Id, key=True),
    column("project_id", Id),
    column("name", Name),
    column("size", Name, null=True),
)


class BoxRow(msgspec.Struct, frozen=True):
    id: str
    project_id: str
    name: str
    size: str | None


class Box(Resource):
    key, keys = "box", "boxes"

    id = field(SHOW, BRIEF, FILTER)
    name = field(CREATE, UPDATE, SHOW, BRIEF, FILTER, SORT, check=NAME, required=True)
    size = field(CREATE, SHOW, check=Nullable(Str(1, 20)), default=None, since="2.5")
    weight = field(CREATE, check=Int(1, 9), create_policy=SECRET)
    place = field(SHOW, wire="OS-EXT:place", source=lambda req, box: f"shelf of {box.name}", policy=SECRET)


def get(ctx, box_id):
    def find(tx: Transaction) -> BoxRow:
        return tx.one(
            select(boxes).where(boxes.c.id == box_id), BoxRow,
            otherwise=errors.NotFound(f"Box {box_id} could not be found."),
        )  # fmt: skip

    box = ctx.db.read(find)
    if not ctx.is_admin and box.project_id != ctx.project_id:
        raise errors.NotFound(f"Box {box_id} could not be found.")
    return box


routes = Routes("/v2.1/boxes", resource=Box)


@routes.get(policy=READ)
def index(req):
    asked = page(req, Box, maximum=1000)
    wanted = req.filters(Box)

    def find(tx: Transaction, asked: Page) -> list[BoxRow]:
        query = select(boxes).where(boxes.c.project_id == req.ctx.project_id)
        for name, values in wanted.items():
            query = query.where(boxes.c[name].in_(values))
        return db_page(tx, query, BoxRow, boxes, asked)

    found = req.ctx.db.read(find, asked)
    body = {"boxes": [req.show(Box, box, brief=True) for box in found]}
    if links := next_links(req, asked, [box.id for box in found]):
        body["boxes_links"] = links
    return body


@routes.post(policy=WRITE, status=202, target=lambda ctx, loaded, body: None)
def create(req, body):
    row = BoxRow(f"box-{body['name']}", req.ctx.project_id, body["name"], body.get("size"))
    req.ctx.db.run(lambda tx: tx.insert(boxes, row))
    return {"box": req.show(Box, row)}


@routes.get("/{box_id}", policy=READ, load=get)
def show(req, box):
    return {"box": req.show(Box, box)}


@routes.put("/{box_id}", policy=WRITE, load=get)
def update(req, box, body):
    req.ctx.db.run(lambda tx: tx.update(boxes, box.id, body))
    return {"box": req.show(Box, get(req.ctx, box.id))}


@routes.delete("/{box_id}", policy=WRITE, load=get)
def delete(req, box):
    req.ctx.db.run(lambda tx: tx.delete(boxes, box.id))


@routes.get("/{box_id}/parts/{key}", policy=READ, load=get)
def show_part(req, box, key):
    return {"of": box.name, "key": key}


@routes.action(
    "open", path="/{box_id}/action", policy=WRITE, load=get, status=202,
    body=Object({"how": Enum("GENTLY", "HARD")}, required=("how",)),
)  # fmt: skip
def open_box(req, box, body):
    return {"opened": box.name, "how": body["how"]}


@routes.action("shut", path="/{box_id}/action", policy=WRITE, load=get, status=202, since="2.3")
def shut_box(req, box):
    return None


@routes.put("/{box_id}/file", policy=WRITE, load=get, stream=True)
async def upload(req, box):
    size = 0
    async for part in req.chunks():
        size += len(part)
    return Response(200, {"box": box.name, "bytes": size})


@routes.put("/{box_id}/quiet", policy=WRITE, load=get, stream=True)
async def upload_quietly(req, box):
    async for _ in req.chunks():
        pass


@routes.get("/{box_id}/careless", policy=HANDLER_AUTHORISES, load=get)
def careless(req, box):
    return {"box": box.name}


@routes.get("/{box_id}/broken", policy=READ, load=get)
def broken(req, box):
    return {"half": 1 / 0}


root = Routes("")


@root.get("/", policy=PUBLIC)
def versions(req):
    return {"versions": [req.url("v2.1")]}


TOKENS = {
    "member": Credentials(user_id="u1", project_id="p1", roles=("member", "reader")),
    "reader": Credentials(user_id="u2", project_id="p1", roles=("reader",)),
    "stranger": Credentials(user_id="u3", project_id="p2", roles=("member", "reader")),
    "admin": Credentials(user_id="u0", project_id="p0", roles=("admin", "manager", "member", "reader")),
}


def authenticator(service):
    def authenticate(token):
        if token not in TOKENS:
            raise errors.Unauthorized()
        return TOKENS[token]

    return authenticate


VERSIONS = Versions(
    "boxes", {f"2.{n}": f"version {n}" for n in range(1, 11)}, legacy_header="X-OpenStack-Boxes-API-Version"
)

MANIFEST = Manifest(
    name="identity",  # it plays the part of the service that knows the tokens
    apis=(
        Api(
            name="boxes", port=8774, prefix="boxes", routes=(root, routes), faults=Named(), versions=VERSIONS,
            version_path="/v2.1", max_body_bytes=10_000, catalog=CatalogEntry(type="boxes", name="boxes"),
        ),
    ),
    policies=(READ, WRITE, SECRET),
    schema=Schema(metadata),
    authenticator=authenticator,
)  # fmt: skip
