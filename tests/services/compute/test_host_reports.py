"""What hosts tell, and what compute makes of it."""

import msgspec
from tests.services.compute.conftest import eventually

from nacre.kernel.bus import DEFAULT_DEADLINE_SECONDS
from nacre.kernel.heartbeats import PAUSE_SECONDS
from nacre.kernel.ids import new_id
from nacre.services.compute import rpc
from nacre.services.compute.agent.drivers.simulated.options import Failure
from nacre.services.compute.app import host_calls, host_reports, specs
from nacre.services.compute.db import hosts, leftovers, servers
from nacre.services.compute.db.tables import TaskState
from nacre.services.compute.tasks import leftover_sync, server_sync


def report(cloud):
    """Have hosts report, and what they say written down: a report without news may wait for others."""
    cloud.clock.turn(seconds=PAUSE_SECONDS)
    cloud.report()


def sync(cloud):
    report(cloud)
    return server_sync.run(cloud.compute.background_context())


def test_a_guest_that_powers_itself_off_is_shown_so(stocked, member):
    server_id = member.create()
    stocked.drivers["host-1"].guest_powers_off(server_id)
    server = eventually(lambda: (s := member.show(server_id))["status"] == "SHUTOFF" and s)
    assert server["OS-EXT-STS:power_state"] == 4
    assert member.act(server_id, os__start=None).status == 202
    member.await_status(server_id, "ACTIVE")


def test_the_sync_finds_what_reports_did_not_tell(stocked, member):
    server_id = member.create()
    driver = stocked.drivers["host-1"]
    driver._events = None  # nobody hears of it
    driver.guest_powers_off(server_id)
    driver._events = stocked.agents["host-1"].watch
    assert member.show(server_id)["status"] == "ACTIVE"
    stocked.agents["host-1"].watch.observe(None)
    sync(stocked)
    assert member.show(server_id)["status"] == "SHUTOFF"


def test_what_is_told_late_undoes_nothing(stocked, member):
    server_id = member.create()
    agent, driver = stocked.agents["host-1"], stocked.drivers["host-1"]
    early = agent.watch.log.get(server_id)
    driver.guest_powers_off(server_id)
    eventually(lambda: member.show(server_id)["status"] == "SHUTOFF")
    assert not host_reports.hear(stocked.compute.background_context(), early)
    assert member.show(server_id)["status"] == "SHUTOFF"


def test_a_host_that_says_something_and_is_gone_is_believed(stocked, member):
    server_id = member.create()
    driver, link = stocked.drivers["host-1"], stocked.links["host-1"]
    driver._events = None  # nobody hears of it
    driver.guest_powers_off(server_id)
    link.cut()
    (status,) = stocked.agents["host-1"].watch.observe([server_id])
    assert host_reports.hear(stocked.compute.background_context(), status)
    assert member.show(server_id)["status"] == "SHUTOFF"
    link.mend()


def test_a_server_that_is_gone_from_its_host_is_in_error(stocked, member):
    server_id = member.create()
    stocked.drivers["host-1"].remove(server_id)
    stocked.agents["host-1"].watch.observe(None)
    server = eventually(lambda: (s := member.show(server_id))["status"] == "ERROR" and s)
    assert server["fault"]["message"] == "The host host-1 has nothing of this server any more."
    assert member.delete(f"/servers/{server_id}").status == 204
    member.await_gone(server_id)


def test_a_server_that_came_while_its_host_told_everything_is_not_missed(stocked, member):
    came, gone = member.create(), member.create()
    stocked.drivers["host-1"]._events = None  # nobody hears of it
    stocked.drivers["host-1"].remove(gone)
    ctx = stocked.compute.background_context()
    host = ctx.db.read(hosts.find, "host-1")
    others = {each.id for each in ctx.db.read(servers.on_host, "host-1")} - {came, gone}
    assert server_sync.miss(ctx, host, named=others) <= 1  # unless the service's own sync was there first
    assert member.show(came)["status"] == "ACTIVE"
    assert member.show(gone)["status"] == "ERROR"


def test_deleting_on_a_host_that_is_down_and_comes_back(stocked, member):
    server_id = member.create()
    agent = stocked.agents.pop("host-1")
    agent.stop()
    stocked.clock.turn(seconds=300)
    member.delete(f"/servers/{server_id}")
    member.await_gone(server_id)
    assert (stocked.directory / "host-1" / "driver" / "machines" / f"{server_id}.json").exists()
    driver = stocked.add_host("host-1")
    sync(stocked)
    eventually(lambda: driver.inspect() == {}, "removal of what was left over")


def test_deleting_on_a_host_that_is_cut_off_and_has_nothing_new_to_tell_when_it_is_back(stocked, member):
    server_id = member.create()
    link, driver, before = stocked.links["host-1"], stocked.drivers["host-1"], owed(stocked)
    link.cut()
    stocked.clock.turn(seconds=300)
    member.delete(f"/servers/{server_id}")
    member.await_gone(server_id)
    assert before == []
    assert [each.server_id for each in owed(stocked)] == [server_id]
    leftover_sync.run(stocked.compute.background_context())
    assert server_id in driver.inspect()
    link.mend()
    stocked.report()
    eventually(lambda: driver.inspect() == {}, "removal of what was left over")
    expect_nothing_owed(stocked)


def test_a_command_that_arrives_after_the_server_was_deleted_leaves_nothing(stocked, member):
    """Whoever sent it may have hung, or the host was cut off: so who found nothing to remove looks again."""
    ctx, driver, server_id = stocked.compute.background_context(), stocked.drivers["host-1"], new_id()
    spec = msgspec.structs.replace(specs.build(ctx, member.create()), id=server_id, nics=())
    late = rpc.EnsureServer(command_id="late", spec=spec)
    assert host_calls.remove(ctx, "host-1", server_id, "delete-1") is None
    assert [each.server_id for each in owed(stocked)] == [server_id]
    ctx.bus.call(rpc.host_topic("host-1"), rpc.ENSURE_SERVER, late)
    expect_nothing_owed(stocked)
    assert server_id not in driver.inspect()


def test_nothing_is_removed_from_where_a_server_may_be_going(stocked, member):
    server_id = member.create()
    stocked.compute.db.run(leftovers.note, "host-1", server_id)
    stocked.compute.db.run(servers.update, server_id, task_state=TaskState.RESIZE_MIGRATING, host="host-2")
    report = leftover_sync.run(stocked.compute.background_context())
    assert (report.found, report.left) == (1, 1)
    assert server_id in stocked.drivers["host-1"].inspect()


def test_a_server_that_came_back_to_its_host_is_no_leftover(stocked, member):
    server_id = member.create()
    stocked.compute.db.run(leftovers.note, "host-1", server_id)
    report = leftover_sync.run(stocked.compute.background_context())
    assert (report.found, report.healed, owed(stocked)) == (1, 1, [])
    assert server_id in stocked.drivers["host-1"].inspect()


def test_a_host_that_refuses_to_remove_a_leftover_is_asked_again(stocked, member):
    server_id = member.create()
    link, driver = stocked.links["host-1"], stocked.drivers["host-1"]
    link.cut()
    stocked.clock.turn(seconds=300)
    member.delete(f"/servers/{server_id}")
    member.await_gone(server_id)
    driver.fail(Failure(verb="remove"))
    link.mend()
    stocked.report()
    eventually(lambda: refused(stocked), "a refusal")
    driver.heal()
    expect_nothing_owed(stocked)
    assert driver.inspect() == {}


def test_a_host_that_is_forgotten_owes_nothing(stocked):
    stocked.compute.db.run(leftovers.note, "host-9", "a-server")
    leftover_sync.run(stocked.compute.background_context())
    assert stocked.compute.db.read(leftovers.hosts) == []


def owed(cloud):
    return cloud.compute.db.read(leftovers.of_host, "host-1", 10)


def expect_nothing_owed(cloud):
    """A command may be on its way for a while; then all is over."""
    cloud.clock.turn(seconds=DEFAULT_DEADLINE_SECONDS)
    report(cloud)
    eventually(lambda: leftover_sync.run(cloud.compute.background_context()) and owed(cloud) == [])


def refused(cloud):
    leftover_sync.run(cloud.compute.background_context())
    return any(each.refusals for each in owed(cloud))


def test_placement_learns_what_a_host_has(stocked, admin):
    providers = admin.request("GET", "placement", "/resource_providers").json["resource_providers"]
    (provider,) = providers
    assert provider["name"] == "host-1"
    inventories = admin.request("GET", "placement", f"/resource_providers/{provider['uuid']}/inventories")
    assert inventories.json["inventories"]["VCPU"]["total"] == 64
    assert inventories.json["inventories"]["VCPU"]["allocation_ratio"] == 4.0


def test_a_restarted_control_plane_goes_on(stocked, member):
    server_id = member.create()
    report = sync(stocked)
    assert report.left == 0
    assert sync(stocked).found == 0
    assert member.show(server_id)["status"] == "ACTIVE"


def known(cloud, name="host-1"):
    return cloud.compute.db.read(hosts.find, name)


def test_a_report_without_news_writes_only_that_the_host_lives(stocked):
    report(stocked)
    before = known(stocked)
    stocked.clock.turn(seconds=5)
    report(stocked)
    after = known(stocked)
    assert after.reported_at > before.reported_at
    assert after.status == before.status
    stocked.clock.turn(seconds=hosts.NEWS_SECONDS)
    report(stocked)
    assert known(stocked).status.reported_at > before.status.reported_at


def test_what_another_process_wrote_of_a_host_is_read_before_a_report_counts_as_no_news(stocked):
    report(stocked)
    report(stocked)
    told = known(stocked)
    other = msgspec.structs.replace(told.status, servers=told.status.servers + 7)
    stocked.clock.turn(seconds=5)
    stocked.compute.db.run(hosts.update, "host-1", status=other, reported_at=stocked.clock.now())
    report(stocked)
    assert known(stocked).status.servers == told.status.servers


def test_a_host_that_was_forgotten_is_known_again_with_its_next_report(stocked):
    report(stocked)
    report(stocked)
    stocked.compute.db.run(hosts.delete, "host-1")
    report(stocked)
    assert known(stocked).status.host == "host-1"


def test_a_host_that_has_told_all_is_not_asked_again(stocked, member, monkeypatch):
    member.create()
    sync(stocked)
    asked = []
    call = stocked.process.bus.call

    def listen(topic, method, message, **options):
        asked.append(method.name)
        return call(topic, method, message, **options)

    monkeypatch.setattr(stocked.process.bus, "call", listen)
    sync(stocked)
    assert "resync" not in asked
    monkeypatch.undo()
    member.create()
    monkeypatch.setattr(stocked.process.bus, "call", listen)
    sync(stocked)
    assert "resync" in asked
