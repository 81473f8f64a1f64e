"""The way of a request: refusals in the right order and dialect, versions, bodies, lists, streams."""

import logging

import pytest


def make_box(user, name="red", **fields):
    answer = user.post("boxes", "/v2.1/boxes", {"box": {"name": name, **fields}})
    assert answer.status == 202, answer
    return answer.json["box"]


def test_create_show_update_delete(member):
    box = make_box(member)
    path = f"/v2.1/boxes/{box['id']}"
    assert member.get("boxes", path).json == {"box": {"id": "box-red", "name": "red"}}
    assert member.put("boxes", path, {"box": {"name": "blue"}}).json["box"]["name"] == "blue"
    assert member.delete("boxes", path).status == 204
    gone = member.get("boxes", path)
    assert gone.status == 404
    assert gone.json == {"itemNotFound": {"code": 404, "message": "Box box-red could not be found."}}


def test_every_answer_has_a_request_id_and_keeps_a_given_one(cloud, member):
    assert cloud.anonymous.get("boxes", "/").headers["x-openstack-request-id"].startswith("req-")
    given = "req-7d1f5b6e-3a53-4c8e-a5cf-77a3cba1c0e2"
    answer = member.get("boxes", "/v2.1/boxes", headers={"X-OpenStack-Request-ID": given})
    assert answer.headers["x-openstack-request-id"] == given


def test_without_a_token_only_public_routes_answer(cloud):
    assert cloud.anonymous.get("boxes", "/").status == 200
    refused = cloud.anonymous.get("boxes", "/v2.1/boxes")
    assert refused.status == 401
    assert refused.json["error"]["code"] == 401
    assert refused.headers["www-authenticate"].startswith("Keystone uri=")
    assert cloud.user("nonsense").get("boxes", "/v2.1/boxes").status == 401
    assert cloud.anonymous.get("boxes", "/v2.1/no/such/path").status == 401


def test_who_may_what(cloud, member):
    make_box(member)
    assert cloud.user("reader").get("boxes", "/v2.1/boxes/box-red").status == 200
    refused = cloud.user("reader").delete("boxes", "/v2.1/boxes/box-red")
    assert refused.status == 403
    assert refused.json["forbidden"]["message"] == "Policy doesn't allow boxes:write to be performed."
    assert cloud.user("stranger").get("boxes", "/v2.1/boxes/box-red").status == 404


def test_fields_that_a_policy_guards(cloud, member):
    make_box(member)
    assert "OS-EXT:place" not in member.get("boxes", "/v2.1/boxes/box-red").json["box"]
    shown = cloud.user("admin").get("boxes", "/v2.1/boxes/box-red").json["box"]
    assert shown["OS-EXT:place"] == "shelf of red"
    assert member.post("boxes", "/v2.1/boxes", {"box": {"name": "x", "weight": 3}}).status == 403


def test_fields_come_with_their_microversion(member):
    refused = member.post("boxes", "/v2.1/boxes", {"box": {"name": "a", "size": "big"}})
    assert refused.status == 400
    assert "'size' was unexpected" in refused.json["badRequest"]["message"]
    answer = member.post("boxes", "/v2.1/boxes", {"box": {"name": "a", "size": "big"}}, version="2.5")
    assert answer.json["box"]["size"] == "big"
    assert answer.headers["openstack-api-version"] == "boxes 2.5"
    legacy = member.get("boxes", "/v2.1/boxes/box-a", headers={"X-OpenStack-Boxes-API-Version": "latest"})
    assert legacy.headers["x-openstack-boxes-api-version"] == "2.10"


@pytest.mark.parametrize(("asked", "status"), [("2.11", 406), ("1.0", 406), ("two", 400), ("2.10", 200)])
def test_versions_that_are_not_served(member, asked, status):
    assert member.get("boxes", "/v2.1/boxes", version=asked).status == status


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b'"box"', b"{}", b'{"box": []}', b'{"box": {}}', b'{"box": {"name": 7}}',
     b'{"box": {"name": ""}}', b'{"box": {"name": "' + b"x" * 256 + b'"}}', b"[" * 5000,
     b'{"box": {"name": "a", "colour": "red"}}', b'{"box": {"name": "\\u0000"}}', b"\xff\xfe"],
)  # fmt: skip
def test_bad_bodies_are_bad_requests(member, body):
    answer = member.post("boxes", "/v2.1/boxes", raw=body)
    assert answer.status == 400, answer
    assert answer.json["badRequest"]["message"]


def test_bodies_too_large_or_of_another_kind(member):
    assert member.post("boxes", "/v2.1/boxes", raw=b" " * 20_000).status == 413
    answer = member.post("boxes", "/v2.1/boxes", raw=b"<box/>", headers={"Content-Type": "text/xml"})
    assert answer.status == 415


def test_actions(member):
    make_box(member)
    path = "/v2.1/boxes/box-red/action"
    assert member.post("boxes", path, {"open": {"how": "HARD"}}).json == {"opened": "red", "how": "HARD"}
    assert member.post("boxes", path, {"open": {"how": "never"}}).status == 400
    assert member.post("boxes", path, {"smash": None}).status == 400
    assert member.post("boxes", path, {"shut": None}).status == 400
    assert member.post("boxes", path, {"shut": None}, version="2.3").status == 202


def test_methods_and_paths(member):
    make_box(member)
    answer = member.request("PATCH", "boxes", "/v2.1/boxes/box-red", {})
    assert (answer.status, answer.headers["allow"]) == (405, "DELETE, GET, PUT")
    assert member.get("boxes", "/v2.1/boxes/box-red/parts/a%2Fb").json == {"of": "red", "key": "a/b"}
    assert member.get("boxes", "/v2.1/boxes/").status == 200


def test_lists_in_pages(member):
    for name in ("a", "b", "c"):
        make_box(member, name)
    first = member.get("boxes", "/v2.1/boxes?limit=2&sort_key=name&sort_dir=desc").json
    assert [box["name"] for box in first["boxes"]] == ["c", "b"]
    path = first["boxes_links"][0]["href"].split("8774", 1)[1]
    assert [box["name"] for box in member.get("boxes", path).json["boxes"]] == ["a"]
    assert [box["name"] for box in member.get("boxes", "/v2.1/boxes?name=b").json["boxes"]] == ["b"]
    for query in ("limit=-1", "limit=x", "sort_key=id", "sort_key=name&sort_dir=up", "marker=gone"):
        assert member.get("boxes", f"/v2.1/boxes?{query}").status == 400, query


def test_streams(cloud, member):
    make_box(member)
    answer = member.put("boxes", "/v2.1/boxes/box-red/file", raw=b"x" * 200_000)
    assert answer.json == {"box": "red", "bytes": 200_000}
    assert answer.headers["x-openstack-request-id"]
    assert cloud.user("reader").put("boxes", "/v2.1/boxes/box-red/file", raw=b"x").status == 403


def test_an_answer_without_authorisation_is_never_sent(member):
    make_box(member)
    answer = member.get("boxes", "/v2.1/boxes/box-red/careless")
    assert answer.status == 500
    assert b"red" not in answer.body


def test_an_unforeseen_failure_tells_nothing(member):
    make_box(member)
    answer = member.get("boxes", "/v2.1/boxes/box-red/broken")
    assert answer.status == 500
    assert b"division" not in answer.body


def test_the_access_log_says_what_was_answered(cloud, member, caplog):
    caplog.set_level(logging.INFO, logger="nacre.access")
    member.post("boxes", "/v2.1/boxes", {"box": {"name": "a"}})
    member.put("boxes", "/v2.1/boxes/box-a/file", raw=b"x")
    member.put("boxes", "/v2.1/boxes/box-a/quiet", raw=b"x")
    member.put("boxes", "/v2.1/boxes/box-b/file", raw=b"x")
    lines = [record.getMessage().split() for record in caplog.records if record.name == "nacre.access"]
    assert [(line[0], line[1].rpartition("/")[2], line[-1]) for line in lines] == [
        ("POST", "boxes", "202"),
        ("PUT", "file", "200"),
        ("PUT", "quiet", "204"),
        ("PUT", "file", "404"),
    ]
