"""Every workflow of servers, undisturbed and with refusals, outages and deaths at every step."""

import pytest
from tests.services.compute.conftest import eventually

from nacre.kernel.tasks import JobState
from nacre.kernel.testing.workflows import rehearsals
from nacre.services.compute.app import jobs
from nacre.services.compute.db import nics, servers


@pytest.fixture
def network(stocked):
    return stocked.network.make_network()


def hosts_at_rest(cloud):
    def at_rest():
        return all(agent.status().busy == 0 for agent in cloud.agents.values()) and cloud.network.all_up()

    return lambda: eventually(at_rest)


def row(cloud, server_id):
    return cloud.compute.db.read(servers.get, server_id, deleted=True)


def claimed(cloud, server_id):
    answer = cloud.user("admin").get("placement", f"/allocations/{server_id}")
    return answer.json["allocations"]


def ports_of(cloud, server_id):
    return cloud.network.ports(device_id=server_id)


def assert_nothing_left(cloud, server_id, *, lent=()):
    assert claimed(cloud, server_id) == {}
    assert ports_of(cloud, server_id) == []
    assert {port["id"] for port in cloud.network.ports()} == set(lent)
    assert cloud.drivers["host-1"].inspect() == {}
    assert cloud.compute.db.read(nics.of_server, server_id) == []


def play(rehearsal, cloud, begin):
    return rehearsal.play(cloud.compute.runner, begin, meanwhile=hosts_at_rest(cloud))


@pytest.mark.parametrize("rehearsal", rehearsals(jobs.BUILD), ids=str)
def test_building(rehearsal, stocked, network, member):
    lent_id = stocked.network.make_port(network)["id"]
    made = []
    play(
        rehearsal,
        stocked,
        lambda: made.append(member.create(wait=None, networks=[{"uuid": network["id"]}, {"port": lent_id}])),
    )
    server = row(stocked, made[0])
    if rehearsal.succeeds:
        assert (server.vm_state, server.task_state, server.host) == ("active", None, "host-1")
        assert len(ports_of(stocked, server.id)) == 2
        assert len(stocked.network.ports()) == 2
        assert list(claimed(stocked, server.id).values())[0]["resources"]["VCPU"] == 1
        assert stocked.drivers["host-1"].inspect()[server.id].state == "running"
        assert server.admin_password is None
    else:
        assert_nothing_left(stocked, server.id, lent=[lent_id])
        assert (server.host, server.deleted) == (None, False)
    if rehearsal.ends is JobState.FAILED:
        shown = member.show(server.id)
        assert shown["status"] == "ERROR"
        assert shown["fault"]["message"] == "This is refused, says the rehearsal."


@pytest.mark.parametrize("rehearsal", rehearsals(jobs.DELETE), ids=str)
def test_deleting(rehearsal, stocked, network, member):
    server_id = member.create(networks=[{"uuid": network["id"]}])
    play(rehearsal, stocked, lambda: member.delete(f"/servers/{server_id}"))
    server = row(stocked, server_id)
    if rehearsal.succeeds:
        assert (server.vm_state, server.deleted, server.task_state) == ("deleted", True, None)
        assert_nothing_left(stocked, server_id)
    elif rehearsal.ends is JobState.FAILED and not server.deleted:
        assert member.show(server_id)["status"] == "ERROR"
        # whoever asks again gets it done
        again = rehearsals(jobs.DELETE)[0]
        play(again, stocked, lambda: member.delete(f"/servers/{server_id}"))
        assert member.get(f"/servers/{server_id}").status == 404
        assert_nothing_left(stocked, server_id)


@pytest.mark.parametrize("rehearsal", rehearsals(jobs.POWER), ids=str)
def test_stopping(rehearsal, stocked, member):
    server_id = member.create()
    play(rehearsal, stocked, lambda: member.act(server_id, os__stop=None))
    server = row(stocked, server_id)
    if rehearsal.succeeds:
        assert (server.vm_state, server.task_state, server.power_state) == ("stopped", None, 4)
    elif rehearsal.ends is JobState.FAILED:
        assert server.task_state is None


@pytest.mark.parametrize("rehearsal", rehearsals(jobs.RESPEC), ids=str)
def test_rescuing(rehearsal, stocked, member):
    server_id = member.create()
    play(rehearsal, stocked, lambda: member.act(server_id, rescue=None))
    server = row(stocked, server_id)
    if rehearsal.succeeds:
        assert (server.vm_state, server.task_state) == ("rescued", None)
    elif rehearsal.ends is JobState.FAILED:
        assert (server.vm_state, server.task_state) == ("error", None)


@pytest.mark.parametrize("rehearsal", rehearsals(jobs.ATTACH_INTERFACE), ids=str)
def test_attaching_an_interface(rehearsal, stocked, network, member):
    server_id = member.create(version="2.37", networks="none")
    body = {"interfaceAttachment": {"net_id": network["id"]}}
    play(rehearsal, stocked, lambda: member.post(f"/servers/{server_id}/os-interface", body))
    plugged = stocked.drivers["host-1"].inspect()[server_id].nics
    if rehearsal.succeeds:
        assert len(plugged) == len(ports_of(stocked, server_id)) == 1
    else:
        assert plugged == ()
        assert stocked.network.ports() == []
        assert stocked.compute.db.read(nics.of_server, server_id) == []


@pytest.mark.parametrize("rehearsal", rehearsals(jobs.DETACH_INTERFACE), ids=str)
def test_detaching_an_interface(rehearsal, stocked, network, member):
    server_id = member.create(networks=[{"uuid": network["id"]}])
    (port,) = ports_of(stocked, server_id)
    play(rehearsal, stocked, lambda: member.delete(f"/servers/{server_id}/os-interface/{port['id']}"))
    if rehearsal.succeeds:
        assert stocked.drivers["host-1"].inspect()[server_id].nics == ()
        assert stocked.network.ports() == []


def sizes(cloud, server_id):
    allocations = claimed(cloud, server_id).values()
    return [each["resources"]["VCPU"] for each in allocations], row(cloud, server_id).vcpus


@pytest.fixture
def bigger(admin):
    admin.post("/flavors", {"flavor": {"id": "2", "name": "big", "ram": 1024, "vcpus": 2, "disk": 2}})
    return {"flavorRef": "2"}


@pytest.mark.parametrize("rehearsal", rehearsals(jobs.RESIZE), ids=str)
def test_resizing(rehearsal, stocked, member, bigger):
    server_id = member.create()
    play(rehearsal, stocked, lambda: member.act(server_id, resize=bigger))
    server = row(stocked, server_id)
    if rehearsal.succeeds:
        assert (server.vm_state, server.task_state, server.flavor_id) == ("resized", None, "2")
        assert sizes(stocked, server_id) == ([2], 2)
    elif rehearsal.ends is JobState.FAILED:
        assert (server.task_state, server.flavor_id, server.old_flavor) == (None, "1", None)
        assert sizes(stocked, server_id) == ([1], 1)


@pytest.mark.parametrize(
    "rehearsal",
    rehearsals(jobs.CONFIRM) + rehearsals(jobs.REVERT),
    ids=lambda rehearsal: f"{rehearsal.workflow.name}: {rehearsal}",
)
def test_ending_a_resize(rehearsal, stocked, member, bigger):
    server_id = member.create()
    member.act(server_id, resize=bigger)
    member.await_status(server_id, "VERIFY_RESIZE")
    workflow = rehearsal.workflow
    action = "confirmResize" if workflow is jobs.CONFIRM else "revertResize"
    play(rehearsal, stocked, lambda: member.act(server_id, **{action: None}))
    server = row(stocked, server_id)
    if rehearsal.succeeds:
        size = 2 if workflow is jobs.CONFIRM else 1
        assert (server.vm_state, server.task_state, server.flavor.vcpus) == ("active", None, size)
        assert sizes(stocked, server_id) == ([size], size)
    elif rehearsal.ends is JobState.FAILED:
        assert server.task_state is None


def images_of(cloud):
    answer = cloud.user("admin").get("image", "/v2/images?name=copy&visibility=all")
    return answer.json["images"]


@pytest.mark.parametrize("rehearsal", rehearsals(jobs.SNAPSHOT), ids=str)
def test_making_an_image(rehearsal, stocked, member):
    server_id = member.create()
    play(rehearsal, stocked, lambda: member.act(server_id, createImage={"name": "copy"}))
    server = row(stocked, server_id)
    if rehearsal.ends is not JobState.CANCELLED:
        assert (server.vm_state, server.task_state) == ("active", None)
    if rehearsal.succeeds:
        (image,) = images_of(stocked)
        assert (image["status"], image["owner"], image["image_type"]) == ("active", "p1", "snapshot")
    else:
        assert images_of(stocked) == []
