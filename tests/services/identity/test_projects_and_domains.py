"""Projects in trees, their tags, and the domains that are the roots of the trees."""

import itertools

import pytest

numbers = itertools.count()


def unique(word):
    return f"{word}-{next(numbers)}"


@pytest.fixture
def domain(root):
    return root.make("domains", "domain", name=unique("dom"))


@pytest.fixture
def tree(root, domain):
    """Three projects in a row: top, middle, leaf."""
    top = root.make("projects", "project", name="top", domain_id=domain["id"])
    middle = root.make("projects", "project", name="middle", domain_id=domain["id"], parent_id=top["id"])
    leaf = root.make("projects", "project", name="leaf", domain_id=domain["id"], parent_id=middle["id"])
    return top, middle, leaf


def test_a_project_lies_in_its_domain(root, domain):
    project = root.make("projects", "project", name="p", domain_id=domain["id"], colour="red")
    assert project["parent_id"] == project["domain_id"] == domain["id"]
    assert (project["is_domain"], project["enabled"], project["tags"]) == (False, True, [])
    assert (project["description"], project["colour"], project["options"]) == ("", "red", {})
    assert root.get(f"/projects/{project['id']}")["project"] == project


@pytest.mark.parametrize(
    "fields",
    [{}, {"name": ""}, {"name": " "}, {"name": "x" * 65}, {"name": "x", "tags": ["a", "a"]},
     {"name": "x", "tags": ["a,b"]}, {"name": "x", "enabled": "yes"}, {"name": "x", "options": {"rotten": True}}],
)  # fmt: skip
def test_projects_that_make_no_sense(root, fields):
    root.post("/projects", {"project": fields}, status=400)


def test_names_are_unique_in_a_domain(root, domain):
    root.make("projects", "project", name="one", domain_id=domain["id"])
    root.post("/projects", {"project": {"name": "one", "domain_id": domain["id"]}}, status=409)
    root.post("/domains", {"domain": {"name": domain["name"]}}, status=409)


def test_the_tree_upwards_and_downwards(root, domain, tree, admin, role_ids):
    top, middle, leaf = (project["id"] for project in tree)
    assert root.get(f"/projects/{leaf}?parents_as_ids")["project"]["parents"] == {
        middle: {top: {domain["id"]: None}}
    }
    assert root.get(f"/projects/{top}?subtree_as_ids")["project"]["subtree"] == {middle: {leaf: None}}
    assert root.get(f"/projects/{leaf}?subtree_as_ids")["project"]["subtree"] is None
    shown = root.get(f"/projects/{top}?subtree_as_list")["project"]
    assert shown["subtree"] == []  # only what one has a role on
    root.put(
        f"/OS-INHERIT/projects/{top}/users/{admin.user_id}/roles/{role_ids['reader']}/inherited_to_projects"
    )
    shown = root.get(f"/projects/{top}?subtree_as_list")["project"]
    assert [each["project"]["id"] for each in shown["subtree"]] == [middle, leaf]
    shown = root.get(f"/projects/{leaf}?parents_as_list")["project"]
    assert [each["project"]["id"] for each in shown["parents"]] == [middle]


def test_a_tree_is_only_so_deep(root, domain):
    parent = domain["id"]
    for level in range(5):
        parent = root.make("projects", "project", name=f"l{level}", domain_id=domain["id"], parent_id=parent)[
            "id"
        ]
    body = {"project": {"name": "too deep", "domain_id": domain["id"], "parent_id": parent}}
    root.post("/projects", body, status=403)


def test_projects_stay_where_they_are(root, tree, domain):
    top, middle, _ = tree
    root.patch(f"/projects/{middle['id']}", {"project": {"parent_id": domain["id"]}}, status=403)
    root.patch(f"/projects/{middle['id']}", {"project": {"domain_id": "default"}}, status=400)
    root.patch(f"/projects/{middle['id']}", {"project": {"is_domain": True}}, status=400)
    elsewhere = {"project": {"name": "x", "domain_id": "default", "parent_id": top["id"]}}
    root.post("/projects", elsewhere, status=400)


def test_disabling_goes_from_the_leaves_and_enabling_from_the_root(root, tree):
    top, middle, leaf = (f"/projects/{project['id']}" for project in tree)
    off, on = {"project": {"enabled": False}}, {"project": {"enabled": True}}
    root.patch(top, off, status=403)
    for path in (leaf, middle, top):
        root.patch(path, off)
    root.patch(leaf, on, status=403)
    below = {"name": "x", "domain_id": tree[0]["domain_id"], "parent_id": tree[0]["id"]}
    root.post("/projects", {"project": below}, status=403)
    for path in (top, middle, leaf):
        root.patch(path, on)


def test_only_leaves_are_deleted(root, tree):
    top, middle, leaf = (f"/projects/{project['id']}" for project in tree)
    root.delete(top, status=403)
    for path in (leaf, middle, top):
        root.delete(path, status=204)


def test_an_immutable_project_stays_as_it_is(root, domain):
    options = {"immutable": True}
    path = f"/projects/{root.make('projects', 'project', name='rock', domain_id=domain['id'], options=options)['id']}"
    root.patch(path, {"project": {"description": "x"}}, status=403)
    root.put(f"{path}/tags/x", status=403)
    root.delete(path, status=403)
    root.patch(path, {"project": {"description": "x", "options": {"immutable": False}}}, status=403)
    root.patch(path, {"project": {"options": {"immutable": False}}})
    root.delete(path)


def test_tags(root, domain):
    project = root.make("projects", "project", name="p", domain_id=domain["id"], tags=["b", "a"])
    path = f"/projects/{project['id']}/tags"
    assert root.get(path)["tags"] == ["a", "b"]
    root.put(f"{path}/c", status=201)
    root.put(f"{path}/c", status=201)
    root.head(f"{path}/c", status=204)
    root.head(f"{path}/d", status=404)
    root.delete(f"{path}/a", status=204)
    root.delete(f"{path}/a", status=404)
    assert root.get(path)["tags"] == ["b", "c"]
    assert root.put(path, {"tags": ["x"]})["tags"] == ["x"]
    root.delete(path, status=204)
    assert root.get(path)["tags"] == []
    root.put(f"{path}/{'x' * 256}", status=400)


def test_projects_are_found_by_their_tags(root, domain):
    for name, tags in (("ab", ["a", "b"]), ("a", ["a"]), ("b", ["b"]), ("none", [])):
        root.make("projects", "project", name=name, domain_id=domain["id"], tags=tags)

    def found(query):
        return root.names(f"/projects?domain_id={domain['id']}&{query}", "projects")

    assert found("tags=a,b") == ["ab"]
    assert found("tags-any=a,b") == ["a", "ab", "b"]
    assert found("not-tags=a,b") == ["a", "b", "none"]
    assert found("not-tags-any=a") == ["b", "none"]
    assert found("tags=a&not-tags-any=b") == ["a"]


def test_a_domain_is_a_project_too(root):
    project = root.make("projects", "project", name=unique("acting"), is_domain=True)
    assert (project["domain_id"], project["parent_id"], project["is_domain"]) == (None, None, True)
    assert project["name"] in root.names("/domains", "domains")
    assert project["name"] in root.names("/projects?is_domain=true", "projects")
    assert project["name"] not in root.names("/projects", "projects")
    root.delete(f"/projects/{project['id']}", status=403)
    root.patch(f"/projects/{project['id']}", {"project": {"enabled": False}})
    root.delete(f"/projects/{project['id']}")


def test_a_disabled_domain_goes_with_all_that_is_in_it(root, tree, domain):
    user = root.make("users", "user", name="u", domain_id=domain["id"])
    group = root.make("groups", "group", name="g", domain_id=domain["id"])
    role = root.make("roles", "role", name="r", domain_id=domain["id"])
    path = f"/domains/{domain['id']}"
    root.delete(path, status=403)
    root.patch(path, {"domain": {"enabled": False}})
    root.delete(path, status=204)
    gone = [f"/users/{user['id']}", f"/groups/{group['id']}", f"/roles/{role['id']}", path]
    for each in [*gone, *(f"/projects/{project['id']}" for project in tree)]:
        root.get(each, status=404)


def test_members_see_their_project_and_their_domain(member, project, as_identity, stranger):
    me = as_identity(member)
    assert me.get(f"/projects/{project['id']}")["project"]["name"] == project["name"]
    assert me.get("/domains/default")["domain"]["name"] == "Default"
    me.get("/projects", status=403)
    me.get("/domains", status=403)
    me.get(f"/projects/{stranger.project_id}", status=403)
    me.get("/projects/no-such-project", status=403)
    me.patch(f"/projects/{project['id']}", {"project": {"name": "mine"}}, status=403)


def test_options_of_a_domain(root, domain):
    path = f"/domains/{domain['id']}/config"
    root.get(path, status=404)
    config = {"ldap": {"url": "ldap://x", "password": "secret"}, "identity": {"driver": "ldap"}}
    shown = root.put(path, {"config": config}, status=201)["config"]
    assert shown == {"ldap": {"url": "ldap://x"}, "identity": {"driver": "ldap"}}
    assert root.get(f"{path}/ldap/url")["config"] == {"url": "ldap://x"}
    root.get(f"{path}/ldap/user", status=404)
    root.patch(f"{path}/ldap", {"config": {"ldap": {"url": "ldap://y"}}})
    root.patch(f"{path}/ldap", {"config": {"identity": {"driver": "sql"}}}, status=400)
    root.put(path, {"config": {"oven": {"heat": 1}}}, status=403)
    root.put(path, {"config": {"ldap": {"heat": 1}}}, status=403)
    root.delete(f"{path}/identity", status=204)
    assert root.get(path)["config"] == {"ldap": {"url": "ldap://y"}}
    assert root.get("/domains/config/default")["config"]["identity"]["driver"] == "sql"
