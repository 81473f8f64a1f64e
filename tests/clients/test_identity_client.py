"""`openstack` against identity: tokens, the catalog, projects, users and roles."""

import json
import urllib.request


def test_token_and_catalog(openstack, simulated_cloud):
    token = openstack("token", "issue")
    assert token["project_id"]
    request = urllib.request.Request(
        f"{simulated_cloud.running['auth_url']}/auth/tokens",
        headers={"X-Auth-Token": token["id"], "X-Subject-Token": token["id"]},
    )
    with urllib.request.urlopen(request) as answer:
        assert json.load(answer)["token"]["user"]["name"] == "demo"
    catalog = {entry["Type"] for entry in openstack("catalog", "list")}
    assert catalog == {"identity", "image", "placement", "network", "compute"}


def test_projects_users_and_roles(openstack_admin):
    admin = openstack_admin
    project = admin("project", "create", "--description", "for tests", "walk")
    user = admin("user", "create", "--password", "first password", "--project", "walk", "walker")
    assert admin("user", "show", "walker")["id"] == user["id"]
    walker = admin.as_user("walker", "first password", "walk")
    assert "401" in walker.refused("token", "issue")
    admin.run("role", "add", "--user", "walker", "--project", "walk", "member")
    assert walker("token", "issue")["project_id"] == project["id"]
    roles = admin("role", "assignment", "list", "--user", "walker", "--names")
    assert [entry["Role"] for entry in roles] == ["member"]
    assert "403" in walker.refused("project", "create", "mine")
    admin.run("user", "set", "--password", "second password", "walker")
    assert "401" in walker.refused("token", "issue")
    admin.run("user", "delete", "walker")
    admin.run("project", "delete", "walk")
    assert "No Project found" in admin.refused("project", "show", "walk")


def test_application_credentials(openstack):
    made = openstack("application", "credential", "create", "robot")
    assert made["Secret"]
    assert made["Roles"]
    listed = openstack("application", "credential", "list")
    assert [entry["Name"] for entry in listed] == ["robot"]
    openstack.run("application", "credential", "delete", "robot")
