"""Uploads, staging and imports that fail, die, race or are too large: nothing of them remains."""

import asyncio
import os
import threading
import time

import pytest
from tests.services.image.conftest import Person, make_cloud
from tests.services.image.test_formats import qcow2

from nacre.kernel.http.app import Shell
from nacre.kernel.http.request import Request
from nacre.kernel.tasks import Report
from nacre.services.image.app import stores, uploads
from nacre.services.image.app.uploads import SYSTEM
from nacre.services.image.db import images as rows
from nacre.services.image.tasks import upload_sync
from nacre.services.image.tasks.upload_sweep import sweep

DATA = os.urandom(2 * 1024 * 1024 + 5)
OCTETS = {"content-type": "application/octet-stream"}


def stored(cloud):
    root = cloud.process.state / "images"
    return sorted(path.name for path in root.rglob("*") if path.is_file())


def background(cloud):
    return cloud.process.services["image"].background_context()


def wait_for(member, image, status):
    for _ in range(500):
        shown = member.show(image)
        if shown["status"] == status:
            return shown
        time.sleep(0.01)
    raise AssertionError(f"the image is still {shown['status']}")


def give_up_the_dead(cloud, ctx, beat=lambda: None):
    """Have the sync look twice (the service's own may be there first); `beat` is called in between."""
    upload_sync.run(ctx)
    beat()
    cloud.clock.turn(seconds=uploads.grace_seconds(ctx))
    upload_sync.run(ctx)


def send(cloud, path, chunks, *, token="member"):
    """Send a body that an asynchronous generator makes, as the shell would."""
    service, api = cloud.api("image")
    req = Request("PUT", path, headers={"x-auth-token": token, "accept": "application/json", **OCTETS})
    req.service, req.api, req.chunks = service, api, chunks
    req.match = service.router(api).match(req.method, req.path)
    return asyncio.run(Shell({}, None, {}, cloud.process.pool).respond(req))


# -- uploads that fail ---------------------------------------------------------------------------


def test_a_client_that_goes_away_leaves_nothing(cloud, member):
    image = member.make_image()

    async def chunks():
        yield DATA
        assert stored(cloud), "the bytes are on their way"
        raise ConnectionError("the client went away")

    assert send(cloud, f"/v2/images/{image['id']}/file", chunks).status == 400
    assert member.show(image)["status"] == "queued"
    assert member.show(image)["size"] is None
    assert stored(cloud) == []
    assert member.upload(image, DATA).status == 204


def test_refused_bytes_leave_nothing(cloud, member):
    image = member.make_image(disk_format="qcow2")
    refused = member.upload(image, qcow2(backing=512))
    assert refused.status == 415
    assert "backing file" in refused.json["message"]
    assert member.upload(image, DATA).status == 415
    assert (member.show(image)["status"], stored(cloud)) == ("queued", [])
    assert member.upload(image, qcow2(size=7 * 1024**3)).status == 204
    assert member.show(image)["virtual_size"] == 7 * 1024**3


def test_dangerous_bytes_are_refused_before_the_rest_arrives(cloud, member):
    image = member.make_image(disk_format="qcow2")

    async def chunks():
        yield qcow2(backing=512, rest=2 * 1024 * 1024)
        yield bytes(1024 * 1024)
        yield bytes(1024 * 1024)
        raise AssertionError("the rest of the body was asked for")

    assert send(cloud, f"/v2/images/{image['id']}/file", chunks).status == 415


def test_only_plain_bytes_are_uploaded(member):
    image = member.make_image()
    path = f"/v2/images/{image['id']}/file"
    assert member.put(path, {"a": "b"}).status == 415
    assert member.put(path, raw=b"x", headers={"content-type": "text/plain"}).status == 415
    assert member.show(image)["status"] == "queued"


def test_who_may_not_upload(member, reader, stranger, admin):
    image, public = member.make_image(), admin.make_image(visibility="public")
    assert reader.upload(image, DATA).status == 403
    assert stranger.upload(image, DATA).status == 404
    assert member.upload(public, DATA).status == 403


def test_no_image_is_larger_than_allowed(tmp_path):
    cloud = make_cloud(tmp_path, maximum_size_bytes=1024)
    member = Person(cloud.user("member"))
    image = member.make_image()
    refused = member.upload(image, bytes(1025))
    assert (refused.status, refused.json["code"]) == (413, "413 Request Entity Too Large")
    early = member.upload(image, b"", **{"content-length": "1025"})
    assert early.status == 413
    assert (member.show(image)["status"], stored(cloud)) == ("queued", [])
    assert member.upload(image, bytes(1024)).status == 204
    cloud.close()


def test_a_project_has_only_so_much_room(tmp_path):
    cloud = make_cloud(tmp_path, user_storage_bytes=1000)
    member, stranger = Person(cloud.user("member")), Person(cloud.user("stranger"))
    first, second = member.make_image(), member.make_image()
    assert member.upload(first, bytes(600)).status == 204
    assert member.upload(second, bytes(401)).status == 413
    assert member.upload(second, bytes(400)).status == 204
    assert stranger.upload(stranger.make_image(), bytes(600)).status == 204
    assert len(stored(cloud)) == 3
    cloud.close()


# -- uploads that race ---------------------------------------------------------------------------


def test_of_two_uploads_at_once_one_is_refused(cloud, member):
    image = member.make_image()
    path = f"/v2/images/{image['id']}/file"

    async def chunks():
        yield DATA
        second = await asyncio.to_thread(member.upload, image, b"other")
        assert second.status == 409
        yield DATA

    assert send(cloud, path, chunks).status == 204
    assert member.get(path).body == DATA + DATA


def test_an_image_deleted_while_its_bytes_arrive(cloud, member):
    image = member.make_image()

    async def chunks():
        yield DATA
        deleted = await asyncio.to_thread(member.delete, f"/v2/images/{image['id']}")
        assert deleted.status == 204
        yield DATA

    assert send(cloud, f"/v2/images/{image['id']}/file", chunks).status == 410
    assert member.get(f"/v2/images/{image['id']}").status == 404
    assert stored(cloud) == []


def test_who_was_given_up_and_comes_back_leaves_no_trace(cloud, member):
    image = member.make_image()
    ctx = background(cloud)
    late = uploads.begin(ctx, ctx.db.read(rows.get, image["id"], SYSTEM), None)
    late.write(b"late")
    cloud.clock.turn(minutes=5)
    give_up_the_dead(cloud, ctx)
    assert member.show(image)["status"] == "queued"
    assert member.upload(image, DATA).status == 204
    late.beat()
    with pytest.raises(uploads.UploadLost):
        late.write(b"more")
    with pytest.raises(uploads.UploadLost):
        late.finish()
    late.abort()
    late.abort()
    assert member.get(f"/v2/images/{image['id']}/file").body == DATA
    assert len(stored(cloud)) == 1


# -- uploads that die ----------------------------------------------------------------------------


def test_what_dies_half_way_is_swept(cloud, member):
    image, other = member.make_image(), member.make_image()
    ctx = background(cloud)
    dead = uploads.begin(ctx, ctx.db.read(rows.get, image["id"], SYSTEM), None)
    dead.write(DATA)  # and then the process is gone
    alive = uploads.begin(ctx, ctx.db.read(rows.get, other["id"], SYSTEM), None)
    alive.write(DATA)
    assert upload_sync.run(ctx) == Report(found=2, left=2), "whoever was seen a moment ago is left alone"
    assert len(stored(cloud)) == 2
    cloud.clock.turn(minutes=5)
    alive.beat()
    give_up_the_dead(cloud, ctx, alive.beat)
    assert member.show(image)["status"] == "queued"
    assert member.show(other)["status"] == "saving"
    assert len(stored(cloud)) == 1
    alive.finish()
    assert member.get(f"/v2/images/{other['id']}/file").body == DATA


def test_an_upload_that_could_not_be_heard_for_long_goes_on(cloud, member):
    """The database was away for longer than the lease; every upload's next sign of life comes after it is back."""
    image = member.make_image()
    ctx = background(cloud)
    upload = uploads.begin(ctx, ctx.db.read(rows.get, image["id"], SYSTEM), None)
    for _ in range(2):
        upload.write(DATA)
        cloud.clock.turn(minutes=5)
        give_up_the_dead(cloud, ctx, upload.beat)
        assert member.show(image)["status"] == "saving"
    upload.finish()
    assert member.get(f"/v2/images/{image['id']}/file").body == DATA * 2


def test_what_dies_between_the_store_and_the_row_is_swept(cloud, member):
    image = member.make_image()
    ctx = background(cloud)
    dead = uploads.begin(ctx, ctx.db.read(rows.get, image["id"], SYSTEM), None)
    dead.write(DATA)
    dead._intake.commit()  # the object exists, and nobody is told
    assert len(stored(cloud)) == 1
    cloud.clock.turn(minutes=5)
    give_up_the_dead(cloud, ctx)
    assert (member.show(image)["status"], stored(cloud)) == ("queued", [])


def test_what_dies_between_the_row_and_the_store_is_swept(cloud, member):
    image = member.make_image()
    member.upload(image, DATA)
    ctx = background(cloud)
    ctx.db.run(rows.delete, image["id"])  # and then the process is gone
    sweep(ctx)
    assert len(stored(cloud)) == 1, "it might be an upload that is just ending"
    cloud.clock.turn(minutes=5)
    sweep(ctx)
    assert stored(cloud) == []


def test_a_database_that_fails_at_the_end_loses_no_data(cloud, member):
    image = member.make_image()
    ctx = background(cloud)
    upload = uploads.begin(ctx, ctx.db.read(rows.get, image["id"], SYSTEM), None)
    upload.write(DATA)
    upload.finish()
    upload.abort()  # as if the commit had been made and its answer lost
    assert member.get(f"/v2/images/{image['id']}/file").body == DATA


def test_deleted_images_are_forgotten_in_the_end(cloud, member):
    image = member.make_image()
    member.delete(f"/v2/images/{image['id']}")
    cloud.clock.turn(days=29)
    sweep(background(cloud))
    assert member.post("/v2/images", {"id": image["id"]}).status == 409
    cloud.clock.turn(days=2)
    sweep(background(cloud))
    assert member.post("/v2/images", {"id": image["id"]}).status == 201


# -- staging and import --------------------------------------------------------------------------


def stage(member, image, data):
    return member.put(f"/v2/images/{image['id']}/stage", raw=data, headers=OCTETS)


def start_import(member, image, **body):
    return member.post(f"/v2/images/{image['id']}/import", {"method": {"name": "glance-direct"}, **body})


def test_staged_bytes_are_imported(cloud, member, admin):
    image = member.make_image()
    assert start_import(member, image).status == 409
    assert stage(member, image, DATA).status == 204
    assert member.show(image)["status"] == "uploading"
    assert member.get(f"/v2/images/{image['id']}/file").status == 204
    assert stage(member, image, DATA).status == 409
    assert member.upload(image, DATA).status == 409
    answer = start_import(member, image, all_stores=True)
    assert (answer.status, answer.body) == (202, b"")
    shown = wait_for(member, image, "active")
    assert (shown["size"], shown["virtual_size"], shown["stores"]) == (len(DATA), len(DATA), "files")
    assert member.get(f"/v2/images/{image['id']}/file").body == DATA
    for _ in range(500):
        (task,) = member.get(f"/v2/images/{image['id']}/tasks").json["tasks"]
        if task["status"] == "success":
            break
        time.sleep(0.01)
    assert task["status"] == "success"
    assert task["request_id"] == answer.headers["x-openstack-request-id"]
    assert task["input"]["import_req"]["method"]["name"] == "glance-direct"
    assert len(stored(cloud)) == 1
    assert member.get("/v2/tasks").status == 403
    assert [one["id"] for one in admin.get("/v2/tasks").json["tasks"]] == [task["id"]]
    assert admin.get(f"/v2/tasks/{task['id']}").json["result"] is None
    assert admin.get("/v2/tasks?status=failure").json["tasks"] == []


def test_an_import_is_refused_like_an_upload(cloud, member):
    image = member.make_image(disk_format="qcow2")
    stage(member, image, qcow2(features=4))
    start_import(member, image)
    wait_for(member, image, "queued")
    for _ in range(500):
        (task,) = member.get(f"/v2/images/{image['id']}/tasks").json["tasks"]
        if task["status"] == "failure":
            break
        time.sleep(0.01)
    assert "external file" in task["message"]
    assert stored(cloud) == []
    assert member.upload(image, qcow2()).status == 204


@pytest.mark.parametrize(
    "body",
    [
        {"method": {"name": "web-download", "uri": "http://203.0.113.1/image"}},
        {"method": {"name": "glance-download", "glance_image_id": "foo"}},
        {"method": {"name": "copy-image"}},
        {"method": {}},
        {},
        {"method": {"name": "glance-direct"}, "stores": ["moon"]},
        {"method": {"name": "glance-direct"}, "stores": ["files"], "all_stores": True},
    ],
)
def test_imports_that_cannot_be(member, body):
    image = member.make_image()
    stage(member, image, DATA)
    assert member.post(f"/v2/images/{image['id']}/import", body).status == 400
    assert member.show(image)["status"] == "uploading"


def test_nobody_makes_the_cloud_fetch_addresses(admin):
    body = {"type": "import", "input": {"import_from": "http://203.0.113.1/", "import_from_format": "raw"}}
    assert admin.post("/v2/tasks", body).status == 400


def test_a_staged_image_is_deleted_with_its_bytes(cloud, member):
    image = member.make_image()
    stage(member, image, DATA)
    assert len(stored(cloud)) == 1
    member.delete(f"/v2/images/{image['id']}")
    assert stored(cloud) == []


# -- memory --------------------------------------------------------------------------------------


def test_large_images_pass_in_constant_memory(cloud, member):
    """512 MiB in; what the process holds grows by no more than a few blocks."""
    block, blocks = bytes(1024 * 1024), 512
    image = member.make_image()
    peak = 0

    def resident():
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    async def chunks():
        nonlocal peak
        for number in range(blocks):
            yield block
            if number % 16 == 0:
                peak = max(peak, resident())

    before = resident()
    assert send(cloud, f"/v2/images/{image['id']}/file", chunks).status == 204
    assert peak - before < 50 * 1024 * 1024
    assert member.show(image)["size"] == blocks * len(block)
    ctx = background(cloud)
    found = ctx.db.read(rows.get, image["id"], SYSTEM)
    read = sum(len(part) for part in stores.store(ctx).read(found.location))
    assert read == blocks * len(block)
    assert resident() - before < 50 * 1024 * 1024
    assert threading.active_count() < 100
