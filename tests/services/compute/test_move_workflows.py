"""The workflows that bring servers to other hosts, undisturbed and with refusals, outages and deaths at every step.

However it ends, everything agrees on where the server is, and nothing of it is held or kept anywhere else.
"""

import pytest
from tests.services.compute.conftest import eventually, stock
from tests.services.compute.test_moves import held, known_to_agents, on_hosts, other

from nacre.kernel.tasks import JobState
from nacre.kernel.testing.workflows import rehearsals
from nacre.services.compute.app import jobs
from nacre.services.compute.db import migrations, servers


def telling(workflow):
    """Return the rehearsals that tell most: whatever has been done is undone, done again, or left to a successor.

    The others (disturbed before anything was done, or by an outage) come to less of the same; the sweep in
    tests/simulated has them all.
    """
    return [
        each
        for each in rehearsals(workflow)
        if all(s.when == "after" for s in each.strikes)
        and not any(s.what == "meets an outage" for s in each.strikes)
    ]


@pytest.fixture
def pair(cloud, admin):
    cloud.add_host("host-1")
    cloud.add_host("host-2")
    stock(cloud, admin)
    cloud.net = cloud.network.make_network()
    return cloud


def row(cloud, server_id):
    return cloud.compute.db.read(servers.get, server_id)


def migration(cloud, server_id):
    return cloud.compute.db.read(migrations.latest, server_id)


def play(rehearsal, cloud, begin):
    def hosts_at_rest():
        def at_rest():
            agents = [agent for agent in cloud.agents.values() if not agent._stopping.is_set()]
            return all(agent.status().busy == 0 for agent in agents) and cloud.network.all_up()

        eventually(at_rest)

    return rehearsal.play(cloud.compute.runner, begin, meanwhile=hosts_at_rest)


def bindings(cloud, server_id):
    """Return the hosts of a server's port, the active one first."""
    (port,) = cloud.network.ports(device_id=server_id)
    found = cloud.user("admin").get("network", f"/v2.0/ports/{port['id']}/bindings").json["bindings"]
    return [each["host"] for each in sorted(found, key=lambda each: each["status"])]


def assert_at_home(cloud, server_id, host):
    server = row(cloud, server_id)
    assert (server.host, server.task_state) == (host, None)
    assert on_hosts(cloud, server_id) == [host]
    assert known_to_agents(cloud, server_id) == [host]
    assert cloud.drivers[host].inspect()[server_id].state == "running"
    assert held(cloud) == {server_id: {host: 1}}
    assert bindings(cloud, server_id) == [host]


@pytest.mark.parametrize("rehearsal", telling(jobs.LIVE_MIGRATE), ids=str)
def test_live(rehearsal, pair, member, admin):
    server_id = member.create(networks=[{"uuid": pair.net["id"]}])
    old = row(pair, server_id).host
    body = {"host": None, "block_migration": "auto"}
    play(rehearsal, pair, lambda: admin.act(server_id, version="2.68", os__migrateLive=body))
    server = row(pair, server_id)
    assert server.vm_state == "active"
    arrived = server.host != old
    assert_at_home(pair, server_id, other(old) if arrived else old)
    status = migration(pair, server_id).status
    if rehearsal.succeeds:
        assert arrived
    if arrived:
        assert status == "completed"
    else:
        assert status == ("error" if rehearsal.ends is JobState.FAILED else "cancelled")


@pytest.mark.parametrize("rehearsal", telling(jobs.MIGRATE), ids=str)
def test_cold(rehearsal, pair, member, admin):
    server_id = member.create(networks=[{"uuid": pair.net["id"]}])
    old = row(pair, server_id).host
    play(rehearsal, pair, lambda: admin.act(server_id, migrate=None))
    server, noted = row(pair, server_id), migration(pair, server_id)
    if rehearsal.succeeds:
        assert (server.vm_state, server.task_state, server.host) == ("resized", None, other(old))
        assert noted.status == "finished"
        assert held(pair) == {server_id: {other(old): 1}, noted.uuid: {old: 1}}
        assert bindings(pair, server_id) == [other(old)]
        assert pair.drivers[other(old)].inspect()[server_id].state == "running"
        assert pair.drivers[old].inspect()[server_id].state == "shutdown"
        return
    assert noted.status == "error"
    assert server.old_flavor is None
    if rehearsal.ends is JobState.FAILED:
        assert server.vm_state == "active"
        assert_at_home(pair, server_id, old)


@pytest.mark.parametrize("rehearsal", telling(jobs.EVACUATE), ids=str)
def test_evacuation(rehearsal, pair, member, admin):
    server_id = member.create(networks=[{"uuid": pair.net["id"]}])
    old = row(pair, server_id).host
    pair.agents[old].stop()
    pair.network_agents.pop(old).stop()
    admin.put(
        "/os-services/force-down",
        {"host": old, "binary": "nova-compute", "forced_down": True},
        version="2.11",
    )
    play(rehearsal, pair, lambda: admin.act(server_id, version="2.68", evacuate={}))
    server, noted = row(pair, server_id), migration(pair, server_id)
    if rehearsal.succeeds:
        assert (server.vm_state, server.task_state, server.host) == ("active", None, other(old))
        assert noted.status == "done"
        assert held(pair) == {server_id: {other(old): 1}, noted.uuid: {old: 1}}
        assert bindings(pair, server_id) == [other(old)]
        assert pair.drivers[other(old)].inspect()[server_id].state == "running"
        return
    assert noted.status == "error"
    assert server.host == old
    assert held(pair) == {server_id: {old: 1}}
    assert bindings(pair, server_id) == [old]
    assert pair.drivers[other(old)].inspect([server_id]) == {}
    if rehearsal.ends is JobState.FAILED:
        assert (server.vm_state, server.task_state) == ("error", None)


@pytest.mark.parametrize(
    "rehearsal",
    telling(jobs.CONFIRM) + telling(jobs.REVERT),
    ids=lambda rehearsal: f"{rehearsal.workflow.name}: {rehearsal}",
)
def test_the_answer(rehearsal, pair, member, admin):
    server_id = member.create(networks=[{"uuid": pair.net["id"]}])
    old = row(pair, server_id).host
    admin.act(server_id, migrate=None)
    member.await_status(server_id, "VERIFY_RESIZE")
    confirmed = rehearsal.workflow is jobs.CONFIRM
    answer = "confirmResize" if confirmed else "revertResize"
    play(rehearsal, pair, lambda: member.act(server_id, **{answer: None}))
    if rehearsal.succeeds:
        assert_at_home(pair, server_id, other(old) if confirmed else old)
        assert migration(pair, server_id).status == ("confirmed" if confirmed else "reverted")
    elif rehearsal.ends is JobState.FAILED:
        assert row(pair, server_id).task_state is None
