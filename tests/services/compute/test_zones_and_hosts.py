"""Availability zones, the hosts API of old, extensions, and what is gone."""

import pytest


def test_zones(cloud, admin, member):
    cloud.add_host("host-1")
    cloud.add_host("host-2")
    aggregate = admin.post("/os-aggregates", {"aggregate": {"name": "a", "availability_zone": "east"}})
    action = f"/os-aggregates/{aggregate.json['aggregate']['id']}/action"
    admin.post(action, {"add_host": {"host": "host-2"}})
    listed = member.get("/os-availability-zone").json["availabilityZoneInfo"]
    assert listed == [
        {"zoneName": name, "zoneState": {"available": True}, "hosts": None} for name in ("east", "nova")
    ]
    detail = admin.get("/os-availability-zone/detail").json["availabilityZoneInfo"]
    assert [each["zoneName"] for each in detail] == ["internal", "east", "nova"]
    ((name, east),) = detail[1]["hosts"].items()
    assert (name, east["nova-compute"]["available"], east["nova-compute"]["active"]) == ("host-2", True, True)
    (control,) = detail[0]["hosts"].values()
    assert set(control) == {"nova-scheduler", "nova-conductor"}
    assert member.get("/os-availability-zone/detail").status == 403
    admin.put("/os-services/disable", {"host": "host-2", "binary": "nova-compute"})
    after = {
        each["zoneName"]: each["zoneState"]
        for each in member.get("/os-availability-zone").json["availabilityZoneInfo"]
    }
    assert after == {"east": {"available": False}, "nova": {"available": True}}


def test_hosts_of_old(stocked, admin, member):
    listed = admin.get("/os-hosts").json["hosts"]
    assert {each["service"] for each in listed} == {"compute", "scheduler", "conductor"}
    assert {"host_name": "host-1", "service": "compute", "zone": "nova"} in listed
    assert admin.get("/os-hosts?zone=xxx").json["hosts"] == []
    assert admin.get("/os-hosts?zone=").json["hosts"] == listed
    member.create()
    shown = [each["resource"] for each in admin.get("/os-hosts/host-1").json["host"]]
    assert [each["project"] for each in shown] == ["(total)", "(used_now)", "(used_max)", "p1"]
    assert shown[-1] == {"host": "host-1", "project": "p1", "cpu": 1, "memory_mb": 512, "disk_gb": 1}
    assert admin.get("/os-hosts/nobody").status == 404
    assert member.get("/os-hosts").status == 403
    assert member.get("/os-hosts/host-1").status == 403
    assert admin.get("/os-hosts", version="2.43").status == 404


def test_changing_hosts_of_old(cloud, admin, member):
    cloud.add_host()
    changed = admin.put("/os-hosts/host-1", {"status": "disable"})
    assert changed.json == {"host": "host-1", "status": "disabled"}
    assert admin.put("/os-hosts/host-1", {"status": "enable"}).json["status"] == "enabled"
    for body in ({}, {"status": "invalid"}, {"status": "enable", "maintenance_mode": "invalid"}):
        assert admin.put("/os-hosts/host-1", body).status == 400
    assert admin.put("/os-hosts/nobody", {"status": "enable", "maintenance_mode": "enable"}).status == 404
    assert admin.put("/os-hosts/host-1", {"maintenance_mode": "enable"}).status == 501
    for action in ("startup", "shutdown", "reboot"):
        assert admin.get(f"/os-hosts/nobody/{action}").status == 404
        assert admin.get(f"/os-hosts/host-1/{action}").status == 501
        assert member.get(f"/os-hosts/host-1/{action}").status == 403


def test_extensions(member):
    listed = member.get("/extensions").json["extensions"]
    assert "Hosts" in {each["name"] for each in listed}
    assert member.get("/extensions/os-consoles").json["extension"]["alias"] == "os-consoles"
    assert member.get("/extensions/os-fping").status == 404


@pytest.mark.parametrize("path", ["/os-agents", "/os-cells/1/info", "/os-fping", "/servers/x/consoles/1"])
def test_what_is_gone(cloud, member, path):
    assert member.get(path).status == 410
    assert member.post(path, {}).status == 410
    assert cloud.anonymous.get("compute", f"/v2.1{path}").status == 401
