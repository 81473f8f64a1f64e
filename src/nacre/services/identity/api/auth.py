"""Tokens: POST proofs and get one, show one to learn what it means, DELETE it to make it void."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from nacre.kernel import errors, wire
from nacre.kernel.http.request import Request, Response
from nacre.kernel.http.routing import HANDLER_AUTHORISES, PUBLIC, Routes
from nacre.kernel.policy import Rule
from nacre.services.identity import policy
from nacre.services.identity.api import domains, projects
from nacre.services.identity.api.shapes import many
from nacre.services.identity.app import authentication, token_body, tokens, user_projects
from nacre.services.identity.app.catalog import catalog
from nacre.services.identity.app.tokens import Grant
from nacre.services.identity.errors import TokenNotFound

_NAMED = wire.Str(1, 255)
_ID = wire.Str(1, 64)
_SECRET = wire.Str(0, 4096)


class _ByIdOrName:
    """{"id": …}, or {"name": …} (with a domain, where names belong to domains)."""

    def __init__(self, *, domain: bool = False, **more: wire.Check) -> None:
        members: dict[str, wire.Check] = {"id": _ID, "name": _NAMED, **more}
        if domain:
            members["domain"] = _ByIdOrName()
        self._in_domain = domain
        self._object = wire.Object(members, unknown=wire.ANY, required=tuple(more))

    def __call__(self, value: Any) -> dict[str, Any]:
        found = self._object(value)
        if "id" not in found:
            if "name" not in found:
                raise wire.CheckFailed("it must be named by its id, or by its name", value=None)
            if self._in_domain and "domain" not in found:
                raise wire.CheckFailed("a name needs the domain that it belongs to", ("domain",), None)
        return found

    def schema(self) -> dict[str, Any]:
        return self._object.schema()


class _Scope:
    """A scope, or the word "unscoped"."""

    _object = wire.Object(
        {
            "project": _ByIdOrName(domain=True),
            "domain": _ByIdOrName(),
            "system": wire.Object({"all": wire.Enum(True)}, required=("all",)),
            "OS-TRUST:trust": wire.Object({"id": _ID}, required=("id",)),
            "unscoped": wire.ANY,
        },
        minimum=1,
        maximum=1,
    )

    def __call__(self, value: Any) -> dict[str, Any]:
        return {"unscoped": {}} if value == "unscoped" else self._object(value)

    def schema(self) -> dict[str, Any]:
        return {"oneOf": [{"const": "unscoped"}, self._object.schema()]}


class _Identity:
    """The methods by name, and what each of them needs."""

    _object = wire.Object(
        {
            "methods": wire.Each(wire.Str(1, 64), minimum=1, maximum=10),
            "password": wire.Object(
                {"user": _ByIdOrName(domain=True, password=_SECRET)}, required=("user",), unknown=wire.ANY
            ),
            "token": wire.Object({"id": wire.Str(1, 4096)}, required=("id",), unknown=wire.ANY),
            "application_credential": wire.Object(
                {
                    "id": _ID,
                    "name": _NAMED,
                    "secret": _SECRET,
                    "user": _ByIdOrName(domain=True),
                },
                required=("secret",),
            ),
            "totp": wire.Object(
                {"user": _ByIdOrName(domain=True, passcode=wire.Str(1, 16))}, required=("user",)
            ),
        },
        required=("methods",),
        unknown=wire.ANY,
    )

    def __call__(self, value: Any) -> dict[str, Any]:
        found = self._object(value)
        for method in found["methods"]:
            if method not in found:
                raise wire.CheckFailed(f"'{method}' is a required property", value=None)
        credential = found.get("application_credential", {"id": ""})
        if "id" not in credential and not {"name", "user"} <= set(credential):
            raise wire.CheckFailed(
                "it must be named by its id, or by its name and user", ("application_credential",), None
            )
        return found

    def schema(self) -> dict[str, Any]:
        return self._object.schema()


AUTH = wire.Object({"identity": _Identity(), "scope": _Scope()}, required=("identity",), unknown=wire.ANY)

routes = Routes("/v3/auth")


@routes.post("/tokens", policy=PUBLIC, body=AUTH, envelope="auth")
def create(req: Request, body: dict[str, Any]) -> Response:
    text, grant = authentication.log_in(req.ctx, body["identity"], body.get("scope"))
    return token_response(req, text, grant, status=201)


@routes.get("/tokens", policy=HANDLER_AUTHORISES)
def show(req: Request) -> Response:
    rule = policy.CHECK_TOKEN if req.method == "HEAD" else policy.VALIDATE_TOKEN
    grace = req.ctx.config.allow_expired_seconds if req.flag("allow_expired") else 0
    text, grant = _subject(req, rule, timedelta(seconds=grace))
    return token_response(req, text, grant, status=200)


@routes.delete("/tokens", policy=HANDLER_AUTHORISES)
def delete(req: Request) -> None:
    _, grant = _subject(req, policy.REVOKE_TOKEN)
    tokens.revoke(req.ctx, grant)


@routes.get("/catalog", policy=policy.GET_AUTH_CATALOG)
def show_catalog(req: Request) -> dict[str, Any]:
    found = catalog(req.ctx.service, user_id=req.ctx.user_id, project_id=req.ctx.project_id)
    return {"catalog": found, "links": {"self": req.url_with_query(), "previous": None, "next": None}}


@routes.get("/projects", policy=policy.GET_AUTH_PROJECTS)
def index_projects(req: Request) -> dict[str, Any]:
    found = user_projects.enabled_projects(req.ctx, req.ctx.user_id)
    return many(req, projects.Project, found)


@routes.get("/domains", policy=policy.GET_AUTH_DOMAINS)
def index_domains(req: Request) -> dict[str, Any]:
    found = user_projects.enabled_domains(req.ctx, req.ctx.user_id)
    return many(req, domains.Domain, found)


@routes.get("/system", policy=policy.GET_AUTH_SYSTEM)
def show_system(req: Request) -> dict[str, Any]:
    found = [{"all": True}] if user_projects.has_system_role(req.ctx, req.ctx.user_id) else []
    return {"system": found, "links": {"self": req.url_with_query()}}


def _subject(req: Request, rule: Rule, grace: timedelta = timedelta()) -> tuple[str, Grant]:
    """Return the token that the request asks about, once the caller may."""
    text = req.headers.get("x-subject-token")
    if not text:
        raise errors.BadRequest("The header X-Subject-Token is missing.")
    try:
        grant = tokens.validate(req.ctx.service, text, grace=grace)
    except TokenNotFound:
        req.authorised = True  # there is nothing to guard
        raise
    req.authorise(rule, {"target.token.user_id": grant.standing.user.id})
    return text, grant


def token_response(req: Request, text: str, grant: Grant, *, status: int) -> Response:
    """Answer with a token: its text in a header, what it means in the body."""
    body = token_body.rendered(req.ctx.service, grant, with_catalog="nocatalog" not in req.query)
    return Response(
        status,
        body,
        headers=[("X-Subject-Token", text), ("Vary", "X-Auth-Token")],
        content_type="application/json",
    )
