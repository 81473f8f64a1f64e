"""Server groups: their policies by microversion, their members, their quota."""

import pytest

PATH = "/os-server-groups"


def make_group(user, version="2.64", name="g", **fields):
    if version == "2.64":
        fields = {"policy": "anti-affinity", **fields}
    return user.post(PATH, {"server_group": {"name": name, **fields}}, version=version)


def test_shapes_by_microversion(member):
    old = make_group(member, "2.1", policies=["affinity"])
    assert old.status == 200
    assert set(old.json["server_group"]) == {"id", "name", "policies", "members", "metadata"}
    later = make_group(member, "2.15", policies=["soft-affinity"]).json["server_group"]
    assert (later["project_id"], later["user_id"]) == ("p1", "u1")
    new = make_group(member, rules={"max_server_per_host": "3"}).json["server_group"]
    assert set(new) == {"id", "name", "policy", "rules", "members", "project_id", "user_id"}
    assert new["rules"] == {"max_server_per_host": 3}
    shown = member.get(f"{PATH}/{new['id']}", version="2.13").json["server_group"]
    assert shown["policies"] == ["anti-affinity"]


@pytest.mark.parametrize(
    ("version", "fields"),
    [
        ("2.1", {"policies": []}),
        ("2.1", {"policies": ["affinity", "anti-affinity"]}),
        ("2.14", {"policies": ["soft-affinity"]}),
        ("2.15", {"policies": ["nearby"]}),
        ("2.63", {"policy": "affinity"}),
        ("2.64", {"policy": "affinity", "rules": {"max_server_per_host": 2}}),
        ("2.64", {"policy": "anti-affinity", "rules": {"max_server_per_host": 0}}),
        ("2.64", {"policy": "anti-affinity", "rules": {"other": 1}}),
        ("2.64", {"policy": "affinity", "name": " x"}),
        ("2.64", {"policy": "affinity", "name": ""}),
    ],
)
def test_what_is_refused(member, version, fields):
    assert make_group(member, version, **fields).status == 400


def test_lists(admin, member, stranger):
    ids = [make_group(member, name=name).json["server_group"]["id"] for name in "abc"]
    theirs = make_group(stranger).json["server_group"]["id"]
    listed = member.get(f"{PATH}?limit=2&offset=1", version="2.64").json["server_groups"]
    assert [each["id"] for each in listed] == ids[1:]
    everybody = {each["id"] for each in admin.get(f"{PATH}?all_projects=1").json["server_groups"]}
    assert everybody == {*ids, theirs}
    assert len(member.get(f"{PATH}?all_projects=1").json["server_groups"]) == 3
    assert member.get(f"{PATH}?colour=red", version="2.75").status == 400
    assert member.get(f"{PATH}/{theirs}").status == 404
    assert admin.get(f"{PATH}/{theirs}").status == 200


def test_members_come_and_go(stocked, member):
    group = make_group(member).json["server_group"]["id"]
    server = member.create(version="2.64", hints={"group": group})
    assert member.get(f"{PATH}/{group}").json["server_group"]["members"] == [server]
    assert member.get(PATH).json["server_groups"][0]["members"] == [server]
    member.delete(f"/servers/{server}")
    member.await_gone(server)
    assert member.get(f"{PATH}/{group}").json["server_group"]["members"] == []


def test_a_group_goes_and_its_servers_stay(stocked, member):
    group = make_group(member).json["server_group"]["id"]
    server = member.create(version="2.64", hints={"group": group})
    assert member.delete(f"{PATH}/{group}").status == 204
    again = member.delete(f"{PATH}/{group}")
    message = f"Instance group {group} could not be found."
    assert (again.status, again.json["itemNotFound"]["message"]) == (404, message)
    assert member.show(server)["status"] == "ACTIVE"


def test_the_quota(member, admin):
    for number in range(10):
        assert make_group(member, name=f"g{number}").status == 200
    over = make_group(member)
    assert over.json["forbidden"]["message"] == "Quota exceeded, too many server groups."
    assert over.status == 403
