"""What is asked of servers: power, locks, passwords, consoles, rebuilds, snapshots, and what is refused."""

import pytest
from tests.services.compute.conftest import eventually, make_image, stock

from nacre.services.compute.agent.drivers.simulated import Failure


def message(answer):
    ((_, fault),) = answer.json.items()
    return fault["message"]


@pytest.fixture
def server_id(stocked, member):
    return member.create()


def state(cloud, server_id, host="host-1"):
    return str(cloud.drivers[host].inspect()[server_id].state)


def test_power(stocked, member, server_id):
    for action, status, there in (
        ("os__stop", "SHUTOFF", "shutdown"), ("os__start", "ACTIVE", "running"),
        ("pause", "PAUSED", "paused"), ("unpause", "ACTIVE", "running"),
        ("suspend", "SUSPENDED", "suspended"), ("resume", "ACTIVE", "running"),
    ):  # fmt: skip
        assert member.act(server_id, **{action: None}).status == 202
        member.await_status(server_id, status)
        assert state(stocked, server_id) == there
    for kind in ("SOFT", "hard"):
        assert member.act(server_id, reboot={"type": kind}).status == 202
        member.await_status(server_id, "ACTIVE")


def test_what_the_state_does_not_allow(stocked, member, server_id):
    for action in ("os__start", "unpause", "resume", "unrescue"):
        refused = member.act(server_id, **{action: None})
        assert refused.status == 409, action
    assert message(member.act(server_id, unpause=None)) == (
        f"Cannot 'unpause' instance {server_id} while it is in vm_state active"
    )
    member.act(server_id, os__stop=None)
    member.await_status(server_id, "SHUTOFF")
    for action in ("os__stop", "pause", "suspend"):
        assert member.act(server_id, **{action: None}).status == 409
    assert member.act(server_id, reboot={"type": "SOFT"}).status == 409
    assert member.act(server_id, reboot={"type": "HARD"}).status == 202
    member.await_status(server_id, "ACTIVE")


def test_bad_actions(member, server_id):
    for body in ({}, {"nonsense": None}, {"os-start": None, "os-stop": None}, {"reboot": {}},
                 {"reboot": {"type": "NO"}}, {"reboot": {"type": "HARD", "x": 1}}, []):  # fmt: skip
        assert member.post(f"/servers/{server_id}/action", body).status == 400, body


def test_actions_that_are_not_offered(member, admin, server_id):
    nowhere = "11111111-2222-3333-4444-555555555555"
    for action in ("shelveOffload",):
        assert member.act(server_id, **{action: None}).status == 403, action
        assert admin.act(server_id, **{action: None}).status == 501, action
        assert admin.act(nowhere, **{action: None}).status == 404, action
    for action in ("shelve", "unshelve", "trigger_crash_dump", "addFixedIp", "removeFixedIp"):
        assert member.act(server_id, **{action: None}).status == 501, action
    assert member.act(server_id, version="2.44", addFixedIp=None).status == 400
    assert admin.act(server_id, resetNetwork=None).status == 410


def test_a_look_at_the_network(stocked, member, admin):
    network = stocked.network.make_network()
    server_id = member.create(networks=[{"uuid": network["id"]}])
    path = f"/v2.0/networks/{network['id']}"
    assert admin.request("PUT", "network", path, {"network": {"name": "renamed"}}).status == 200
    assert member.act(server_id, injectNetworkInfo=None).status == 403
    assert admin.act(server_id, injectNetworkInfo=None).status == 202
    assert list(member.show(server_id)["addresses"]) == ["renamed"]


def test_two_things_at_once_are_refused(stocked, member, server_id):
    stocked.compute.runner.stop()
    assert member.act(server_id, os__stop=None).status == 202
    refused = member.act(server_id, pause=None)
    assert (refused.status, message(refused)) == (
        409, f"Cannot 'pause' instance {server_id} while it is in task_state powering-off",
    )  # fmt: skip


def test_a_host_that_cannot(stocked, member, admin, server_id):
    stocked.drivers["host-1"].fail(Failure(verb="pause", message="no pause today"))
    assert member.act(server_id, pause=None).status == 202
    member.await_status(server_id, "ACTIVE")
    listed = member.get(f"/servers/{server_id}/os-instance-actions").json["instanceActions"]
    assert [(each["action"], each["message"]) for each in listed] == [("pause", "Error"), ("create", None)]
    path = f"/servers/{server_id}/os-instance-actions/{listed[0]['request_id']}"
    (event,) = member.get(path, version="2.84").json["instanceAction"]["events"]
    assert (event["event"], event["result"], event["details"]) == (
        "compute_pause_instance", "Error", "no pause today",
    )  # fmt: skip
    assert "traceback" not in event
    assert "host" not in event
    (event,) = admin.get(path, version="2.84").json["instanceAction"]["events"]
    assert event["host"] == "host-1"
    assert "events" not in member.get(path).json["instanceAction"]


def test_locks(member, admin, server_id):
    assert member.act(server_id, lock=None).status == 202
    assert member.show(server_id, version="2.9")["locked"] is True
    # the owner who locked it is kept out as well, until the lock is gone
    refused = member.act(server_id, os__stop=None)
    assert (refused.status, message(refused)) == (409, f"Instance {server_id} is locked")
    assert member.delete(f"/servers/{server_id}").status == 409
    assert admin.act(server_id, pause=None).status == 202
    admin.await_status(server_id, "PAUSED")
    assert member.act(server_id, unlock=None).status == 202
    assert member.act(server_id, unpause=None).status == 202
    member.await_status(server_id, "ACTIVE")
    assert admin.act(server_id, version="2.73", lock={"locked_reason": "because"}).status == 202
    assert member.show(server_id, version="2.73")["locked_reason"] == "because"
    assert member.act(server_id, unlock=None).status == 403
    assert admin.act(server_id, unlock=None).status == 202
    assert member.act(server_id, version="2.73", lock={"locked_reason": ""}).status == 400


def test_reset_state(member, admin, server_id):
    assert member.act(server_id, os__resetState={"state": "error"}).status == 403
    assert admin.act(server_id, os__resetState={"state": "error"}).status == 202
    assert admin.show(server_id)["status"] == "ERROR"
    assert admin.act(server_id, os__resetState={"state": "active"}).status == 202
    assert admin.show(server_id)["status"] == "ACTIVE"


def test_console_output_and_passwords(stocked, member, server_id):
    stocked.clock.turn(seconds=30)
    output = member.act(server_id, os__getConsoleOutput={}).json["output"]
    assert "login:" in output
    lines = output.split("\n")  # the end counts as a line, as it does in nova
    for length, wanted in ((3, lines[-3:]), (1, lines[-1:]), (0, [""]), (-1, lines), (1000, lines)):
        last = member.act(server_id, os__getConsoleOutput={"length": length}).json["output"]
        assert last == "\n".join(wanted), length
    assert member.act(server_id, os__getConsoleOutput={"length": "x"}).status == 400
    assert member.act(server_id, changePassword={"adminPass": "new"}).status == 202
    assert member.act(server_id, changePassword={}).status == 400


def test_rebuilding(stocked, member, server_id):
    image = make_image(stocked, "second")
    answer = member.act(
        server_id, rebuild={"imageRef": image, "name": "again", "metadata": {"x": "y"}, "adminPass": "pw"}
    )
    assert answer.status == 202, answer
    server = answer.json["server"]
    assert (server["name"], server["adminPass"], server["image"]["id"]) == ("again", "pw", image)
    assert server["metadata"] == {"x": "y"}
    assert answer.headers["location"].endswith(f"/v2.1/servers/{server_id}")
    member.await_status(server_id, "ACTIVE")
    nowhere = "11111111-2222-3333-4444-555555555555"
    assert member.act(server_id, rebuild={"imageRef": nowhere}).status == 400
    assert member.act(server_id, rebuild={}).status == 400
    member.act(server_id, os__stop=None)
    member.await_status(server_id, "SHUTOFF")
    assert member.act(server_id, rebuild={"imageRef": image}).status == 202
    member.await_status(server_id, "SHUTOFF")
    assert state(stocked, server_id) == "shutdown"


def test_an_image_of_a_server(stocked, member, server_id):
    answer = member.act(server_id, version="2.45", createImage={"name": "copy", "metadata": {"why": "test"}})
    assert answer.status == 202, answer
    path = f"/v2/images/{answer.json['image_id']}"
    image = eventually(
        lambda: (found := member.request("GET", "image", path).json)["status"] == "active" and found
    )
    assert (image["name"], image["why"], image["instance_uuid"]) == ("copy", "test", server_id)
    assert (image["image_type"], image["min_disk"], image["base_image_ref"]) == (
        "snapshot",
        1,
        stocked.image_id,
    )
    member.await_status(server_id, "ACTIVE")
    member.create(imageRef=image["id"])
    old = member.act(server_id, createImage={"name": "copy"})
    assert "/v2/images/" in old.headers["location"]
    for bad in ({}, {"name": ""}, {"name": "x" * 256}, {"name": "x", "metadata": {"": "a"}}):
        assert member.act(server_id, createImage=bad).status == 400, bad


def test_what_an_image_has_from_its_server_and_from_its_maker(stocked, member):
    server_id = member.create(imageRef=make_image(stocked, "demanding", min_ram=100))
    answer = member.act(
        server_id, version="2.45", createImage={"name": "copy", "metadata": {"image_type": "test"}}
    )
    image = member.request("GET", "image", f"/v2/images/{answer.json['image_id']}").json
    assert (image["image_type"], image["instance_uuid"], image["min_ram"]) == ("test", server_id, 100)


def test_an_image_that_is_being_made(cloud, admin, member):
    cloud.add_host(snapshot_seconds=3600)
    stock(cloud, admin)
    server_id = member.create()
    image_id = member.act(server_id, version="2.45", createImage={"name": "copy"}).json["image_id"]
    assert member.get(f"/images/{image_id}").json["image"]["status"] == "SAVING"
    assert member.act(server_id, createImage={"name": "another"}).status == 409
    assert member.delete(f"/images/{image_id}").status == 204
    assert member.get(f"/images/{image_id}").status == 404


def test_rescuing(stocked, member, server_id):
    answer = member.act(server_id, rescue={"adminPass": "pw"})
    assert (answer.status, answer.json) == (200, {"adminPass": "pw"})
    member.await_status(server_id, "RESCUE")
    assert member.act(server_id, rescue=None).status == 409
    assert member.act(server_id, os__stop=None).status == 409
    assert member.act(server_id, unrescue=None).status == 202
    member.await_status(server_id, "ACTIVE")


def test_metadata(member, server_id):
    path = f"/servers/{server_id}/metadata"
    assert member.put(path, {"metadata": {"a": "1", "b": "2"}}).json == {"metadata": {"a": "1", "b": "2"}}
    assert member.post(path, {"metadata": {"b": "3", "c": "4"}}).json["metadata"] == {
        "a": "1",
        "b": "3",
        "c": "4",
    }
    assert member.put(f"{path}/c", {"meta": {"c": "5"}}).json == {"meta": {"c": "5"}}
    assert member.get(f"{path}/c").json == {"meta": {"c": "5"}}
    assert member.delete(f"{path}/c").status == 204
    gone = member.get(f"{path}/c")
    assert (gone.status, message(gone)) == (404, "Metadata item was not found")
    assert member.delete(f"{path}/c").status == 404
    for bad in ({"meta": {}}, {"meta": {"d": "1"}}, {"meta": {"a": "1", "b": "2"}}, {"metadata": {"a": "1"}}):
        assert member.put(f"{path}/a", bad).status == 400, bad
    for bad in (
        {},
        {"metadata": {"": "x"}},
        {"metadata": {"a": "x" * 256}},
        {"metadata": None},
        {"metadata": []},
    ):
        assert member.put(path, bad).status == 400, bad
    assert member.put(path, {"metadata": {f"k{n}": "v" for n in range(129)}}).status == 403


def test_tags(member, server_id):
    path = f"/servers/{server_id}/tags"

    def ask(method, suffix="", *body):
        return getattr(member, method)(path + suffix, *body, version="2.26")

    assert ask("put", "/red").status == 201
    again = ask("put", "/red")
    assert again.status == 204
    assert again.headers["location"].endswith(f"{path}/red")
    assert ask("get", "/red").status == 204
    assert ask("get", "/blue").status == 404
    assert ask("get").json == {"tags": ["red"]}
    assert ask("put", "", {"tags": ["a", "b"]}).json == {"tags": ["a", "b"]}
    assert ask("delete", "/a").status == 204
    assert ask("delete", "/a").status == 404
    assert ask("delete").status == 204
    assert ask("get").json == {"tags": []}
    assert ask("put", "", {"tags": [f"t{n}" for n in range(51)]}).status == 400
    assert ask("put", "/" + "x" * 61).status == 400
    assert ask("put", "/a%2Cb").status == 400
    assert member.get(path).status == 404


def test_interfaces(stocked, member, server_id):
    network = stocked.network.make_network("extra")
    path = f"/servers/{server_id}/os-interface"
    made = member.post(path, {"interfaceAttachment": {"net_id": network["id"], "tag": "t"}}, version="2.70")
    assert made.status == 200, made
    interface = made.json["interfaceAttachment"]
    assert set(interface) == {"port_id", "net_id", "mac_addr", "port_state", "fixed_ips", "tag"}
    driver = stocked.drivers["host-1"]
    eventually(lambda: driver.inspect()[server_id].nics == (interface["port_id"],))
    assert member.get(path).json["interfaceAttachments"][0]["net_id"] == network["id"]
    assert (
        member.get(f"{path}/{interface['port_id']}", version="2.70").json["interfaceAttachment"]["tag"] == "t"
    )
    assert list(member.get(f"/servers/{server_id}/ips").json["addresses"]) == ["extra"]
    assert list(member.get(f"/servers/{server_id}/ips/extra").json) == ["extra"]
    assert member.get(f"/servers/{server_id}/ips/nope").status == 404
    assert member.delete(f"{path}/{interface['port_id']}").status == 202
    eventually(lambda: driver.inspect()[server_id].nics == ())
    eventually(lambda: stocked.network.ports() == [])
    assert member.delete(f"{path}/{interface['port_id']}").status == 404


def test_a_lent_port_is_given_back(stocked, member, server_id):
    network = stocked.network.make_network()
    port = stocked.network.make_port(network)
    path = f"/servers/{server_id}/os-interface"
    assert member.post(path, {"interfaceAttachment": {"port_id": port["id"]}}).status == 200
    eventually(lambda: stocked.drivers["host-1"].inspect()[server_id].nics)
    assert stocked.network.port(port["id"])["device_id"] == server_id
    assert member.post(path, {"interfaceAttachment": {"port_id": port["id"]}}).status == 409
    member.delete(f"{path}/{port['id']}")
    eventually(lambda: stocked.network.port(port["id"])["device_id"] == "")


def test_security_groups(stocked, member):
    network = stocked.network.make_network()
    server_id = member.create(networks=[{"uuid": network["id"]}])
    stocked.network.make_group("web")
    assert member.act(server_id, addSecurityGroup={"name": "web"}).status == 202
    assert {group["name"] for group in member.show(server_id)["security_groups"]} == {"default", "web"}
    assert member.act(server_id, removeSecurityGroup={"name": "default"}).status == 202
    assert member.show(server_id)["security_groups"] == [{"name": "web"}]
    assert member.act(server_id, removeSecurityGroup={"name": "default"}).status == 404
    assert member.act(server_id, addSecurityGroup={"name": "nope"}).status == 404
    (group,) = member.get(f"/servers/{server_id}/os-security-groups").json["security_groups"]
    assert set(group) == {"id", "name", "description", "tenant_id", "rules"}
    assert (group["name"], group["tenant_id"]) == ("web", "p1")


def test_volumes_are_not_there_yet(member, server_id):
    path = f"/servers/{server_id}/os-volume_attachments"
    assert member.get(path).json == {"volumeAttachments": []}
    assert member.get(f"{path}/11111111-2222-3333-4444-555555555555").status == 404


def test_events_from_outside(stocked, member, admin, server_id):
    path = "/os-server-external-events"
    event = {"name": "network-changed", "server_uuid": server_id}
    assert member.post(path, {"events": [event]}).status == 403
    assert admin.post(path, {"events": [event]}).json == {
        "events": [{**event, "status": "completed", "code": 200}]
    }
    lost = {**event, "server_uuid": "11111111-2222-3333-4444-555555555555"}
    assert admin.post(path, {"events": [event, lost]}).status == 207
    assert admin.post(path, {"events": [lost]}).status == 404
    assert admin.post(path, {"events": []}).status == 400
    assert admin.post(path, {"events": [{**event, "name": "volume-extended"}]}).status == 400


def test_diagnostics(stocked, member, admin, server_id):
    path = f"/servers/{server_id}/diagnostics"
    assert member.get(path).status == 403
    assert "memory" in admin.get(path).json
    shown = admin.get(path, version="2.48").json
    assert (shown["state"], shown["driver"], shown["num_cpus"]) == ("running", "libvirt", 1)
    member.act(server_id, os__stop=None)
    member.await_status(server_id, "SHUTOFF")
    assert admin.get(path).status == 409


def test_topology(member, server_id):
    path = f"/servers/{server_id}/topology"
    assert member.get(path, version="2.78").json == {"nodes": [], "pagesize_kb": None}
    assert member.get(path, version="2.77").status == 404


def test_force_delete(member, server_id):
    assert member.act(server_id, forceDelete=None).status == 202
    member.await_gone(server_id)
    listed = member.get(f"/servers/{server_id}/os-instance-actions", version="2.21").json["instanceActions"]
    assert [each["action"] for each in listed] == ["forceDelete", "create"]
    assert member.get(f"/servers/{server_id}/os-instance-actions").status == 404


@pytest.fixture
def bigger(admin):
    admin.post("/flavors", {"flavor": {"id": "2", "name": "big", "ram": 1024, "vcpus": 2, "disk": 2}})
    return "2"


def held(cloud, server_id):
    answer = cloud.user("admin").get("placement", f"/allocations/{server_id}").json["allocations"]
    return next(iter(answer.values()))["resources"]


@pytest.mark.parametrize("off", [False, True])
@pytest.mark.parametrize("answer", ["confirmResize", "revertResize"])
def test_resizing(stocked, member, server_id, bigger, off, answer):
    before = "SHUTOFF" if off else "ACTIVE"
    if off:
        member.act(server_id, os__stop=None)
        member.await_status(server_id, "SHUTOFF")
    assert member.act(server_id, resize={"flavorRef": bigger}).status == 202
    server = member.await_status(server_id, "VERIFY_RESIZE")
    assert server["flavor"]["id"] == "2"
    assert held(stocked, server_id) == {"VCPU": 2, "MEMORY_MB": 1024, "DISK_GB": 2}
    assert stocked.drivers["host-1"].inspect()[server_id].vcpus == 2
    assert member.act(server_id, os__stop=None).status == 409
    assert member.act(server_id, **{answer: None}).status == (204 if answer == "confirmResize" else 202)
    server = member.await_status(server_id, before)
    kept = answer == "confirmResize"
    assert server["flavor"]["id"] == ("2" if kept else "1")
    assert (
        held(stocked, server_id)["VCPU"] == stocked.drivers["host-1"].inspect()[server_id].vcpus == 1 + kept
    )
    assert state(stocked, server_id) == ("shutdown" if off else "running")
    assert member.act(server_id, **{answer: None}).status == 409


def test_sizes_that_cannot_be_had(stocked, member, admin, server_id, bigger):
    for flavor in ("nope", "1", "", None):
        assert member.act(server_id, resize={"flavorRef": flavor}).status == 400, flavor
    admin.post("/flavors", {"flavor": {"id": "9", "name": "huge", "ram": 1024, "vcpus": 1, "disk": 10**6}})
    assert member.act(server_id, resize={"flavorRef": "9"}).status == 202
    server = member.await_status(server_id, "ACTIVE")
    assert server["flavor"]["id"] == "1"
    listed = member.get(f"/servers/{server_id}/os-instance-actions").json["instanceActions"]
    assert (listed[0]["action"], listed[0]["message"]) == ("resize", "Error")
    admin.post("/flavors", {"flavor": {"id": "8", "name": "many", "ram": 1024, "vcpus": 99, "disk": 1}})
    assert member.act(server_id, resize={"flavorRef": "8"}).status == 403


def test_what_network_changes_is_shown(stocked, member):
    network = stocked.network.make_network("inside")
    server_id = member.create(networks=[{"uuid": network["id"]}])
    (port,) = stocked.network.ports(device_id=server_id)
    outside = stocked.network.make_network(
        "outside", "p0", cidr="203.0.113.0/24", **{"router:external": True}
    )
    stocked.network.join(network, outside)
    floating = stocked.network.make_floating_ip(outside, port)

    def kinds():
        listed = member.show(server_id)["addresses"]["inside"]
        return {each["OS-EXT-IPS:type"]: each["addr"] for each in listed}

    eventually(lambda: kinds().get("floating") == floating["floating_ip_address"])
    assert [s["id"] for s in member.get(f"/servers?ip={floating['floating_ip_address']}").json["servers"]]
    stocked.network.drop_floating_ip(floating)
    eventually(lambda: "floating" not in kinds())
    stocked.network.drop_port(port)
    eventually(lambda: member.show(server_id)["addresses"] == {})
    eventually(lambda: stocked.drivers["host-1"].inspect()[server_id].nics == ())
