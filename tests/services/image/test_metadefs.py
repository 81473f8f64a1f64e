"""Definitions: namespaces, and the objects, properties, tags and types of resources in them."""

import pytest

ROOT = "/v2/metadefs/namespaces"
SIZE = {"size": {"title": "Size", "type": "integer"}}
PROPERTY = {"name": "cores", "title": "Cores", "type": "integer", "minimum": 1, "enum": [1, 2]}


def make_namespace(admin, name="OS::Compute::CPU", **fields):
    answer = admin.post(ROOT, {"namespace": name, "visibility": "public", **fields})
    assert answer.status == 201, answer
    return answer.json


def test_a_namespace_from_birth_to_death(admin):
    made = make_namespace(admin, display_name="CPUs", description="all of them", protected=True)
    assert made["self"] == f"{ROOT}/OS%3A%3ACompute%3A%3ACPU"
    assert admin.get(f"{ROOT}/OS::Compute::CPU").json == made
    assert admin.post(ROOT, {"namespace": "OS::Compute::CPU"}).status == 409
    assert admin.delete(f"{ROOT}/OS::Compute::CPU").status == 403
    changed = admin.put(
        f"{ROOT}/OS::Compute::CPU", {"namespace": "cpus", "protected": False, "visibility": "private"}
    )
    assert (changed.status, changed.json["visibility"], changed.json["description"]) == (
        200,
        "private",
        "all of them",
    )
    assert admin.get(f"{ROOT}/OS::Compute::CPU").status == 404
    assert admin.delete(f"{ROOT}/cpus").status == 204
    assert admin.delete(f"{ROOT}/cpus").status == 404


def test_a_namespace_can_come_whole(admin, reader):
    body = {
        "resource_type_associations": [{"name": "OS::Nova::Flavor", "prefix": "hw:"}],
        "objects": [{"name": "disk", "required": ["size"], "properties": SIZE}],
        "properties": {"cores": {"title": "Cores", "type": "integer"}},
        "tags": [{"name": "fast"}],
    }
    make_namespace(admin, "whole", **body)
    shown = reader.get(f"{ROOT}/whole").json
    assert shown["resource_type_associations"][0]["prefix"] == "hw:"
    assert shown["objects"][0]["properties"] == body["objects"][0]["properties"]
    assert shown["properties"] == body["properties"]
    assert shown["tags"] == [{"name": "fast"}]
    admin.delete(f"{ROOT}/whole")
    make_namespace(admin, "whole")
    assert "objects" not in admin.get(f"{ROOT}/whole").json, "all of it went with the first"


def test_who_sees_and_changes_namespaces(admin, member, reader, stranger):
    make_namespace(admin, "open")
    make_namespace(admin, "closed", visibility="private", owner="p1")
    names = [one["namespace"] for one in reader.get(ROOT).json["namespaces"]]
    assert sorted(names) == ["closed", "open"]
    assert [one["namespace"] for one in stranger.get(ROOT).json["namespaces"]] == ["open"]
    assert stranger.get(f"{ROOT}/closed").status == 404
    assert stranger.get(f"{ROOT}/closed/objects").status == 404
    assert member.post(ROOT, {"namespace": "mine"}).status == 403
    assert member.delete(f"{ROOT}/closed").status == 403
    assert member.post(f"{ROOT}/open/properties", PROPERTY).status == 403
    assert [one["namespace"] for one in admin.get(f"{ROOT}?visibility=private").json["namespaces"]] == [
        "closed"
    ]


def test_namespaces_come_in_pages_and_by_type(admin):
    for number in range(5):
        make_namespace(admin, f"n{number}", resource_type_associations=[{"name": f"type{number % 2}"}])
    path, seen = f"{ROOT}?limit=2&sort_key=namespace&sort_dir=asc", []
    while path:
        answer = admin.get(path).json
        seen += [one["namespace"] for one in answer["namespaces"]]
        path = answer.get("next")
    assert seen == [f"n{number}" for number in range(5)]
    found = admin.get(f"{ROOT}?resource_types=type1,other").json["namespaces"]
    assert {one["namespace"] for one in found} == {"n1", "n3"}
    assert "type1" in {one["name"] for one in admin.get("/v2/metadefs/resource_types").json["resource_types"]}


@pytest.mark.parametrize(
    ("kind", "body"),
    [("objects", {"name": "disk", "properties": SIZE}), ("properties", PROPERTY)],
)
def test_definitions(admin, kind, body):
    make_namespace(admin, "n")
    path = f"{ROOT}/n/{kind}"
    made = admin.post(path, body)
    assert made.status == 201
    assert body.items() <= made.json.items()
    assert admin.post(path, body).status == 409
    assert admin.get(f"{path}/{body['name']}").json == made.json
    renamed = admin.put(f"{path}/{body['name']}", {**body, "name": "other", "description": "new"})
    assert (renamed.status, renamed.json["name"], renamed.json["description"]) == (200, "other", "new")
    assert admin.get(f"{path}/{body['name']}").status == 404
    listed = admin.get(path).json[kind]
    assert [one if isinstance(one, str) else one["name"] for one in listed] == ["other"]
    assert admin.delete(f"{path}/other").status == 204
    assert admin.delete(f"{path}/other").status == 404
    admin.post(path, body)
    assert admin.delete(path).status == 204
    assert not admin.get(path).json[kind]
    assert admin.post(path, {"title": "nameless"}).status == 400
    assert admin.get(f"{ROOT}/none/{kind}").status == 404


def test_tags_are_defined_one_by_one_or_all_at_once(admin):
    make_namespace(admin, "n")
    path = f"{ROOT}/n/tags"

    def names():
        return [
            one["name"] for one in admin.get(path, query={"sort_key": "name", "sort_dir": "asc"}).json["tags"]
        ]

    assert admin.post(path, {"tags": [{"name": "b"}, {"name": "a"}]}).status == 201
    assert names() == ["a", "b"]
    assert admin.post(path, {"tags": [{"name": "c"}]}).status == 201
    assert names() == ["c"]
    assert admin.post(path, {"tags": [{"name": "d"}]}, headers={"X-OpenStack-Append": "true"}).status == 201
    assert names() == ["c", "d"]
    assert admin.post(f"{path}/e").status == 201
    assert admin.post(f"{path}/e").status == 409
    assert admin.put(f"{path}/e", {"name": "f"}).json["name"] == "f"
    assert admin.put(f"{path}/f", {"name": "c"}).status == 409
    assert admin.get(f"{path}/f").json["name"] == "f"
    assert admin.delete(f"{path}/f").status == 204
    assert admin.delete(path).status == 204
    assert names() == []
    assert admin.post(path, {"tags": [{"name": "a"}, {"name": "a"}]}).status == 409


def test_a_namespace_is_for_types_of_resources(admin):
    make_namespace(admin, "n")
    path = f"{ROOT}/n/resource_types"
    made = admin.post(path, {"name": "OS::Glance::Image", "prefix": "hw_", "properties_target": "image"})
    assert (made.status, made.json["prefix"]) == (201, "hw_")
    assert admin.post(path, {"name": "OS::Glance::Image"}).status == 409
    assert [one["name"] for one in admin.get(path).json["resource_type_associations"]] == [
        "OS::Glance::Image"
    ]
    assert admin.delete(f"{path}/OS::Glance::Image").status == 204
    assert admin.delete(f"{path}/OS::Glance::Image").status == 404


def test_what_is_protected_stays_whole(admin):
    make_namespace(admin, "n", protected=True, tags=[{"name": "a"}])
    assert admin.delete(f"{ROOT}/n/tags/a").status == 403
    assert admin.delete(f"{ROOT}/n/tags").status == 403


@pytest.mark.parametrize(
    ("name", "called"),
    [
        ("namespace", "namespace"),
        ("namespaces", "namespaces"),
        ("object", "object"),
        ("objects", "objects"),
        ("property", "property"),
        ("properties", "properties"),
        ("tag", "tag"),
        ("tags", "tags"),
        ("resource_type", "resource_type_association"),
        ("resource_types", "resource_type_associations"),
    ],
)
def test_schemas_of_definitions(reader, name, called):
    assert reader.get(f"/v2/schemas/metadefs/{name}").json["name"] == called
