"""Lists of servers: filters, sorting, pages, and patterns for names."""

import pytest
from tests.services.compute.conftest import make_image

from nacre.services.compute.app import name_patterns


def names(user, query, version=None):
    answer = user.get(f"/servers?{query}", version=version)
    assert answer.status == 200, answer
    return sorted(server["name"] for server in answer.json["servers"])


@pytest.fixture
def three(stocked, member, admin):
    stocked.network.make_network("private")
    admin.post("/flavors", {"flavor": {"id": "2", "name": "big", "ram": 1024, "vcpus": 2, "disk": 1}})
    other_image = make_image(stocked, "other")
    ids = {
        "web-instance-1": member.create(name="web-instance-1", version="2.52", tags=["red", "blue"],
                                        metadata={"k": "v"}, networks=[{"uuid": _net(stocked)}]),
        "web-instance-2": member.create(name="web-instance-2", flavorRef="2", version="2.52", tags=["red"]),
        "db-instance-33": member.create(name="db-instance-33", imageRef=other_image, version="2.52"),
    }  # fmt: skip
    stocked.other_image = other_image
    assert member.act(ids["db-instance-33"], os__stop=None).status == 202
    member.await_status(ids["db-instance-33"], "SHUTOFF")
    return ids


def _net(cloud):
    return cloud.network.networks()[0]["id"]


def test_filters(three, stocked, member):
    everybody = sorted(three)
    web = everybody[1:]
    assert names(member, "") == everybody
    assert names(member, "name=web") == web
    assert names(member, "name=WEB-instance-1") == ["web-instance-1"]
    assert names(member, "status=active") == web
    assert names(member, "status=SHUTOFF") == ["db-instance-33"]
    assert names(member, "status=SHUTOFF&status=ACTIVE") == everybody
    assert names(member, "status=nonsense") == []
    assert member.get("/servers?status=nonsense", version="2.38").status == 400
    assert names(member, "flavor=2") == ["web-instance-2"]
    assert names(member, "flavor=nope") == []
    assert names(member, f"image={stocked.other_image}") == ["db-instance-33"]
    address = stocked.network.ports()[0]["fixed_ips"][0]["ip_address"]
    assert names(member, f"ip={address}") == ["web-instance-1"]
    assert names(member, "ip=10.0.0") == ["web-instance-1"]
    assert names(member, "ip=10.9") == []
    assert names(member, "changes-since=2012-01-01T12:34:00Z") == everybody
    assert names(member, "changes-since=2051-01-01T12:34:00Z") == []
    assert names(member, "unknown=1") == everybody
    for query, version in (("changes-since=2011/01/01", None), ("unknown=1", "2.75"), ("limit=x", None),
                           ("limit=-1", None), ("marker=nope", None), ("sort_key=nope", None),
                           ("sort_key=host", None)):  # fmt: skip
        assert member.get(f"/servers?{query}", version=version).status == 400, query


def test_filters_by_tags(three, member):
    def tagged(query):
        return names(member, query, version="2.26")

    assert tagged("tags=red,blue") == ["web-instance-1"]
    assert tagged("tags-any=blue,green") == ["web-instance-1"]
    assert tagged("not-tags=red,blue") == ["db-instance-33", "web-instance-2"]
    assert tagged("not-tags-any=red,blue") == ["db-instance-33"]
    assert names(member, "tags=red") == sorted(three)


def test_filters_that_came_later_or_are_for_administrators(three, member, admin, stranger):
    off = "vm_state=stopped"
    assert names(member, off) == sorted(three)
    assert names(member, off, version="2.83") == ["db-instance-33"]
    assert names(member, "vm_state=nonsense", version="2.83") == []
    assert names(admin, "") == []
    assert names(admin, "all_tenants=1&host=host-1") == sorted(three)
    assert names(admin, "all_tenants=1&host=host-2") == []
    assert names(admin, "all_tenants=1&tenant_id=p1") == sorted(three)
    assert names(admin, "all_tenants=1&tenant_id=p2") == names(admin, "tenant_id=p1") == []
    assert names(admin, 'all_tenants=1&metadata={"k":"v"}') == ["web-instance-1"]
    assert member.get("/servers?all_tenants=1").status == 403
    assert member.get("/servers/detail?all_tenants=true").status == 403
    assert names(member, "all_tenants=0") == sorted(three)
    assert names(member, "host=nowhere") == sorted(three)
    assert names(stranger, "tenant_id=p1") == []


def test_locked_servers(three, member):
    member.act(three["web-instance-1"], lock=None)
    assert names(member, "locked=true", version="2.73") == ["web-instance-1"]
    assert len(names(member, "locked=false", version="2.73")) == 2
    assert member.get("/servers?locked=maybe", version="2.73").status == 400


def test_pages(three, stocked, member):
    first = member.get("/servers?limit=2").json
    assert len(first["servers"]) == 2
    link = first["servers_links"][0]
    assert link["rel"] == "next"
    second = member.request("GET", "compute", link["href"].split("8774", 1)[1]).json
    assert len(second["servers"]) == 1
    assert "servers_links" not in second
    assert {server["id"] for server in first["servers"] + second["servers"]} == set(three.values())
    by_name = member.get("/servers?sort_key=display_name&sort_dir=desc").json["servers"]
    assert [server["name"] for server in by_name] == sorted(three, reverse=True)
    assert member.get("/servers?limit=0").json == {"servers": []}


def test_names_by_pattern(three, member):
    assert names(member, r"name=^.*\-instance\-[0-9]%2B$") == sorted(three)
    assert names(member, r"name=^web.*2$") == ["web-instance-2"]
    assert names(member, r"name=(db|cache)-") == ["db-instance-33"]
    assert names(member, r"name=^web-instance-.$&limit=1&sort_key=display_name&sort_dir=asc") == [
        "web-instance-1"
    ]


@pytest.mark.parametrize(
    ("pattern", "name", "found"),
    [
        ("b+c", "abbc", True), ("^b", "abc", False), ("c$", "abc", True), ("^$", "", True), ("^$", "a", False),
        ("a{2}", "baab", True), ("^a{2,3}$", "aaaa", False), ("^a{2,}$", "aaaa", True), ("[^a-c]", "abc", False),
        ("[a-c-]+$", "x-b", True), (r"\d\d", "a12", True), (r"\.", "ab", False), ("a|b|", "z", True),
        ("^(ab)*$", "ababab", True), ("^(ab)*$", "aba", False), ("^(?:x|yz)+$", "xyzx", True), ("WEB", "my-web", True),
        ("^a?a?a?aaa$", "aaa", True), ("(a*)*b", "a" * 200, False), ("(a|aa)+$", "a" * 200 + "b", False),
    ],
)  # fmt: skip
def test_patterns(pattern, name, found):
    assert name_patterns.read(pattern).matches(name) is found


@pytest.mark.parametrize(
    "pattern", ["(", ")", "[", "*", "a{", "a{3,2}", "a**", "\\", "x" * 300, "(a{200}){200}"]
)
def test_patterns_that_are_none(pattern):
    with pytest.raises(name_patterns.BadPattern):
        name_patterns.read(pattern)
