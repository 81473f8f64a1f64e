"""Roles: who holds which where, as it was given and as it works out, and who may give them."""

import itertools

import pytest

numbers = itertools.count()


def unique(word):
    return f"{word}-{next(numbers)}"


@pytest.fixture
def domain(root):
    return root.make("domains", "domain", name=unique("dom"))["id"]


@pytest.fixture
def someone(root, domain):
    return root.make("users", "user", name=unique("u"), domain_id=domain, password="x")["id"]


@pytest.fixture
def top(root, domain):
    return root.make("projects", "project", name=unique("top"), domain_id=domain)["id"]


@pytest.fixture
def leaf(root, domain, top):
    return root.make("projects", "project", name=unique("leaf"), domain_id=domain, parent_id=top)["id"]


@pytest.fixture
def crew(root, domain, someone):
    group = root.make("groups", "group", name=unique("crew"), domain_id=domain)["id"]
    root.put(f"/groups/{group}/users/{someone}")
    return group


def held(root, query):
    """Return (role, project or domain or system) of each assignment that a query finds."""
    found = root.get(f"/role_assignments?include_names&{query}")["role_assignments"]
    return sorted((each["role"]["name"], *place(each["scope"])) for each in found)


def place(scope):
    kind = next(key for key in ("project", "domain", "system") if key in scope)
    return kind, "all" if kind == "system" else scope[kind]["id"]


def test_every_cloud_has_the_same_roles_and_each_implies_the_weaker(root):
    assert {"admin", "manager", "member", "reader", "service"} <= set(root.names("/roles", "roles"))
    rules = {
        rule["prior_role"]["name"]: [role["name"] for role in rule["implies"]]
        for rule in root.get("/role_inferences")["role_inferences"]
    }
    assert rules["admin"] == ["manager"]
    assert rules["manager"] == ["member"]
    assert rules["member"] == ["reader"]


def test_the_roles_of_the_cloud_are_immutable(root, role_ids):
    root.patch(f"/roles/{role_ids['admin']}", {"role": {"name": "king"}}, status=403)
    root.delete(f"/roles/{role_ids['reader']}", status=403)


@pytest.mark.parametrize("actor", ["users", "groups"])
@pytest.mark.parametrize(
    "target", ["projects", "domains", "system", "OS-INHERIT/projects", "OS-INHERIT/domains"]
)
def test_roles_are_given_and_taken(root, domain, someone, crew, top, role_ids, actor, target):
    who = someone if actor == "users" else crew
    where = {"projects": top, "domains": domain}.get(target.split("/")[-1])
    base = "/".join(["", target, *([where] if where else []), actor, who, "roles"])
    suffix = "/inherited_to_projects" if "INHERIT" in target else ""
    one = f"{base}/{role_ids['reader']}{suffix}"
    root.head(one, status=404)
    for _ in range(2):
        root.put(one, status=204)
    root.head(one, status=204)
    root.get(one, status=204)
    assert [role["name"] for role in root.get(base + suffix)["roles"]] == ["reader"]
    root.delete(one, status=204)
    root.delete(one, status=404)
    assert root.get(base + suffix)["roles"] == []


def test_a_grant_needs_everybody_to_exist(root, domain, someone, top, role_ids):
    role = role_ids["member"]
    root.put(f"/projects/nowhere/users/{someone}/roles/{role}", status=404)
    root.put(f"/projects/{top}/users/nobody/roles/{role}", status=404)
    root.put(f"/projects/{top}/users/{someone}/roles/nothing", status=404)
    root.put(f"/domains/{top}/users/{someone}/roles/{role}", status=404)


def test_assignments_as_they_were_given(root, domain, someone, crew, top, leaf, role_ids):
    root.put(f"/projects/{top}/users/{someone}/roles/{role_ids['member']}")
    root.put(f"/projects/{leaf}/groups/{crew}/roles/{role_ids['reader']}")
    inherited = (
        f"/OS-INHERIT/domains/{domain}/users/{someone}/roles/{role_ids['reader']}/inherited_to_projects"
    )
    root.put(inherited)
    assert held(root, f"user.id={someone}") == [("member", "project", top), ("reader", "domain", domain)]
    assert held(root, f"group.id={crew}") == [("reader", "project", leaf)]
    assert held(root, f"scope.project.id={top}") == [("member", "project", top)]
    assert held(root, f"scope.project.id={top}&include_subtree") == sorted(
        [("member", "project", top), ("reader", "project", leaf)]
    )
    only_inherited = f"user.id={someone}&scope.OS-INHERIT:inherited_to=projects"
    assert held(root, only_inherited) == [("reader", "domain", domain)]
    entry = root.get(f"/role_assignments?{only_inherited}")["role_assignments"][0]
    assert entry["scope"]["OS-INHERIT:inherited_to"] == "projects"
    assert entry["links"]["assignment"].endswith(f"/v3{inherited}")


def test_assignments_as_they_work_out(root, domain, someone, crew, top, leaf, role_ids):
    root.put(f"/projects/{top}/groups/{crew}/roles/{role_ids['member']}")
    root.put(f"/OS-INHERIT/projects/{top}/users/{someone}/roles/{role_ids['manager']}/inherited_to_projects")
    root.put(f"/system/users/{someone}/roles/{role_ids['reader']}")
    everything = sorted(
        [("member", "project", top), ("reader", "project", top), ("reader", "system", "all")]
        + [(role, "project", leaf) for role in ("manager", "member", "reader")]
    )
    assert held(root, f"effective&user.id={someone}") == everything
    assert held(root, f"effective&user.id={someone}&role.id={role_ids['member']}") == sorted(
        [("member", "project", top), ("member", "project", leaf)]
    )
    on_leaf = [("manager", "project", leaf), ("member", "project", leaf), ("reader", "project", leaf)]
    assert held(root, f"effective&scope.project.id={leaf}") == on_leaf
    assert held(root, f"effective&scope.project.id={top}&include_subtree&user.id={someone}") == [
        each for each in everything if each[1] == "project"
    ]
    found = root.get(f"/role_assignments?effective&scope.project.id={top}&role.id={role_ids['reader']}")
    links = found["role_assignments"][0]["links"]
    assert links["membership"].endswith(f"/v3/groups/{crew}/users/{someone}")
    assert links["prior_role"].endswith(f"/v3/prior_role/{role_ids['member']}/implies/{role_ids['reader']}")


@pytest.mark.parametrize(
    "query",
    ["user.id=a&group.id=b", "scope.project.id=a&scope.domain.id=b", "effective&group.id=a", "include_subtree",
     "effective&scope.domain.id=a&scope.OS-INHERIT:inherited_to=projects", "scope.system=all&scope.domain.id=a"],
)  # fmt: skip
def test_filters_that_exclude_each_other(root, query):
    root.get(f"/role_assignments?{query}", status=400)


def test_roles_imply_others(root):
    first, second, third = (root.make("roles", "role", name=unique("role"))["id"] for _ in range(3))
    path = f"/roles/{first}/implies"
    made = root.put(f"{path}/{second}", status=201)["role_inference"]
    assert (made["prior_role"]["id"], made["implies"]["id"]) == (first, second)
    root.put(f"/roles/{second}/implies/{third}", status=201)
    root.put(f"/roles/{third}/implies/{first}", status=409)
    root.head(f"{path}/{second}", status=204)
    root.get(f"{path}/{third}", status=404)
    assert [role["id"] for role in root.get(path)["role_inference"]["implies"]] == [second]
    root.delete(f"{path}/{second}", status=204)
    root.get(f"{path}/{second}", status=404)


def test_nothing_implies_admin(root, role_ids):
    role = root.make("roles", "role", name=unique("sly"))["id"]
    root.put(f"/roles/{role}/implies/{role_ids['admin']}", status=403)


def test_a_role_of_a_domain_counts_only_by_what_it_implies(root, cloud, domain, someone, top, role_ids):
    role = root.make("roles", "role", name="deckhand", domain_id=domain)["id"]
    assert root.names(f"/roles?domain_id={domain}", "roles") == ["deckhand"]
    assert "deckhand" not in root.names("/roles", "roles")
    root.put(f"/roles/{role_ids['member']}/implies/{role}", status=403)
    root.put(f"/projects/{top}/users/{someone}/roles/{role}")
    scope = {"project": {"id": top}}
    identity = {"methods": ["password"], "password": {"user": {"id": someone, "password": "x"}}}
    body = {"auth": {"identity": identity, "scope": scope}}
    assert cloud.anonymous.post("identity", "/v3/auth/tokens", body).status == 401
    root.put(f"/roles/{role}/implies/{role_ids['reader']}")
    token = cloud.anonymous.post("identity", "/v3/auth/tokens", body).json["token"]
    assert [each["name"] for each in token["roles"]] == ["reader"]
    elsewhere = root.make("projects", "project", name=unique("p"))["id"]
    root.put(f"/projects/{elsewhere}/users/{someone}/roles/{role}", status=403)


# -- the manager of a domain ------------------------------------------------------------------------------


@pytest.fixture
def manager(root, cloud, domain, log_in, as_identity, role_ids):
    """Somebody with the role manager on a domain, and a token for it."""
    name = unique("boss")
    user = root.make("users", "user", name=name, password="x", domain_id=domain)
    root.put(f"/domains/{domain}/users/{user['id']}/roles/{role_ids['manager']}")
    return as_identity(log_in(name, "x", scope={"domain": {"id": domain}}, domain=domain))


def test_the_manager_of_a_domain_manages_it(manager, domain, role_ids):
    user = manager.make("users", "user", name="hand")  # in the manager's own domain
    assert user["domain_id"] == domain
    project = manager.make("projects", "project", name="boat")
    assert project["domain_id"] == domain
    group = manager.make("groups", "group", name="crew")
    manager.put(f"/groups/{group['id']}/users/{user['id']}")
    manager.put(f"/projects/{project['id']}/users/{user['id']}/roles/{role_ids['member']}")
    manager.put(f"/domains/{domain}/groups/{group['id']}/roles/{role_ids['reader']}")
    assert manager.names("/projects", "projects") == ["boat"]
    assert "hand" in manager.names("/users", "users")
    assert [each["id"] for each in manager.get("/domains")["domains"]] == [domain]
    assert len(manager.get("/role_assignments")["role_assignments"]) == 3
    manager.patch(f"/users/{user['id']}", {"user": {"password": "y"}})
    manager.delete(f"/projects/{project['id']}")
    manager.delete(f"/users/{user['id']}")


def test_the_manager_of_a_domain_has_no_say_beyond_it(
    manager, root, admin, domain, project, member, role_ids
):
    manager.put(f"/domains/{domain}/users/{manager.user_id}/roles/{role_ids['admin']}", status=403)
    manager.put(f"/projects/{project['id']}/users/{manager.user_id}/roles/{role_ids['member']}", status=403)
    manager.put(f"/domains/{domain}/users/{admin.user_id}/roles/{role_ids['reader']}", status=403)
    manager.put(f"/system/users/{manager.user_id}/roles/{role_ids['reader']}", status=403)
    manager.get(f"/users/{admin.user_id}", status=403)
    manager.patch(f"/users/{admin.user_id}", {"user": {"password": "x"}}, status=403)
    manager.post("/users", {"user": {"name": "spy", "domain_id": "default"}}, status=403)
    manager.post("/projects", {"project": {"name": "spy", "domain_id": "default"}}, status=403)
    manager.post("/projects", {"project": {"name": "spy", "parent_id": project["id"]}}, status=400)
    manager.post("/projects", {"project": {"name": unique("realm"), "is_domain": True}}, status=403)
    manager.patch(f"/projects/{domain}", {"project": {"enabled": False}}, status=403)
    manager.patch(f"/domains/{domain}", {"domain": {"enabled": False}}, status=403)
    manager.delete(f"/projects/{project['id']}", status=403)
    manager.post("/roles", {"role": {"name": "spy"}}, status=403)
    assert root.names(f"/users?domain_id={domain}", "users")
    assert manager.get("/users?domain_id=default")["users"] == []


def test_a_reader_of_the_system_sees_all_and_changes_nothing(root, log_in, as_identity, role_ids, project):
    name = unique("auditor")
    user = root.make("users", "user", name=name, password="x")
    root.put(f"/system/users/{user['id']}/roles/{role_ids['reader']}")
    auditor = as_identity(log_in(name, "x", scope={"system": {"all": True}}))
    lists = (
        "users", "projects", "domains", "roles", "groups", "services", "endpoints", "role_assignments",
        "credentials", "policies", "OS-TRUST/trusts",
    )  # fmt: skip
    for path in (*(f"/{each}" for each in lists), f"/projects/{project['id']}"):
        auditor.get(path)
    auditor.post("/users", {"user": {"name": "x"}}, status=403)
    auditor.delete(f"/projects/{project['id']}", status=403)
    auditor.put(f"/system/users/{user['id']}/roles/{role_ids['admin']}", status=403)
