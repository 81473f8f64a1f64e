"""A cloud with compute in it, and people with tokens."""

import msgspec
import pytest

from nacre.kernel import errors
from nacre.kernel.auth import Credentials
from nacre.kernel.http.api import Api
from nacre.kernel.http.faults import Titled
from nacre.kernel.http.request import Response
from nacre.kernel.http.routing import PUBLIC, Routes
from nacre.kernel.process import ServiceUser
from nacre.kernel.service import Manifest
from nacre.kernel.testing.cloud import TestCloud
from nacre.services.compute.service import MANIFEST as COMPUTE

PEOPLE = {
    "member": Credentials(user_id="u1", user_name="mia", project_id="p1", roles=("member", "reader")),
    "reader": Credentials(user_id="u2", user_name="rob", project_id="p1", roles=("reader",)),
    "stranger": Credentials(user_id="u3", user_name="sue", project_id="p2", roles=("member", "reader")),
    "admin": Credentials(
        user_id="u0", user_name="ada", project_id="p0", roles=("admin", "manager", "member", "reader")
    ),
    "service": Credentials(user_id="u9", user_name="nacre", project_id="ps", roles=("admin", "service")),
}


def _authenticator(service):
    def authenticate(token):
        if token not in PEOPLE:
            raise errors.Unauthorized()
        return PEOPLE[token]

    return authenticate


_tokens = Routes("/v3/auth")


@_tokens.post("/tokens", policy=PUBLIC)
def _log_in(req):
    name = msgspec.json.decode(req.body)["auth"]["identity"]["password"]["user"]["name"]
    assert name == "nacre"
    return Response(
        201,
        {"token": {"expires_at": "2099-01-01T00:00:00.000000Z"}},
        headers=[("X-Subject-Token", "service")],
    )


IDENTITY = Manifest(
    name="identity",
    apis=(Api(name="identity", port=5000, prefix="identity", routes=(_tokens,), faults=Titled()),),
    policies=(),
    authenticator=_authenticator,
)


@pytest.fixture
def cloud(tmp_path):
    cloud = TestCloud(
        [IDENTITY, COMPUTE], tmp_path, service_user=ServiceUser(name="nacre", password="secret")
    )
    yield cloud
    cloud.close()


@pytest.fixture
def member(cloud):
    return cloud.user("member")


@pytest.fixture
def admin(cloud):
    return cloud.user("admin")
