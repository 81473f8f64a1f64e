"""Hypervisors: what hosts have and use, by microversion."""

import pytest

PATH = "/os-hypervisors"


@pytest.fixture
def hosts(cloud):
    for name in ("host-1", "host-2", "other-3"):
        cloud.add_host(name)


def names(answer):
    assert answer.status == 200, answer
    return [each["hypervisor_hostname"] for each in answer.json["hypervisors"]]


def test_lists(hosts, admin, member):
    listed = admin.get(PATH)
    assert names(listed) == ["host-1", "host-2", "other-3"]
    first = listed.json["hypervisors"][0]
    assert set(first) == {"id", "hypervisor_hostname", "state", "status"}
    assert (type(first["id"]), first["state"], first["status"]) == (int, "up", "enabled")
    assert len(admin.get(PATH, version="2.53").json["hypervisors"][0]["id"]) == 36
    for path in (PATH, f"{PATH}/detail", f"{PATH}/statistics", f"{PATH}/{first['id']}"):
        assert member.get(path).status == 403


def test_details_by_microversion(hosts, admin):
    oldest = admin.get(f"{PATH}/detail").json["hypervisors"][0]
    assert isinstance(oldest["cpu_info"], str)
    assert oldest["service"]["host"] == "host-1"
    middle = admin.get(f"{PATH}/detail", version="2.28").json["hypervisors"][0]
    assert {"arch", "model", "vendor", "features", "topology"} == set(middle["cpu_info"])
    newest = admin.get(f"{PATH}/detail", version="2.88").json["hypervisors"][0]
    assert set(newest) == {
        "id", "hypervisor_hostname", "state", "status", "hypervisor_type", "hypervisor_version", "host_ip",
        "service", "uptime",
    }  # fmt: skip
    assert set(oldest) == set(newest) - {"uptime"} | {
        "vcpus", "vcpus_used", "memory_mb", "memory_mb_used", "free_ram_mb", "local_gb", "local_gb_used",
        "free_disk_gb", "disk_available_least", "current_workload", "running_vms", "cpu_info",
    }  # fmt: skip
    assert "load average" in newest["uptime"]


def test_pages(hosts, admin):
    first = admin.get(f"{PATH}?limit=2", version="2.33")
    assert names(first) == ["host-1", "host-2"]
    (link,) = first.json["hypervisors_links"]
    marker = first.json["hypervisors"][-1]["id"]
    assert (link["rel"], f"marker={marker}" in link["href"]) == ("next", True)
    assert names(admin.get(f"{PATH}?limit=2&marker={marker}", version="2.33")) == ["other-3"]
    marker = admin.get(PATH, version="2.53").json["hypervisors"][0]["id"]
    assert names(admin.get(f"{PATH}?marker={marker}", version="2.53")) == ["host-2", "other-3"]
    assert admin.get(f"{PATH}?marker=nonsense", version="2.53").status == 400
    assert admin.get(f"{PATH}?marker=nonsense", version="2.33").status == 400


def test_finding_by_name(hosts, admin):
    assert names(admin.get(f"{PATH}/host/search")) == ["host-1", "host-2"]
    assert admin.get(f"{PATH}/nobody/search").status == 404
    assert admin.get(f"{PATH}/host/search", version="2.53").status == 404
    by_pattern = f"{PATH}?hypervisor_hostname_pattern=host-"
    assert names(admin.get(by_pattern, version="2.53")) == ["host-1", "host-2"]
    assert admin.get(f"{by_pattern}&limit=1", version="2.53").status == 400
    assert admin.get(f"{PATH}?hypervisor_hostname_pattern=%25", version="2.53").status == 404


def test_ids(hosts, admin):
    old = admin.get(PATH).json["hypervisors"][1]["id"]
    new = admin.get(PATH, version="2.53").json["hypervisors"][1]["id"]
    assert admin.get(f"{PATH}/{old}").json["hypervisor"]["hypervisor_hostname"] == "host-2"
    assert admin.get(f"{PATH}/{new}", version="2.53").json["hypervisor"]["hypervisor_hostname"] == "host-2"
    assert admin.get(f"{PATH}/{new}").status == 404
    assert admin.get(f"{PATH}/{old}", version="2.53").status == 400
    some = "7d1f5b6e-3a53-4c8e-a5cf-77a3cba1c0e2"
    message = admin.get(f"{PATH}/{some}", version="2.53").json["itemNotFound"]["message"]
    assert message == f"Hypervisor with ID '{some}' could not be found."


def test_what_servers_take(stocked, admin, member):
    before = admin.get(f"{PATH}/detail").json["hypervisors"][0]
    server = member.create(name="web")
    after = admin.get(f"{PATH}/detail").json["hypervisors"][0]
    assert after["vcpus_used"] == before["vcpus_used"] + 1
    assert after["memory_mb_used"] == before["memory_mb_used"] + 512
    assert (after["running_vms"], before["running_vms"]) == (1, 0)
    total = admin.get(f"{PATH}/statistics").json["hypervisor_statistics"]
    assert (total["count"], total["running_vms"], total["vcpus_used"]) == (1, 1, 1)
    assert admin.get(f"{PATH}/statistics", version="2.88").status == 404
    on_host = admin.get(f"{PATH}/host-1/servers").json["hypervisors"][0]["servers"]
    assert on_host == [{"uuid": server, "name": "web"}]
    shown = admin.get(f"{PATH}?with_servers=true", version="2.53").json["hypervisors"][0]
    assert shown["servers"] == on_host
    assert admin.get(f"{PATH}?with_servers=perhaps", version="2.53").status == 400


def test_hosts_without_servers(hosts, admin):
    assert "servers" not in admin.get(f"{PATH}/host-1/servers").json["hypervisors"][0]
    assert "servers" not in admin.get(f"{PATH}?with_servers=1", version="2.74").json["hypervisors"][0]
    assert admin.get(f"{PATH}?with_servers=1", version="2.75").json["hypervisors"][0]["servers"] == []


def test_uptime(cloud, hosts, admin):
    number = admin.get(PATH).json["hypervisors"][0]["id"]
    shown = admin.get(f"{PATH}/{number}/uptime").json["hypervisor"]
    assert set(shown) == {"id", "hypervisor_hostname", "state", "status", "uptime"}
    for agent in cloud.agents.values():
        agent.stop()
    cloud.clock.turn(seconds=120)
    assert admin.get(f"{PATH}/{number}/uptime").status == 400
    assert admin.get(f"{PATH}/detail", version="2.88").json["hypervisors"][0]["uptime"] is None
    assert admin.get(f"{PATH}/{number}/uptime", version="2.88").status == 404
