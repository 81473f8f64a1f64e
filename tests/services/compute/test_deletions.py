"""Servers that were deleted and can be restored, where the operator wants that; and deletion at once."""

import pytest
from tests.services.compute.conftest import eventually

from nacre.services.compute.agent.drivers.simulated import Failure
from nacre.services.compute.tasks import server_reclaim

HOUR = 3600


@pytest.fixture
def config():
    return {"compute": {"reclaim_deleted_after_seconds": HOUR, "quota_instances": 2}}


@pytest.fixture
def server_id(stocked, member):
    return member.create()


def delete(member, server_id):
    assert member.delete(f"/servers/{server_id}").status == 204
    return member.await_status(server_id, "SOFT_DELETED")


def listed(person, query=""):
    return [each["id"] for each in person.get(f"/servers?{query}").json["servers"]]


def reclaim(cloud):
    """Take the turn that the reconciler takes every minute."""
    return server_reclaim.run(cloud.compute.background_context()).found


def test_deleting_and_restoring(stocked, member, server_id):
    server = delete(member, server_id)
    assert server["OS-EXT-STS:vm_state"] == "soft-delete"
    assert str(stocked.drivers["host-1"].inspect()[server_id].state) == "shutdown"
    for action in ("os__start", "os__stop", "pause"):
        assert member.act(server_id, **{action: None}).status == 409
    assert member.delete(f"/servers/{server_id}").status == 204  # again: nothing more happens
    assert member.act(server_id, restore=None).status == 202
    member.await_status(server_id, "ACTIVE")
    assert str(stocked.drivers["host-1"].inspect()[server_id].state) == "running"
    assert reclaim(stocked) == 0
    actions = member.get(f"/servers/{server_id}/os-instance-actions").json["instanceActions"]
    assert [each["action"] for each in actions] == ["restore", "delete", "create"]


def test_lists_and_quotas_do_not_have_it(stocked, member, admin, server_id):
    delete(member, server_id)
    assert listed(member) == []
    assert listed(member, "status=SOFT_DELETED") == [server_id]
    assert listed(admin, "all_tenants=1&soft_deleted=1") == [server_id]
    assert member.get("/limits").json["limits"]["absolute"]["totalInstancesUsed"] == 0
    others = [member.create(), member.create()]
    assert member.act(server_id, restore=None).status == 403
    delete(member, others[0])
    assert member.act(server_id, restore=None).status == 202
    member.await_status(server_id, "ACTIVE")


def test_it_goes_when_its_time_is_over(stocked, member, server_id):
    delete(member, server_id)
    stocked.clock.turn(seconds=HOUR - 60)
    stocked.report()
    assert reclaim(stocked) == 0
    stocked.clock.turn(seconds=120)
    stocked.report()
    reclaim(stocked)
    member.await_gone(server_id)
    assert stocked.drivers["host-1"].inspect() == {}


def test_it_goes_at_once_when_forced(stocked, member, server_id):
    delete(member, server_id)
    assert member.act(server_id, forceDelete=None).status == 202
    member.await_gone(server_id)


def test_a_rescued_server_is_restored_into_rescue(stocked, member, server_id):
    member.act(server_id, rescue=None)
    member.await_status(server_id, "RESCUE")
    delete(member, server_id)
    assert member.act(server_id, restore=None).status == 202
    member.await_status(server_id, "RESCUE")


def test_what_never_ran_is_deleted_at_once(stocked, member):
    stocked.drivers["host-1"].fail(Failure(verb="ensure"))
    server_id = member.create(wait="ERROR")
    assert member.delete(f"/servers/{server_id}").status == 204
    member.await_gone(server_id)


def test_a_host_that_cannot_switch_it_off(stocked, member, server_id):
    stocked.drivers["host-1"].fail(Failure(verb="stop", times=1))
    assert member.delete(f"/servers/{server_id}").status == 204
    member.await_status(server_id, "ACTIVE")
    delete(member, server_id)


def test_restoring_what_was_not_deleted(member, stranger, server_id):
    assert member.act(server_id, restore=None).status == 409
    assert stranger.act(server_id, restore=None).status == 404
    nowhere = "11111111-2222-3333-4444-555555555555"
    assert member.act(nowhere, restore=None).status == 404


def test_busy_servers_and_locked_ones_are_not_put_away(stocked, member, server_id):
    assert member.act(server_id, lock=None).status == 202
    assert member.delete(f"/servers/{server_id}").status == 409
    assert member.act(server_id, unlock=None).status == 202
    stocked.compute.runner.stop()
    assert member.act(server_id, os__stop=None).status == 202
    assert member.delete(f"/servers/{server_id}").status == 409
    assert eventually(lambda: member.show(server_id)["status"] == "ACTIVE")
