"""/v3/OS-OAUTH1/consumers: programs that are known by a key and a secret.

They are only kept here.  The rest of OAuth 1.0a, by which consumers would get tokens, is not served:
application credentials do what it was for.
"""

from __future__ import annotations

from typing import Any

from nacre.kernel import wire
from nacre.kernel.http.request import Request
from nacre.kernel.http.routing import Routes
from nacre.kernel.wire import CREATE, SHOW, UPDATE, Resource, field
from nacre.services.identity import policy
from nacre.services.identity.api.shapes import DESCRIPTION, many, no_target, one, page, self_link
from nacre.services.identity.app import consumers
from nacre.services.identity.db.consumers import Consumer as Row


class Consumer(Resource):
    key, keys = "consumer", "consumers"
    unknown = wire.Unknown.KEEP

    id = field(SHOW)
    description = field(CREATE, UPDATE, SHOW, check=DESCRIPTION)
    links = self_link("OS-OAUTH1", "consumers")


routes = Routes("/v3/OS-OAUTH1/consumers", resource=Consumer)


@routes.get(policy=policy.LIST_CONSUMERS, target=no_target)
def index(req: Request) -> dict[str, Any]:
    asked = page(req, Consumer)
    return many(req, Consumer, consumers.index(req.ctx, {}, asked), asked)


@routes.post(status=201, policy=policy.CREATE_CONSUMER, target=no_target)
def create(req: Request, body: dict[str, Any]) -> dict[str, Any]:
    made, secret = consumers.create(req.ctx, **body)
    answer = one(req, Consumer, made)
    answer["consumer"]["secret"] = secret
    return answer


@routes.get("/{consumer_id}", policy=policy.GET_CONSUMER, load=consumers.get, target=no_target)
def show(req: Request, consumer: Row) -> dict[str, Any]:
    return one(req, Consumer, consumer)


@routes.patch("/{consumer_id}", policy=policy.UPDATE_CONSUMER, load=consumers.get, target=no_target)
def update(req: Request, consumer: Row, body: dict[str, Any]) -> dict[str, Any]:
    return one(req, Consumer, consumers.update(req.ctx, consumer, body))


@routes.delete("/{consumer_id}", policy=policy.DELETE_CONSUMER, load=consumers.get, target=no_target)
def delete(req: Request, consumer: Row) -> None:
    consumers.delete(req.ctx, consumer)
