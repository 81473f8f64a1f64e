"""EC2 credentials of users, and tokens for whoever signed a request with one."""

from __future__ import annotations

from typing import Any

from nacre.kernel import wire
from nacre.kernel.context import Context
from nacre.kernel.db import Page
from nacre.kernel.http.request import Request, Response
from nacre.kernel.http.routing import Routes
from nacre.services.identity import policy
from nacre.services.identity.api.auth import token_response
from nacre.services.identity.api.shapes import ID, no_target
from nacre.services.identity.app import authentication, credentials, targets, users
from nacre.services.identity.app.credentials import Ec2
from nacre.services.identity.db.credentials import Credential
from nacre.services.identity.db.users import User

CREDENTIALS = wire.Object(
    {"access": wire.Str(1, 255), "signature": wire.Str(1, 1024)},
    required=("access", "signature"),
    unknown=wire.ANY,
)


class _Signed:
    """What was signed, and how."""

    _object = wire.Object({"credentials": CREDENTIALS, "ec2Credentials": CREDENTIALS}, unknown=wire.ANY)

    def __call__(self, value: Any) -> dict[str, Any]:
        found = self._object(value)
        # compat: clients send it under either of two names (keystone, "ec2tokens").
        for name in ("credentials", "ec2Credentials"):
            if name in found:
                return found[name]
        raise wire.CheckFailed("'credentials' is a required property", value=None)

    def schema(self) -> dict[str, Any]:
        return self._object.schema()


SIGNED = _Signed()

routes = Routes("/v3")

Found = tuple[Credential, Ec2]


def _show(req: Request, found: Ec2) -> dict[str, Any]:
    return {
        "user_id": found.user_id,
        "tenant_id": found.project_id,
        "access": found.access,
        "secret": found.secret,
        "trust_id": found.trust_id,
        "links": {"self": req.url("v3", "users", found.user_id, "credentials", "OS-EC2", found.access)},
    }


def _user_target(ctx: Context, user: User, body: Any) -> dict[str, Any]:
    return targets.credential(user.id)


def _credential_target(ctx: Context, found: Found, body: Any) -> dict[str, Any]:
    return targets.credential(found[0].user_id)


@routes.get(
    "/users/{user_id}/credentials/OS-EC2",
    policy=policy.EC2_LIST_CREDENTIALS,
    load=users.get,
    target=_user_target,
)
def index(req: Request, user: User) -> dict[str, Any]:
    found = credentials.index_ec2(req.ctx, user.id, Page())
    return {
        "credentials": [_show(req, each) for each in found],
        "links": {"self": req.url_with_query(), "previous": None, "next": None},
    }


@routes.post(
    "/users/{user_id}/credentials/OS-EC2",
    policy=policy.EC2_CREATE_CREDENTIAL,
    load=users.get,
    target=_user_target,
    status=201,
    body=wire.Object({"tenant_id": ID}, required=("tenant_id",)),
)
def create(req: Request, user: User, body: dict[str, Any]) -> dict[str, Any]:
    return {"credential": _show(req, credentials.create_ec2(req.ctx, user, body["tenant_id"]))}


@routes.get(
    "/users/{user_id}/credentials/OS-EC2/{access}",
    policy=policy.EC2_GET_CREDENTIAL,
    load=credentials.get_ec2,
    target=_credential_target,
)
def show(req: Request, found: Found) -> dict[str, Any]:
    return {"credential": _show(req, found[1])}


@routes.delete(
    "/users/{user_id}/credentials/OS-EC2/{access}",
    policy=policy.EC2_DELETE_CREDENTIAL,
    load=credentials.get_ec2,
    target=_credential_target,
)
def delete(req: Request, found: Found) -> None:
    credentials.delete(req.ctx, found[0])


@routes.post("/ec2tokens", policy=policy.EC2TOKENS_VALIDATE, target=no_target, body=SIGNED)
def create_token(req: Request, body: dict[str, Any]) -> Response:
    text, grant = authentication.log_in_signed(req.ctx, body)
    return token_response(req, text, grant, status=200)


@routes.post("/s3tokens", policy=policy.S3TOKENS_VALIDATE, target=no_target, body=SIGNED)
def create_s3_token(req: Request, body: dict[str, Any]) -> Response:
    text, grant = authentication.log_in_signed(req.ctx, body)
    return token_response(req, text, grant, status=200)
