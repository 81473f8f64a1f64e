"""Where servers go: filters, weights, groups, other hosts after a failure, and what is said when there is
none.
"""

import pytest
from tests.services.compute.conftest import eventually, stock

from nacre.services.compute.agent.drivers.simulated import Failure
from nacre.services.compute.app.scheduling import filters, weighers
from nacre.services.compute.app.scheduling.hosts import Candidate, Wish
from nacre.services.compute.db import groups
from nacre.services.compute.db.tables import FlavorCopy, server_groups

FLAVOR = FlavorCopy(id="1", name="tiny", vcpus=1, memory_mb=512, root_gb=1)


def host(**fields):
    defaults = {
        "name": "h",
        "provider_id": "p",
        "hypervisor_hostname": "h",
        "zone": "nova",
        "up": True,
        "arch": "x86_64",
    }
    return Candidate(**{**defaults, **fields})


def wish(**fields):
    return Wish(**{"server_id": "s", "project_id": "p1", "flavor": FLAVOR, **fields})


@pytest.mark.parametrize(
    ("candidate", "asked", "by"),
    [
        ({}, {}, None),
        ({"up": False, "silent_seconds": 80.0}, {}, "reports"),
        ({"trouble": "gone"}, {}, "reports"),
        ({"disabled": True}, {}, "enabled"),
        ({"has_room": False}, {}, "room"),
        ({}, {"zone": "moon"}, "zone"),
        ({}, {"host": "other"}, "requested_host"),
        ({}, {"hypervisor_hostname": "other"}, "requested_host"),
        ({}, {"excluded": ("h",)}, "not_tried_before"),
        ({}, {"image_properties": {"hw_architecture": "aarch64"}}, "architecture"),
        ({}, {"same_host": frozenset({"other"})}, "same_host"),
        ({}, {"same_host": frozenset({"h", "other"})}, None),
        ({}, {"different_host": frozenset({"h"})}, "different_host"),
        ({}, {"group_policy": "anti-affinity", "group_hosts": {"h": 1}}, "group"),
        ({}, {"group_policy": "anti-affinity", "group_hosts": {"h": 1}, "group_limit": 2}, None),
        ({}, {"group_policy": "affinity", "group_hosts": {"other": 1}}, "group"),
        ({}, {"group_policy": "affinity"}, None),
        ({"properties": {"filter_tenant_id": ("p2,p3",)}}, {}, "project"),
        ({"properties": {"filter_tenant_id": ("p2, p1",)}}, {}, None),
        ({"free": {"MEMORY_MB": 100.0}}, {"query": [">=", "$free_ram_mb", 200]}, "query"),
        ({"free": {"MEMORY_MB": 300.0}}, {"query": ["and", [">=", "$free_ram_mb", 200], ["=", "$host", "h"]]}, None),
        ({}, {"query": "nonsense"}, "query"),
    ],
)  # fmt: skip
def test_filters(candidate, asked, by):
    verdict = filters.refuse(host(**candidate), wish(**asked))
    assert (verdict.by if verdict else None) == by


def test_extra_specs_of_aggregates():
    flavor = FlavorCopy(
        id="1", name="ssd", vcpus=1, memory_mb=1, root_gb=1,
        extra_specs={"aggregate_instance_extra_specs:disk": "ssd"},
    )  # fmt: skip
    assert filters.refuse(host(), wish(flavor=flavor)).by == "aggregate_specs"
    assert filters.refuse(host(properties={"disk": ("ssd",)}), wish(flavor=flavor)) is None


def test_weights_spread_and_follow_soft_groups():
    full, empty = host(name="full", free={"MEMORY_MB": 1.0}), host(name="empty", free={"MEMORY_MB": 9.0})
    assert [each.name for each in weighers.rank([full, empty], wish())] == ["empty", "full"]
    near = wish(group_policy="soft-affinity", group_hosts={"full": 1})
    assert weighers.rank([full, empty], near)[0].name == "full"
    apart = wish(group_policy="soft-anti-affinity", group_hosts={"empty": 1})
    assert weighers.rank([full, empty], apart)[0].name == "full"


def where(admin, server_id):
    return admin.show(server_id)["OS-EXT-SRV-ATTR:host"]


def test_servers_are_spread(stocked, member, admin):
    stocked.add_host("host-2")
    placed = {where(admin, member.create()) for _ in range(2)}
    assert placed == {"host-1", "host-2"}


def test_no_host_at_all(cloud, member, admin):
    stock(cloud, admin)
    server_id = member.create(wait=None)
    eventually(lambda: member.show(server_id)["status"] == "ERROR")
    fault = member.show(server_id)["fault"]
    assert fault["message"] == "No valid host was found. There are no hosts in this cloud yet."
    assert fault["code"] == 500


def test_a_fault_names_every_host_for_administrators(stocked, member, admin):
    stocked.add_host("host-2", vcpus=1)
    admin.post("/flavors", {"flavor": {"id": "9", "name": "huge", "ram": 512, "vcpus": 1, "disk": 10**5}})
    server_id = member.create(wait=None, flavorRef="9")
    eventually(lambda: member.show(server_id)["status"] == "ERROR")
    fault = member.show(server_id)["fault"]
    assert fault["message"] == (
        "No valid host was found. 2 host(s) were considered: too small for 100000 GB of disk (2)."
    )
    assert "details" not in fault
    details = admin.show(server_id)["fault"]["details"]
    assert "host-1: " in details
    assert "host-2: " in details


def test_a_host_that_fails_is_left_for_another(stocked, member, admin):
    stocked.add_host("host-2")
    stocked.drivers["host-1"].fail(Failure(verb="ensure", message="no luck"))
    for _ in range(3):
        assert where(admin, member.create()) == "host-2"
    stocked.drivers["host-2"].fail(Failure(verb="ensure", message="no luck either"))
    server_id = member.create(wait=None)
    eventually(lambda: member.show(server_id)["status"] == "ERROR")
    fault = admin.show(server_id)["fault"]
    assert "2 host(s) tried to build the server and failed" in fault["message"]
    assert "no luck" in fault["details"]
    assert "no luck either" in fault["details"]
    assert all(driver.inspect().get(server_id) is None for driver in stocked.drivers.values())


@pytest.mark.parametrize("config", [{"compute": {"hosts_asked_of_placement": 1}}])
def test_when_the_first_few_will_not_do_all_hosts_are_looked_at(stocked, member, admin):
    others = [f"host-{n}" for n in range(2, 7)]
    for name in others:
        stocked.add_host(name)
    there = [admin.create(availability_zone=f"nova:{name}") for name in others]
    for _ in range(4):
        assert where(admin, admin.create(hints={"different_host": there})) == "host-1"
    assert where(admin, admin.create(hints={"same_host": there[0]})) == others[0]


def test_hints_of_servers(stocked, member, admin):
    stocked.add_host("host-2")
    first = member.create()
    here = where(admin, first)
    assert where(admin, member.create(hints={"same_host": first})) == here
    assert where(admin, member.create(hints={"different_host": [first]})) != here


def test_forced_and_requested_hosts(stocked, member, admin):
    stocked.add_host("host-2")
    assert where(admin, admin.create(availability_zone="nova:host-2")) == "host-2"
    assert member.try_to_create(availability_zone="nova:host-2").status == 403
    assert admin.try_to_create(availability_zone="nova:nowhere").status == 400
    assert where(admin, admin.create(version="2.74", host="host-1")) == "host-1"
    assert member.try_to_create(version="2.74", host="host-1").status == 403
    zoned = member.create(version="2.96", availability_zone="nova")
    assert member.show(zoned, version="2.96")["pinned_availability_zone"] == "nova"


def make_group(cloud, policy):
    row = {
        "id": "aaaaaaaa-0000-0000-0000-00000000000" + str(len(policy) % 10), "project_id": "p1", "user_id": "u1",
        "name": policy, "policy": policy, "rules": {}, "created_at": cloud.clock.now(),
    }  # fmt: skip
    cloud.compute.db.run(lambda tx: tx.insert(server_groups, row))
    return row["id"]


def test_groups(stocked, member, admin):
    stocked.add_host("host-2")
    apart = make_group(stocked, "anti-affinity")
    first, second = member.create(hints={"group": apart}), member.create(hints={"group": apart})
    assert where(admin, first) != where(admin, second)
    third = member.create(wait=None, hints={"group": apart})
    eventually(lambda: member.show(third)["status"] == "ERROR")
    assert "group" in member.show(third)["fault"]["message"]
    together = make_group(stocked, "affinity")
    near = [member.create(hints={"group": together}) for _ in range(3)]
    assert len({where(admin, server_id) for server_id in near}) == 1
    assert member.show(first, version="2.71")["server_groups"] == [apart]
    assert stocked.compute.db.read(groups.member_count, apart) == 3


def test_members_of_a_group_scheduled_side_by_side_are_still_apart(stocked, member, admin):
    stocked.add_host("host-2")
    apart = make_group(stocked, "anti-affinity")
    answer = member.try_to_create(min_count=2, hints={"group": apart}, return_reservation_id=True)
    path = f"/servers/detail?all_tenants=1&reservation_id={answer.json['reservation_id']}"

    def settled():
        servers = admin.get(path).json["servers"]
        return servers if all(server["status"] != "BUILD" for server in servers) else None

    hosts = [server["OS-EXT-SRV-ATTR:host"] for server in eventually(settled) if server["status"] == "ACTIVE"]
    assert len(hosts) == len(set(hosts)) > 0
