"""The queries of identity on each database engine: trees, filters, pages, the number of the last write."""

import itertools

import pytest

numbers = itertools.count()


@pytest.fixture
def cloud(make_cloud, database_url):
    return make_cloud(["identity"], config={"database": {"url": database_url, "synchronous": "OFF"}})


def test_what_the_queries_say_is_the_same_everywhere(cloud, root, make_user, role_ids, as_identity):
    domain = root.make("domains", "domain", name="dom")["id"]
    top = root.make("projects", "project", name="Top", domain_id=domain, tags=["a", "b"])["id"]
    leaf = root.make("projects", "project", name="top", domain_id=domain, parent_id=top, tags=["b"])["id"]
    assert root.get(f"/projects/{leaf}?parents_as_ids")["project"]["parents"] == {top: {domain: None}}
    assert root.get(f"/projects/{top}?subtree_as_ids")["project"]["subtree"] == {leaf: None}
    assert root.names(f"/projects?domain_id={domain}&not-tags=a,b", "projects") == ["top"]
    assert root.names(f"/projects?domain_id={domain}&name__istartswith=T", "projects") == ["Top", "top"]
    assert root.names(f"/projects?domain_id={domain}&name=top", "projects") == ["top"]
    body = root.get(f"/projects?domain_id={domain}&limit=1&sort_key=name")
    assert [each["name"] for each in body["projects"]] == ["Top"]
    assert body["links"]["next"]

    user = make_user("member", project_id=top, domain_id=domain)
    inherited = (
        f"/OS-INHERIT/projects/{top}/users/{user.user_id}/roles/{role_ids['reader']}/inherited_to_projects"
    )
    for _ in range(2):
        root.put(inherited)
    found = root.get(f"/role_assignments?effective&user.id={user.user_id}")["role_assignments"]
    assert len(found) == 3
    assert user.get("identity", "/v3/auth/catalog").status == 200
    app = {
        "application_credential": {
            "name": "x",
            "access_rules": [{"service": "a", "method": "GET", "path": "/"}],
        }
    }
    as_identity(user).post(f"/users/{user.user_id}/application_credentials", app, status=201)
    trust = {
        "trustor_user_id": user.user_id, "trustee_user_id": root.user_id, "impersonation": True,
        "project_id": top, "roles": [{"name": "member"}], "remaining_uses": 1,
    }  # fmt: skip
    as_identity(user).post("/OS-TRUST/trusts", {"trust": trust}, status=201)
    root.post("/credentials", {"credential": {"type": "cert", "blob": "x", "user_id": user.user_id}})
    root.patch(f"/domains/{domain}", {"domain": {"enabled": False}})
    assert user.get("identity", "/v3/auth/catalog").status == 401
    root.delete(f"/domains/{domain}")
    root.get(f"/users/{user.user_id}", status=404)


@pytest.mark.parametrize("odd", ["%00", "%ED%A0%80", "%F0%9F%92%A9", "x" * 300, "%C2%80"])
def test_odd_ids_and_names_are_not_found_on_any_engine(cloud, root, odd):
    root.get(f"/users/{odd}", status=404)
    answer = root.user.get("identity", f"/v3/users?name={odd}")
    assert answer.status in (200, 400), answer
    assert answer.status == 400 or answer.json["users"] == []
