"""Aggregates: sets of hosts, their properties, and the zones that some of them are."""

import pytest

PATH = "/os-aggregates"


@pytest.fixture
def aggregate(admin):
    return make_aggregate(admin)


def make_aggregate(admin, name="fast", **fields):
    answer = admin.post(PATH, {"aggregate": {"name": name, **fields}})
    assert answer.status == 200, answer
    return answer.json["aggregate"]["id"]


def act(admin, aggregate, **action):
    return admin.post(f"{PATH}/{aggregate}/action", action)


def test_create_show_update_delete(admin):
    made = admin.post(PATH, {"aggregate": {"name": "fast", "availability_zone": "z1"}}, version="2.41")
    shape = {
        "id", "uuid", "name", "availability_zone", "created_at", "updated_at", "deleted", "deleted_at",
    }  # fmt: skip
    assert set(made.json["aggregate"]) == shape
    number = made.json["aggregate"]["id"]
    shown = admin.get(f"{PATH}/{number}").json["aggregate"]
    assert set(shown) == shape - {"uuid"} | {"hosts", "metadata"}
    assert (shown["metadata"], shown["hosts"]) == ({"availability_zone": "z1"}, [])
    changed = admin.put(f"{PATH}/{number}", {"aggregate": {"name": "faster"}}).json["aggregate"]
    assert (changed["name"], changed["availability_zone"]) == ("faster", "z1")
    assert changed["updated_at"]
    assert [each["name"] for each in admin.get(PATH).json["aggregates"]] == ["faster"]
    gone = admin.delete(f"{PATH}/{number}")
    assert (gone.status, gone.body) == (200, b"")
    assert admin.get(f"{PATH}/{number}").status == 404


def test_names_are_taken_once(admin, aggregate):
    assert admin.post(PATH, {"aggregate": {"name": "fast"}}).status == 409
    other = make_aggregate(admin, "slow")
    assert admin.put(f"{PATH}/{other}", {"aggregate": {"name": "fast"}}).status == 409


@pytest.mark.parametrize(
    "fields",
    [
        {"name": ""},
        {"name": "x" * 256},
        {"availability_zone": "a:b", "name": "x"},
        {"name": "x", "hosts": []},
    ],
)
def test_bad_ones_are_refused(admin, fields):
    assert admin.post(PATH, {"aggregate": fields}).status == 400


def test_ids_that_are_none(admin):
    assert admin.get(f"{PATH}/-1").status == 404
    assert admin.get(f"{PATH}/{2**70}").status == 400
    assert admin.get(f"{PATH}/first").status == 400
    assert admin.delete(f"{PATH}/77").status == 404


def test_who_may(member, aggregate):
    assert member.get(PATH).status == 403
    assert member.post(PATH, {"aggregate": {"name": "x"}}).status == 403
    assert member.get(f"{PATH}/{aggregate}").status == 403


def test_hosts_come_and_go(cloud, admin, aggregate):
    cloud.add_host()
    added = act(admin, aggregate, add_host={"host": "host-1"})
    assert added.json["aggregate"]["hosts"] == ["host-1"]
    assert act(admin, aggregate, add_host={"host": "host-1"}).status == 409
    assert act(admin, aggregate, add_host={"host": "host-9"}).status == 404
    full = admin.delete(f"{PATH}/{aggregate}")
    assert (full.status, "not empty" in full.json["badRequest"]["message"]) == (400, True)
    assert act(admin, aggregate, remove_host={"host": "host-1"}).json["aggregate"]["hosts"] == []
    assert act(admin, aggregate, remove_host={"host": "host-1"}).status == 404


def test_properties(admin, aggregate):
    act(admin, aggregate, set_metadata={"metadata": {"ssd": "true", "gen": "4"}})
    changed = act(admin, aggregate, set_metadata={"metadata": {"gen": None, "x": ""}}).json["aggregate"]
    assert changed["metadata"] == {"ssd": "true", "x": ""}
    assert act(admin, aggregate, set_metadata={"metadata": {"n": 1}}).status == 400
    assert act(admin, aggregate, set_metadata={"metadata": {"availability_zone": ""}}).status == 400


def test_a_host_is_in_one_zone(cloud, admin):
    cloud.add_host()
    first, second = make_aggregate(admin, "a", availability_zone="z1"), make_aggregate(admin, "b")
    act(admin, first, add_host={"host": "host-1"})
    act(admin, second, add_host={"host": "host-1"})
    refused = act(admin, second, set_metadata={"metadata": {"availability_zone": "z2"}})
    assert (refused.status, "already in" in refused.json["badRequest"]["message"]) == (400, True)
    third = make_aggregate(admin, "c", availability_zone="z3")
    assert act(admin, third, add_host={"host": "host-1"}).status == 409


def test_servers_are_made_in_the_zone_that_is_asked_for(stocked, admin, member):
    stocked.add_host("host-2")
    zone = make_aggregate(admin, "a", availability_zone="z1")
    act(admin, zone, add_host={"host": "host-2"})
    server = member.create(availability_zone="z1")
    shown = admin.show(server)
    assert (shown["OS-EXT-SRV-ATTR:host"], shown["OS-EXT-AZ:availability_zone"]) == ("host-2", "z1")
    elsewhere = admin.show(member.create(availability_zone="nova"))
    assert elsewhere["OS-EXT-SRV-ATTR:host"] == "host-1"
    # its servers keep a host in its zone
    refused = act(admin, zone, set_metadata={"metadata": {"availability_zone": "z2"}})
    assert (refused.status, "contain instances" in refused.json["badRequest"]["message"]) == (400, True)
    act(admin, zone, remove_host={"host": "host-2"})
    assert admin.show(server)["OS-EXT-AZ:availability_zone"] == "nova"
