"""Drift between the servers' rows, their hosts, placement and network: each kind is seeded, and the doctor called."""

import msgspec
import pytest
from sqlalchemy import text
from tests.services.compute.conftest import eventually

from nacre.kernel import tasks
from nacre.kernel.ids import new_id
from nacre.services.compute import rpc
from nacre.services.compute.db import hosts, nics, servers
from nacre.services.placement import client as placement

NET = {"networks": "none"}


def sql(service, statement, **values):
    """Do something by hand in a service's database, as nobody should."""
    return service.db.run(lambda tx: tx.execute(text(statement), values).rowcount)


def only(found, kind):
    """Return the one finding of a kind."""
    (finding,) = found[kind]
    return finding


def host_of(cloud, server_id):
    return cloud.compute.db.read(servers.get, server_id).host


def held(cloud, server_id):
    return placement.held(cloud.compute.background_context(), server_id).allocations


def networked(cloud, member):
    """Make a server with a card on a network; return its id and its port's."""
    server_id = member.create(networks=[{"uuid": cloud.net["id"]}])
    (port,) = cloud.network.ports(device_id=server_id)
    return server_id, port["id"]


def test_nothing_is_found_in_a_cloud_in_order(cloud, member, doctor):
    member.create()
    networked(cloud, member)
    assert doctor.examine() == {}


# --- guests and hosts -------------------------------------------------------------------------------


def test_a_guest_that_died(cloud, member, doctor):
    server_id = member.create()
    cloud.drivers[host_of(cloud, server_id)].guest_crashes(server_id)
    finding = only(doctor.examine(), "server_crashed")
    assert (finding["resource_id"], finding["state"]) == (server_id, "left")
    assert finding["command"] == f"openstack server start {server_id}"
    assert member.show(server_id)["status"] == "SHUTOFF"
    assert member.act(server_id, os__start=None).status == 202
    member.await_status(server_id, "ACTIVE")
    cloud.clock.turn(seconds=1)
    assert only(doctor.examine(), "server_crashed")["state"] == "healed"


def test_a_guest_that_was_undefined(cloud, member, doctor):
    server_id = member.create()
    cloud.drivers[host_of(cloud, server_id)].lose(server_id)
    finding = only(doctor.examine(), "server_missing")
    assert (finding["resource_id"], finding["state"]) == (server_id, "left")
    assert finding["command"] == f"openstack server reboot --hard {server_id}"
    assert member.show(server_id)["status"] == "ERROR"
    assert member.act(server_id, reboot={"type": "HARD"}).status == 202
    eventually(lambda: member.show(server_id)["status"] == "ACTIVE", "a guest again")
    assert server_id in cloud.drivers[host_of(cloud, server_id)].inspect()


def test_a_row_of_a_server_that_was_deleted_by_hand(cloud, member, doctor):
    server_id, port_id = networked(cloud, member)
    host = host_of(cloud, server_id)
    sql(cloud.compute, "DELETE FROM servers WHERE id = :id", id=server_id)
    found = doctor.examine()
    finding = only(found, "server_unknown")
    assert (finding["resource_id"], finding["host"], finding["state"]) == (server_id, host, "left")
    assert finding["command"] == f"nacre doctor --heal server_unknown {server_id}"
    assert only(found, "allocation_orphaned")["state"] == "left"  # as long as its guest runs
    doctor.heal("compute", finding)
    eventually(lambda: not cloud.drivers[host].inspect([server_id]), "removal")
    cloud.clock.turn(seconds=1)
    found = doctor.examine()
    assert only(found, "allocation_orphaned")["state"] == "healed"
    assert held(cloud, server_id) == {}
    assert only(found, "server_unknown")["state"] == "healed"
    assert only(found, "port_of_gone_server")["resource_id"] == port_id


def test_a_server_that_its_host_has_kept(cloud, member, doctor):
    server_id = member.create()
    host = host_of(cloud, server_id)
    driver = cloud.drivers[host]
    spec = cloud.agents[host]._records.get(server_id).spec
    assert member.delete(f"/servers/{server_id}").status == 204
    member.await_gone(server_id)
    driver._settle(spec, rpc.ServerState.RUNNING)  # as from a machine's backup
    assert only(doctor.examine(), "server_leftover")["resource_id"] == server_id
    eventually(lambda: not driver.inspect([server_id]), "removal")


def test_a_server_on_two_hosts(cloud, member, doctor):
    server_id = member.create()
    host = host_of(cloud, server_id)
    other = "host-2" if host == "host-1" else "host-1"
    spec = cloud.agents[host]._records.get(server_id).spec
    cloud.drivers[other]._settle(spec, rpc.ServerState.RUNNING)
    finding = only(doctor.examine(), "server_elsewhere")
    assert (finding["resource_id"], finding["host"], finding["state"]) == (server_id, other, "left")
    doctor.heal("compute", finding)
    eventually(lambda: not cloud.drivers[other].inspect([server_id]), "removal")
    assert cloud.drivers[host].inspect([server_id])


def test_files_of_a_server_that_does_not_exist(cloud, doctor):
    stray = new_id()
    cloud.drivers["host-1"].leave_files(stray)
    finding = only(doctor.examine(), "files_stray")
    assert (finding["resource_id"], finding["host"], finding["state"]) == (stray, "host-1", "left")
    doctor.heal("compute", finding)
    eventually(lambda: not cloud.drivers["host-1"].examine(()), "removal")


def test_a_disk_that_is_gone(cloud, member, doctor):
    server_id = member.create()
    cloud.drivers[host_of(cloud, server_id)].lose_disk(server_id)
    finding = only(doctor.examine(), "disk_missing")
    assert (finding["resource_id"], finding["state"]) == (server_id, "left")
    assert finding["command"] == f"openstack server rebuild {server_id}"


def test_a_task_whose_job_was_deleted_by_hand(cloud, member, doctor):
    asked, dying = member.create(), member.create()
    cloud.compute.db.run(servers.update, asked, task_state="powering-off")
    cloud.compute.db.run(servers.update, dying, task_state="deleting")
    assert "task_without_job" not in doctor.examine()  # its job may be on its way
    cloud.clock.turn(minutes=2)
    assert {each["resource_id"] for each in doctor.examine()["task_without_job"]} == {asked, dying}
    assert member.show(asked)["OS-EXT-STS:task_state"] is None
    member.await_gone(dying)


def test_a_server_that_was_never_built_is_in_error(cloud, member, doctor):
    server_id = member.create()
    cloud.compute.db.run(servers.update, server_id, task_state="spawning", vm_state="building")
    cloud.clock.turn(minutes=2)
    assert only(doctor.examine(), "task_without_job")["resource_id"] == server_id
    assert member.show(server_id)["fault"]["message"] == (
        "What was being done with the server (spawning) ended without a result."
    )


def test_a_task_with_a_job_is_left_alone(cloud, member):
    server_id = member.create()
    cloud.compute.runner.stop()
    assert member.act(server_id, os__stop=None).status == 202
    cloud.clock.turn(minutes=11)
    from nacre.services.compute.tasks import task_sync

    task_sync.SWEEP.reconciler().run(cloud.compute.background_context())
    assert member.show(server_id)["OS-EXT-STS:task_state"] == "powering-off"


def test_a_host_that_is_down_closes_no_finding(cloud, member, doctor):
    server_id = member.create()
    host = host_of(cloud, server_id)
    cloud.drivers[host].guest_crashes(server_id)
    assert only(doctor.examine(), "server_crashed")["state"] == "left"
    cloud.compute.db.run(hosts.update, host, forced_down=True)
    cloud.clock.turn(seconds=1)
    assert only(doctor.examine(missed_too=True), "server_crashed")["state"] == "left"


# --- placement ---------------------------------------------------------------------------------------


def test_an_allocation_that_is_gone(cloud, member, doctor):
    server_id = member.create()
    before = held(cloud, server_id)
    placement.release(cloud.compute.background_context(), server_id)
    finding = only(doctor.examine(), "allocation_missing")
    assert (finding["resource_id"], finding["state"]) == (server_id, "healed")
    assert held(cloud, server_id) == before


def test_an_allocation_of_the_wrong_size(cloud, member, doctor):
    server_id = member.create()
    ((provider, resources),) = held(cloud, server_id).items()
    wrong = {provider: {**resources, "MEMORY_MB": 4096}}
    ctx = cloud.compute.background_context()
    placement.claim(ctx, server_id, wrong, project_id="p1", user_id="u1")
    finding = only(doctor.examine(), "allocation_wrong")
    assert (finding["resource_id"], finding["state"]) == (server_id, "healed")
    assert held(cloud, server_id) == {provider: resources}


def test_an_allocation_on_the_wrong_host(cloud, member, doctor):
    server_id = member.create()
    ((provider, resources),) = held(cloud, server_id).items()
    (other,) = [
        each.id for each in cloud.compute.db.read(hosts.every) if each.name != host_of(cloud, server_id)
    ]
    ctx = cloud.compute.background_context()
    placement.claim(ctx, server_id, {other: resources}, project_id="p1", user_id="u1")
    found = doctor.examine()  # by whichever host is looked at first
    (kind,) = found
    assert kind in ("allocation_wrong", "allocation_missing")
    assert only(found, kind)["resource_id"] == server_id
    assert held(cloud, server_id) == {provider: resources}


def test_an_allocation_for_which_there_is_no_room(cloud, member, doctor):
    server_id = member.create()
    ((provider, resources),) = held(cloud, server_id).items()
    ctx = cloud.compute.background_context()
    placement.release(ctx, server_id)
    greedy = {provider: {"MEMORY_MB": 256 * 1024 - 512}}
    placement.claim(ctx, new_id(), greedy, project_id="p1", user_id="u1", consumer_type="OTHER")
    finding = only(doctor.examine(), "allocation_missing")
    assert finding["state"] == "left"
    assert finding["command"] == f"openstack server migrate {server_id}"


def test_an_allocation_of_nobody(cloud, member, doctor):
    nobody, operators = new_id(), new_id()
    provider = cloud.compute.db.read(hosts.find, "host-1").id
    ctx = cloud.compute.background_context()
    placement.claim(ctx, nobody, {provider: {"VCPU": 2}}, project_id="p1", user_id="u1")
    theirs = {provider: {"VCPU": 1}}
    placement.claim(ctx, operators, theirs, project_id="p1", user_id="u1", consumer_type="OTHER")
    finding = only(doctor.examine(), "allocation_orphaned")
    assert (finding["resource_id"], finding["state"]) == (nobody, "healed")
    assert held(cloud, nobody) == {}
    assert held(cloud, operators) == theirs


def test_a_resource_provider_that_is_gone(cloud, member, doctor):
    server_id = member.create()
    host = cloud.compute.db.read(hosts.find, host_of(cloud, server_id))
    before = held(cloud, server_id)
    for table, column in (("providers", "uuid"), ("inventories", "provider_uuid")):
        service = cloud.process.services["placement"]
        assert sql(service, f"DELETE FROM {table} WHERE {column} = :id", id=host.id)
    found = doctor.examine()
    assert only(found, "provider_missing")["resource_id"] == host.id
    assert held(cloud, server_id) == before
    doctor.examine()
    assert member.create()


def test_inventory_that_was_changed_behind_our_back(cloud, admin, doctor):
    host = cloud.compute.db.read(hosts.find, "host-1")
    path = f"/resource_providers/{host.id}/inventories"
    before = admin.request("GET", "placement", path).json
    changed = {**before, "inventories": {"VCPU": {"total": 2}}}
    assert admin.request("PUT", "placement", path, changed).status == 200
    finding = only(doctor.examine(), "inventory_changed")
    assert (finding["resource_id"], finding["host"], finding["state"]) == (host.id, "host-1", "healed")
    assert admin.request("GET", "placement", path).json["inventories"] == before["inventories"]


def test_a_sum_that_is_wrong(cloud, member, doctor):
    server_id = member.create()
    ((provider, _),) = held(cloud, server_id).items()
    sql(
        cloud.process.services["placement"],
        "UPDATE inventories SET used = 40 WHERE provider_uuid = :id AND resource_class = 'VCPU'",
        id=provider,
    )
    finding = only(doctor.examine(), "usage_wrong")
    assert (finding["resource_id"], finding["state"]) == (provider, "healed")
    usages = cloud.user("admin").get("placement", f"/resource_providers/{provider}/usages").json["usages"]
    assert usages["VCPU"] == 1


def test_usage_that_quotas_count_wrongly(cloud, member, doctor):
    server_id = member.create()
    sql(cloud.compute, "UPDATE servers SET vcpus = 19 WHERE id = :id", id=server_id)
    assert member.get("/limits").json["limits"]["absolute"]["totalCoresUsed"] == 19
    finding = only(doctor.examine(), "quota_usage_wrong")
    assert (finding["resource_id"], finding["state"]) == (server_id, "healed")
    assert member.get("/limits").json["limits"]["absolute"]["totalCoresUsed"] == 1


# --- ports -------------------------------------------------------------------------------------------


def test_a_port_row_that_was_deleted_by_hand(cloud, member, doctor):
    server_id, port_id = networked(cloud, member)
    sql(cloud.process.services["network"], "DELETE FROM ports WHERE id = :id", id=port_id)
    finding = only(doctor.examine(), "port_remains")
    assert (finding["resource_id"], finding["state"]) == (port_id, "healed")
    eventually(lambda: not cloud.compute.db.read(nics.of_server, server_id), "end of the card")
    assert member.create(networks=[{"uuid": cloud.net["id"]}])


def test_ports_that_network_has_forgotten(cloud, member, doctor):
    """As after a restored backup: nothing is pulled out of guests before somebody says so."""
    server_id, port_id = networked(cloud, member)
    for table, column in (("ports", "id"), ("fixed_ips", "port_id"), ("port_security_groups", "port_id")):
        sql(cloud.process.services["network"], f"DELETE FROM {table} WHERE {column} = :id", id=port_id)
    finding = only(doctor.examine(), "port_missing")
    assert (finding["resource_id"], finding["state"]) == (port_id, "left")
    assert cloud.compute.db.read(nics.of_server, server_id)
    doctor.heal("compute", finding)
    eventually(lambda: not cloud.compute.db.read(nics.of_server, server_id), "end of the card")
    driver = cloud.drivers[host_of(cloud, server_id)]
    eventually(lambda: not driver.inspect([server_id])[server_id].nics, "end of the card there")


def test_a_port_of_a_server_that_was_deleted(cloud, member, doctor):
    server_id, port_id = networked(cloud, member)
    lent = cloud.network.make_port(cloud.net)
    second = member.create(networks=[{"port": lent["id"]}])
    for each in (server_id, second):
        assert member.delete(f"/servers/{each}").status == 204
        member.await_gone(each)
    binding = {"binding:host_id": "host-1", "device_owner": "compute:nova"}
    left_over = cloud.network.make_port(cloud.net, device_id=server_id, **binding)
    cloud.network._ask("PUT", f"ports/{lent['id']}", {"port": {**binding, "device_id": second}})
    found = {each["resource_id"]: each for each in doctor.examine()["port_of_gone_server"]}
    assert found.keys() == {left_over["id"], lent["id"]}
    assert all(each["state"] == "healed" for each in found.values())
    (port,) = cloud.network.ports()  # the user's own one is given back
    assert (port["id"], port["device_id"], port["binding:host_id"]) == (lent["id"], "", "")


def test_a_port_of_a_server_that_nobody_knows(cloud, doctor):
    port = cloud.network.make_port(
        cloud.net, device_id=new_id(), device_owner="compute:nova", **{"binding:host_id": "host-2"}
    )
    finding = only(doctor.examine(), "port_of_gone_server")
    assert (finding["resource_id"], finding["state"]) == (port["id"], "left")
    assert finding["command"] == f"openstack port delete {port['id']}"


def test_a_port_that_is_bound_elsewhere(cloud, member, doctor):
    server_id, port_id = networked(cloud, member)
    host = host_of(cloud, server_id)
    other = "host-2" if host == "host-1" else "host-1"
    cloud.network._ask("PUT", f"ports/{port_id}", {"port": {"binding:host_id": other}})
    finding = only(doctor.examine(), "port_bound_elsewhere")
    assert (finding["resource_id"], finding["state"]) == (port_id, "healed")
    assert cloud.network.port(port_id)["binding:host_id"] == host


@pytest.mark.parametrize("shown", ["addresses", "security_groups"])
def test_what_a_server_shows_of_its_port_and_the_port_does_not_have(cloud, member, doctor, shown):
    server_id, port_id = networked(cloud, member)
    (nic,) = cloud.compute.db.read(nics.of_server, server_id)
    assert getattr(nic, shown)
    sql(cloud.compute, f"UPDATE server_nics SET {shown} = '[]' WHERE port_id = :id", id=port_id)
    assert only(doctor.examine(), "addresses_stale")["resource_id"] == server_id
    assert cloud.compute.db.read(nics.of_server, server_id) == [nic]


def test_what_network_said_of_a_card_is_not_written_over_what_it_said_later(cloud, member):
    server_id, port_id = networked(cloud, member)
    (before,) = cloud.compute.db.read(nics.of_server, server_id)
    earlier, later = (msgspec.structs.replace(before, mtu=mtu) for mtu in (1300, 1400))
    assert cloud.compute.db.run(nics.put_unless_changed, {port_id: before}, [later])
    assert not cloud.compute.db.run(nics.put_unless_changed, {port_id: before}, [earlier])
    assert cloud.compute.db.read(nics.of_server, server_id) == [later]


# --- several processes ---------------------------------------------------------------------------------


def test_findings_are_for_administrators(cloud, member):
    for method, path in (("get", ""), ("post", "/check"), ("post", "/heal")):
        body = {"kind": "x", "resource_id": "y"} if path == "/heal" else {}
        answer = getattr(member, method)(f"/nacre-findings{path}", *([body] if method == "post" else []))
        assert answer.status == 403, answer


def test_healing_what_nacre_does_not_heal_names_the_command(cloud, member, doctor):
    server_id = member.create()
    cloud.drivers[host_of(cloud, server_id)].guest_crashes(server_id)
    finding = only(doctor.examine(), "server_crashed")
    answer = doctor.heal("compute", finding, status=400)
    assert f"openstack server start {server_id}" in answer.json["badRequest"]["message"]
    nothing = {"kind": "server_crashed", "resource_id": new_id()}
    doctor.heal("compute", nothing, status=404)


def test_jobs_are_left_to_their_workers(cloud, member, doctor):
    """A server that somebody works on looks like drift, and is none."""
    server_id = member.create()
    cloud.compute.runner.stop()
    assert member.act(server_id, os__stop=None).status == 202
    cloud.drivers[host_of(cloud, server_id)].lose(server_id)
    placement.release(cloud.compute.background_context(), server_id)
    from nacre.services.compute.api.drift import SWEEPS

    for sweep in SWEEPS:
        report = sweep.reconciler().run(cloud.compute.background_context())
        assert report.found == 0, report
    assert cloud.compute.db.read(tasks.jobs.for_resource, ("server", server_id))[0].ended_at is None
