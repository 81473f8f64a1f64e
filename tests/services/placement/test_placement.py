"""Providers, inventories, claims and candidates, as a scheduler uses them."""

import threading

import pytest

from nacre.kernel.ids import new_id


def uuids(answer):
    return {uuid for request in answer.json["allocation_requests"] for uuid in request["allocations"]}


def test_a_provider_from_birth_to_death(admin):
    uuid = admin.make_provider("host-1", {"VCPU": 4}, traits=["HW_CPU_X86_VMX"])
    shown = admin.get(f"/resource_providers/{uuid}").json
    assert (shown["name"], shown["generation"], shown["root_provider_uuid"]) == ("host-1", 2, uuid)
    assert admin.get(f"/resource_providers/{uuid}/traits").json["traits"] == ["HW_CPU_X86_VMX"]
    assert admin.post("/resource_providers", {"name": "host-1"}).status == 409
    assert admin.put(f"/resource_providers/{uuid}", {"name": "host-2"}).json["name"] == "host-2"
    assert [
        one["uuid"] for one in admin.get("/resource_providers?name=host-2").json["resource_providers"]
    ] == [uuid]
    assert admin.delete(f"/resource_providers/{uuid}").status == 204
    gone = admin.get(f"/resource_providers/{uuid}")
    assert gone.status == 404
    assert gone.json["errors"][0]["detail"] == f"No resource provider with uuid {uuid} found"


def test_old_microversions_have_old_shapes(admin):
    created = admin.post("/resource_providers", {"name": "host-1"}, version="1.0")
    assert created.status == 201
    assert created.body == b""
    uuid = created.headers["location"].rsplit("/", 1)[1]
    assert set(admin.get(f"/resource_providers/{uuid}", version="1.0").json) == {
        "uuid",
        "name",
        "generation",
        "links",
    }
    assert admin.get("/traits", version="1.5").status == 404
    assert "last-modified" not in admin.get(f"/resource_providers/{uuid}", version="1.14").headers
    assert "last-modified" in admin.get(f"/resource_providers/{uuid}", version="1.15").headers


def test_generations_guard_writes(admin):
    uuid = admin.make_provider("host-1", {"VCPU": 4})
    body = {"resource_provider_generation": 0, "inventories": {"VCPU": {"total": 8}}}
    refused = admin.put(f"/resource_providers/{uuid}/inventories", body)
    assert refused.status == 409
    assert refused.json["errors"][0]["code"] == "placement.concurrent_update"


def test_claims_fill_a_provider_and_give_back(admin):
    uuid, consumer, other = admin.make_provider("host-1", {"VCPU": 4, "MEMORY_MB": 1024}), new_id(), new_id()
    assert admin.claim(consumer, {uuid: {"VCPU": 3, "MEMORY_MB": 512}}).status == 204
    assert admin.get(f"/resource_providers/{uuid}/usages").json["usages"] == {"VCPU": 3, "MEMORY_MB": 512}
    refused = admin.claim(other, {uuid: {"VCPU": 2}})
    assert refused.status == 409
    assert "VCPU" in refused.json["errors"][0]["detail"]
    assert admin.get(f"/allocations/{other}").json["allocations"] == {}
    assert admin.claim(consumer, {uuid: {"VCPU": 4}}, generation=1).status == 204
    assert admin.get(f"/resource_providers/{uuid}/usages").json["usages"] == {"VCPU": 4, "MEMORY_MB": 0}
    assert admin.get("/usages?project_id=p1", version="1.30").json["usages"] == {"VCPU": 4}
    assert admin.delete(f"/resource_providers/{uuid}").status == 409
    assert admin.delete(f"/allocations/{consumer}").status == 204
    assert admin.delete(f"/allocations/{consumer}").status == 404
    assert admin.delete(f"/resource_providers/{uuid}").status == 204


def test_an_inventory_in_use_stays(admin):
    uuid, consumer = admin.make_provider("host-1", {"VCPU": 4, "DISK_GB": 10}), new_id()
    admin.claim(consumer, {uuid: {"VCPU": 1}})
    assert admin.delete(f"/resource_providers/{uuid}/inventories/DISK_GB").status == 204
    refused = admin.delete(f"/resource_providers/{uuid}/inventories/VCPU")
    assert (refused.status, refused.json["errors"][0]["code"]) == (409, "placement.inventory.inuse")


def test_claims_at_once_never_exceed_a_capacity(admin):
    uuid = admin.make_provider("host-1", {"VCPU": 5})
    answers = []

    def claim():
        answers.append(admin.claim(new_id(), {uuid: {"VCPU": 1}}).status)

    threads = [threading.Thread(target=claim) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [204] * 5 + [409] * 7
    assert admin.get(f"/resource_providers/{uuid}/usages").json["usages"] == {"VCPU": 5}


def test_claims_of_several_consumers_are_all_or_nothing(admin):
    one, two = admin.make_provider("one", {"VCPU": 2}), admin.make_provider("two", {"VCPU": 2})
    server, migration = new_id(), new_id()
    admin.claim(server, {one: {"VCPU": 2}})
    owner = {"project_id": "p1", "user_id": "u1", "consumer_type": "INSTANCE"}
    body = {
        migration: {"allocations": {one: {"resources": {"VCPU": 2}}}, "consumer_generation": None, **owner},
        server: {"allocations": {two: {"resources": {"VCPU": 3}}}, "consumer_generation": 1, **owner},
    }
    assert admin.post("/allocations", body).status == 409
    assert admin.get(f"/allocations/{server}").json["allocations"][one]["resources"] == {"VCPU": 2}
    body[server]["allocations"] = {two: {"resources": {"VCPU": 2}}}
    body[migration]["allocations"] = {}
    assert admin.post("/allocations", body).status == 204
    assert list(admin.get(f"/allocations/{server}").json["allocations"]) == [two]


def test_candidates_have_room_and_traits(admin):
    small = admin.make_provider("small", {"VCPU": 1, "MEMORY_MB": 512})
    big = admin.make_provider("big", {"VCPU": 8, "MEMORY_MB": 4096})
    fast = admin.make_provider("fast", {"VCPU": 8, "MEMORY_MB": 4096}, traits=["HW_CPU_X86_AVX2"])
    path = "/allocation_candidates?resources=VCPU:2,MEMORY_MB:256"
    assert uuids(admin.get(path)) == {big, fast}
    assert uuids(admin.get(f"{path}&required=HW_CPU_X86_AVX2")) == {fast}
    assert uuids(admin.get(f"{path}&required=!HW_CPU_X86_AVX2")) == {big}
    assert len(admin.get(f"{path}&limit=1").json["allocation_requests"]) == 1
    summary = admin.get("/allocation_candidates?resources=VCPU:1").json["provider_summaries"][small]
    assert summary["resources"]["MEMORY_MB"] == {"capacity": 512, "used": 0}
    assert admin.get(f"{path}&required=NO_SUCH_TRAIT").status == 400


def test_candidates_by_aggregate(admin):
    one, two = admin.make_provider("one", {"VCPU": 2}), admin.make_provider("two", {"VCPU": 2})
    aggregate, other = new_id(), new_id()
    body = {"resource_provider_generation": 1, "aggregates": [aggregate]}
    assert admin.put(f"/resource_providers/{one}/aggregates", body).status == 200
    path = "/allocation_candidates?resources=VCPU:1"
    assert uuids(admin.get(f"{path}&member_of={aggregate}")) == {one}
    assert uuids(admin.get(f"{path}&member_of=in:{aggregate},{other}")) == {one}
    assert uuids(admin.get(f"{path}&member_of=!{aggregate}")) == {two}


def test_candidates_in_trees(admin):
    host = admin.make_provider("host", {"VCPU": 8})
    cards = [admin.make_provider(f"card-{n}", {"VGPU": 1}, parent=host) for n in range(2)]
    spread = admin.get("/allocation_candidates?resources=VCPU:1,VGPU:1").json["allocation_requests"]
    assert {frozenset(one["allocations"]) for one in spread} == {frozenset((host, card)) for card in cards}
    path = "/allocation_candidates?resources=VCPU:1&resources1=VGPU:1&resources2=VGPU:1"
    assert admin.get(path).status == 400
    both = admin.get(f"{path}&group_policy=isolate").json["allocation_requests"]
    assert all(set(one["allocations"]) == {host, *cards} for one in both)
    assert len(both) == 2
    assert both[0]["mappings"][""] == [host]
    # Without isolation one card would have to serve both groups, for which it has no room.
    assert len(admin.get(f"{path}&group_policy=none").json["allocation_requests"]) == 2


def test_a_limit_is_reached_where_few_of_many_will_do(admin):
    for n in range(12):
        admin.make_provider(f"host-{n}", {"VCPU": 8})
    rare = {admin.make_provider(f"rare-{n}", {"VCPU": 8}, traits=["HW_CPU_X86_AVX2"]) for n in range(3)}
    path = "/allocation_candidates?resources=VCPU:1&limit={}&{}=HW_CPU_X86_AVX2"
    for query in ("required", "root_required"):
        assert uuids(admin.get(path.format(3, query))) == rare
        assert len(uuids(admin.get(path.format(2, query))) & rare) == 2
    assert len(admin.get(path.format(9, "required") + ",!HW_CPU_X86_VMX").json["allocation_requests"]) == 3


def test_summaries_are_of_whole_trees_and_of_no_others(admin):
    host = admin.make_provider("host", {"VCPU": 8, "MEMORY_MB": 64}, traits=["HW_CPU_X86_AVX2"])
    card = admin.make_provider("card", {"VGPU": 1}, parent=host)
    admin.make_provider("full", {"VCPU": 1})
    path = "/allocation_candidates?resources=VCPU:2"
    summaries = admin.get(path).json["provider_summaries"]
    assert summaries[host] == {
        "resources": {"VCPU": {"capacity": 8, "used": 0}, "MEMORY_MB": {"capacity": 64, "used": 0}},
        "traits": ["HW_CPU_X86_AVX2"],
        "parent_provider_uuid": None,
        "root_provider_uuid": host,
    }
    assert summaries[card]["parent_provider_uuid"] == summaries[card]["root_provider_uuid"] == host
    assert set(summaries) == {host, card}
    old = admin.get(path, version="1.26").json["provider_summaries"]
    assert old == {host: {"resources": {"VCPU": {"capacity": 8, "used": 0}}, "traits": ["HW_CPU_X86_AVX2"]}}


def test_a_tree_cannot_be_a_ring(admin):
    top = admin.make_provider("top")
    below = admin.make_provider("below", parent=top)
    body = {"name": "top", "parent_provider_uuid": below}
    assert admin.put(f"/resource_providers/{top}", body).status == 400
    assert admin.delete(f"/resource_providers/{top}").status == 409
    assert (
        admin.put(f"/resource_providers/{below}", {"name": "below", "parent_provider_uuid": None}).status
        == 200
    )
    assert admin.get(f"/resource_providers/{below}").json["root_provider_uuid"] == below


def test_custom_traits_and_classes(admin):
    assert admin.put("/traits/CUSTOM_FAST").status == 201
    assert admin.put("/traits/CUSTOM_FAST").status == 204
    assert admin.put("/traits/FAST").status == 400
    assert admin.get("/traits?name=startswith:CUSTOM_").json["traits"] == ["CUSTOM_FAST"]
    assert admin.put("/resource_classes/CUSTOM_GOLD").status == 201
    uuid = admin.make_provider("mine", {"CUSTOM_GOLD": 3}, traits=["CUSTOM_FAST"])
    assert admin.delete("/traits/CUSTOM_FAST").status == 409
    assert admin.delete("/resource_classes/CUSTOM_GOLD").status == 409
    assert uuids(admin.get("/allocation_candidates?resources=CUSTOM_GOLD:2")) == {uuid}
    assert admin.delete("/resource_classes/VCPU").status == 400


def test_a_reshape_moves_inventory_with_its_allocations(admin):
    host = admin.make_provider("host", {"VCPU": 4, "VGPU": 1})
    card = admin.make_provider("card", parent=host)
    server = new_id()
    admin.claim(server, {host: {"VCPU": 1, "VGPU": 1}})
    body = {
        "inventories": {
            host: {"resource_provider_generation": 1, "inventories": {"VCPU": {"total": 4}}},
            card: {"resource_provider_generation": 0, "inventories": {"VGPU": {"total": 1}}},
        },
        "allocations": {
            server: {
                "allocations": {host: {"resources": {"VCPU": 1}}, card: {"resources": {"VGPU": 1}}},
                "project_id": "p1", "user_id": "u1", "consumer_generation": 1, "consumer_type": "INSTANCE",
            }
        },
    }  # fmt: skip
    assert admin.post("/reshaper", body).status == 204
    assert set(admin.get(f"/allocations/{server}").json["allocations"]) == {host, card}
    assert set(admin.get(f"/resource_providers/{host}/inventories").json["inventories"]) == {"VCPU"}


@pytest.mark.parametrize(
    "path",
    ["/allocation_candidates", "/allocation_candidates?resources=VCPU", "/allocation_candidates?resources=VCPU:0",
     "/allocation_candidates?resources=NONE:1", "/allocation_candidates?resources=VCPU:1&bogus=1",
     "/allocation_candidates?resources=VCPU:1&required=", "/allocation_candidates?resources=VCPU:1&member_of=x",
     "/resource_providers?uuid=x", "/resource_providers?resources=VCPU:-1", "/usages"],
)  # fmt: skip
def test_bad_queries(admin, path):
    assert admin.get(path).status == 400


def test_users_may_only_see_usages_of_their_own_project(cloud):
    reader = cloud.user("reader")
    assert reader.get("placement", "/resource_providers").status == 403
    assert reader.get("placement", "/usages?project_id=p1", version="1.9").status == 200
    assert reader.get("placement", "/usages?project_id=p2", version="1.9").status == 403


def test_whom_a_limit_leaves_out_is_left_to_chance(admin):
    """Otherwise every scheduler of a large cloud would be sent to the same few hosts."""
    uuids = {admin.make_provider(f"host-{n}", {"VCPU": 8}) for n in range(4)}
    path = "/allocation_candidates?resources=VCPU:1&limit=1"
    answers = (admin.get(path).json["allocation_requests"] for _ in range(100))
    assert {uuid for requests in answers for one in requests for uuid in one["allocations"]} == uuids
