"""Servers: made, shown, changed, deleted, and what is refused."""

import base64

import pytest

NOWHERE = "11111111-2222-3333-4444-555555555555"


def message(answer):
    ((_, fault),) = answer.json.items()
    return fault["message"]


def test_a_server_is_made_and_deleted(stocked, member, admin):
    answer = member.try_to_create(metadata={"a": "b"})
    assert answer.status == 202, answer
    made = answer.json["server"]
    assert set(made) == {"id", "links", "OS-DCF:diskConfig", "security_groups", "adminPass"}
    assert answer.headers["location"].endswith(f"/v2.1/servers/{made['id']}")
    server = member.await_status(made["id"], "ACTIVE")
    assert server["metadata"] == {"a": "b"}
    assert server["image"]["id"] == stocked.image_id
    assert server["OS-EXT-STS:power_state"] == 1
    assert server["OS-SRV-USG:launched_at"]
    assert admin.show(made["id"])["OS-EXT-SRV-ATTR:host"] == "host-1"
    assert "OS-EXT-SRV-ATTR:host" not in server
    assert member.delete(f"/servers/{made['id']}").status == 204
    member.await_gone(made["id"])
    assert stocked.drivers["host-1"].inspect() == {}


@pytest.mark.parametrize(
    ("fields", "part"),
    [
        ({"name": ""}, "name"),
        ({"name": 12345}, "name"),
        ({"name": "x" * 256}, "name"),
        ({"name": " x"}, "name"),
        ({"flavorRef": "-1"}, "Flavor -1 could not be found."),
        ({"imageRef": NOWHERE}, f"Image {NOWHERE} could not be found."),
        ({"imageRef": "nonsense"}, "imageRef"),
        ({"imageRef": ...}, "Block Device Mapping is Invalid"),
        ({"key_name": "nope"}, "Invalid key_name provided."),
        ({"accessIPv4": "1.1.1.1.1.1"}, "accessIPv4"),
        ({"accessIPv6": "notvalid"}, "accessIPv6"),
        ({"networks": [{"uuid": NOWHERE}]}, f"Network {NOWHERE} could not be found."),
        ({"networks": [{"uuid": "a-b-c-d-e-f-g-h-i-j"}]}, "uuid"),
        ({"networks": [{"port": NOWHERE}]}, f"Port id {NOWHERE} could not be found."),
        ({"networks": [{}]}, "Bad network format"),
        ({"networks": "none"}, "networks"),
        ({"metadata": {"a" * 256: "b"}}, "too long"),
        ({"metadata": {"a": "b" * 256}}, "too long"),
        ({"security_groups": [{"name": "does_not_exist"}]}, "does_not_exist"),
        ({"user_data": "not base 64!"}, "user_data"),
        ({"personality": [{"path": "/etc/x", "contents": "!!"}]}, "contents"),
        ({"availability_zone": "moon"}, "The requested availability zone is not available"),
        ({"min_count": 3, "max_count": 2}, "min_count must be <= max_count"),
        ({"min_count": 0}, "min_count"),
        ({"block_device_mapping_v2": [{"source_type": "blank"}]}, "Block Device Mapping is Invalid"),
        ({"block_device_mapping_v2": [{"boot_index": 0, "uuid": "x"}]}, "uuid"),
        ({"description": "too early"}, "description"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_bad_requests_say_what_is_wrong(stocked, member, fields, part):
    answer = member.try_to_create(**fields)
    assert answer.status == 400, answer
    assert part in message(answer)
    assert member.get("/servers").json["servers"] == []


def test_networks_must_be_said_from_2_37(stocked, member):
    body = {"name": "x", "flavorRef": "1", "imageRef": stocked.image_id}
    answer = member.post("/servers", {"server": body}, version="2.37")
    assert answer.status == 400
    assert "'networks' is a required property" in message(answer)


def test_an_old_client_gets_the_only_network(stocked, member):
    stocked.network.make_network("private")
    server = member.show(member.create())
    ((network, addresses),) = server["addresses"].items()
    assert network == "private"
    assert addresses[0]["OS-EXT-IPS:type"] == "fixed"
    assert addresses[0]["OS-EXT-IPS-MAC:mac_addr"].startswith("fa:16:3e")
    assert server["security_groups"] == [{"name": "default"}]
    stocked.network.make_network("second")
    again = member.try_to_create()
    assert (again.status, message(again)) == (
        409, "Multiple possible networks found, use a Network ID to be more specific.",
    )  # fmt: skip


def test_ports_of_others_are_not_taken(stocked, member):
    network = stocked.network.make_network()
    port = stocked.network.make_port(network, device_id="somebody")
    answer = member.try_to_create(networks=[{"port": port["id"]}])
    assert (answer.status, message(answer)) == (409, f"Port {port['id']} is still in use.")


def test_external_networks_are_for_administrators(stocked, member):
    network = stocked.network.make_network("outside", **{"router:external": True})
    answer = member.try_to_create(networks=[{"uuid": network["id"]}])
    assert answer.status == 403
    assert "not allowed to create an interface on external network" in message(answer)


def test_several_at_once(stocked, member, admin):
    answer = member.try_to_create(min_count=2, max_count=3, return_reservation_id=True)
    reservation = answer.json["reservation_id"]
    listed = member.get(f"/servers?reservation_id={reservation}&sort_key=display_name&sort_dir=asc").json
    assert [server["name"] for server in listed["servers"]] == ["web-1", "web-2", "web-3"]
    shown = admin.get(f"/servers/detail?all_tenants=1&reservation_id={reservation}", version="2.3").json
    assert {server["OS-EXT-SRV-ATTR:launch_index"] for server in shown["servers"]} == {0, 1, 2}
    assert {server["OS-EXT-SRV-ATTR:hostname"] for server in shown["servers"]} == {"web-1", "web-2", "web-3"}


def test_quotas_are_counted_in_the_creating_transaction(stocked, member, admin):
    assert member.try_to_create(min_count=10).status == 202
    over = member.try_to_create()
    assert (over.status, message(over)) == (
        403, "Quota exceeded for instances: Requested 1, but already used 10 of 10 instances",
    )  # fmt: skip
    listed = member.get("/servers").json["servers"]
    assert len(listed) == 10
    for server in listed:
        member.delete(f"/servers/{server['id']}")
    for server in listed:
        member.await_gone(server["id"])
    assert member.try_to_create(min_count=1, max_count=20, return_reservation_id=True).status == 202
    assert len(member.get("/servers").json["servers"]) == 10


def test_flavors_must_be_large_enough(stocked, member, admin):
    from tests.services.compute.conftest import make_image

    needs_memory = make_image(stocked, min_ram=1024)
    assert "memory is too small" in message(member.try_to_create(imageRef=needs_memory))
    needs_disk = make_image(stocked, min_disk=5)
    assert "disk is smaller" in message(member.try_to_create(imageRef=needs_disk))
    admin.post("/flavors", {"flavor": {"id": "0", "name": "diskless", "ram": 64, "vcpus": 1, "disk": 0}})
    refused = member.try_to_create(flavorRef="0")
    assert (refused.status, message(refused)) == (
        403, "Only volume-backed servers are allowed for flavors with zero disk.",
    )  # fmt: skip
    assert admin.try_to_create(flavorRef="0").status == 202


@pytest.mark.parametrize(
    ("wanted", "given"), [("e1000e", "e1000e"), ("VirtualE1000", "e1000"), (None, "virtio")]
)
def test_a_server_has_network_cards_of_the_model_that_its_image_wants(stocked, member, wanted, given):
    from tests.services.compute.conftest import make_image

    image = make_image(stocked, **({"hw_vif_model": wanted} if wanted else {}))
    networks = [{"uuid": stocked.network.make_network()["id"]}]
    server_id = member.create(imageRef=image, networks=networks)
    (record,) = [each for each in stocked.agents["host-1"]._records.all() if each.server_id == server_id]
    assert [nic.model for nic in record.spec.nics] == [given]


def test_a_model_of_network_card_that_nobody_has_is_refused(stocked, member):
    from tests.services.compute.conftest import make_image

    image = make_image(stocked, hw_vif_model="carrier pigeon")
    refused = member.try_to_create(imageRef=image)
    assert refused.status == 400
    assert "'carrier pigeon' is not one of virtio, e1000, e1000e, rtl8139" in message(refused)


def test_what_each_version_shows(stocked, member, admin):
    server_id = member.create(
        version="2.96", networks="none", tags=["a"], description="d", hostname="h.example"
    )
    oldest = member.show(server_id)
    assert "locked" not in oldest
    assert set(oldest["flavor"]) == {"id", "links"}
    newest = member.show(server_id, version="2.96")
    assert newest["flavor"] == {
        "vcpus": 1, "ram": 512, "disk": 1, "ephemeral": 0, "swap": 0, "original_name": "tiny", "extra_specs": {},
    }  # fmt: skip
    assert (newest["tags"], newest["description"], newest["locked"]) == (["a"], "d", False)
    assert newest["OS-EXT-SRV-ATTR:hostname"] == "h.example"
    assert newest["server_groups"] == []
    assert "host_status" not in newest
    assert admin.show(server_id, version="2.96")["host_status"] == "UP"


def test_hostnames_are_made_of_names(stocked, admin):
    for name, hostname in (
        ("guest-instance-1.domain.com", "guest-instance-1-domain-com"),
        ("My Web_Server", "my-web-server"),
        ("x" * 80, "x" * 63),
    ):
        server_id = admin.create(wait=None, name=name)
        assert admin.show(server_id, version="2.3")["OS-EXT-SRV-ATTR:hostname"] == hostname
    odd = admin.create(wait=None, name="\u00e4\u00f6\u00fc")
    assert admin.show(odd, version="2.3")["OS-EXT-SRV-ATTR:hostname"] == f"server-{odd}"


def test_changes_of_paper(stocked, member):
    server_id = member.create()
    path = f"/servers/{server_id}"
    changed = member.put(
        path, {"server": {"name": "new", "accessIPv4": "1.1.1.1", "accessIPv6": "::babe:202:202"}}
    )
    assert changed.status == 200
    server = changed.json["server"]
    assert (server["name"], server["accessIPv4"], server["accessIPv6"]) == (
        "new",
        "1.1.1.1",
        "::babe:202:202",
    )
    assert "OS-EXT-STS:vm_state" not in server
    assert member.put(path, {"server": {}}).status == 200
    assert "OS-EXT-STS:vm_state" in member.put(path, {"server": {"name": "n"}}, version="2.75").json["server"]
    for bad in ({"name": ""}, {"name": "x" * 256}, {"status": "x"}):
        assert member.put(path, {"server": bad}).status == 400, bad
    assert member.put(f"/servers/{NOWHERE}", {"server": {"name": "x"}}).status == 404


def test_strangers_and_readers(stocked, member, stranger):
    from tests.services.compute.conftest import Person

    server_id = member.create()
    path = f"/servers/{server_id}"
    for answer in (
        stranger.get(path), stranger.delete(path), stranger.put(path, {"server": {"name": "x"}}),
        stranger.post(f"{path}/action", {"os-stop": None}), stranger.get(f"{path}/metadata"),
    ):  # fmt: skip
        assert answer.status == 404
    reader = Person(stocked, "reader")
    assert reader.get(path).status == 200
    assert reader.delete(path).status == 403
    assert reader.post(f"{path}/action", {"os-stop": None}).status == 403
    assert reader.try_to_create().status == 403


@pytest.mark.parametrize("server_id", ["-1", "x" * 256, NOWHERE, "%3Cscript%3E"])
def test_what_is_not_there(member, server_id):
    assert member.get(f"/servers/{server_id}").status == 404
    assert member.delete(f"/servers/{server_id}").status == 404
    assert member.post(f"/servers/{server_id}/action", {"os-start": None}).status == 404


def test_hints_are_checked(stocked, member):
    assert member.try_to_create(hints={"group": NOWHERE}).status == 400
    assert member.try_to_create(hints={"same_host": "nonsense"}).status == 400
    body = {"server": {"name": "x", "flavorRef": "1", "imageRef": stocked.image_id}, "strange": 1}
    assert member.post("/servers", body).status == 400


def test_deleting_while_it_is_being_built(stocked, member):
    driver = stocked.add_host("host-2", build_seconds=3600)
    stocked.agents.pop("host-1").stop()
    stocked.clock.turn(seconds=120)
    stocked.report("host-2")
    server_id = member.create(wait=None)
    assert member.delete(f"/servers/{server_id}").status == 204
    member.await_gone(server_id)
    assert driver.inspect() == {}


def test_deleted_servers_are_listed_to_those_who_ask_what_changed(stocked, member, admin):
    server_id = member.create()
    since = (stocked.clock.now()).isoformat().replace("+00:00", "Z")
    member.delete(f"/servers/{server_id}")
    member.await_gone(server_id)
    changed = member.get("/servers/detail", query={"changes-since": since}).json["servers"]
    assert [(server["id"], server["status"]) for server in changed] == [(server_id, "DELETED")]
    assert admin.get("/servers?all_tenants=1&deleted=true").json["servers"][0]["id"] == server_id
    refused = member.get("/servers?status=deleted")
    assert (refused.status, message(refused)) == (403, "Only administrators may list deleted instances")


def test_files_and_user_data_reach_the_config_drive(stocked, member):
    text = base64.b64encode(b"#!/bin/sh\n").decode()
    server_id = member.create(
        personality=[{"path": "/etc/motd", "contents": text}], user_data=text, adminPass="hush",
    )  # fmt: skip
    assert member.show(server_id)["config_drive"] == "True"
    many = [{"path": f"/f{n}", "contents": text} for n in range(6)]
    assert member.try_to_create(personality=many).status == 403
