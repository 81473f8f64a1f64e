"""What compute passes on to other services for clients of old: images, security groups, floating IPs, networks."""

import pytest

GROUPS, RULES, FLOATING, NETWORKS = (
    "/os-security-groups", "/os-security-group-rules", "/os-floating-ips", "/os-tenant-networks",
)  # fmt: skip
SOME_ID = "7d1f5b6e-3a53-4c8e-a5cf-77a3cba1c0e2"


@pytest.mark.parametrize(
    ("path", "gone"),
    [
        ("/images", "2.36"),
        (GROUPS, "2.36"),
        (FLOATING, "2.36"),
        ("/os-floating-ip-pools", "2.36"),
        (NETWORKS, "2.36"),
    ],
)
def test_they_end(member, path, gone):
    assert member.get(path, version="2.35").status == 200
    assert member.get(path, version=gone).status == 404


# --- images -----------------------------------------------------------------------------------------


@pytest.fixture
def image(member):
    body = {
        "name": "mine", "disk_format": "raw", "container_format": "bare", "image_type": "snapshot",
        "instance_uuid": SOME_ID, "auto_disk_config": "True",
    }  # fmt: skip
    made = member.request("POST", "image", "/v2/images", body)
    assert made.status == 201, made
    return made.json["id"]


def test_images(stocked, member, stranger, image):
    listed = member.get("/images").json["images"]
    assert {each["id"] for each in listed} == {image, stocked.image_id}
    assert {link["rel"] for link in listed[0]["links"]} == {"self", "bookmark", "alternate"}
    shown = member.get(f"/images/{image}").json["image"]
    assert set(shown) == {
        "id", "name", "links", "minRam", "minDisk", "metadata", "created", "updated", "status", "progress",
        "OS-EXT-IMG-SIZE:size", "OS-DCF:diskConfig", "server",
    }  # fmt: skip
    assert (shown["status"], shown["progress"], shown["server"]["id"]) == ("SAVING", 25, SOME_ID)
    ready = member.get(f"/images/{stocked.image_id}").json["image"]
    assert (ready["status"], ready["progress"], ready["OS-EXT-IMG-SIZE:size"]) == ("ACTIVE", 100, 8)
    assert stranger.get(f"/images/{image}").status == 404
    assert member.delete(f"/images/{image}").status == 204
    assert member.delete(f"/images/{image}").status == 404


def test_lists_of_images(stocked, member, image):
    def ids(query):
        answer = member.get(f"/images/detail?{query}")
        assert answer.status == 200, answer
        return [each["id"] for each in answer.json["images"]]

    assert ids("name=mine") == [image]
    assert ids("status=ACTIVE") == [stocked.image_id]
    assert ids("type=snapshot") == [image]
    assert ids(f"server=http://nacre/servers/{SOME_ID}") == [image]
    assert ids("changes-since=2999-01-01T00:00:00Z") == []
    assert len(ids("changes-since=2020-01-01T00:00:00Z")) == 2
    page = member.get("/images?limit=1").json
    assert len(page["images"]) == 1
    assert f"marker={page['images'][0]['id']}" in page["images_links"][0]["href"]


def test_metadata_of_images(member, image):
    path = f"/images/{image}/metadata"
    assert member.put(path, {"metadata": {"a": "1", "b": "2"}}).json == {"metadata": {"a": "1", "b": "2"}}
    assert member.post(path, {"metadata": {"b": "3", "c:d e": "4"}}, version="2.38").status == 200
    assert member.get(path).json == {"metadata": {"a": "1", "b": "3", "c:d e": "4"}}
    assert member.get(f"{path}/a").json == {"meta": {"a": "1"}}
    assert member.put(f"{path}/a", {"meta": {"a": "9"}}).json == {"meta": {"a": "9"}}
    assert member.put(f"{path}/a", {"meta": {"b": "9"}}).status == 400
    assert member.delete(f"{path}/b").status == 204
    assert member.delete(f"{path}/b").status == 404
    assert member.get(f"{path}/b").status == 404
    assert member.get(f"/images/{SOME_ID}/metadata").status == 404
    assert member.get(path, version="2.39").status == 404


# --- security groups --------------------------------------------------------------------------------


@pytest.fixture
def group(member):
    return make_group(member)


def make_group(member, name="web"):
    answer = member.post(GROUPS, {"security_group": {"name": name, "description": "words"}})
    assert answer.status == 200, answer
    return answer.json["security_group"]


def make_rule(member, group, **fields):
    rule = {"parent_group_id": group["id"], "ip_protocol": "tcp", "from_port": 22, "to_port": 22, **fields}
    return member.post(RULES, {"security_group_rule": rule})


def test_groups(member, stranger, group):
    assert group == {
        "id": group["id"], "name": "web", "description": "words", "tenant_id": "p1", "rules": [],
    }  # fmt: skip
    assert [each["name"] for each in member.get(GROUPS).json["security_groups"]] == ["default", "web"]
    assert member.get(f"{GROUPS}?limit=1&offset=1").json["security_groups"] == [group]
    new = {"security_group": {"name": "new", "description": "other"}}
    assert member.put(f"{GROUPS}/{group['id']}", new).json["security_group"]["name"] == "new"
    assert stranger.get(f"{GROUPS}/{group['id']}").status == 404
    assert member.get(f"{GROUPS}/web").status == 400
    assert member.delete(f"{GROUPS}/{group['id']}").status == 202
    assert member.get(f"{GROUPS}/{group['id']}").status == 404
    assert member.post(GROUPS, {"security_group": {"name": "x"}}).status == 400
    default = member.get(GROUPS).json["security_groups"][0]
    assert member.delete(f"{GROUPS}/{default['id']}").status == 400


def test_rules(member, group):
    rule = make_rule(member, group).json["security_group_rule"]
    assert rule == {
        "id": rule["id"], "parent_group_id": group["id"], "ip_protocol": "tcp", "from_port": 22, "to_port": 22,
        "group": {}, "ip_range": {"cidr": "0.0.0.0/0"},
    }  # fmt: skip
    other = make_group(member, "other")
    near = make_rule(member, group, group_id=other["id"]).json["security_group_rule"]
    assert (near["group"], near["ip_range"]) == ({"name": "other", "tenant_id": "p1"}, {})
    ping = make_rule(member, group, ip_protocol="icmp", from_port=-1, to_port=-1).json["security_group_rule"]
    assert (ping["from_port"], ping["to_port"]) == (-1, -1)
    shown = member.get(f"{GROUPS}/{group['id']}").json["security_group"]["rules"]
    assert {each["id"] for each in shown} == {rule["id"], near["id"], ping["id"]}
    assert near in shown
    assert member.delete(f"{RULES}/{rule['id']}").status == 202
    assert member.delete(f"{RULES}/{rule['id']}").status == 404
    assert member.delete(f"{RULES}/first").status == 400


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"ip_protocol": "ipx"}, 400),
        ({"from_port": 65536}, 400),
        ({"to_port": 0}, 400),
        ({"from_port": 23}, 400),
        ({"to_port": None}, 400),
        ({"cidr": "10.0.0.0/99"}, 400),
        ({"ip_protocol": None}, 400),
        ({"parent_group_id": "web"}, 400),
        ({"parent_group_id": SOME_ID}, 404),
        ({"group_id": SOME_ID}, 404),
        ({"group_id": SOME_ID, "cidr": "10.0.0.0/8"}, 400),
    ],
)
def test_rules_that_make_no_sense(member, group, fields, status):
    assert make_rule(member, group, **fields).status == status


def test_a_rule_is_made_once(member, group):
    assert make_rule(member, group).status == 200
    assert make_rule(member, group).status == 400


# --- floating IPs and networks ----------------------------------------------------------------------


@pytest.fixture
def outside(cloud):
    return cloud.network.make_network(
        "public", project_id="p0", cidr="203.0.113.0/24", **{"router:external": True}
    )


@pytest.fixture
def server(stocked, member, outside):
    inside = stocked.network.make_network()
    stocked.network.join(inside, outside)
    return member.create()


def take(member, **body):
    answer = member.post(FLOATING, body or None)
    assert answer.status == 200, answer
    return answer.json["floating_ip"]


def test_floating_ips_are_taken_and_given_back(cloud, member, stranger, outside):
    assert member.get("/os-floating-ip-pools").json == {"floating_ip_pools": [{"name": "public"}]}
    taken = take(member, pool="public")
    assert taken == {
        "id": taken["id"], "ip": taken["ip"], "pool": "public", "fixed_ip": None, "instance_id": None,
    }  # fmt: skip
    other = take(member, pool=outside["id"])
    assert member.get(f"{FLOATING}/{taken['id']}").json["floating_ip"] == taken
    assert len(member.get(FLOATING).json["floating_ips"]) == 2
    assert stranger.get(f"{FLOATING}/{taken['id']}").status == 404
    assert member.post(FLOATING, {"pool": "nowhere"}).status == 404
    assert member.delete(f"{FLOATING}/{other['id']}").status == 202
    assert member.delete(f"{FLOATING}/{other['id']}").status == 404
    assert member.get(f"{FLOATING}/first").status == 404


def test_floating_ips_lead_to_servers(stocked, member, server):
    taken = take(member, pool="public")
    assert member.act(server, addFloatingIp={"address": taken["ip"]}).status == 202
    shown = member.get(f"{FLOATING}/{taken['id']}").json["floating_ip"]
    assert shown["instance_id"] == server
    (addresses,) = member.show(server)["addresses"].values()
    assert {each["OS-EXT-IPS:type"]: each["addr"] for each in addresses} == {
        "fixed": shown["fixed_ip"], "floating": taken["ip"],
    }  # fmt: skip
    second = take(member, pool="public")
    assert member.act(server, addFloatingIp={"address": second["ip"]}).status == 400
    other = member.create()
    assert member.act(other, removeFloatingIp={"address": taken["ip"]}).status == 409
    assert member.act(other, addFloatingIp={"address": taken["ip"]}).status == 202
    assert member.act(server, removeFloatingIp={"address": taken["ip"]}).status == 409
    assert member.act(other, removeFloatingIp={"address": taken["ip"]}).status == 202
    assert len(next(iter(member.show(other)["addresses"].values()))) == 1
    assert member.act(server, addFloatingIp={"address": taken["ip"]}, version="2.44").status == 400


def test_floating_ips_that_lead_nowhere(member, server):
    assert member.act(server, addFloatingIp={"address": "0.0.0.0"}).status == 404
    assert member.act(server, removeFloatingIp={"address": "0.0.0.0"}).status == 404
    assert member.act(server, addFloatingIp={"address": ""}).status == 400
    taken = take(member, pool="public")
    wrong = {"address": taken["ip"], "fixed_address": "192.0.2.1"}
    assert member.act(server, addFloatingIp=wrong).status == 400


def test_networks_of_a_project(cloud, member, stranger):
    network = cloud.network.make_network()
    assert member.get(NETWORKS).json["networks"] == [{"id": network["id"], "label": "net", "cidr": "None"}]
    assert member.get(f"{NETWORKS}/{network['id']}").json["network"]["label"] == "net"
    assert stranger.get(f"{NETWORKS}/{network['id']}").status == 404
    assert member.get(f"{NETWORKS}/first").status == 404
    assert member.post(NETWORKS, {"network": {}}).status == 410
    assert member.delete(f"{NETWORKS}/{network['id']}").status == 410


def test_networks_of_old(cloud, member):
    network = cloud.network.make_network()
    (shown,) = member.get("/os-networks").json["networks"]
    assert (shown["id"], shown["label"], shown["cidr"]) == (network["id"], "net", None)
    assert member.get(f"/os-networks/{network['id']}").json["network"] == shown
    assert member.get("/os-networks", version="2.36").status == 404
    assert member.post(f"/os-networks/{network['id']}/action", {"disassociate": None}).status == 410


def test_groups_of_all_projects(admin, member, stranger, group):
    other = make_group(stranger)
    everybodys = {each["id"] for each in admin.get(f"{GROUPS}?all_tenants=true").json["security_groups"]}
    assert {group["id"], other["id"]} <= everybodys
    assert other["id"] not in {
        each["id"] for each in member.get(f"{GROUPS}?all_tenants=1").json["security_groups"]
    }


def test_methods_that_a_path_does_not_have(member):
    missing = member.delete("/images/")
    assert (missing.status, missing.json["itemNotFound"]["code"]) == (404, 404)
