"""The image service alone, with tokens that need no identity service."""

import pytest

from nacre.kernel import errors
from nacre.kernel.auth import Credentials
from nacre.kernel.testing.cloud import TestCloud
from nacre.services.image.service import MANIFEST

TOKENS = {
    "admin": Credentials(user_id="u0", project_id="p0", roles=("admin", "manager", "member", "reader")),
    "member": Credentials(user_id="u1", project_id="p1", roles=("member", "reader")),
    "reader": Credentials(user_id="u2", project_id="p1", roles=("reader",)),
    "stranger": Credentials(user_id="u3", project_id="p3", roles=("member", "reader")),
    "service": Credentials(user_id="u4", project_id="p4", roles=("service", "admin", "member", "reader")),
}
PATCH = "application/openstack-images-v2.1-json-patch"
OLD_PATCH = "application/openstack-images-v2.0-json-patch"


def make_cloud(directory, *, database=None, **config):
    sections = {"image": config} | ({"database": {"url": database}} if database else {})
    cloud = TestCloud([MANIFEST], directory, config=sections)

    def authenticate(token):
        if token not in TOKENS:
            raise errors.Unauthorized()
        return TOKENS[token]

    cloud.process.services["image"].authenticator = authenticate
    return cloud


@pytest.fixture
def cloud(tmp_path):
    cloud = make_cloud(tmp_path)
    yield cloud
    cloud.close()


class Person:
    """Somebody who speaks to the image service."""

    def __init__(self, user):
        self.user = user

    def __getattr__(self, method):
        return lambda path, *args, **options: self.user.request(
            method.upper(), "image", path, *args, **options
        )

    def make_image(self, **body):
        answer = self.post("/v2/images", {"disk_format": "raw", "container_format": "bare", **body})
        assert answer.status == 201, answer
        return answer.json

    def upload(self, image, data, **headers):
        headers = {"content-type": "application/octet-stream", **headers}
        return self.put(f"/v2/images/{image['id']}/file", raw=data, headers=headers)

    def show(self, image):
        return self.get(f"/v2/images/{image['id']}").json

    def change(self, image, *operations, media=PATCH):
        return self.patch(f"/v2/images/{image['id']}", list(operations), headers={"content-type": media})

    def listed(self, **query):
        return [image["name"] for image in self.get("/v2/images", query=query).json["images"]]


@pytest.fixture
def admin(cloud):
    return Person(cloud.user("admin"))


@pytest.fixture
def member(cloud):
    return Person(cloud.user("member"))


@pytest.fixture
def reader(cloud):
    return Person(cloud.user("reader"))


@pytest.fixture
def stranger(cloud):
    return Person(cloud.user("stranger"))
