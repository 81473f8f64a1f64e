"""Lists: filters by any attribute, chosen fields, sorting, pages, tags; and conditional changes."""

import pytest

from .conftest import refusal


@pytest.fixture
def three(api):
    return [api.make("networks", name=name, description=f"d-{name}") for name in ("b", "a", "c")]


def names(rows):
    return [row["name"] for row in rows]


def test_repeated_values_mean_any_of_them(api, three):
    assert sorted(names(api.list("networks", name=["a", "c"]))) == ["a", "c"]
    assert names(api.list("networks", name=["a", "c"], description="d-c")) == ["c"]
    assert api.list("networks", admin_state_up="false") == []
    assert api.list("networks", id="no such thing") == []
    assert len(api.list("networks", tenant_id=three[0]["project_id"])) == 3


def test_a_filter_by_no_attribute_is_refused(api):
    answer = api.ask("GET", "networks", query={"colour": "red"})
    assert answer.status == 400
    assert refusal(api.ask("GET", "networks", query={"admin_state_up": "perhaps"}))[0] == 400


def test_only_the_fields_that_were_asked_for(api, three):
    rows = api.list("networks", fields=["id", "name"])
    assert all(set(row) == {"id", "name"} for row in rows)
    shown = api.ask("GET", f"networks/{three[0]['id']}", query={"fields": "mtu"}).json["network"]
    assert shown == {"mtu": 1450}


def test_pages_forth_and_back(api, three):
    query = {"sort_key": "name", "sort_dir": "asc", "limit": 2}
    first = api.ask("GET", "networks", query=query).json
    assert names(first["networks"]) == ["a", "b"]
    (link,) = first["networks_links"]
    assert link["rel"] == "next"
    second = api.ask("GET", "networks?" + link["href"].partition("?")[2]).json
    assert names(second["networks"]) == ["c"]
    (back,) = second["networks_links"]
    assert back["rel"] == "previous"
    assert names(api.ask("GET", "networks?" + back["href"].partition("?")[2]).json["networks"]) == ["a", "b"]
    assert len(api.list("networks", limit=0)) == 3


def test_tags(api, three):
    one, two, _ = (network["id"] for network in three)
    assert api.ask("PUT", f"networks/{one}/tags", {"tags": ["red", "blue"]}).json == {"tags": ["blue", "red"]}
    assert api.ask("PUT", f"networks/{two}/tags/red").status == 201
    assert api.show("networks", one)["tags"] == ["blue", "red"]
    assert {row["id"] for row in api.list("networks", tags="red")} == {one, two}
    assert {row["id"] for row in api.list("networks", tags="red,blue")} == {one}
    assert {row["id"] for row in api.list("networks", **{"tags-any": "blue,green"})} == {one}
    assert one not in {row["id"] for row in api.list("networks", **{"not-tags": "red,blue"})}
    assert {row["id"] for row in api.list("networks", **{"not-tags-any": "red,blue"})} == {three[2]["id"]}
    assert api.ask("GET", f"networks/{one}/tags/blue").status == 204
    assert refusal(api.ask("GET", f"networks/{one}/tags/green"))[:2] == (404, "TagNotFound")
    assert api.ask("DELETE", f"networks/{one}/tags/blue").status == 204
    assert api.ask("DELETE", f"networks/{one}/tags").status == 204
    assert api.show("networks", one)["tags"] == []


def test_a_change_on_the_wrong_premise_is_refused(api, three):
    id, revision = three[0]["id"], three[0]["revision_number"]
    api.change("networks", id, name="renamed")
    stale = {"If-Match": f"revision_number={revision}"}
    answer = api.ask("PUT", f"networks/{id}", {"network": {"name": "x"}}, headers=stale)
    assert refusal(answer)[:2] == (412, "RevisionNumberConstraintFailed")
    assert refusal(api.ask("DELETE", f"networks/{id}", headers=stale))[0] == 412
    present = {"If-Match": f"revision_number={api.show('networks', id)['revision_number']}"}
    assert api.ask("PUT", f"networks/{id}", {"network": {"name": "x"}}, headers=present).status == 200
    assert api.ask("DELETE", f"networks/{id}", headers={"If-Match": "W/1"}).status == 400


def test_many_at_once_are_made_all_or_none(api):
    body = {"networks": [{"name": "x1"}, {"name": "x2"}]}
    made = api.ask("POST", "networks", body)
    assert made.status == 201
    assert names(made.json["networks"]) == ["x1", "x2"]
    ports = {
        "ports": [
            {"network_id": made.json["networks"][0]["id"]},
            {"network_id": "0" * 8 + "-0000" * 3 + "-" + "0" * 12},
        ]
    }
    assert refusal(api.ask("POST", "ports", ports))[:2] == (404, "NetworkNotFound")
    assert api.list("ports", network_id=made.json["networks"][0]["id"]) == []


def test_who_may_not_see_any_gets_an_empty_list(api):
    assert api.list("agents") == []
    assert refusal(api.ask("GET", "agents/x"))[0] in (403, 404)
    assert api.ask("GET", "network-ip-availabilities").json == {"network_ip_availabilities": []}


def test_unknown_members_and_missing_ones(api):
    assert api.refused("networks", colour="red")[2] == "Unrecognized attribute(s) 'colour'"
    status, kind, message = api.refused("ports")
    assert (status, kind) == (400, "HTTPBadRequest")
    assert "network_id" in message
