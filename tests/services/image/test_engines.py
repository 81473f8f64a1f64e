"""One walk through all of the service's queries on each of the databases."""

import pytest
from tests.services.image.conftest import Person, make_cloud
from tests.services.image.test_metadefs import PROPERTY, ROOT, make_namespace
from tests.services.image.test_uploads import background, stage, start_import, wait_for

from nacre.services.image.tasks.upload_sweep import sweep


@pytest.fixture
def cloud(tmp_path, database_url):
    cloud = make_cloud(tmp_path, database=database_url, user_storage_bytes=10_000)
    yield cloud
    cloud.close()


def test_images(cloud):
    admin, member, stranger = (Person(cloud.user(name)) for name in ("admin", "member", "stranger"))
    images = [
        member.make_image(name=name, tags=["Tag", "tag"], os_distro="Tiny", min_ram=number)
        for number, name in enumerate(("a", "A", "ä", "a "))
    ]
    assert set(member.listed(name="a")) == {"a"}
    assert member.listed(sort="name:asc", limit="2") == ["A", "a"]
    assert member.listed(sort="name:asc", limit="2", marker=images[0]["id"]) == ["a ", "ä"]
    assert len(member.listed(tag=["Tag", "tag"], os_distro="Tiny")) == 4
    assert member.listed(os_distro="tiny") == []
    assert member.listed(sort="size:desc,name:asc")[0] == "A"
    assert member.upload(images[0], b"x" * 100).status == 204
    assert member.listed(size_min="1", size_max="100", status="active") == ["a"]
    assert member.change(images[0], {"op": "replace", "path": "/os_distro", "value": "x"}).status == 200
    assert member.put(f"/v2/images/{images[0]['id']}/tags/tag").status == 204
    assert member.post(f"/v2/images/{images[0]['id']}/members", {"member": "p3"}).status == 200
    assert member.post(f"/v2/images/{images[0]['id']}/members", {"member": "p3"}).status == 409
    assert stranger.listed(member_status="pending", visibility="shared") == ["a"]
    assert member.post("/v2/images", {"id": images[0]["id"]}).status == 409
    assert stage(member, images[1], b"y" * 50).status == 204
    usage = member.get("/v2/info/usage").json["usage"]
    assert [usage[f"image_{what}"]["usage"] for what in ("count_total", "count_uploading")] == [4, 1]
    assert start_import(member, images[1]).status == 202
    wait_for(member, images[1], "active")
    assert len(admin.get("/v2/tasks").json["tasks"]) == 1
    for image in images:
        assert member.delete(f"/v2/images/{image['id']}").status == 204
    cloud.clock.turn(days=31)
    sweep(background(cloud))
    assert member.post("/v2/images", {"id": images[0]["id"]}).status == 201


def test_definitions(cloud):
    admin = Person(cloud.user("admin"))
    make_namespace(admin, "n", resource_type_associations=[{"name": "t"}], tags=[{"name": "x"}])
    assert admin.post(ROOT, {"namespace": "n"}).status == 409
    assert admin.post(f"{ROOT}/n/properties", PROPERTY).status == 201
    assert admin.post(f"{ROOT}/n/properties", PROPERTY).status == 409
    assert admin.put(f"{ROOT}/n/properties/cores", {**PROPERTY, "name": "other"}).status == 200
    assert len(admin.get(f"{ROOT}?resource_types=t&limit=1").json["namespaces"]) == 1
    assert admin.delete(f"{ROOT}/n").status == 204
