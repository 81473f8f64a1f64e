"""Usage: hours that projects' servers ran, within a span."""

from datetime import timedelta

import pytest

PATH = "/os-simple-tenant-usage"


@pytest.fixture
def span(cloud):
    now = cloud.clock.now()

    def span(before_hours, after_hours):
        begin, end = now - timedelta(hours=before_hours), now + timedelta(hours=after_hours)
        return f"start={begin:%Y-%m-%dT%H:%M:%S.%f}&end={end:%Y-%m-%dT%H:%M:%S.%f}"

    return span


def test_what_a_project_used(stocked, admin, member, stranger, span):
    server = member.create(name="web")
    stocked.clock.turn(hours=2)
    usage = member.get(f"{PATH}/p1?{span(1, 10)}").json["tenant_usage"]
    assert set(usage) == {
        "tenant_id", "start", "stop", "total_hours", "total_vcpus_usage", "total_memory_mb_usage",
        "total_local_gb_usage", "server_usages",
    }  # fmt: skip
    assert usage["total_hours"] == pytest.approx(2, abs=0.1)
    assert usage["total_memory_mb_usage"] == pytest.approx(2 * 512, abs=51)
    (of_server,) = usage["server_usages"]
    assert (of_server["instance_id"], of_server["name"], of_server["state"]) == (server, "web", "active")
    assert (of_server["memory_mb"], of_server["local_gb"], of_server["vcpus"]) == (512, 1, 1)
    assert of_server["ended_at"] is None
    within = member.get(f"{PATH}/p1?{span(1, 1)}").json["tenant_usage"]
    assert within["total_hours"] == pytest.approx(1, abs=0.1)
    assert member.get(f"{PATH}/p1?{span(3, -2)}").json["tenant_usage"] == {}
    assert stranger.get(f"{PATH}/p1?{span(1, 1)}").status == 403


def test_servers_that_are_gone_count(stocked, admin, member, span):
    server = member.create()
    stocked.clock.turn(hours=1)
    member.delete(f"/servers/{server}")
    member.await_gone(server)
    stocked.clock.turn(hours=5)
    usage = member.get(f"{PATH}/p1?{span(1, 10)}").json["tenant_usage"]
    assert usage["total_hours"] == pytest.approx(1, abs=0.1)
    assert usage["server_usages"][0]["state"] == "terminated"


def test_all_projects(stocked, admin, member, stranger, span):
    member.create()
    stranger.create()
    listed = admin.get(f"{PATH}?{span(1, 1)}").json["tenant_usages"]
    assert [each["tenant_id"] for each in listed] == ["p1", "p2"]
    assert all("server_usages" not in each for each in listed)
    detailed = admin.get(f"{PATH}?{span(1, 1)}&detailed=1").json["tenant_usages"]
    assert all(len(each["server_usages"]) == 1 for each in detailed)
    assert member.get(f"{PATH}?{span(1, 1)}").status == 403


def test_pages(stocked, admin, member, span):
    servers = [member.create() for _ in range(3)]
    first = admin.get(f"{PATH}?{span(1, 1)}&limit=2&detailed=1", version="2.40").json
    found = [each["instance_id"] for each in first["tenant_usages"][0]["server_usages"]]
    assert found == servers[:2]
    assert f"marker={servers[1]}" in first["tenant_usages_links"][0]["href"]
    rest = member.get(f"{PATH}/p1?{span(1, 1)}&limit=2&marker={servers[1]}", version="2.40").json
    assert [each["instance_id"] for each in rest["tenant_usage"]["server_usages"]] == servers[2:]
    assert "tenant_usage_links" not in rest
    whole = admin.get(f"{PATH}?{span(1, 1)}&limit=2&detailed=1").json["tenant_usages"][0]
    assert len(whole["server_usages"]) == 3


@pytest.mark.parametrize(
    "query",
    ["start=2020-01-02T00:00:00&end=2020-01-01T00:00:00", "start=yesterday", "end=2020-13-01T00:00:00"],
)
def test_spans_that_are_none(admin, query):
    assert admin.get(f"{PATH}?{query}").status == 400


def test_the_project_without_an_id(admin, span):
    assert admin.get(f"{PATH}/?{span(1, 1)}").status == 404


def test_audits(cloud, admin, member):
    cloud.add_host()
    shown = admin.get("/os-instance_usage_audit_log").json["instance_usage_audit_logs"]
    assert (shown["num_hosts"], shown["hosts_not_run"]) == (1, ["host-1"])
    before = admin.get("/os-instance_usage_audit_log/2026-03-15%2010:20:30").json["instance_usage_audit_log"]
    assert (before["period_beginning"], before["period_ending"]) == (
        "2026-02-01 00:00:00",
        "2026-03-01 00:00:00",
    )
    assert admin.get("/os-instance_usage_audit_log/invalid_time").status == 400
    assert member.get("/os-instance_usage_audit_log").status == 403
