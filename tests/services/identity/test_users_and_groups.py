"""Users and groups: what is kept of them, how they are found, who may touch them."""

import itertools

import pytest

numbers = itertools.count()


def unique(word):
    return f"{word}-{next(numbers)}"


def test_attributes_of_the_users_own_are_kept(root):
    name = unique("ada")
    user = root.make("users", "user", name=name, email="ada@example.org", shoe_size=39)
    assert user["enabled"] is True
    assert user["domain_id"] == "default"
    assert user["options"] == {}
    assert user["password_expires_at"] is None
    assert "default_project_id" not in user
    assert user["links"]["self"].endswith(f"/v3/users/{user['id']}")
    changed = root.patch(f"/users/{user['id']}", {"user": {"shoe_size": 40, "description": "first"}})["user"]
    assert (changed["shoe_size"], changed["email"], changed["description"]) == (
        40,
        "ada@example.org",
        "first",
    )
    assert root.get(f"/users/{user['id']}")["user"] == changed


def test_options_are_merged_and_null_removes_one(root):
    user = root.make("users", "user", name=unique("u"), options={"ignore_password_expiry": True})
    path = f"/users/{user['id']}"
    root.patch(path, {"user": {"options": {"lock_password": True}}})
    changed = root.patch(path, {"user": {"options": {"ignore_password_expiry": None}}})["user"]
    assert changed["options"] == {"lock_password": True}
    root.patch(path, {"user": {"options": {"nonsense": True}}}, status=400)


@pytest.mark.parametrize(
    "fields",
    [{}, {"name": ""}, {"name": "x" * 256}, {"name": 5}, {"name": "x", "enabled": "True"},
     {"name": "x", "domain_id": "a/b"}],
)  # fmt: skip
def test_users_that_make_no_sense(root, fields):
    root.post("/users", {"user": fields}, status=400)


def test_names_are_unique_in_a_domain(root):
    name = unique("twin")
    domain = root.make("domains", "domain", name=unique("dom"))
    root.make("users", "user", name=name)
    root.post("/users", {"user": {"name": name}}, status=409)
    other = root.make("users", "user", name=name, domain_id=domain["id"])
    second = root.make("users", "user", name=unique("u"), domain_id=domain["id"])
    root.patch(f"/users/{second['id']}", {"user": {"name": name}}, status=409)
    root.patch(f"/users/{other['id']}", {"user": {"name": name}})
    # compat: a domain that does not exist is 404, though it stands in the body (Identity API, "Create user").
    root.post("/users", {"user": {"name": name, "domain_id": "no-such-domain"}}, status=404)


def test_a_user_never_moves_to_another_domain(root):
    user = root.make("users", "user", name=unique("u"))
    domain = root.make("domains", "domain", name=unique("dom"))
    root.patch(f"/users/{user['id']}", {"user": {"domain_id": domain["id"]}}, status=400)


def test_lists_are_filtered_in_every_way(root):
    domain = root.make("domains", "domain", name=unique("dom"))["id"]
    for name in ("alba", "Alban", "bo_b", "cleo"):
        root.make("users", "user", name=name, domain_id=domain, enabled=name != "cleo", password="x")

    def found(query):
        return root.names(f"/users?domain_id={domain}&{query}", "users")

    assert found("name=alba") == ["alba"]
    assert found("name__startswith=al") == ["alba"]
    assert found("name__istartswith=al") == ["Alban", "alba"]
    assert found("name__contains=b") == ["Alban", "alba", "bo_b"]
    assert found("name__contains=_") == ["bo_b"]
    assert found("name__iexact=ALBA") == ["alba"]
    assert found("enabled=false") == ["cleo"]
    assert found("enabled") == ["Alban", "alba", "bo_b"]
    assert found("password_expires_at=gt:2020-01-01T00:00:00Z") == []
    root.get("/users?password_expires_at=soon", status=400)


def test_lists_come_in_pages(root):
    domain = root.make("domains", "domain", name=unique("dom"))["id"]
    names = [f"page-{n}" for n in range(5)]
    for name in names:
        root.make("users", "user", name=name, domain_id=domain)
    seen, path = [], f"/users?domain_id={domain}&limit=2&sort_key=name"
    while path:
        body = root.get(path)
        seen.append([user["name"] for user in body["users"]])
        following = body["links"]["next"]
        path = following and following.split("/v3", 1)[1]
    assert seen == [names[:2], names[2:4], names[4:]]


def test_users_see_themselves_and_no_others(member, reader, as_identity, root):
    me = as_identity(member)
    assert me.get(f"/users/{me.user_id}")["user"]["id"] == me.user_id
    me.get(f"/users/{me.user_id}/groups")
    me.get(f"/users/{reader.user_id}", status=403)
    me.get("/users/no-such-user", status=403)
    me.get("/users", status=403)
    me.patch(f"/users/{me.user_id}", {"user": {"enabled": True}}, status=403)
    root.get("/users/no-such-user", status=404)


def test_everything_of_a_user_goes_with_the_user(root, member, role_ids):
    group = root.make("groups", "group", name=unique("g"))
    root.put(f"/groups/{group['id']}/users/{member.user_id}")
    root.post("/credentials", {"credential": {"type": "cert", "blob": "x", "user_id": member.user_id}})
    root.delete(f"/users/{member.user_id}")
    assert root.get(f"/groups/{group['id']}/users")["users"] == []
    assert root.get(f"/role_assignments?user.id={member.user_id}")["role_assignments"] == []
    assert root.get(f"/credentials?user_id={member.user_id}")["credentials"] == []
    root.delete(f"/users/{member.user_id}", status=404)


def test_groups_and_their_members(root, member):
    group = root.make("groups", "group", name=unique("crew"), description="rows")
    path = f"/groups/{group['id']}"
    changed = root.patch(path, {"group": {"description": "sails"}})["group"]
    assert changed == group | {"description": "sails"}
    root.head(f"{path}/users/{member.user_id}", status=404)
    for _ in range(2):
        root.put(f"{path}/users/{member.user_id}", status=204)
    root.head(f"{path}/users/{member.user_id}", status=204)
    assert [user["id"] for user in root.get(f"{path}/users")["users"]] == [member.user_id]
    assert root.names(f"/users/{member.user_id}/groups", "groups") == [group["name"]]
    root.delete(f"{path}/users/{member.user_id}", status=204)
    root.delete(f"{path}/users/{member.user_id}", status=404)
    root.delete(path)
    root.get(path, status=404)
