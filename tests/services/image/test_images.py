"""Images as rows: created, listed, changed, shared, deleted, as clients know it."""

import threading

import pytest
from sqlalchemy import event
from tests.services.image.conftest import OLD_PATCH

from nacre.kernel.ids import new_id

DATA = b"some bytes" * 100


def test_a_new_image_says_everything(member):
    answer = member.post(
        "/v2/images",
        {"name": "one", "disk_format": "raw", "container_format": "bare", "tags": ["b", "a"], "min_disk": 2,
         "os_distro": "tiny", "protected": True, "os_hidden": False, "visibility": "private"},
    )  # fmt: skip
    assert answer.status == 201
    image = answer.json
    assert answer.headers["location"].endswith(f"/v2/images/{image['id']}")
    assert answer.headers["openstack-image-import-methods"] == "glance-direct"
    assert image["tags"] == ["a", "b"]
    assert image["owner"] == "p1"
    assert image["os_distro"] == "tiny"
    for name in ("size", "virtual_size", "checksum", "os_hash_algo", "os_hash_value"):
        assert image[name] is None
    assert image["self"] == f"/v2/images/{image['id']}"
    assert image["file"] == f"/v2/images/{image['id']}/file"
    assert image["schema"] == "/v2/schemas/image"
    assert "stores" not in image
    assert member.show(image) == image


def test_the_least_image(member):
    image = member.post("/v2/images", {}).json
    assert (image["name"], image["status"], image["visibility"]) == (None, "queued", "shared")
    assert member.upload(image, DATA).status == 400
    assert member.show(image)["status"] == "queued"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"disk_format": "wrong"}, 400),
        ({"container_format": "wrong"}, 400),
        ({"visibility": "everyone"}, 400),
        ({"min_disk": -1}, 400),
        ({"min_ram": "many"}, 400),
        ({"name": "x" * 256}, 400),
        ({"name": 5}, 400),
        ({"tags": ["x" * 256]}, 400),
        ({"tags": "x"}, 400),
        ({"id": "five"}, 400),
        ({"os_distro": 5}, 400),
        ({"os_distro": None}, 400),
        ({"x" * 256: "y"}, 400),
        ({"protected": "yes"}, 400),
        ([], 400),
        ({"status": "active"}, 403),
        ({"size": 5}, 403),
        ({"checksum": "abc"}, 403),
        ({"self": "/v2"}, 403),
        ({"deleted": "true"}, 403),
        ({"locations": []}, 403),
        ({"os_glance_foo": "bar"}, 403),
        ({"owner": "p9"}, 403),
        ({"visibility": "public"}, 403),
        ({f"property{n}": "x" for n in range(129)}, 413),
        ({"tags": [f"tag{n}" for n in range(129)]}, 413),
    ],
)
def test_images_that_cannot_be(member, body, status):
    answer = member.post("/v2/images", body)
    assert answer.status == status
    assert answer.json["code"].startswith(str(status))
    assert member.listed() == []


def test_an_id_is_used_once(member, admin):
    id = new_id()
    image = member.make_image(id=id)
    assert image["id"] == id
    assert admin.post("/v2/images", {"id": id}).status == 409
    member.delete(f"/v2/images/{id}")
    assert member.post("/v2/images", {"id": id}).status == 409


def test_who_sees_what(admin, member, reader, stranger):
    for visibility in ("private", "shared", "community", "public"):
        admin.make_image(name=visibility, visibility=visibility, owner="p1")
    assert set(member.listed()) == {"private", "shared", "community", "public"}
    assert set(reader.listed()) == set(member.listed())
    assert set(stranger.listed()) == {"public"}
    assert set(stranger.listed(visibility="community")) == {"community"}
    assert set(stranger.listed(visibility="all")) == {"public", "community"}
    assert set(stranger.listed(visibility="private")) == set()
    assert set(admin.listed()) == {"private", "shared", "public"}
    assert set(admin.listed(visibility="all")) == {"private", "shared", "community", "public"}
    ids = {image["name"]: image["id"] for image in admin.get("/v2/images?visibility=all").json["images"]}
    seen = {name: stranger.get(f"/v2/images/{id}").status for name, id in ids.items()}
    assert seen == {"private": 404, "shared": 404, "community": 200, "public": 200}
    assert stranger.delete(f"/v2/images/{ids['public']}").status == 403
    assert stranger.delete(f"/v2/images/{ids['private']}").status == 404
    assert stranger.change({"id": ids["community"]}, {"op": "add", "path": "/a", "value": "b"}).status == 403
    assert reader.delete(f"/v2/images/{ids['private']}").status == 403


def test_lists_are_filtered(member):
    member.make_image(name="a", os_distro="tiny", tags=["x", "y"], min_ram=64, protected=True)
    member.make_image(name="b", os_distro="tiny", tags=["x"], disk_format="qcow2")
    member.make_image(name='c, "d"', container_format="ova")
    hidden = member.make_image(name="e", os_hidden=True)
    assert member.listed() == ['c, "d"', "b", "a"]
    assert member.listed(os_hidden="true") == ["e"]
    assert member.listed(name="b") == ["b"]
    assert member.listed(name="in:a,b") == ["b", "a"]
    assert member.listed(name='in:"a",b') == ["b", "a"]
    assert member.get('/v2/images?name=in:"a').status == 400
    assert member.listed(os_distro="tiny") == ["b", "a"]
    assert member.listed(os_distro="tiny", disk_format="raw") == ["a"]
    assert member.listed(tag=["x", "y"]) == ["a"]
    assert member.listed(tag="x") == ["b", "a"]
    assert member.listed(min_ram="64") == ["a"]
    assert member.listed(protected="true") == ["a"]
    assert member.listed(status="in:active,saving") == []
    assert member.listed(container_format="in:ova,ovf") == ['c, "d"']
    assert member.listed(owner="p1", visibility="shared") == ['c, "d"', "b", "a"]
    assert member.listed(owner="p2") == []
    assert member.listed(id=f"in:{hidden['id']}", os_hidden="true") == ["e"]
    for wrong in ("visibility=most", "status=well", "size_min=x", "size_min=-1", "limit=-1", "limit=x", "id=7",
                  "created_at=soon", "protected=perhaps", "member_status=shy", "marker=nobody",
                  "sort_key=color", "sort=name:up", "sort=name&sort_key=id", "sort_dir=asc&sort_dir=desc"):  # fmt: skip
        assert member.get(f"/v2/images?{wrong}").status == 400, wrong


def test_sizes_and_moments_bound_lists(cloud, member):
    for name, size in (("small", 10), ("large", 1000)):
        assert member.upload(member.make_image(name=name), b"x" * size).status == 204
        cloud.clock.turn(hours=1)
    assert member.listed(size_min="11") == ["large"]
    assert member.listed(size_max="11") == ["small"]
    assert member.listed(size_min="5", size_max="2000") == ["large", "small"]
    assert member.listed(size="10") == ["small"]
    assert member.listed(sort="size:asc") == ["small", "large"]
    created = member.get("/v2/images?name=large").json["images"][0]["created_at"]
    assert member.listed(created_at=f"gte:{created}") == ["large"]
    assert member.listed(created_at=f"lt:{created}") == ["small"]
    assert member.listed(updated_at=["gt:2000-01-01T00:00:00Z", f"lt:{created}"]) == ["small"]


def test_long_lists_come_in_pages(member):
    for number in range(7):
        member.make_image(name=f"image{number}", tags=["x", "ä&b"])
    path, seen, pages = "/v2/images?limit=3&sort=name:asc&tag=x&tag=%C3%A4%26b", [], 0
    while path:
        answer = member.get(path).json
        assert answer["schema"] == "/v2/schemas/images"
        assert answer["first"] == "/v2/images?limit=3&sort=name%3Aasc&tag=x&tag=%C3%A4%26b"
        seen += [image["name"] for image in answer["images"]]
        path, pages = answer.get("next"), pages + 1
    assert seen == [f"image{number}" for number in range(7)]
    assert pages == 3
    assert member.listed(limit="2", sort_key=["status", "name"], sort_dir=["asc", "desc"]) == [
        "image6",
        "image5",
    ]
    assert member.get("/v2/images?limit=0").json["images"] == []


def test_a_list_costs_the_same_number_of_queries_however_long_it_is(cloud, member):
    for number in range(5):
        member.make_image(name=str(number), tags=["x"], a="b")
    me, seen = threading.get_ident(), []

    def note(*arguments):
        if threading.get_ident() == me:  # the service's own background work asks too
            seen.append(arguments[2])

    event.listen(cloud.process.services["image"].db.engine, "before_cursor_execute", note)
    member.get("/v2/images?limit=1")
    few = len(seen)
    member.get("/v2/images?limit=5")
    assert len(seen) == 2 * few


# -- changes -------------------------------------------------------------------------------------


def test_changes_in_both_dialects(member):
    image = member.make_image(name="old", a="1", b="2")
    answer = member.change(
        image,
        {"op": "replace", "path": "/name", "value": "new"},
        {"op": "replace", "path": "/a", "value": "3"},
        {"op": "remove", "path": "/b"},
        {"op": "add", "path": "/c~1d~0", "value": "4"},
        {"op": "replace", "path": "/tags", "value": ["x"]},
        {"op": "replace", "path": "/min_disk", "value": 7},
    )
    assert answer.status == 400  # a property's name cannot hold a slash
    answer = member.change(
        image,
        {"op": "replace", "path": "/name", "value": "new"},
        {"op": "replace", "path": "/a", "value": "3"},
        {"op": "remove", "path": "/b"},
        {"op": "add", "path": "/c~0d", "value": "4"},
        {"op": "replace", "path": "/tags", "value": ["x"]},
        {"op": "replace", "path": "/min_disk", "value": 7},
    )
    assert answer.status == 200
    changed = answer.json
    assert (changed["name"], changed["a"], changed["c~d"], changed["tags"]) == ("new", "3", "4", ["x"])
    assert "b" not in changed
    assert member.show(image) == changed
    old = member.change(
        image, {"replace": "/name", "value": "older"}, {"add": "/e", "value": "5"}, media=OLD_PATCH
    )
    assert (old.status, old.json["name"], old.json["e"]) == (200, "older", "5")


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"op": "replace", "path": "/x", "value": "y"}, 409),
        ({"op": "remove", "path": "/x"}, 409),
        ({"op": "remove", "path": "/name"}, 403),
        ({"op": "replace", "path": "/id", "value": "7"}, 403),
        ({"op": "replace", "path": "/status", "value": "active"}, 403),
        ({"op": "replace", "path": "/checksum", "value": "x"}, 403),
        ({"op": "add", "path": "/deleted", "value": "x"}, 403),
        ({"op": "add", "path": "/locations/-", "value": {"url": "file:///etc/passwd"}}, 403),
        ({"op": "add", "path": "/os_glance_x", "value": "x"}, 403),
        ({"op": "replace", "path": "/owner", "value": "p9"}, 403),
        ({"op": "replace", "path": "/visibility", "value": "public"}, 403),
        ({"op": "replace", "path": "/visibility", "value": "x"}, 400),
        ({"op": "replace", "path": "/protected", "value": "x"}, 400),
        ({"op": "replace", "path": "/disk_format", "value": "x"}, 400),
        ({"op": "add", "path": "/x", "value": 5}, 400),
        ({"op": "add", "path": "/x"}, 400),
        ({"op": "add", "path": "x", "value": "y"}, 400),
        ({"op": "add", "path": "/", "value": "y"}, 400),
        ({"op": "add", "path": "/x/y", "value": "y"}, 400),
        ({"op": "add", "path": "/x~2", "value": "y"}, 400),
        ({"op": "add", "path": 5, "value": "y"}, 400),
        ({"op": "move", "path": "/x", "value": "y"}, 400),
        ({"path": "/x", "value": "y"}, 400),
        ("x", 400),
    ],
)
def test_changes_that_cannot_be(member, change, status):
    image = member.make_image(name="one")
    fine = {"op": "replace", "path": "/name", "value": "two"}
    assert member.change(image, fine, change).status == status
    assert member.show(image) == image, "of several changes all are made, or none"


def test_the_older_dialect_and_other_media(member):
    image = member.make_image(a="1")
    assert member.change(image, {"add": "/a", "value": "2"}, media=OLD_PATCH).status == 409
    assert member.change(image, {"add": "/name", "value": "2"}, media=OLD_PATCH).status == 409
    assert member.change(image, {"add": "/b", "replace": "/c", "value": "2"}, media=OLD_PATCH).status == 400
    assert member.change(image, {"value": "2"}, media=OLD_PATCH).status == 400
    refused = member.change(image, media="application/json")
    assert refused.status == 415
    assert "openstack-images-v2.1-json-patch" in refused.headers["accept-patch"]
    path = f"/v2/images/{image['id']}"
    assert member.patch(path, {"op": "add"}, headers={"content-type": OLD_PATCH}).status == 400
    assert member.patch(path, raw=b"[{", headers={"content-type": OLD_PATCH}).status == 400
    assert member.change(image).status == 200


def test_a_format_is_fixed_once_there_are_bytes(member):
    image = member.make_image()
    assert member.change(image, {"op": "replace", "path": "/disk_format", "value": "ami"}).status == 200
    member.upload(image, DATA)
    assert member.change(image, {"op": "replace", "path": "/disk_format", "value": "ami"}).status == 200
    refused = member.change(image, {"op": "replace", "path": "/disk_format", "value": "qcow2"})
    assert refused.status == 403
    assert "queued" in refused.json["message"]


def test_an_administrator_gives_an_image_away(admin, stranger):
    image = admin.make_image(visibility="private")
    assert stranger.get(f"/v2/images/{image['id']}").status == 404
    assert admin.change(image, {"op": "replace", "path": "/owner", "value": "p3"}).json["owner"] == "p3"
    assert stranger.get(f"/v2/images/{image['id']}").status == 200


def test_a_protected_image_stays(member):
    image = member.make_image(protected=True)
    assert member.delete(f"/v2/images/{image['id']}").status == 403
    member.change(image, {"op": "replace", "path": "/protected", "value": False})
    assert member.delete(f"/v2/images/{image['id']}").status == 204
    assert member.delete(f"/v2/images/{image['id']}").status == 404
    assert member.listed() == []


def test_tags(member, reader):
    image = member.make_image()
    path = f"/v2/images/{image['id']}/tags"
    assert member.put(f"{path}/one").status == 204
    assert member.put(f"{path}/one").status == 204
    assert member.put(f"{path}/two%20words").status == 204
    assert member.show(image)["tags"] == ["one", "two words"]
    assert member.delete(f"{path}/one").status == 204
    assert member.delete(f"{path}/one").status == 404
    assert member.put(f"{path}/{'x' * 256}").status == 400
    assert reader.put(f"{path}/three").status == 403
    assert member.put(f"/v2/images/{new_id()}/tags/x").status == 404
    assert member.show(image)["tags"] == ["two words"]


def test_deactivated_data_is_out_of_reach(member, admin, reader):
    image = member.make_image()
    path = f"/v2/images/{image['id']}"
    assert member.post(f"{path}/actions/deactivate").status == 403
    member.upload(image, DATA)
    assert reader.post(f"{path}/actions/deactivate").status == 403
    assert member.post(f"{path}/actions/deactivate").status == 204
    assert member.post(f"{path}/actions/deactivate").status == 204
    assert member.show(image)["status"] == "deactivated"
    assert member.get(f"{path}/file").status == 403
    assert admin.get(f"{path}/file").status == 200
    assert member.post(f"{path}/actions/reactivate").status == 204
    assert member.get(f"{path}/file").body == DATA


# -- sharing -------------------------------------------------------------------------------------


def test_sharing_is_an_offer(cloud, admin, member, stranger):
    image = member.make_image(name="offered")
    members = f"/v2/images/{image['id']}/members"
    offered = member.post(members, {"member": "p3"})
    assert offered.status == 200
    assert (offered.json["status"], offered.json["schema"]) == ("pending", "/v2/schemas/member")
    assert member.post(members, {"member": "p3"}).status == 409
    assert member.post(members, {}).status == 400
    assert member.post(members, {"member": ""}).status == 400
    assert stranger.get(f"/v2/images/{image['id']}").status == 200
    assert stranger.listed() == []
    assert stranger.listed(visibility="shared", member_status="pending") == ["offered"]
    assert member.put(f"{members}/p3", {"status": "accepted"}).status == 403
    assert stranger.put(f"{members}/p3", {"status": "perhaps"}).status == 400
    assert stranger.put(f"{members}/p3", {"status": "accepted"}).json["status"] == "accepted"
    assert stranger.listed() == ["offered"]
    assert stranger.listed(visibility="shared") == ["offered"]
    assert stranger.delete(f"/v2/images/{image['id']}").status == 403
    assert stranger.post(members, {"member": "p4"}).status == 403
    assert stranger.delete(f"{members}/p3").status == 403
    member.post(members, {"member": "p5"})
    assert [one["member_id"] for one in member.get(members).json["members"]] == ["p3", "p5"]
    assert [one["member_id"] for one in stranger.get(members).json["members"]] == ["p3"]
    assert stranger.get(f"{members}/p5").status == 404
    assert stranger.put(f"{members}/p3", {"status": "rejected"}).status == 200
    assert stranger.listed() == []
    assert stranger.listed(member_status="all") == ["offered"]
    assert admin.put(f"{members}/p3", {"status": "accepted"}).status == 200
    assert member.delete(f"{members}/p3").status == 204
    assert member.delete(f"{members}/p3").status == 404
    assert stranger.get(f"/v2/images/{image['id']}").status == 404


def test_only_shared_images_have_members(member, admin):
    image = member.make_image(visibility="private")
    members = f"/v2/images/{image['id']}/members"
    assert member.post(members, {"member": "p3"}).status == 403
    assert member.get(members).status == 403
    assert member.get(f"/v2/images/{new_id()}/members").status == 404


def test_a_member_downloads_what_is_shared(member, stranger, reader):
    image = member.make_image()
    member.upload(image, DATA)
    member.post(f"/v2/images/{image['id']}/members", {"member": "p3"})
    assert stranger.get(f"/v2/images/{image['id']}/file").body == DATA
    assert reader.get(f"/v2/images/{image['id']}/file").status == 403


# -- what there is to know -----------------------------------------------------------------------


def test_versions_need_no_token(cloud):
    for path, status in (("/", 300), ("/versions", 200)):
        answer = cloud.anonymous.get("image", path)
        assert answer.status == status
        first, *others = answer.json["versions"]
        assert (first["id"], first["status"]) == ("v2.16", "CURRENT")
        assert {other["status"] for other in others} == {"SUPPORTED"}
        assert first["links"][0]["href"].endswith(":9292/v2/")


@pytest.mark.parametrize("name", ["image", "images", "member", "members", "task", "tasks"])
def test_schemas(reader, name):
    schema = reader.get(f"/v2/schemas/{name}").json
    assert schema["name"] == name
    assert "properties" in schema


def test_a_schema_names_all_that_is_shown(member):
    properties = member.get("/v2/schemas/image").json["properties"]
    image = member.make_image(a="b")
    member.upload(image, DATA)
    assert set(member.show(image)) - set(properties) == {"a"}
    assert properties["disk_format"]["enum"][0] is None
    assert properties["name"]["type"] == ["null", "string"]
    written = {name for name, declared in properties.items() if not declared.get("readOnly")}
    assert written == {
        "id", "name", "owner", "visibility", "os_hidden", "protected", "container_format", "disk_format",
        "min_disk", "min_ram", "tags",
    }  # fmt: skip


def test_info(member, admin):
    assert member.get("/v2/info/import").json["import-methods"]["value"] == ["glance-direct"]
    assert member.get("/v2/info/stores").json["stores"][0]["id"] == "files"
    assert member.get("/v2/info/stores/detail").status == 403
    assert admin.get("/v2/info/stores/detail").json["stores"][0]["type"] == "files"
    member.make_image()
    usage = member.get("/v2/info/usage").json["usage"]
    assert usage["image_count_total"] == {"limit": -1, "usage": 1}


def test_errors_are_pages_unless_json_is_asked_for(member):
    page = member.get("/v2/images/none", headers={"accept": "*/*"})
    assert page.headers["content-type"].startswith("text/html")
    assert b"<h1>404 Not Found</h1>" in page.body


def test_other_services_ask_by_the_client(cloud, member):
    from nacre.kernel import errors
    from nacre.services.image import client

    service = cloud.process.services["image"]
    ctx = service.authenticate("member", request_id="req-1")
    made = client.create(
        ctx, name="snapshot", disk_format="raw", properties={"image_type": "snapshot"}, id=new_id()
    )
    assert (made.status, made.visibility, made.owner) == ("queued", "private", "p1")
    again = client.create(ctx, name="snapshot", disk_format="raw", id=made.id)
    assert again == made == client.get(ctx, made.id)
    assert made.properties == {"image_type": "snapshot"}
    member.upload({"id": made.id}, DATA)
    found = client.get(ctx, made.id)
    assert (found.status, found.size, found.os_hash_algo) == ("active", len(DATA), "sha512")
    client.delete(ctx, made.id)
    client.delete(ctx, made.id)
    for id in (made.id, "no/../such", ""):
        with pytest.raises(errors.NotFound):
            client.get(ctx, id)


def test_an_empty_id_is_no_image(member):
    assert member.get("/v2/images/").status == 404
    assert member.delete("/v2/images/").status == 404
    assert member.get("/v2/").status == 200


def test_a_reader_creates_nothing(reader):
    assert reader.post("/v2/images", {}).status == 403
