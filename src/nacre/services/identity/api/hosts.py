"""/v3/OS-NACRE/…: hosts that joined the cloud, and tokens by which others may.

compat: OpenStack has nothing like it; there each agent is given the account of all.
"""

from __future__ import annotations

from typing import Any

from nacre.kernel import wire
from nacre.kernel.clock import isoformat_micros
from nacre.kernel.http.request import Request
from nacre.kernel.http.routing import PUBLIC, Routes
from nacre.kernel.wire import CREATE, SHOW, Resource, field
from nacre.services.identity import policy
from nacre.services.identity.api.shapes import many, no_target, one, page, self_link
from nacre.services.identity.app import hosts
from nacre.services.identity.db.hosts import Host as HostRow
from nacre.services.identity.db.hosts import JoinToken as TokenRow

LONGEST_MINUTES = 7 * 24 * 60


class Host(Resource):
    key, keys = "host", "hosts"

    name = field(SHOW)
    account = field(SHOW)
    joined_at = field(SHOW, render=isoformat_micros)
    links = self_link("OS-NACRE", "hosts")


class JoinToken(Resource):
    key, keys = "join_token", "join_tokens"

    id = field(SHOW)
    host = field(CREATE, SHOW, check=wire.Str(1, 150), required=True)
    minutes = field(CREATE, check=wire.Int(1, LONGEST_MINUTES, strings=False))
    expires_at = field(SHOW, render=isoformat_micros)
    used_at = field(SHOW, render=isoformat_micros)
    links = self_link("OS-NACRE", "join_tokens")


JOIN = wire.Object(
    {"token": wire.Str(1, 255), "password_hash": wire.Str(1, 255)}, required=("token", "password_hash")
)

routes = Routes("/v3/OS-NACRE/hosts", resource=Host)
tokens = Routes("/v3/OS-NACRE/join_tokens", resource=JoinToken)


@routes.get(policy=policy.LIST_HOSTS, target=no_target)
def index(req: Request) -> dict[str, Any]:
    asked = page(req, Host)
    return many(req, Host, hosts.index(req.ctx, asked), asked)


@routes.post(status=201, policy=PUBLIC, body=JOIN, envelope="join")
def join(req: Request, body: dict[str, Any]) -> dict[str, Any]:
    host, told = hosts.join(req.ctx, body["token"], body["password_hash"])
    answer = one(req, Host, host)
    answer["host"]["cloud"] = told
    return answer


@routes.get("/{name}", policy=policy.GET_HOST, load=hosts.get, target=no_target)
def show(req: Request, host: HostRow) -> dict[str, Any]:
    return one(req, Host, host)


@routes.delete("/{name}", policy=policy.DELETE_HOST, load=hosts.get, target=no_target)
def delete(req: Request, host: HostRow) -> None:
    hosts.delete(req.ctx, host)


@tokens.get(policy=policy.LIST_JOIN_TOKENS, target=no_target)
def index_tokens(req: Request) -> dict[str, Any]:
    asked = page(req, JoinToken)
    return many(req, JoinToken, hosts.index_tokens(req.ctx, asked), asked)


@tokens.post(status=201, policy=policy.CREATE_JOIN_TOKEN, target=no_target)
def create_token(req: Request, body: dict[str, Any]) -> dict[str, Any]:
    token, text = hosts.create_token(req.ctx, **body)
    answer = one(req, JoinToken, token)
    answer["join_token"]["token"] = text
    return answer


@tokens.get("/{token_id}", policy=policy.GET_JOIN_TOKEN, load=hosts.get_token, target=no_target)
def show_token(req: Request, token: TokenRow) -> dict[str, Any]:
    return one(req, JoinToken, token)


@tokens.delete("/{token_id}", policy=policy.DELETE_JOIN_TOKEN, load=hosts.get_token, target=no_target)
def delete_token(req: Request, token: TokenRow) -> None:
    hosts.delete_token(req.ctx, token)
