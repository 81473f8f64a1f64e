"""Placement alone, with tokens that need no identity service."""

import msgspec
import pytest

from nacre.kernel import errors
from nacre.kernel.auth import Credentials
from nacre.kernel.testing.cloud import TestCloud
from nacre.services.placement.service import MANIFEST

TOKENS = {
    "admin": Credentials(user_id="u0", project_id="p0", roles=("admin", "manager", "member", "reader")),
    "reader": Credentials(user_id="u1", project_id="p1", roles=("reader",)),
}


@pytest.fixture
def cloud(tmp_path):
    cloud = TestCloud([MANIFEST], tmp_path)

    def authenticate(token):
        if token not in TOKENS:
            raise errors.Unauthorized()
        return TOKENS[token]

    cloud.process.services["placement"].authenticator = authenticate
    yield cloud
    cloud.close()


class Scheduler:
    """An administrator who speaks a recent microversion unless told otherwise."""

    def __init__(self, user):
        self.user = user

    def __getattr__(self, method):
        def send(path, body=None, *, version="1.39", **options):
            raw = None if body is None else msgspec.json.encode(body)
            return self.user.request(method.upper(), "placement", path, raw=raw, version=version, **options)

        return send

    def make_provider(self, name, inventories=None, traits=(), parent=None):
        body = {"name": name} | ({"parent_provider_uuid": parent} if parent else {})
        uuid = self.post("/resource_providers", body).json["uuid"]
        if inventories:
            wanted = {key: {"total": total} for key, total in inventories.items()}
            body = {"resource_provider_generation": 0, "inventories": wanted}
            assert self.put(f"/resource_providers/{uuid}/inventories", body).status == 200
        if traits:
            generation = self.get(f"/resource_providers/{uuid}").json["generation"]
            body = {"resource_provider_generation": generation, "traits": list(traits)}
            assert self.put(f"/resource_providers/{uuid}/traits", body).status == 200
        return uuid

    def claim(self, consumer, allocations, *, generation=None):
        body = {
            "allocations": {uuid: {"resources": amounts} for uuid, amounts in allocations.items()},
            "project_id": "p1", "user_id": "u1", "consumer_generation": generation, "consumer_type": "INSTANCE",
        }  # fmt: skip
        return self.put(f"/allocations/{consumer}", body)


@pytest.fixture
def admin(cloud):
    return Scheduler(cloud.user("admin"))
