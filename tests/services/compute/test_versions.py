"""The version documents."""

from nacre.services.compute.versions import TABLE, VERSIONS


def test_the_root_lists_versions_without_a_token(cloud):
    answer = cloud.anonymous.get("compute", "/")
    listed = answer.json["versions"]
    assert [version["id"] for version in listed] == ["v2.0", "v2.1"]
    assert (listed[1]["min_version"], listed[1]["version"]) == ("2.1", str(VERSIONS.maximum))


def test_one_version(cloud):
    version = cloud.anonymous.get("compute", "/v2.1/").json["version"]
    assert version["status"] == "CURRENT"
    assert version["links"][0]["href"].endswith("/v2.1/")


def test_microversions_are_negotiated(member):
    assert member.get("/flavors", version="9.9").status == 406
    answer = member.get("/flavors", version="latest")
    assert answer.headers["openstack-api-version"] == f"compute {VERSIONS.maximum}"
    assert answer.headers["x-openstack-nova-api-version"] == str(VERSIONS.maximum)


def test_the_table_has_no_gaps():
    numbers = [int(number.split(".")[1]) for number in TABLE]
    assert numbers == list(range(1, len(numbers) + 1))


def test_the_id_of_a_request_by_both_its_names(stocked, member):
    headers = member.get("/flavors").headers
    assert headers["x-compute-request-id"] == headers["x-openstack-request-id"]
