"""Backups of servers: series of images, of which only the newest few stay."""

import pytest
from tests.services.compute.conftest import eventually

from nacre.kernel import tasks
from nacre.kernel.testing.workflows import rehearsals
from nacre.services.compute.app import jobs


@pytest.fixture
def server_id(stocked, member):
    return member.create()


def back_up(member, server_id, name, version="2.45", **fields):
    body = {"name": name, "backup_type": "daily", "rotation": 2, **fields}
    return member.act(server_id, version=version, createBackup=body)


def names(member, query="image_type=backup&sort=created_at:asc"):
    return [each["name"] for each in member.request("GET", "image", f"/v2/images?{query}").json["images"]]


def finish(member, server_id, image_id):
    path = f"/v2/images/{image_id}"
    eventually(lambda: member.request("GET", "image", path).json["status"] == "active", "the backup")
    member.await_status(server_id, "ACTIVE")


def test_a_series_keeps_its_newest(stocked, member, server_id):
    made = {}
    for name in ("one", "two", "three"):
        answer = back_up(member, server_id, name, metadata={"why": "habit"})
        assert answer.status == 202, answer
        made[name] = answer.json["image_id"]
        finish(member, server_id, made[name])
    eventually(lambda: names(member) == ["two", "three"], "the rotation")
    image = member.request("GET", "image", f"/v2/images/{made['three']}").json
    wanted = {"image_type": "backup", "backup_type": "daily", "instance_uuid": server_id, "why": "habit"}
    assert {key: image[key] for key in wanted} == wanted
    listed = member.get(f"/servers/{server_id}/os-instance-actions").json["instanceActions"]
    assert [each["action"] for each in listed] == ["createBackup"] * 3 + ["create"]


def test_other_series_other_servers_and_protected_backups_stay(stocked, member, server_id):
    other = member.create()
    first = back_up(member, server_id, "protected").json["image_id"]
    finish(member, server_id, first)
    patch = [{"op": "replace", "path": "/protected", "value": True}]
    headers = {"content-type": "application/openstack-images-v2.1-json-patch"}
    assert member.request("PATCH", "image", f"/v2/images/{first}", patch, headers=headers).status == 200
    finish(member, server_id, back_up(member, server_id, "weekly", backup_type="weekly").json["image_id"])
    finish(member, other, back_up(member, other, "other").json["image_id"])
    for name in ("a", "b", "c"):
        finish(member, server_id, back_up(member, server_id, name, rotation=1).json["image_id"])
    eventually(lambda: names(member) == ["protected", "weekly", "other", "c"], "the rotation")


def test_where_the_new_backup_is_told(member, server_id):
    old = back_up(member, server_id, "kept", version="2.44")
    assert (old.status, old.body) == (202, b"")
    finish(member, server_id, old.headers["location"].rpartition("/")[2])
    gone = back_up(member, server_id, "not kept", version="2.44", rotation=0)
    assert gone.status == 202
    assert "location" not in gone.headers
    eventually(lambda: names(member) == [], "the end of all backups")


def test_what_is_refused(stocked, member, stranger, server_id):
    for bad in ({"rotation": -1}, {"rotation": "x"}, {"name": ""}, {"backup_type": None}, {"extra": 1},
                {"metadata": {"": "x"}}):  # fmt: skip
        assert back_up(member, server_id, **{"name": "x", **bad}).status == 400, bad
    assert member.act(server_id, createBackup={"name": "x"}).status == 400
    assert back_up(stranger, server_id, "x").status == 404
    stocked.compute.runner.stop()
    assert back_up(member, server_id, "one").status == 202
    assert back_up(member, server_id, "two").status == 409


def rotations(cloud):
    found = cloud.compute.db.read(tasks.jobs.page, wanted={"kind": jobs.ROTATE.name})
    return [job.state for job in found]


@pytest.mark.parametrize("rehearsal", rehearsals(jobs.ROTATE), ids=str)
def test_rotating(rehearsal, stocked, member, server_id):
    for name in ("one", "two"):
        finish(member, server_id, back_up(member, server_id, name).json["image_id"])
    eventually(lambda: rotations(stocked) == [tasks.JobState.DONE] * 2, "rest")
    series = jobs.BackupRotation(server_id, "p1", "daily", 1)
    resource = jobs.backups_of(server_id)

    def begin():
        stocked.compute.db.run(
            lambda tx: tasks.start(
                tx, jobs.ROTATE, series, resource=resource, ctx=stocked.compute.background_context()
            )
        )

    rehearsal.play(stocked.compute.runner, begin)
    assert names(member)[-1] == "two"
    if rehearsal.succeeds:
        assert names(member) == ["two"]
