"""Flavors: what administrators make, what projects see."""

import pytest

FLAVORS = "/flavors"


def make_flavor(admin, id="1", name=None, ram=512, vcpus=1, disk=1, version=None, **fields):
    body = {
        "flavor": {"id": id, "name": name or f"m1.{id}", "ram": ram, "vcpus": vcpus, "disk": disk, **fields}
    }
    answer = admin.post(FLAVORS, body, version=version)
    assert answer.status == 200, answer
    return answer.json["flavor"]


def test_a_flavor_is_shown_as_each_version_has_it(admin, member):
    make_flavor(admin)
    old = member.get(f"{FLAVORS}/1").json["flavor"]
    assert set(old) == {
        "id", "name", "ram", "disk", "vcpus", "swap", "rxtx_factor", "links", "OS-FLV-EXT-DATA:ephemeral",
        "OS-FLV-DISABLED:disabled", "os-flavor-access:is_public",
    }  # fmt: skip
    assert (old["swap"], old["rxtx_factor"]) == ("", 1.0)
    new = member.get(f"{FLAVORS}/1", version="2.75").json["flavor"]
    assert (new["swap"], new["description"], new["extra_specs"]) == (0, None, {})
    assert [link["rel"] for link in new["links"]] == ["self", "bookmark"]


def test_only_administrators_make_and_delete_flavors(admin, member):
    body = {"flavor": {"name": "x", "ram": 1, "vcpus": 1, "disk": 0}}
    assert member.post(FLAVORS, body).status == 403
    made = admin.post(FLAVORS, body).json["flavor"]
    assert len(made["id"]) == 36
    assert admin.delete(f"{FLAVORS}/{made['id']}").status == 202
    gone = admin.get(f"{FLAVORS}/{made['id']}")
    assert gone.status == 404
    assert gone.json["itemNotFound"]["message"] == f"Flavor {made['id']} could not be found."


@pytest.mark.parametrize(
    "fields", [{"ram": 0}, {"ram": "x"}, {"vcpus": 0}, {"disk": -1}, {"name": ""}, {"name": " a"},
               {"rxtx_factor": 0}, {"id": "a/b"}, {"colour": "red"}, {"description": "too early"}],
)  # fmt: skip
def test_bad_flavors_are_refused(admin, fields):
    body = {"flavor": {"name": "x", "ram": 1, "vcpus": 1, "disk": 0, **fields}}
    assert admin.post(FLAVORS, body).status == 400


def test_names_and_ids_are_taken_once(admin):
    make_flavor(admin)
    again = admin.post(FLAVORS, {"flavor": {"id": "1", "name": "y", "ram": 1, "vcpus": 1, "disk": 0}})
    assert (again.status, again.json["conflictingRequest"]["message"]) == (
        409, "Flavor with ID 1 already exists.",
    )  # fmt: skip
    named = {"flavor": {"id": "2", "name": "m1.1", "ram": 1, "vcpus": 1, "disk": 0}}
    assert admin.post(FLAVORS, named).status == 409


def test_lists_are_filtered_sorted_and_paged(admin, member):
    make_flavor(admin, "a", ram=512, disk=1)
    make_flavor(admin, "b", ram=1024, disk=2)
    make_flavor(admin, "c", ram=2048, disk=3)

    def ids(query):
        return [flavor["id"] for flavor in member.get(f"{FLAVORS}?{query}").json["flavors"]]

    assert ids("") == ["a", "b", "c"]
    assert ids("minRam=1024") == ["b", "c"]
    assert ids("minDisk=3") == ["c"]
    assert ids("sort_key=memory_mb&sort_dir=desc") == ["c", "b", "a"]
    assert ids("marker=a&limit=1") == ["b"]
    page = member.get(f"{FLAVORS}/detail?limit=2").json
    assert page["flavors_links"][0]["rel"] == "next"
    for query in ("minRam=x", "limit=-1", "marker=nope", "sort_key=nope", "is_public=maybe"):
        assert member.get(f"{FLAVORS}?{query}").status == 400, query
    assert member.get(f"{FLAVORS}?colour=red").status == 200
    assert member.get(f"{FLAVORS}?colour=red", version="2.75").status == 400


def test_private_flavors_are_for_those_who_were_let_in(admin, member):
    make_flavor(admin, "p", **{"os-flavor-access:is_public": False})
    assert member.get(f"{FLAVORS}/p").status == 404
    answer = admin.post(f"{FLAVORS}/p/action", {"addTenantAccess": {"tenant": "p1"}})
    assert answer.json == {"flavor_access": [{"flavor_id": "p", "tenant_id": "p1"}]}
    for action in ("addTenantAccess", "removeTenantAccess"):
        refused = admin.post(f"{FLAVORS}/p/action", {action: {"tenant": "nobodys"}})
        assert refused.status == 400
        assert "nobodys is not a valid project" in refused.json["badRequest"]["message"]
    assert admin.post(f"{FLAVORS}/p/action", {"addTenantAccess": {"tenant": "p1"}}).status == 409
    assert member.get(f"{FLAVORS}/p").status == 200
    assert [f["id"] for f in member.get(FLAVORS).json["flavors"]] == ["p"]
    assert admin.get(FLAVORS).json["flavors"] == []
    assert len(admin.get(f"{FLAVORS}?is_public=none").json["flavors"]) == 1
    gone = admin.post(f"{FLAVORS}/p/action", {"removeTenantAccess": {"tenant": "p1"}})
    assert gone.json == {"flavor_access": []}
    assert member.get(f"{FLAVORS}/p").status == 404


def test_extra_specs(admin, member):
    make_flavor(admin)
    specs = f"{FLAVORS}/1/os-extra_specs"
    assert admin.post(specs, {"extra_specs": {"hw:cpu_policy": "shared", "n": "1"}}).status == 200
    assert admin.put(f"{specs}/n", {"n": "2"}).json == {"n": "2"}
    assert admin.put(f"{specs}/n", {"m": "2"}).status == 400
    assert member.get(specs).json == {"extra_specs": {"hw:cpu_policy": "shared", "n": "2"}}
    assert member.get(f"{specs}/n").json == {"n": "2"}
    assert member.delete(f"{specs}/n").status == 403
    deleted = admin.delete(f"{specs}/n")
    assert (deleted.status, deleted.body) == (200, b"")
    assert admin.delete(f"{specs}/n").status == 404
    shown = member.get(f"{FLAVORS}/1", version="2.61").json["flavor"]
    assert shown["extra_specs"] == {"hw:cpu_policy": "shared"}


def test_descriptions(admin):
    make_flavor(admin, version="2.55", description="small")
    answer = admin.put(f"{FLAVORS}/1", {"flavor": {"description": "tiny"}}, version="2.55")
    assert answer.json["flavor"]["description"] == "tiny"
    assert admin.put(f"{FLAVORS}/1", {"flavor": {"description": "tiny"}}).status in (404, 405)
    assert admin.put(f"{FLAVORS}/1", {"flavor": {"name": "x"}}, version="2.55").status == 400


def test_who_may_not_manage_flavors_does_not_learn_which_there_are(admin, member):
    make_flavor(admin, id="p", name="private", **{"os-flavor-access:is_public": False})
    for flavor in ("p", "no-such-flavor"):
        for action in ("addTenantAccess", "removeTenantAccess"):
            assert member.post(f"{FLAVORS}/{flavor}/action", {action: {"tenant": "p1"}}).status == 403
        assert member.delete(f"{FLAVORS}/{flavor}").status == 403
        assert member.get(f"{FLAVORS}/{flavor}").status == 404
        assert member.get(f"{FLAVORS}/{flavor}/os-extra_specs").status == 404
    assert admin.delete(f"{FLAVORS}/no-such-flavor").status == 404
