"""Requests that cannot be fulfilled, each refused with its true cause: for its user in a sentence, for
administrators with what spoke against each host, and the numbers.

Four hosts of different shapes, one of them disabled:

    big     16 processors  32 GB  500 GB disk  the trait CUSTOM_FAST
    small    2 processors   2 GB   20 GB disk  zone east
    arm      8 processors  16 GB  100 GB disk  aarch64
    spare   16 processors  32 GB  500 GB disk  disabled
"""

import itertools

import pytest
from tests.services.compute.conftest import ComputeCloud, Person, eventually, make_image, stock

from nacre.services.compute.agent.drivers.simulated import Failure
from nacre.services.compute.db import hosts

numbers = itertools.count(10)
GB = 1024


@pytest.fixture(scope="module")
def cloud(tmp_path_factory):
    cloud = ComputeCloud(
        tmp_path_factory.mktemp("cloud"),
        {"compute": {"quota_instances": 1000, "quota_cores": 1000, "quota_ram_mb": -1}},
    )
    cloud.add_host("big", vcpus=16, memory_mb=32 * GB + 512, disk_gb=500, traits=("CUSTOM_FAST",))
    cloud.add_host("small", vcpus=2, memory_mb=2 * GB + 512, disk_gb=20)
    cloud.add_host("arm", vcpus=8, memory_mb=16 * GB + 512, disk_gb=100, arch="aarch64")
    cloud.add_host("spare", vcpus=16, memory_mb=32 * GB + 512, disk_gb=500)
    admin = Person(cloud, "admin")
    stock(cloud, admin)
    cloud.aggregates = {}
    aggregate(cloud, admin, "east", ["small"], availability_zone="east")
    answer = admin.put("/os-services/disable", {"host": "spare", "binary": "nova-compute"})
    assert answer.status == 200, answer
    yield cloud
    cloud.close()


@pytest.fixture
def member(cloud):
    cloud.report()  # hosts report every few seconds of real time
    return Person(cloud, "member")


@pytest.fixture
def admin(cloud):
    return Person(cloud, "admin")


def aggregate(cloud, admin, name, members, **properties):
    made = admin.post("/os-aggregates", {"aggregate": {"name": name}}).json["aggregate"]["id"]
    for host in members:
        answer = admin.post(f"/os-aggregates/{made}/action", {"add_host": {"host": host}})
        assert answer.status == 200, answer
    answer = admin.post(f"/os-aggregates/{made}/action", {"set_metadata": {"metadata": properties}})
    assert answer.status == 200, answer
    return made


@pytest.fixture
def flavor(admin):
    """Make flavors; return their ids."""

    def make(*, vcpus=1, ram=512, disk=1, **specs):
        flavor_id = str(next(numbers))
        body = {"id": flavor_id, "name": f"f{flavor_id}", "ram": ram, "vcpus": vcpus, "disk": disk}
        assert admin.post("/flavors", {"flavor": body}).status == 200
        if specs:
            answer = admin.post(f"/flavors/{flavor_id}/os-extra_specs", {"extra_specs": specs})
            assert answer.status == 200, answer
        return flavor_id

    return make


@pytest.fixture
def refused(cloud, member, admin):
    """Ask for a server that cannot be; return its fault as the user sees it, and the details for operators."""
    made = []

    def ask(person=member, **fields):
        server_id = person.create(wait=None, **fields)
        made.append(server_id)
        eventually(lambda: admin.show(server_id)["status"] == "ERROR", "the refusal")
        if person is member:
            assert "details" not in member.show(server_id)["fault"]
        fault = admin.show(server_id)["fault"]
        return fault["message"], fault.get("details", "")

    yield ask
    for server_id in made:
        admin.delete(f"/servers/{server_id}")
        admin.await_gone(server_id)


@pytest.fixture
def kept(member):
    """Make a server that is there during the test."""
    made = []

    def make(person=member, **fields):
        made.append(person.create(**fields))
        return made[-1]

    yield make
    for server_id in made:
        member.delete(f"/servers/{server_id}")
        member.await_gone(server_id)


def refusal(member, status, **fields):
    """Ask for a server and be refused at once; return what was said."""
    answer = member.try_to_create(**fields)
    assert answer.status == status, answer
    ((_, error),) = answer.json.items()
    return error["message"]


# --- too little of something ---------------------------------------------------------------------------


def test_more_memory_than_any_host_has(refused, flavor):
    message, details = refused(flavorRef=flavor(ram=40 * GB))
    assert message == (
        "No valid host was found. 4 host(s) were considered: too small for 40960 MB of memory (3), disabled (1)."
    )
    assert (
        "big: 40960 MB of memory are asked for, and one server may take 33280 there at the most [room]"
        in details
    )
    assert "spare: it is disabled" in details


def test_more_memory_than_is_free(refused, flavor, kept):
    kept(flavorRef=flavor(ram=24 * GB))
    message, details = refused(flavorRef=flavor(ram=17 * GB))
    assert message.startswith("No valid host was found. 4 host(s) were considered: ")
    assert "without 17408 MB of memory free (1)" in message
    assert "big: 17408 MB of memory are asked for, and 8192 of 32768 are free [room]" in details


def test_more_processors_than_any_host_has(refused, flavor):
    message, details = refused(flavorRef=flavor(vcpus=17))
    assert "too small for 17 processors (3)" in message
    assert "small: 17 processors are asked for, and one server may take 2 there at the most [room]" in details


def test_more_disk_than_any_host_has(refused, flavor):
    message, details = refused(flavorRef=flavor(disk=501))
    assert "too small for 501 GB of disk (3)" in message
    assert (
        "arm: 501 GB of disk are asked for, and one server may take 100 there at the most [room]" in details
    )


def test_several_things_are_lacking(refused, flavor):
    message, details = refused(
        flavorRef=flavor(vcpus=10, ram=20 * GB, disk=200, **{"trait:CUSTOM_FAST": "forbidden"})
    )
    assert "with the forbidden trait CUSTOM_FAST (1)" in message
    assert (
        "small: 10 processors are asked for, and one server may take 2 there at the most; "
        "20480 MB of memory are asked for, and one server may take 2560 there at the most; "
        "200 GB of disk are asked for, and one server may take 20 there at the most [room]"
    ) in details


def test_a_resource_class_that_no_host_has(refused, flavor):
    message, details = refused(flavorRef=flavor(**{"resources:CUSTOM_GPU": "1"}))
    assert "without 1 CUSTOM_GPU (3)" in message
    assert "big: 1 CUSTOM_GPU are asked for, and it has none [room]" in details


def test_a_trait_that_no_host_has(refused, flavor):
    message, details = refused(flavorRef=flavor(**{"trait:HW_CPU_X86_AVX512F": "required"}))
    assert "without the trait HW_CPU_X86_AVX512F (3)" in message
    assert "arm: it lacks the trait HW_CPU_X86_AVX512F [room]" in details


def test_a_trait_that_nobody_knows(refused, flavor):
    message, _ = refused(flavorRef=flavor(**{"trait:CUSTOM_NOBODY_HAS_IT": "required"}))
    assert message.startswith("No valid host was found. ")
    assert "without the trait CUSTOM_NOBODY_HAS_IT (3)" in message


def test_a_trait_that_only_a_host_without_room_has(refused, flavor, kept):
    fast = {"trait:CUSTOM_FAST": "required"}
    kept(flavorRef=flavor(ram=31 * GB, **fast))
    message, _ = refused(flavorRef=flavor(ram=2 * GB, **fast))
    assert "without 2048 MB of memory free (1)" in message
    assert "without the trait CUSTOM_FAST (2)" in message


def test_a_trait_that_is_forbidden_and_that_all_hosts_have(refused, flavor):
    message, details = refused(flavorRef=flavor(**{"trait:COMPUTE_NODE": "forbidden"}))
    assert "with the forbidden trait COMPUTE_NODE (3)" in message
    assert "small: it has the trait COMPUTE_NODE, which is forbidden [room]" in details


def test_a_trait_that_the_image_asks_for(refused, cloud):
    picky = make_image(cloud, name="picky", **{"trait:HW_CPU_X86_AMXTILE": "required"})
    message, _ = refused(imageRef=picky)
    assert "without the trait HW_CPU_X86_AMXTILE (3)" in message


# --- the wrong place -----------------------------------------------------------------------------------


def test_no_room_in_the_zone(refused, flavor):
    message, details = refused(flavorRef=flavor(ram=4 * GB), availability_zone="east")
    assert "not in availability zone east (2)" in message
    assert "too small for 4096 MB of memory (1)" in message
    assert "big: it is in availability zone nova, not east [zone]" in details


def test_a_zone_that_does_not_exist(member):
    assert refusal(member, 400, availability_zone="atlantis") == (
        "The requested availability zone is not available"
    )


def test_a_host_that_is_disabled(refused, admin, cloud):
    server = {"host": "spare", "version": "2.74"}
    message, details = asked_of_host(refused, cloud, **server)
    assert "disabled (1)" in message
    assert "not the host that was asked for (3)" in message
    assert "spare: it is disabled [enabled]" in details


def asked_of_host(refused, cloud, **fields):
    """Ask as somebody who may name hosts."""
    return refused(Person(cloud, "admin"), **fields)


def test_a_host_that_is_down(refused, cloud):
    cloud.compute.db.run(hosts.update, "arm", forced_down=True)
    try:
        message, details = asked_of_host(refused, cloud, host="arm", version="2.74")
    finally:
        cloud.compute.db.run(hosts.update, "arm", forced_down=False)
    assert "down (1)" in message
    assert "arm: its agent has not reported for" in details


def test_a_host_whose_hypervisor_is_away(refused, cloud):
    cloud.drivers["arm"].set_away(True)
    cloud.report()
    try:
        message, details = asked_of_host(refused, cloud, host="arm", version="2.74")
    finally:
        cloud.drivers["arm"].set_away(False)
        cloud.report()
    assert "in trouble (1)" in message
    assert "arm: its hypervisor has trouble: The simulated hypervisor is away." in details


def test_a_host_that_does_not_exist(admin):
    assert refusal(admin, 400, host="nowhere", version="2.74") == "Compute host nowhere could not be found."


def test_a_host_that_is_forced_and_too_small(refused, flavor, cloud):
    message, details = asked_of_host(
        refused, cloud, availability_zone="east:small", flavorRef=flavor(vcpus=4)
    )
    assert "too small for 4 processors (1)" in message
    assert "not the host that was asked for (3)" in message


def test_an_aggregate_that_the_flavor_asks_for(refused, flavor):
    message, details = refused(flavorRef=flavor(**{"aggregate_instance_extra_specs:ssd": "true"}))
    assert "in no aggregate that the flavor asks for (3)" in message
    assert "big: the flavor asks for an aggregate with ssd=true [aggregate_specs]" in details


def test_hosts_that_are_kept_for_others(refused, cloud, admin, flavor):
    made = aggregate(cloud, admin, "theirs", ["big"], filter_tenant_id="p2")
    try:
        message, details = refused(flavorRef=flavor(ram=20 * GB))
    finally:
        admin.post(f"/os-aggregates/{made}/action", {"remove_host": {"host": "big"}})
    assert "kept for other projects (1)" in message
    assert "big: it is kept for other projects [project]" in details


def test_an_image_for_another_architecture(refused, cloud):
    power = make_image(cloud, name="power", hw_architecture="ppc64le")
    message, details = refused(imageRef=power)
    assert "not able to run this kind of image (3)" in message
    assert "arm: the image is for ppc64le, the host is aarch64 [architecture]" in details


# --- together and apart ----------------------------------------------------------------------------------


def group(member, policy):
    body = {"server_group": {"name": policy, "policies": [policy]}}
    return member.post("/os-server-groups", body).json["server_group"]["id"]


def test_together_where_there_is_no_room(refused, member, flavor, kept):
    hints = {"group": group(member, "affinity")}
    kept(availability_zone="east", hints=hints)
    message, details = refused(flavorRef=flavor(ram=4 * GB), hints=hints)
    assert "without the servers of its affinity group (2)" in message
    assert "too small for 4096 MB of memory (1)" in message
    assert "big: the servers of its affinity group are elsewhere [group]" in details


def test_apart_with_too_few_hosts(refused, member, flavor, kept):
    hints = {"group": group(member, "anti-affinity")}
    for _ in range(3):
        kept(hints=hints)
    message, details = refused(hints=hints)
    assert message == (
        "No valid host was found. 4 host(s) were considered: with servers of its anti-affinity group (3), "
        "disabled (1)."
    )
    assert "small: 1 server(s) of its anti-affinity group are here [group]" in details


def test_near_a_server_whose_host_is_full(refused, flavor, kept):
    neighbour = kept(availability_zone="east")
    message, details = refused(flavorRef=flavor(ram=4 * GB), hints={"same_host": [neighbour]})
    assert "without the servers that same_host names (2)" in message
    assert "big: none of the servers named by same_host is here [same_host]" in details


def test_away_from_all_hosts(refused, member, kept):
    apart = {"group": group(member, "anti-affinity")}
    there = [kept(hints=apart) for _ in range(3)]
    message, details = refused(hints={"different_host": there})
    assert "with a server that different_host names (3)" in message
    assert "small: a server named by different_host is here [different_host]" in details


def test_a_condition_that_no_host_meets(refused):
    message, details = refused(hints={"query": '[">=", "$free_ram_mb", 99999999]'})
    assert "not as the hint query wants it (3)" in message
    assert "big: the condition in the hint `query` does not hold [query]" in details


# --- hosts that try and fail -----------------------------------------------------------------------------


def test_hosts_that_try_and_fail(refused, cloud):
    for driver in cloud.drivers.values():
        driver.fail(Failure(verb="ensure", message="No space left on device."))
    try:
        message, details = refused()
    finally:
        for driver in cloud.drivers.values():
            driver.heal()
    assert message.startswith("No valid host was found. 3 host(s) tried to build the server and failed")
    assert message.endswith("the last one with: No space left on device.")
    assert all(f"host {name}: No space left on device." in details for name in ("big", "small", "arm"))


# --- images and flavors ------------------------------------------------------------------------------------


def test_an_image_that_wants_a_larger_disk(member, cloud):
    large = make_image(cloud, name="large", min_disk=20)
    assert refusal(member, 400, imageRef=large) == (
        "Flavor's disk is smaller than the minimum size specified in image metadata. "
        f"Flavor disk is {GB**3} bytes, minimum size is {20 * GB**3} bytes."
    )


def test_an_image_that_wants_more_memory(member, cloud):
    greedy = make_image(cloud, name="greedy", min_ram=4096)
    assert "memory is too small" in refusal(member, 400, imageRef=greedy)


def test_an_image_that_has_no_data(member, cloud):
    body = {"name": "empty", "disk_format": "raw", "container_format": "bare", "visibility": "public"}
    empty = cloud.user("admin").post("image", "/v2/images", body).json["id"]
    assert refusal(member, 400, imageRef=empty) == f"Image {empty} is not active."


NOBODY = "7d1f5b6e-3a53-4c8e-a5cf-77a3cba1c0e2"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"imageRef": NOBODY}, f"Image {NOBODY} could not be found."),
        ({"flavorRef": "no such flavor"}, "Flavor no such flavor could not be found."),
        ({"key_name": "no such key"}, "Invalid key_name provided."),
        ({"security_groups": [{"name": "no such group"}]}, "Security group no such group not found"),
        ({"hints": {"group": NOBODY}}, f"Instance group {NOBODY} could not be found."),
        ({"networks": [{"uuid": NOBODY}]}, f"Network {NOBODY} could not be found."),
        ({"networks": [{"port": NOBODY}]}, f"Port id {NOBODY} could not be found."),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_a_request_names_and_does_not_exist(member, fields, said):
    assert said in refusal(member, 400, **fields)


# --- networks --------------------------------------------------------------------------------------------


@pytest.fixture
def net(cloud):
    return cloud.network.make_network(name=f"net-{next(numbers)}")


def test_a_port_of_another_project(member, cloud):
    theirs = cloud.network.make_network(name="theirs", project_id="p2")
    port = cloud.network.make_port(theirs, project_id="p2")
    said = refusal(member, 400, networks=[{"port": port["id"]}])
    assert said == f"Port id {port['id']} could not be found."


def test_a_port_that_is_in_use(member, cloud, net, kept):
    port = cloud.network.make_port(net)
    kept(networks=[{"port": port["id"]}])
    assert refusal(member, 409, networks=[{"port": port["id"]}]) == f"Port {port['id']} is still in use."


def test_a_network_without_a_subnet(member, cloud):
    body = {"network": {"name": "bare", "project_id": "p1"}}
    bare = cloud.network._ask("POST", "networks", body)["network"]
    said = refusal(member, 400, networks=[{"uuid": bare["id"]}])
    assert said == f"Network {bare['id']} requires a subnet in order to boot instances on."


def test_several_networks_and_none_is_named(member, cloud, net):
    cloud.network.make_network(name=f"net-{next(numbers)}")
    said = refusal(member, 409, networks=...)
    assert said == "Multiple possible networks found, use a Network ID to be more specific."


def test_an_address_that_is_taken(refused, cloud, net):
    cloud.network.make_port(net, fixed_ips=[{"ip_address": "10.0.0.77"}])
    message, _ = refused(networks=[{"uuid": net["id"], "fixed_ip": "10.0.0.77"}])
    assert message.startswith("IP address 10.0.0.77 already allocated in subnet")


def test_an_address_that_is_not_on_the_network(refused, net):
    message, _ = refused(networks=[{"uuid": net["id"], "fixed_ip": "192.168.7.7"}])
    assert "192.168.7.7" in message


def test_a_subnet_without_a_free_address(refused, cloud):
    tight = cloud.network.make_network(name="tight", cidr="10.9.0.0/30")
    for _ in range(2):
        try:
            cloud.network.make_port(tight)
        except AssertionError:
            break
    message, _ = refused(networks=[{"uuid": tight["id"]}])
    assert f"No more IP addresses available on network {tight['id']}." in message


# --- quotas ------------------------------------------------------------------------------------------------


@pytest.fixture
def limit(admin):
    """Set limits of the project, and take them back."""

    def put(**limits):
        answer = admin.put("/os-quota-sets/p1", {"quota_set": limits})
        assert answer.status == 200, answer

    yield put
    admin.delete("/os-quota-sets/p1")


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ({"instances": 0}, "Quota exceeded for instances: Requested 1, but already used 0 of 0 instances"),
        ({"cores": 0}, "Quota exceeded for cores: Requested 1, but already used 0 of 0 cores"),
        ({"ram": 100}, "Quota exceeded for ram: Requested 512, but already used 0 of 100 ram"),
    ],
    ids=["instances", "cores", "ram"],
)
def test_quotas_of_servers(member, limit, limits, said):
    limit(**limits)
    assert refusal(member, 403, version="2.37") == said


def test_a_quota_of_metadata(member, limit):
    limit(metadata_items=1)
    assert "metadata" in refusal(member, 403, version="2.37", metadata={"a": "1", "b": "2"})


def test_a_quota_of_ports(refused, cloud, net):
    cloud.network._ask("PUT", "quotas/p1", {"quota": {"port": 0}})
    try:
        message, _ = refused(networks=[{"uuid": net["id"]}])
    finally:
        cloud.network._ask("DELETE", "quotas/p1")
    assert "Quota exceeded for resources: ['port']" in message
