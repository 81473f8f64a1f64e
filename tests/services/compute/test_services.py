"""Compute services: who is up, who is disabled, and what follows from it."""

import pytest

from nacre.services.compute import rpc

PATH = "/os-services"


@pytest.fixture
def hosts(cloud):
    cloud.add_host("host-1")
    cloud.add_host("host-2")


def agents(admin, version="2.53", **query):
    listed = admin.get(PATH, query={"binary": "nova-compute", **query}, version=version)
    assert listed.status == 200, listed
    return listed.json["services"]


def test_the_list(hosts, admin, member):
    listed = admin.get(PATH).json["services"]
    assert sorted(each["binary"] for each in listed) == [
        "nova-compute", "nova-compute", "nova-conductor", "nova-scheduler",
    ]  # fmt: skip
    assert {each["zone"] for each in listed} == {"nova", "internal"}
    assert {(each["state"], each["status"]) for each in listed} == {("up", "enabled")}
    assert len({each["id"] for each in listed}) == 4
    assert all(isinstance(each["id"], int) and "forced_down" not in each for each in listed)
    assert "forced_down" in admin.get(PATH, version="2.11").json["services"][0]
    assert [each["host"] for each in agents(admin, host="host-2")] == ["host-2"]
    assert admin.get(f"{PATH}?binary=xxx").json["services"] == []
    assert admin.get(f"{PATH}?xxx=1", version="2.74").status == 200
    assert admin.get(f"{PATH}?xxx=1", version="2.75").status == 400
    assert member.get(PATH).status == 403


def test_an_agent_that_is_silent_is_down(cloud, hosts, admin):
    cloud.agents["host-1"].stop()
    cloud.clock.turn(seconds=120)
    report = rpc.HostReport(status=cloud.agents["host-2"].status())
    cloud.process.bus.call(rpc.CONTROL_TOPIC, rpc.HOST_REPORT, report)
    assert {each["host"]: each["state"] for each in agents(admin)} == {"host-1": "down", "host-2": "up"}


def test_update(hosts, admin, member):
    service = agents(admin)[0]
    path = f"{PATH}/{service['id']}"
    body = {"status": "disabled", "disabled_reason": "new fan"}
    changed = admin.put(path, body, version="2.53").json["service"]
    assert (changed["status"], changed["disabled_reason"], changed["id"]) == (
        "disabled", "new fan", service["id"],
    )  # fmt: skip
    assert set(changed) == {
        "id", "binary", "host", "zone", "status", "state", "updated_at", "disabled_reason", "forced_down",
    }  # fmt: skip
    down = admin.put(path, {"forced_down": True}, version="2.53").json["service"]
    assert (down["state"], down["forced_down"], down["status"]) == ("down", True, "disabled")
    up = admin.put(path, {"status": "enabled", "forced_down": False}, version="2.53").json["service"]
    assert (up["state"], up["status"], up["disabled_reason"]) == ("up", "enabled", None)
    assert member.put(path, body, version="2.53").status == 403


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"status": "on"},
        {"disabled_reason": "x"},
        {"status": "enabled", "disabled_reason": "x"},
        {"status": "disabled", "disabled_reason": ""},
        {"forced_down": "perhaps"},
        {"status": "disabled", "host": "host-1"},
    ],
)
def test_bad_updates(hosts, admin, body):
    assert admin.put(f"{PATH}/{agents(admin)[0]['id']}", body, version="2.53").status == 400


def test_only_agents_are_disabled(hosts, admin):
    (scheduler,) = admin.get(f"{PATH}?binary=nova-scheduler", version="2.53").json["services"]
    refused = admin.put(f"{PATH}/{scheduler['id']}", {"status": "disabled"}, version="2.53")
    assert (refused.status, "nova-scheduler" in refused.json["badRequest"]["message"]) == (400, True)


def test_services_that_are_not_there(hosts, admin):
    some = "7d1f5b6e-3a53-4c8e-a5cf-77a3cba1c0e2"
    for number in (1, 77):
        missing = admin.put(f"{PATH}/{some}", {"status": "enabled"}, version="2.53")
        assert missing.status == 404, number
    assert admin.put(f"{PATH}/1", {"status": "enabled"}, version="2.53").status == 400
    assert admin.delete(f"{PATH}/99").status == 404
    body = {"host": "host-9", "binary": "nova-compute"}
    refused = admin.put(f"{PATH}/enable", body)
    message = "Could not find binary nova-compute on host host-9."
    assert (refused.status, refused.json["itemNotFound"]["message"]) == (404, message)


def test_the_ways_of_old(hosts, admin):
    body = {"host": "host-1", "binary": "nova-compute"}
    assert admin.put(f"{PATH}/disable", body).json == {"service": {**body, "status": "disabled"}}
    for_a_reason = {**body, "disabled_reason": "dust"}
    said = admin.put(f"{PATH}/disable-log-reason", for_a_reason)
    assert said.json == {"service": {**for_a_reason, "status": "disabled"}}
    assert agents(admin, host="host-1")[0]["disabled_reason"] == "dust"
    assert admin.put(f"{PATH}/enable", body).json == {"service": {**body, "status": "enabled"}}
    forced = admin.put(f"{PATH}/force-down", {**body, "forced_down": True}, version="2.11")
    assert forced.json == {"service": {**body, "forced_down": True}}
    assert agents(admin, host="host-1")[0]["state"] == "down"
    assert admin.put(f"{PATH}/enable", body, version="2.53").status == 404
    assert admin.put(f"{PATH}/force-down", body, version="2.1").status == 404


def test_a_disabled_host_gets_no_servers(stocked, admin, member):
    stocked.add_host("host-2")
    (service,) = agents(admin, host="host-1")
    admin.put(f"{PATH}/{service['id']}", {"status": "disabled"}, version="2.53")
    for _ in range(3):
        assert admin.show(member.create())["OS-EXT-SRV-ATTR:host"] == "host-2"


def test_forgetting_a_service(stocked, admin, member):
    server = member.create()
    (service,) = agents(admin)
    busy = admin.delete(f"{PATH}/{service['id']}", version="2.53")
    assert (busy.status, "hosting instances" in busy.json["conflictingRequest"]["message"]) == (409, True)
    member.delete(f"/servers/{server}")
    member.await_gone(server)
    stocked.agents["host-1"].stop()
    assert admin.delete(f"{PATH}/{service['id']}", version="2.53").status == 204
    assert agents(admin) == []
    providers = admin.request("GET", "placement", "/resource_providers").json["resource_providers"]
    assert providers == []
