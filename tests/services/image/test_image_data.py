"""Bytes of images: in, out, refused, and gone."""

import hashlib
import os

import pytest

from nacre.services.image.app import uploads
from nacre.services.image.db import images
from nacre.services.image.errors import UploadLost

DATA = os.urandom(3 * 1024 * 1024 + 17)


def stored(cloud):
    root = cloud.process.state / "images"
    return sorted(path.name for path in root.rglob("*") if path.is_file())


def test_bytes_go_in_and_come_out(cloud, member):
    image = member.make_image(name="one", os_distro="tiny")
    assert (image["status"], image["visibility"], image["size"]) == ("queued", "shared", None)
    assert member.get(f"/v2/images/{image['id']}/file").status == 204
    assert member.upload(image, DATA).status == 204
    shown = member.show(image)
    assert (shown["status"], shown["size"], shown["os_distro"]) == ("active", len(DATA), "tiny")
    assert shown["checksum"] == hashlib.md5(DATA).hexdigest()
    assert shown["os_hash_value"] == hashlib.sha512(DATA).hexdigest()
    answer = member.get(f"/v2/images/{image['id']}/file")
    assert (answer.status, answer.body) == (200, DATA)
    assert answer.headers["content-md5"] == shown["checksum"]
    assert member.upload(image, DATA).status == 409
    assert member.delete(f"/v2/images/{image['id']}").status == 204
    assert stored(cloud) == []
    assert member.get(f"/v2/images/{image['id']}").status == 404


def test_a_part_of_the_bytes(member):
    image = member.make_image()
    member.upload(image, DATA)

    def part(text):
        return member.get(f"/v2/images/{image['id']}/file", headers={"range": text})

    answer = part("bytes=10-19")
    assert (answer.status, answer.body) == (206, DATA[10:20])
    assert answer.headers["content-range"] == f"bytes 10-19/{len(DATA)}"
    assert part("bytes=-5").body == DATA[-5:]
    assert part(f"bytes={len(DATA) - 3}-").body == DATA[-3:]
    assert part(f"bytes={len(DATA)}-").status == 416
    assert part("bytes=1-2,4-5").status == 400
    assert part("pages=1-2").status == 400


def test_a_ticket_opens_one_image_for_one_operation(cloud, member):
    image, other = member.make_image(), member.make_image()
    service = cloud.user("service")

    def ticket(operation):
        path = f"/v2/images/{image['id']}/nacre-tickets"
        return service.post("image", path, {"operation": operation}).json["headers"]

    def send(who, headers):
        return cloud.anonymous.put(
            "image",
            f"/tickets/{who['id']}/file",
            raw=DATA,
            headers={"content-type": "application/octet-stream", **headers},
        )

    up, down = ticket("upload"), ticket("download")
    assert send(other, up).status == 404
    assert send(image, down).status == 404
    assert send(image, {}).status == 404
    assert send(image, up).status == 204
    path = f"/tickets/{image['id']}/file"
    assert cloud.anonymous.get("image", path, headers=down).body == DATA
    assert cloud.anonymous.get("image", path, headers=up).status == 404
    cloud.clock.turn(hours=2)
    assert cloud.anonymous.get("image", path, headers=down).status == 404
    assert member.post(f"/v2/images/{image['id']}/nacre-tickets", {"operation": "download"}).status == 403
    key = cloud.process.state / "keys" / "image-tickets"
    assert key.stat().st_mode & 0o777 == 0o600


def test_a_host_that_was_restarted_sends_again(cloud, member):
    image = member.make_image()
    headers = cloud.user("service").post(
        "image", f"/v2/images/{image['id']}/nacre-tickets", {"operation": "upload"}
    ).json["headers"]  # fmt: skip
    service = cloud.process.services["image"]
    row = service.db.read(images.find_any, image["id"])
    dead = uploads.begin(service.background_context(), row, None)
    dead.write(b"half of the bytes")

    def send():
        path, kind = f"/tickets/{image['id']}/file", {"content-type": "application/octet-stream"}
        return cloud.anonymous.put("image", path, raw=DATA, headers={**kind, **headers}).status

    assert send() == 204
    assert member.get(f"/v2/images/{image['id']}/file").body == DATA
    with pytest.raises(UploadLost):
        dead.finish()
    dead.abort()
    assert send() == 204, "what has arrived need not arrive again"
    assert member.get(f"/v2/images/{image['id']}/file").body == DATA
    files = [path.name for path in (cloud.process.state / "images").rglob(f"{image['id']}*")]
    assert len(files) == 1
