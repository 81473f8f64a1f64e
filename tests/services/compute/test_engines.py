"""What must hold on SQLite, PostgreSQL and MariaDB alike, with several at work at once."""

import dataclasses
import threading
from datetime import timedelta

import pytest

from nacre.kernel.db import Page, Sort
from nacre.kernel.errors import OverQuota
from nacre.kernel.ids import new_id
from nacre.kernel.testing.cloud import TestCloud
from nacre.services.compute.app import actions, power, servers, states
from nacre.services.compute.db import actions as action_rows
from nacre.services.compute.db import drift, flavors, hosts, labels, nics
from nacre.services.compute.db import servers as rows
from nacre.services.compute.db.servers import Server, StateWish, Wanted
from nacre.services.compute.db.tables import Address, FlavorCopy, TaskState, VmState
from nacre.services.compute.errors import WrongState
from nacre.services.compute.rpc import CpuInfo, HostStatus
from nacre.services.compute.service import MANIFEST

PROJECT = "a-project"
FLAVOR = FlavorCopy(id="1", name="tiny", vcpus=2, memory_mb=512, root_gb=1)


@pytest.fixture
def ctx(database_url, tmp_path):
    alone = dataclasses.replace(MANIFEST, needs=())
    config = {"database": {"url": database_url}, "compute": {"quota_cores": -1}}
    cloud = TestCloud([alone], tmp_path, config=config)
    cloud.process.services["compute"].runner.stop()  # nothing is to be done about what is written here
    yield cloud.process.services["compute"].background_context(
        project_id=PROJECT, user_id="u", request_id="req-1"
    )
    cloud.close()


def make_server(ctx, *, metadata=None, tags=(), **fields):
    now = ctx.clock.now()
    server = Server(
        **{
            "id": new_id(), "project_id": PROJECT, "user_id": "u", "name": "web", "hostname": "web",
            "flavor_id": "1", "flavor": FLAVOR, "vcpus": 2, "memory_mb": 512, "reservation_id": "r-1",
            "created_at": now, "updated_at": now, "vm_state": VmState.ACTIVE, "launched_at": now,
            "host": "host-1", **fields,
        }
    )  # fmt: skip
    ctx.db.run(rows.insert, server, metadata=metadata or {}, tags=tags)
    return server


def ids(ctx, page=Page(), **wanted):  # noqa: B008 - never changed
    return {server.id for server in ctx.db.read(rows.index, Wanted(project_id=PROJECT, **wanted), page)}


def at_once(count, act):
    """Call act() in so many threads at once; return what each returned or raised."""
    results = []
    barrier = threading.Barrier(count)

    def run():
        barrier.wait()
        try:
            results.append(act())
        except Exception as error:  # noqa: BLE001 - judged by the test
            results.append(error)

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_lists(ctx):
    one = make_server(ctx, name="Web-1", metadata={"k": "v"}, tags=("red", "blue"))
    two = make_server(ctx, name="db", tags=("red",), vm_state=VmState.STOPPED, locked=True)
    gone = make_server(ctx, deleted=True, deleted_at=ctx.clock.now(), vm_state=VmState.DELETED)
    make_server(ctx, project_id="other")
    nic = nics.Nic(
        server_id=one.id, port_id=new_id(), position=0, network_id=new_id(), network_name="net",
        mac_address="fa:16:3e:00:00:01", tap_device="tap1", mtu=None, tag=None, owned=True, status="ACTIVE",
        addresses=[Address(address="10.0.0.5", version=4, floating=("203.0.113.9",))], subnets=[],
        security_groups=["default"],
    )  # fmt: skip
    ctx.db.run(nics.put, nic)
    assert ids(ctx) == {one.id, two.id}
    assert ids(ctx, deleted=None) == {one.id, two.id, gone.id}
    assert ids(ctx, name="web") == {one.id}
    assert ids(ctx, states=(StateWish(VmState.STOPPED, without=True),)) == {two.id}
    assert ids(ctx, states=(StateWish(VmState.ACTIVE, (TaskState.REBOOTING,), without=True),)) == {one.id}
    assert ids(ctx, states=(StateWish(VmState.ACTIVE, (TaskState.REBOOTING,)),)) == set()
    assert ids(ctx, metadata={"k": "v"}) == {one.id}
    assert ids(ctx, tags=("red", "blue")) == {one.id}
    assert ids(ctx, not_tags=("red", "blue")) == {two.id}
    assert ids(ctx, not_tags_any=("blue",)) == {two.id}
    assert ids(ctx, ip="203.0.113.9") == {one.id}
    assert ids(ctx, ip="10.0.0.6") == set()
    assert ids(ctx, columns={"locked": True}) == {two.id}
    assert ids(ctx, changes_since=ctx.clock.now() + timedelta(seconds=1)) == set()
    page = Page(limit=1, sort=(Sort("task_state"), Sort("name")))
    (first,) = ids(ctx, page)
    (second,) = ids(ctx, Page(limit=1, sort=page.sort, marker=first))
    assert {first, second} == {one.id, two.id}
    (details,) = servers.details(ctx, [ctx.db.read(rows.get, one.id)])
    assert (details.metadata, details.tags, details.nics) == ({"k": "v"}, ["blue", "red"], [nic])


def test_what_belongs_to_a_server(ctx):
    server = make_server(ctx)
    ctx.db.run(labels.set_metadata, server.id, {"a": "1", "b": "2"})
    ctx.db.run(labels.set_metadata, server.id, {"b": "3"})
    assert ctx.db.read(labels.metadata, server.id) == {"a": "1", "b": "3"}
    assert ctx.db.run(labels.add_tag, server.id, "x")
    assert not ctx.db.run(labels.add_tag, server.id, "x")
    ctx.db.run(actions.note, ctx, server, "stop")
    for _ in range(2):
        ctx.db.run(actions.begin, ctx, server.id, "compute_stop_instance")
    ctx.db.run(actions.end, ctx, server.id, "compute_stop_instance", failure="no")
    action = ctx.db.read(action_rows.find, server.id, "req-1")
    assert action.message == "Error"
    (event,) = ctx.db.read(action_rows.events, action.id)
    assert (event.result, event.details) == ("Error", "no")
    for text in ("first", "x" * 300):
        ctx.db.run(action_rows.add_fault, server.id, 500, text, None)
    fault = ctx.db.read(action_rows.latest_faults, [server.id])[server.id]
    assert (len(fault.message), len(fault.detail)) == (255, 300)


def test_flavors_and_hosts(ctx):
    for number in range(3):
        flavor = flavors.Flavor(
            id=str(number), name=f"f{number}", vcpus=1, memory_mb=1, root_gb=1, ephemeral_gb=0, swap_mb=0,
            rxtx_factor=1.0, is_public=number > 0, disabled=False, description=None, extra_specs={"a": "b"},
            created_at=ctx.clock.now(),
        )  # fmt: skip
        ctx.db.run(flavors.insert, flavor)
    listed = ctx.db.read(flavors.index, Page(limit=5, marker="0"), project_id=PROJECT, is_public=None)
    assert [flavor.id for flavor in listed] == ["1", "2"]
    ctx.db.run(flavors.grant, "0", PROJECT)
    assert ctx.db.read(flavors.get, "0", PROJECT).extra_specs == {"a": "b"}
    status = HostStatus(
        host="host-1", hypervisor_hostname="h", hypervisor_type="x", hypervisor_version=1, virt_type="x",
        vcpus=1, memory_mb=1, disk_gb=1, cpu_info=CpuInfo(arch="x86_64"),
    )  # fmt: skip
    known = at_once(4, lambda: ctx.db.run(hosts.record_status, status))
    assert len({host.id for host in known}) == 1
    assert ctx.db.read(hosts.by_provider, [known[0].id])[known[0].id].name == "host-1"


def test_quotas_hold_with_many_at_once(ctx):
    def create():
        def write(tx):
            servers.limits.enforce(tx, ctx, PROJECT, {"instances": 1, "cores": 2, "ram": 512})
            now = tx.now()
            server = Server(
                id=new_id(), project_id=PROJECT, user_id="u", name="s", hostname="s", flavor_id="1",
                flavor=FLAVOR, vcpus=2, memory_mb=512, reservation_id="r", created_at=now, updated_at=now,
            )  # fmt: skip
            rows.insert(tx, server, metadata={})

        ctx.db.run(write)

    results = at_once(14, create)
    assert sum(isinstance(result, OverQuota) for result in results) == 4
    assert [result for result in results if result is not None and not isinstance(result, OverQuota)] == []
    assert len(ids(ctx)) == 10


def test_one_of_many_wishes_wins(ctx):
    server = make_server(ctx)
    results = at_once(6, lambda: power.begin(ctx, server, "pause"))
    assert sum(isinstance(result, WrongState) for result in results) == 5
    assert ctx.db.read(rows.get, server.id).task_state is states.PAUSE.sets


def test_tasks_without_jobs(ctx):
    lying = make_server(ctx, task_state=TaskState.PAUSING)
    worked_on = make_server(ctx)
    power.begin(ctx, worked_on, "pause")
    found = ctx.db.read(drift.tasks_without_jobs, "", ctx.clock.now() + timedelta(seconds=1), 10)
    assert [server.id for server in found] == [lying.id]
