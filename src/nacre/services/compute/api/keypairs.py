"""/os-keypairs: public keys of users."""

from __future__ import annotations

from typing import Any

from nacre.kernel.http.pagination import next_links, page
from nacre.kernel.http.request import Request, Response
from nacre.kernel.http.routing import HANDLER_AUTHORISES, Routes
from nacre.kernel.wire import BRIEF, CREATE, SHOW, Enum, Resource, Str, field
from nacre.services.compute import policy as rules
from nacre.services.compute import versions
from nacre.services.compute.api import queries
from nacre.services.compute.app import keypairs
from nacre.services.compute.db.keypairs import Keypair as Row

OLD_NAME = Str(1, 255, pattern=r"(?! )[a-zA-Z0-9 _-]+(?<! )")
NAME = Str(1, 255, pattern=r"(?! )[a-zA-Z0-9 _@.-]+(?<! )")


class Keypair(Resource):
    key, keys = "keypair", "keypairs"

    name = field(SHOW, BRIEF)
    old_name = field(CREATE, check=OLD_NAME, required=True, wire="name", until="2.91")
    new_name = field(CREATE, check=NAME, required=True, wire="name", since="2.92")
    type = field(CREATE, SHOW, BRIEF, check=Enum("ssh", "x509"), since="2.2")
    public_key = field(CREATE, SHOW, BRIEF, check=Str(1, 16384), until="2.91")
    imported_key = field(CREATE, check=Str(1, 16384), required=True, wire="public_key", since="2.92")
    shown_key = field(SHOW, BRIEF, wire="public_key", source="public_key", since="2.92")
    fingerprint = field(SHOW, BRIEF)
    user_id = field(CREATE, SHOW, check=Str(1, 255), wire="user_id", since="2.10")
    owner_id = field(SHOW, wire="user_id", source="user_id", until="2.9")
    id = field(SHOW)
    created_at = field(SHOW, render=lambda at: at.strftime("%Y-%m-%dT%H:%M:%S.%f"))
    updated_at = field(SHOW, source=lambda req, keypair: None)
    deleted_at = field(SHOW, source=lambda req, keypair: None)
    deleted = field(SHOW, source=lambda req, keypair: False)


routes = Routes("/v2.1/os-keypairs", resource=Keypair)


def _user(req: Request) -> str:
    """Return whose key pairs are meant: the caller's, or those of the user that the query names."""
    if req.version is None or req.version < versions.KEYPAIR_USERS:
        return req.ctx.user_id
    return queries.single(req, "user_id") or req.ctx.user_id


@routes.get(policy=HANDLER_AUTHORISES)
def index(req: Request) -> dict[str, Any]:
    queries.refuse_unknown(req, {"user_id", "limit", "marker"})
    user_id = _user(req)
    req.authorise(rules.KEYPAIRS_INDEX, {"user_id": user_id})
    asked = page(req, Keypair, maximum=req.ctx.config.max_list)
    found = keypairs.index(req.ctx, user_id, asked)
    body: dict[str, Any] = {"keypairs": [{"keypair": req.show(Keypair, each, brief=True)} for each in found]}
    paged = req.version is not None and req.version >= versions.KEYPAIR_PAGES
    if paged and (more := next_links(req, asked, [each.name for each in found])):
        body["keypairs_links"] = more
    return body


def _made_before(req: Request, made: list[str]) -> Response:
    """Show a key pair whose making was interrupted; a private key is shown only once."""
    return _made(req, keypairs.get(req.ctx, req.json()["keypair"].get("user_id") or req.ctx.user_id, made[0]))


@routes.post(policy=HANDLER_AUTHORISES, creates="keypairs.name", tell_again=_made_before)
def create(req: Request, body: dict[str, Any]) -> Response:
    user_id = body.get("user_id") or req.ctx.user_id
    req.authorise(rules.KEYPAIRS_CREATE, {"user_id": user_id})
    name = body.get("new_name") or body["old_name"]
    public_key = body.get("imported_key") or body.get("public_key")
    kind = body.get("type", keypairs.SSH)
    private_key = None
    if public_key is not None:
        keypair = keypairs.import_key(req.ctx, user_id, name, public_key, kind)
    else:
        keypair, private_key = keypairs.generate(req.ctx, user_id, name, kind)
    return _made(req, keypair, private_key)


def _made(req: Request, keypair: Row, private_key: str | None = None) -> Response:
    shown = {
        "name": keypair.name,
        "public_key": keypair.public_key,
        "fingerprint": keypair.fingerprint,
        "user_id": keypair.user_id,
    }
    if req.version and req.version >= versions.KEYPAIR_TYPES:
        shown["type"] = keypair.type
    if private_key is not None:
        shown["private_key"] = private_key
    created = req.version is not None and req.version >= versions.KEYPAIR_TYPES
    return Response(201 if created else 200, {"keypair": shown})


@routes.get("/{name}", policy=HANDLER_AUTHORISES)
def show(req: Request, name: str) -> dict[str, Any]:
    queries.refuse_unknown(req, {"user_id"})
    user_id = _user(req)
    req.authorise(rules.KEYPAIRS_SHOW, {"user_id": user_id})
    keypair: Row = keypairs.get(req.ctx, user_id, name)
    return {"keypair": req.show(Keypair, keypair)}


@routes.delete("/{name}", policy=HANDLER_AUTHORISES)
def delete(req: Request, name: str) -> Response:
    queries.refuse_unknown(req, {"user_id"})
    user_id = _user(req)
    req.authorise(rules.KEYPAIRS_DELETE, {"user_id": user_id})
    keypairs.delete(req.ctx, keypairs.get(req.ctx, user_id, name))
    return Response(204 if req.version and req.version >= versions.KEYPAIR_TYPES else 202)
