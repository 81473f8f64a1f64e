"""What operators see of servers that get another size."""

import pytest

from nacre.services.compute.agent.drivers.simulated import Failure


@pytest.fixture
def server_id(stocked, member, admin):
    admin.post("/flavors", {"flavor": {"id": "2", "name": "big", "ram": 1024, "vcpus": 2, "disk": 2}})
    return member.create()


def resize(member, server_id, status="VERIFY_RESIZE"):
    assert member.act(server_id, resize={"flavorRef": "2", "OS-DCF:diskConfig": "AUTO"}).status == 202
    return member.await_status(server_id, status)


def migrations(admin, query="", version="2.80"):
    answer = admin.get(f"/os-migrations?{query}", version=version)
    assert answer.status == 200, answer
    return answer.json["migrations"]


def test_a_resize_is_one(stocked, member, admin, server_id):
    assert migrations(admin) == []
    assert resize(member, server_id)["OS-DCF:diskConfig"] == "AUTO"
    (shown,) = migrations(admin)
    wanted = {
        "instance_uuid": server_id, "status": "finished", "migration_type": "resize", "source_compute": "host-1",
        "dest_compute": "host-1", "old_instance_type_id": 1, "new_instance_type_id": 2, "user_id": "u1",
        "project_id": "p1",
    }  # fmt: skip
    assert {name: shown[name] for name in wanted} == wanted
    assert not {"uuid", "migration_type", "user_id"} & set(migrations(admin, version="2.1")[0])
    assert member.act(server_id, confirmResize=None).status == 204
    member.await_status(server_id, "ACTIVE")
    assert migrations(admin)[0]["status"] == "confirmed"


def test_other_ends(stocked, member, admin, server_id):
    resize(member, server_id)
    member.act(server_id, revertResize=None)
    member.await_status(server_id, "ACTIVE")
    resize(member, server_id)
    member.delete(f"/servers/{server_id}")
    member.await_gone(server_id)
    other = member.create()
    stocked.drivers["host-1"].fail(Failure(verb="ensure"))
    resize(member, other, "ERROR")
    assert [each["status"] for each in migrations(admin)] == ["error", "confirmed", "reverted"]


def test_lists(stocked, member, admin, server_id):
    for _ in range(3):
        resize(member, server_id)
        member.act(server_id, revertResize=None)
        member.await_status(server_id, "ACTIVE")
    ids = [each["id"] for each in migrations(admin)]
    assert ids == sorted(ids, reverse=True)
    first = admin.get("/os-migrations?limit=2", version="2.59").json
    assert [each["id"] for each in first["migrations"]] == ids[:2]
    marker = first["migrations"][-1]["uuid"]
    assert f"marker={marker}" in first["migrations_links"][0]["href"]
    assert [each["id"] for each in migrations(admin, f"limit=2&marker={marker}")] == ids[2:]
    for query, found in (
        ("host=host-1", 3), ("host=host-2", 0), ("status=reverted", 3), ("status=error", 0), ("user_id=u1", 3),
        ("project_id=p2", 0), (f"instance_uuid={server_id}", 3), ("migration_type=live-migration", 0),
        ("changes-since=2999-01-01T00:00:00Z", 0), ("changes-before=2999-01-01T00:00:00Z", 3),
    ):  # fmt: skip
        assert len(migrations(admin, query)) == found, query


def test_who_may_ask_and_what(member, admin):
    assert member.get("/os-migrations").status == 403
    assert admin.get("/os-migrations?colour=red", version="2.58").status == 200
    for query, version in (
        ("colour=red", "2.59"), ("user_id=u1", "2.79"), ("changes-before=2020-01-01T00:00:00Z", "2.65"),
        ("marker=11111111-2222-3333-4444-555555555555", "2.59"), ("limit=-1", "2.59"),
    ):  # fmt: skip
        assert admin.get(f"/os-migrations?{query}", version=version).status == 400, query
