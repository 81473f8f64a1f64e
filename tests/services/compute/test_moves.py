"""Servers go to other hosts: live, cold, with another size, and because their host has failed."""

import pytest
from tests.services.compute.conftest import eventually, stock

from nacre.kernel.errors import Unavailable
from nacre.services.compute.agent.drivers.simulated import Failure

LIVE = "2.68"
HOST = "OS-EXT-SRV-ATTR:host"


@pytest.fixture
def pair(cloud, admin):
    """A cloud with two hosts, a flavor, an image and a network."""
    cloud.add_host("host-1")
    cloud.add_host("host-2")
    stock(cloud, admin)
    cloud.net = cloud.network.make_network()
    return cloud


@pytest.fixture
def server_id(pair, member):
    return member.create(networks=[{"uuid": pair.net["id"]}])


def host_of(admin, server_id):
    return admin.show(server_id)[HOST]


def other(host):
    return {"host-1": "host-2", "host-2": "host-1"}[host]


def live(admin, server_id, host=None, version=LIVE, **more):
    return admin.act(
        server_id, version=version, os__migrateLive={"host": host, "block_migration": "auto", **more}
    )


def held(cloud):
    """Return what is held: consumer → {host: VCPUs}."""
    admin = cloud.user("admin")
    found = {}
    for provider in admin.get("placement", "/resource_providers").json["resource_providers"]:
        path = f"/resource_providers/{provider['uuid']}/allocations"
        for consumer, each in admin.get("placement", path).json["allocations"].items():
            found.setdefault(consumer, {})[provider["name"]] = each["resources"]["VCPU"]
    return found


def refusal(answer):
    ((_, said),) = answer.json.items()
    return answer.status, said["message"]


def the_migrations(admin, version="2.80", query=""):
    answer = admin.get(f"/os-migrations?{query}", version=version)
    assert answer.status == 200, answer
    return answer.json["migrations"]


def on_hosts(cloud, server_id):
    return [name for name, driver in cloud.drivers.items() if driver.inspect([server_id])]


def known_to_agents(cloud, server_id):
    return [
        name
        for name, agent in cloud.agents.items()
        if any(r.server_id == server_id for r in agent._records.all())
    ]


def assert_at_home(cloud, admin, server_id, host, vcpus=1):
    """Everything agrees that the server is on one host, and nothing of it is elsewhere."""
    assert host_of(admin, server_id) == host
    assert on_hosts(cloud, server_id) == [host]
    assert known_to_agents(cloud, server_id) == [host]
    assert held(cloud) == {server_id: {host: vcpus}}
    (port,) = cloud.network.ports(device_id=server_id)
    assert (port["binding:host_id"], port["binding:vif_type"]) == (host, "tap")
    bindings = cloud.user("admin").get("network", f"/v2.0/ports/{port['id']}/bindings").json["bindings"]
    assert [(each["host"], each["status"]) for each in bindings] == [(host, "ACTIVE")]


# --- live -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["2.1", "2.25", "2.30", "2.34", "2.68"])
def test_a_live_migration(pair, member, admin, server_id, version):
    old = host_of(admin, server_id)
    booted_at = pair.drivers[old].inspect()[server_id].started_at
    body = {"host": None, "block_migration": "auto"}
    if version == "2.1":
        body = {"host": None, "block_migration": "True", "disk_over_commit": False}
    assert admin.act(server_id, version=version, os__migrateLive=body).status == 202
    member.await_status(server_id, "ACTIVE")
    assert_at_home(pair, admin, server_id, other(old))
    assert pair.drivers[other(old)].inspect()[server_id].started_at == booted_at
    (shown,) = the_migrations(admin)
    wanted = {
        "migration_type": "live-migration", "status": "completed", "source_compute": old,
        "dest_compute": other(old), "instance_uuid": server_id, "project_id": "p1", "user_id": "u0",
    }  # fmt: skip
    assert {name: shown[name] for name in wanted} == wanted
    assert live(admin, server_id, old).status == 202  # and back again
    member.await_status(server_id, "ACTIVE")
    assert_at_home(pair, admin, server_id, old)


def test_a_paused_server_stays_paused(pair, member, admin, server_id):
    member.act(server_id, pause=None)
    member.await_status(server_id, "PAUSED")
    assert live(admin, server_id).status == 202
    member.await_status(server_id, "PAUSED")
    (host,) = on_hosts(pair, server_id)
    assert pair.drivers[host].inspect()[server_id].state == "paused"
    assert_at_home(pair, admin, server_id, host)


def test_what_may_not_be_asked(pair, member, admin, server_id):
    old = host_of(admin, server_id)
    assert live(member, server_id).status == 403
    for version in ("2.25", "2.34"):
        answer = live(admin, server_id, "nowhere", version)
        assert refusal(answer) == (400, "Compute host nowhere could not be found.")
    assert live(admin, server_id, old, "2.30").status == 400
    answer = live(admin, server_id, version="2.30", force=True)
    assert refusal(answer) == (400, "Can't force to a non-provided destination")
    assert live(admin, server_id, other(old), force=True).status == 400  # 2.68 does not know it
    assert live(admin, server_id, version="2.24").status == 400
    answer = admin.act(server_id, version="2.56", migrate={"host": old})
    assert refusal(answer) == (400, "Cannot migrate to the host where the server exists.")
    assert admin.act(server_id, version="2.56", migrate={"host": "nowhere"}).status == 400
    member.act(server_id, os__stop=None)
    member.await_status(server_id, "SHUTOFF")
    answer = live(admin, server_id)
    assert (refusal(answer)[0], "vm_state stopped" in refusal(answer)[1]) == (409, True)
    assert the_migrations(admin) == []


def test_why_there_is_no_host(pair, member, admin, server_id):
    old, new = host_of(admin, server_id), other(host_of(admin, server_id))
    admin.put(
        "/os-services/disable-log-reason", {"host": new, "binary": "nova-compute", "disabled_reason": "dust"}
    )
    answer = live(admin, server_id, version="2.25")
    assert answer.status == 400
    assert "No valid host was found" in refusal(answer)[1]
    assert the_migrations(admin) == []
    assert live(admin, server_id).status == 202
    member.await_status(server_id, "ACTIVE")
    eventually(lambda: the_migrations(admin)[0]["status"] == "error")
    assert_at_home(pair, admin, server_id, old)
    (action, *_) = admin.get(f"/servers/{server_id}/os-instance-actions", version="2.84").json[
        "instanceActions"
    ]
    assert (action["action"], action["message"]) == ("live-migration", "Error")
    path = f"/servers/{server_id}/os-instance-actions/{action['request_id']}"
    (event,) = admin.get(path, version="2.84").json["instanceAction"]["events"]
    assert "disabled (1)" in event["details"]
    assert "it is disabled: dust" in event["traceback"]
    assert "the server is on it now" in event["traceback"]
    assert live(admin, server_id, new, "2.30", force=True).status == 202  # an administrator knows better
    member.await_status(server_id, "ACTIVE")
    assert_at_home(pair, admin, server_id, new)


def test_another_processor(pair, member, admin):
    pair.add_host("host-3", cpu_features=("sse4.2",))
    server_id = member.create(networks=[{"uuid": pair.net["id"]}])
    if host_of(admin, server_id) == "host-3":
        live(admin, server_id)
        member.await_status(server_id, "ACTIVE")
    old = host_of(admin, server_id)
    assert live(admin, server_id, "host-3").status == 202
    member.await_status(server_id, "ACTIVE")
    eventually(lambda: the_migrations(admin)[0]["status"] == "error")
    assert_at_home(pair, admin, server_id, old)
    action = admin.get(f"/servers/{server_id}/os-instance-actions", version="2.84").json["instanceActions"][0]
    path = f"/servers/{server_id}/os-instance-actions/{action['request_id']}"
    (event,) = admin.get(path, version="2.84").json["instanceAction"]["events"]
    assert event["details"] == "The processor of this host lacks avx2."


def test_a_host_that_refuses_is_left_out(pair, member, admin, server_id):
    old = host_of(admin, server_id)
    pair.drivers[other(old)].fail(Failure(verb="expect"))
    pair.add_host("host-3")
    for _ in range(3):
        assert live(admin, server_id).status == 202
        member.await_status(server_id, "ACTIVE")
        if host_of(admin, server_id) == "host-3":
            break
    assert_at_home(pair, admin, server_id, "host-3")


@pytest.fixture
def slow(cloud, admin):
    """The same pair, where a server is on its way until somebody says otherwise."""
    cloud.add_host("host-1", move_seconds=3600)
    cloud.add_host("host-2", move_seconds=3600)
    stock(cloud, admin)
    cloud.net = cloud.network.make_network()
    return cloud


@pytest.fixture
def on_its_way(slow, member, admin):
    server_id = member.create(networks=[{"uuid": slow.net["id"]}])
    assert live(admin, server_id).status == 202
    eventually(lambda: the_migrations(admin)[0]["status"] == "running")
    return server_id


def test_progress_and_abort(slow, member, admin, on_its_way):
    server_id, old = on_its_way, host_of(admin, on_its_way)
    assert member.show(server_id)["status"] == "MIGRATING"
    path = f"/servers/{server_id}/migrations"

    def listed():
        answer = admin.get(path, version="2.80")
        assert answer.status == 200, answer
        return answer.json["migrations"]

    shown = eventually(lambda: next((m for m in listed() if m["memory_total_bytes"]), None))
    assert shown["memory_total_bytes"] == 512 << 20
    assert shown["memory_processed_bytes"] + shown["memory_remaining_bytes"] == 512 << 20
    assert shown["disk_total_bytes"] == 1 << 30
    assert (shown["server_uuid"], shown["dest_compute"]) == (server_id, other(old))
    assert {"uuid", "user_id", "project_id"} <= set(shown)
    one = admin.get(f"{path}/{shown['id']}", version="2.23").json["migration"]
    assert one["id"] == shown["id"]
    assert "uuid" not in one
    assert admin.get(path, version="2.22").status == 404
    assert admin.get(f"{path}/4711", version="2.23").status == 404
    assert member.get(path, version="2.23").status == 403
    (with_links,) = the_migrations(admin, "2.23")
    assert with_links["links"][0]["href"].endswith(f"/v2.1{path}/{shown['id']}")
    assert held(slow)[shown["uuid"]] == {old: 1}
    assert held(slow)[server_id] == {other(old): 1}
    assert member.act(server_id, os__stop=None).status == 409

    assert admin.delete(f"{path}/4711", version="2.24").status == 404
    assert admin.delete(f"{path}/{shown['id']}", version="2.24").status == 202
    member.await_status(server_id, "ACTIVE")
    assert the_migrations(admin)[0]["status"] == "cancelled"
    assert_at_home(slow, admin, server_id, old)
    assert admin.delete(f"{path}/{shown['id']}", version="2.24").status == 409
    assert admin.get(f"{path}/{shown['id']}", version="2.24").status == 404
    actions = admin.get(f"/servers/{server_id}/os-instance-actions").json["instanceActions"]
    assert actions[0]["action"] == "live_migration_cancel"


def test_forcing_it_to_complete(slow, member, admin, on_its_way):
    server_id, old = on_its_way, host_of(admin, on_its_way)
    number = the_migrations(admin)[0]["id"]
    path = f"/servers/{server_id}/migrations/{number}/action"
    assert admin.post(path, {"force_complete": None}, version="2.21").status == 404
    eventually(lambda: admin.post(path, {"force_complete": None}, version="2.22").status == 202)
    member.await_status(server_id, "ACTIVE")
    assert_at_home(slow, admin, server_id, other(old))
    assert admin.post(path, {"force_complete": None}, version="2.22").status == 409


def test_deleting_a_server_on_its_way(slow, member, admin, on_its_way):
    assert member.delete(f"/servers/{on_its_way}").status == 204
    member.await_gone(on_its_way)
    assert on_hosts(slow, on_its_way) == []
    assert held(slow) == {}
    assert slow.network.ports() == []
    eventually(lambda: known_to_agents(slow, on_its_way) == [])


def test_an_outage_at_the_very_moment(pair, member, admin, server_id):
    """The other host has the server, and the one that sent it cannot say so."""
    old = host_of(admin, server_id)
    source, target = pair.drivers[old], pair.drivers[other(old)]
    hand_over = source.moves._hand_over

    def break_off(machine, way):
        hand_over(machine, way)
        raise Unavailable("The connection broke after the last byte.")

    source.moves._hand_over = break_off
    assert live(admin, server_id).status == 202
    member.await_status(server_id, "ACTIVE")
    assert target.inspect([server_id])
    assert_at_home(pair, admin, server_id, other(old))
    eventually(lambda: the_migrations(admin)[0]["status"] == "completed")


# --- cold -------------------------------------------------------------------------------------------


def cold(admin, server_id, host=None):
    if host is None:
        return admin.act(server_id, migrate=None)
    return admin.act(server_id, version="2.56", migrate={"host": host})


@pytest.mark.parametrize("off", [False, True])
@pytest.mark.parametrize("answer", ["confirmResize", "revertResize"])
def test_a_cold_migration(pair, member, admin, server_id, off, answer):
    old = host_of(admin, server_id)
    if off:
        member.act(server_id, os__stop=None)
        member.await_status(server_id, "SHUTOFF")
    assert cold(admin, server_id, other(old) if off else None).status == 202
    member.await_status(server_id, "VERIFY_RESIZE")
    assert host_of(admin, server_id) == other(old)
    (shown,) = the_migrations(admin)
    assert (shown["migration_type"], shown["status"], shown["dest_compute"]) == (
        "migration",
        "finished",
        other(old),
    )
    assert held(pair) == {server_id: {other(old): 1}, shown["uuid"]: {old: 1}}
    assert sorted(on_hosts(pair, server_id)) == ["host-1", "host-2"]
    state = pair.drivers[other(old)].inspect()[server_id].state
    assert state == ("shutdown" if off else "running")
    assert pair.drivers[old].inspect()[server_id].state == "shutdown"
    assert member.act(server_id, **{answer: None}).status in (202, 204)
    member.await_status(server_id, "SHUTOFF" if off else "ACTIVE")
    kept = answer == "confirmResize"
    assert_at_home(pair, admin, server_id, other(old) if kept else old)
    assert the_migrations(admin)[0]["status"] == ("confirmed" if kept else "reverted")


def test_deleting_one_that_has_not_been_confirmed(pair, member, admin, server_id):
    cold(admin, server_id)
    member.await_status(server_id, "VERIFY_RESIZE")
    member.delete(f"/servers/{server_id}")
    member.await_gone(server_id)
    assert on_hosts(pair, server_id) == []
    assert held(pair) == {}
    assert the_migrations(admin)[0]["status"] == "confirmed"


@pytest.mark.parametrize("verb", ["expect", "send", "ensure"])
def test_what_goes_wrong_leaves_the_server_where_it_was(pair, member, admin, server_id, verb):
    old = host_of(admin, server_id)
    where = old if verb == "send" else other(old)
    pair.drivers[where].fail(Failure(verb=verb))
    assert cold(admin, server_id).status == 202
    eventually(lambda: the_migrations(admin)[0]["status"] == "error")
    member.await_status(server_id, "ACTIVE")
    assert pair.drivers[old].inspect()[server_id].state == "running"
    assert_at_home(pair, admin, server_id, old)


@pytest.mark.parametrize("answer", ["confirmResize", "revertResize"])
def test_a_size_that_only_another_host_has_room_for(cloud, member, admin, answer):
    cloud.add_host("small", vcpus=1, memory_mb=2048)
    stock(cloud, admin)
    cloud.net = cloud.network.make_network()
    server_id = member.create(networks=[{"uuid": cloud.net["id"]}])
    cloud.add_host("large", vcpus=8)
    admin.post("/flavors", {"flavor": {"id": "2", "name": "big", "ram": 4096, "vcpus": 4, "disk": 2}})
    assert member.act(server_id, resize={"flavorRef": "2"}).status == 202
    member.await_status(server_id, "VERIFY_RESIZE")
    assert cloud.drivers["large"].inspect()[server_id].vcpus == 4
    (shown,) = the_migrations(admin)
    assert (shown["migration_type"], shown["dest_compute"]) == ("resize", "large")
    member.act(server_id, **{answer: None})
    member.await_status(server_id, "ACTIVE")
    if answer == "confirmResize":
        assert_at_home(cloud, admin, server_id, "large", vcpus=4)
    else:
        assert_at_home(cloud, admin, server_id, "small")
    quota = admin.get("/os-quota-sets/p1/detail").json["quota_set"]
    assert quota["cores"]["in_use"] == (4 if answer == "confirmResize" else 1)


# --- a host fails -----------------------------------------------------------------------------------


def fail(cloud, name):
    """The machine is switched off."""
    cloud.agents[name].stop()
    cloud.network_agents.pop(name).stop()
    cloud.admin_says(name, forced_down=True)


@pytest.fixture
def failing(pair, admin):
    def say(name, forced_down):
        body = {"host": name, "binary": "nova-compute", "forced_down": forced_down}
        assert admin.put("/os-services/force-down", body, version="2.11").status == 200

    pair.admin_says = say
    return pair


def test_a_silent_host_is_down(pair, admin, server_id):
    name = host_of(admin, server_id)
    pair.agents[name].stop()
    pair.clock.turn(seconds=30)
    pair.report(other(name))

    def state():
        (service,) = admin.get(f"/os-services?host={name}&binary=nova-compute").json["services"]
        found = admin.get("/os-hypervisors").json["hypervisors"]
        return service["state"], next(h["state"] for h in found if h["hypervisor_hostname"] == name)

    assert state() == ("up", "up")
    pair.clock.turn(seconds=31)
    assert state() == ("down", "down")


def evacuate(admin, server_id, version="2.68", **body):
    return admin.act(server_id, version=version, evacuate=body)


@pytest.mark.parametrize(("version", "status"), [("2.68", "ACTIVE"), ("2.95", "SHUTOFF")])
def test_an_evacuation(failing, member, admin, server_id, version, status):
    old = host_of(admin, server_id)
    before = member.show(server_id)
    fail(failing, old)
    answer = evacuate(admin, server_id, version)
    assert (answer.status, answer.body) == (200, b"")
    after = member.await_status(server_id, status)
    assert after["addresses"] == before["addresses"]
    assert host_of(admin, server_id) == other(old)
    (shown,) = the_migrations(admin)
    assert (shown["migration_type"], shown["status"]) == ("evacuation", "done")
    assert held(failing) == {server_id: {other(old): 1}, shown["uuid"]: {old: 1}}
    assert failing.drivers[other(old)].inspect()[server_id].state == (
        "running" if status == "ACTIVE" else "shutdown"
    )
    (port,) = failing.network.ports(device_id=server_id)
    assert port["binding:host_id"] == other(old)


def test_a_failed_host_comes_back(failing, member, admin, server_id):
    old = host_of(admin, server_id)
    fail(failing, old)
    evacuate(admin, server_id, host=other(old))
    member.await_status(server_id, "ACTIVE")
    driver = failing.add_host(old)  # the machine is on again, with all that was on its disk
    failing.admin_says(old, forced_down=False)
    failing.report(old)
    eventually(
        lambda: driver.inspect([server_id]) == {} and the_migrations(admin)[0]["status"] == "completed"
    )
    assert_at_home(failing, admin, server_id, other(old))
    member.await_status(server_id, "ACTIVE")
    live(admin, server_id, old)  # it takes servers again
    member.await_status(server_id, "ACTIVE")
    assert_at_home(failing, admin, server_id, old)


def test_a_host_that_was_restarted_asks_first(failing, member, admin, server_id):
    """Servers that ran when the machine went down are started again, those that were evacuated are not."""
    old = host_of(admin, server_id)
    stays = member.create(networks=[{"uuid": failing.net["id"]}])
    if host_of(admin, stays) != old:
        live(admin, stays, old)
        member.await_status(stays, "ACTIVE")
    driver = failing.drivers[old]
    fail(failing, old)
    evacuate(admin, server_id)
    member.await_status(server_id, "ACTIVE")
    for each in (server_id, stays):
        driver._change(each, state="shutdown")
    started = []
    driver = failing.add_host(old, boot_id="after the failure", before_start=lambda d: watch(d, started))
    eventually(lambda: driver.inspect([stays])[stays].state == "running")
    assert started == [stays]


def watch(driver, started):
    start = driver.start

    def note(spec, attempt):
        started.append(spec.id)
        return start(spec, attempt)

    driver.start = note


def test_what_cannot_be_evacuated(failing, member, admin, server_id):
    old = host_of(admin, server_id)
    answer = evacuate(admin, server_id)
    assert refusal(answer) == (400, f"Compute service of {old} is still in use.")
    assert evacuate(member, server_id).status == 403
    fail(failing, old)
    assert refusal(evacuate(admin, server_id, host=old)) == (400, "The target host can't be the same one.")
    answer = evacuate(admin, server_id, host="nowhere")
    assert refusal(answer) == (404, "Compute host nowhere not found.")
    assert evacuate(admin, server_id, "2.29", force=True).status == 400
    assert evacuate(admin, server_id, "2.13").status == 400
    shown = evacuate(admin, server_id, "2.1", onSharedStorage=False, adminPass="new secret")
    assert shown.json == {"adminPass": "new secret"}
    member.await_status(server_id, "ACTIVE")


def test_nowhere_to_evacuate_to(failing, member, admin, server_id):
    old = host_of(admin, server_id)
    fail(failing, old)
    failing.drivers[other(old)].fail(Failure(verb="ensure"))
    evacuate(admin, server_id)
    shown = member.await_status(server_id, "ERROR")
    assert shown["fault"]["message"].startswith("No valid host was found.")
    assert host_of(admin, server_id) == old
    assert held(failing) == {server_id: {old: 1}}
    failing.drivers[other(old)].heal()
    evacuate(admin, server_id)
    member.await_status(server_id, "ACTIVE")
