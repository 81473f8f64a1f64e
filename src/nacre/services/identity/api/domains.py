"""/v3/domains: namespaces of users and projects."""

from __future__ import annotations

from typing import Any

from nacre.kernel import wire
from nacre.kernel.context import Context
from nacre.kernel.http.request import Request
from nacre.kernel.http.routing import Routes
from nacre.kernel.wire import CREATE, FILTER, SHOW, SORT, UPDATE, Resource, field
from nacre.services.identity import policy
from nacre.services.identity.api.projects import NAME, TAGS
from nacre.services.identity.api.shapes import (
    DESCRIPTION,
    FLAG,
    ID,
    IMMUTABLE_OPTION,
    many,
    no_target,
    one,
    page,
    self_link,
    wanted,
)
from nacre.services.identity.app import domains, targets
from nacre.services.identity.db.projects import Project as Row


class Domain(Resource):
    key, keys = "domain", "domains"
    unknown = wire.Unknown.KEEP

    id = field(SHOW)
    name = field(CREATE, UPDATE, SHOW, FILTER, SORT, check=NAME, required=True)
    description = field(CREATE, UPDATE, SHOW, check=DESCRIPTION)
    enabled = field(CREATE, UPDATE, SHOW, FILTER, check=FLAG)
    tags = field(CREATE, UPDATE, SHOW, check=TAGS, render=list)
    options = field(CREATE, UPDATE, SHOW, check=IMMUTABLE_OPTION)
    explicit_domain_id = field(CREATE, check=ID)
    links = self_link("domains")


routes = Routes("/v3/domains", resource=Domain)


def _as_target(ctx: Context, domain: Row, body: Any) -> dict[str, Any]:
    return targets.domain(domain)


def _own_domain(ctx: Context, loaded: Any, body: Any) -> dict[str, Any]:
    return {"target.domain.id": ctx.domain_id} if ctx.domain_id else {}


@routes.get(policy=policy.LIST_DOMAINS, target=_own_domain)
def index(req: Request) -> dict[str, Any]:
    asked = page(req, Domain)
    found = domains.index(req.ctx, wanted(req, Domain, flags=("enabled",)), asked)
    return many(req, Domain, found, asked)


@routes.post(status=201, policy=policy.CREATE_DOMAIN, target=no_target, creates="projects")
def create(req: Request, body: dict[str, Any]) -> dict[str, Any]:
    return one(req, Domain, domains.create(req.ctx, **body))


@routes.get("/{domain_id}", policy=policy.GET_DOMAIN, load=domains.get, target=_as_target)
def show(req: Request, domain: Row) -> dict[str, Any]:
    return one(req, Domain, domain)


@routes.patch("/{domain_id}", policy=policy.UPDATE_DOMAIN, load=domains.get, target=_as_target)
def update(req: Request, domain: Row, body: dict[str, Any]) -> dict[str, Any]:
    return one(req, Domain, domains.update(req.ctx, domain, body))


@routes.delete("/{domain_id}", policy=policy.DELETE_DOMAIN, load=domains.get, target=_as_target)
def delete(req: Request, domain: Row) -> None:
    domains.delete(req.ctx, domain)
