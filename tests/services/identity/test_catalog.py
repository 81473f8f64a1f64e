"""The catalog: regions, services and endpoints, what a project sees of them, and the start of a cloud."""

import itertools

import pytest

from nacre.services.identity.setup import CatalogService, bootstrap

numbers = itertools.count()


def unique(word):
    return f"{word}-{next(numbers)}"


@pytest.fixture
def service(root):
    made = root.make("services", "service", type=unique("type"), name=unique("name"))
    yield made
    root.user.delete("identity", f"/v3/services/{made['id']}")


def endpoint(root, service, **fields):
    defaults = {"service_id": service["id"], "interface": "public", "url": "http://198.51.100.1/x"}
    return root.make("endpoints", "endpoint", **defaults | fields)


def announced(user, service):
    """Return the endpoints of a service in somebody's catalog."""
    catalog = user.get("identity", "/v3/auth/catalog").json["catalog"]
    return next((entry["endpoints"] for entry in catalog if entry["type"] == service["type"]), None)


def test_an_endpoint_is_in_the_catalog_at_once(root, member, service):
    assert announced(member, service) == []
    made = endpoint(root, service, region=unique("region"))
    assert announced(member, service) == [
        {"id": made["id"], "interface": "public", "url": made["url"], "region": made["region"],
         "region_id": made["region_id"]}
    ]  # fmt: skip
    root.patch(f"/endpoints/{made['id']}", {"endpoint": {"enabled": False}})
    assert announced(member, service) == []
    root.patch(f"/services/{service['id']}", {"service": {"enabled": False}})
    assert announced(member, service) is None


def test_addresses_are_filled_in(cloud, root, member, service, log_in):
    endpoint(root, service, url="http://x/%(project_id)s/AUTH_$(tenant_id)s/%(user_id)s")
    project = member.project_id
    assert announced(member, service)[0]["url"] == f"http://x/{project}/AUTH_{project}/{member.user_id}"
    name = root.get(f"/users/{member.user_id}")["user"]["name"]
    unscoped = log_in(name, scope={"unscoped": {}})
    assert announced(unscoped, service) == []


@pytest.mark.parametrize(
    "fields",
    [{"url": ""}, {"url": "http://x/%(password)s"}, {"interface": "secret"}, {"enabled": "True"},
     {"service_id": ""}, {"url": None}],
)  # fmt: skip
def test_endpoints_that_make_no_sense(root, service, fields):
    body = {"service_id": service["id"], "interface": "public", "url": "http://x"} | fields
    root.post("/endpoints", {"endpoint": body}, status=400)


def test_an_endpoint_needs_its_service_and_its_region(root, service):
    body = {"service_id": "nowhere", "interface": "public", "url": "http://x"}
    root.post("/endpoints", {"endpoint": body}, status=404)
    body = {"service_id": service["id"], "interface": "public", "url": "http://x", "region_id": "nowhere"}
    root.post("/endpoints", {"endpoint": body}, status=404)
    made = endpoint(root, service, region=unique("made on the way"))
    root.get(f"/regions/{made['region']}")


def test_endpoints_are_filtered_and_go_with_their_service(root, service):
    north, south = unique("north"), unique("south")
    endpoint(root, service, region=north)
    endpoint(root, service, region=south, interface="admin", flavour="strange")
    query = f"/endpoints?service_id={service['id']}"
    assert len(root.get(query)["endpoints"]) == 2
    (found,) = root.get(f"{query}&interface=admin")["endpoints"]
    assert (found["region"], found["flavour"]) == (south, "strange")
    assert len(root.get(f"{query}&region_id={north}")["endpoints"]) == 1
    root.delete(f"/regions/{north}", status=403)
    root.delete(f"/services/{service['id']}")
    assert root.get(query)["endpoints"] == []
    root.delete(f"/regions/{north}", status=204)


def test_regions_are_a_tree(root):
    top, below = unique("top"), unique("below")
    assert root.put(f"/regions/{top}", {"region": {"description": "d"}}, status=201)["region"]["id"] == top
    root.put(f"/regions/{top}", {"region": {}}, status=409)
    root.post("/regions", {"region": {"id": below, "parent_region_id": top}}, status=201)
    root.post("/regions", {"region": {"parent_region_id": "nowhere"}}, status=404)
    root.patch(f"/regions/{top}", {"region": {"parent_region_id": below}}, status=400)
    root.patch(f"/regions/{top}", {"region": {"parent_region_id": top}}, status=400)
    assert [region["id"] for region in root.get(f"/regions?parent_region_id={top}")["regions"]] == [below]
    root.delete(f"/regions/{top}", status=204)
    root.get(f"/regions/{below}", status=404)


def test_regions_are_for_everybody_to_see(member, as_identity):
    assert as_identity(member).get("/regions")["regions"]
    as_identity(member).get("/services", status=403)


def test_a_project_may_be_limited_to_some_endpoints(root, member, stranger, service):
    region = unique("region")
    seen, unseen = endpoint(root, service, region=region), endpoint(root, service)
    group = root.make(
        "OS-EP-FILTER/endpoint_groups", "endpoint_group", name="g", filters={"region_id": region}
    )
    path = f"/OS-EP-FILTER/endpoint_groups/{group['id']}"
    assert [each["id"] for each in root.get(f"{path}/endpoints")["endpoints"]] == [seen["id"]]
    root.put(f"{path}/projects/{member.project_id}", status=204)
    assert [each["id"] for each in announced(member, service)] == [seen["id"]]
    assert len(announced(stranger, service)) == 2
    single = f"/OS-EP-FILTER/projects/{member.project_id}/endpoints/{unseen['id']}"
    root.put(single, status=204)
    root.head(single, status=204)
    assert len(announced(member, service)) == 2
    assert [p["id"] for p in root.get(f"{path}/projects")["projects"]] == [member.project_id]
    found = root.get(f"/OS-EP-FILTER/projects/{member.project_id}/endpoints")["endpoints"]
    assert {each["id"] for each in found} == {seen["id"], unseen["id"]}
    root.delete(single, status=204)
    root.delete(single, status=404)
    root.delete(f"{path}/projects/{member.project_id}", status=204)
    assert len(announced(member, service)) == 2
    root.delete(path, status=204)


def start_again(cloud, **changes):
    given = {
        "admin_password": "an administrator's password",
        "service_user": "nacre",
        "service_password": "the service user's password",
        "catalog_services": [CatalogService(type="identity", name="keystone", url="http://198.51.100.7/v3")],
    }
    bootstrap(cloud.process.services["identity"], **given | changes)


class TestStartingAgain:
    @pytest.fixture
    def cloud(self, make_cloud):
        return make_cloud(["identity"])

    def test_an_address_that_changed_is_corrected_and_nothing_doubled(self, cloud, root):
        before = root.get("/endpoints")["endpoints"]
        start_again(cloud)
        after = root.get("/endpoints")["endpoints"]
        assert [each["id"] for each in after] == [each["id"] for each in before]
        assert {each["url"] for each in after} == {"http://198.51.100.7/v3"}
        assert sorted(each["interface"] for each in after) == ["admin", "internal", "public"]

    def test_a_password_that_is_given_anew_holds(self, cloud, log_in):
        scope = {"project": {"name": "admin", "domain": {"id": "default"}}}
        start_again(cloud, admin_password="new")
        log_in("admin", "new", scope=scope)
        start_again(cloud, admin_password="new")
        log_in("admin", "new", scope=scope)

    def test_what_an_operator_changed_stays(self, cloud, root):
        root.patch("/domains/default", {"domain": {"description": "ours"}})
        start_again(cloud)
        assert root.get("/domains/default")["domain"]["description"] == "ours"


def test_versions(cloud):
    answer = cloud.anonymous.get("identity", "/")
    assert answer.status == 300
    (version,) = answer.json["versions"]["values"]
    assert (version["id"], version["status"]) == ("v3.14", "stable")
    assert version["links"][0]["href"] == "http://127.0.0.1:5000/v3/"
    assert cloud.anonymous.get("identity", "/v3").json["version"] == version
