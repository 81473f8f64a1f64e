"""Drift between the network service's rows and its hosts, and among the rows."""

import pytest
from tests.drift.test_servers import networked, only, sql
from tests.services.compute.conftest import eventually

from nacre.kernel.ids import new_id
from nacre.services.network import rpc
from nacre.services.network.agent.drivers.base import Kind


def driver_of(cloud, server_id):
    from nacre.services.compute.db import servers

    host = cloud.compute.db.read(servers.get, server_id).host
    return host, cloud.network_agents[host].driver


def test_a_port_that_was_taken_from_its_host(cloud, member, doctor):
    server_id, port_id = networked(cloud, member)
    host, driver = driver_of(cloud, server_id)
    driver.lose(Kind.PORT, port_id)
    finding = only(doctor.examine(), "port_broken")
    assert (finding["resource_id"], finding["host"], finding["state"]) == (port_id, host, "healed")
    assert (Kind.PORT, port_id) in driver.host.things


def test_something_on_a_host_that_nobody_wants(cloud, doctor):
    driver = cloud.network_agents["host-2"].driver
    stray = new_id()
    driver.host.things[Kind.ROUTER, stray] = rpc.RouterSpec(id=stray, project_id="p1")
    finding = only(doctor.examine(), "router_stray")
    assert (finding["resource_id"], finding["host"], finding["state"]) == (stray, "host-2", "healed")
    assert (Kind.ROUTER, stray) not in driver.host.things


def test_what_a_host_mends_by_itself_is_told_too(cloud, member, doctor):
    server_id, port_id = networked(cloud, member)
    host, driver = driver_of(cloud, server_id)
    driver.lose(Kind.PORT, port_id)
    cloud.network_agents[host]._due["reconcile"] = 0.0  # its turn to look
    cloud.network_agents[host].alarm.ring()

    def told():
        found = doctor.admin.get("network", "/v2.0/nacre-findings", query={"kind": "port_broken"}).json
        return found["findings"]

    (finding,) = eventually(told, "news of it")
    assert (finding["resource_id"], finding["host"], finding["state"]) == (port_id, host, "healed")


def test_what_a_host_cannot_mend_is_left(cloud, member, doctor):
    server_id, port_id = networked(cloud, member)
    host, driver = driver_of(cloud, server_id)
    driver.fail("ensure_port", port_id, reason="no tap for you", times=1000)
    driver.lose(Kind.PORT, port_id)
    finding = only(doctor.examine(), "port_broken")
    assert (finding["state"], finding["command"]) == ("left", None)
    assert "no tap for you" in finding["text"]
    driver._failures.clear()
    cloud.clock.turn(seconds=1)
    doctor.examine()
    cloud.clock.turn(seconds=1)
    assert only(doctor.examine(), "port_broken")["state"] == "healed"


def test_a_host_that_was_not_told_of_its_network(cloud, member, doctor):
    server_id, _ = networked(cloud, member)
    host, _ = driver_of(cloud, server_id)
    assert sql(cloud.process.services["network"], "DELETE FROM presences WHERE host = :host", host=host)
    finding = doctor.examine()["host_view_wrong"][0]
    assert (finding["resource_id"], finding["state"]) == (host, "healed")
    assert "host_view_wrong" not in [
        each["kind"]
        for each in doctor.admin.get("network", "/v2.0/nacre-findings", query={"state": "left"}).json[
            "findings"
        ]
    ]
    from nacre.services.network.db import drift, presences

    database = cloud.process.services["network"].db
    assert database.read(presences.of_host, host) == database.read(drift.carried, host)


def test_a_host_that_is_ready_for_a_port_is_no_drift(cloud, member, doctor):
    """A server that is on its way to another host has a second binding there."""
    server_id, port_id = networked(cloud, member)
    host, _ = driver_of(cloud, server_id)
    other = "host-2" if host == "host-1" else "host-1"
    cloud.network._ask("POST", f"ports/{port_id}/bindings", {"binding": {"host": other}})
    assert doctor.examine() == {}


def test_a_floating_ip_that_leads_to_a_deleted_port(cloud, member, doctor):
    server_id, port_id = networked(cloud, member)
    outside = cloud.network.make_network(
        name="outside", project_id="p0", cidr="198.51.100.0/24", **{"router:external": True}
    )
    cloud.network.join(cloud.net, outside)
    floating_ip = cloud.network.make_floating_ip(outside, {"id": port_id})
    sql(cloud.process.services["network"], "DELETE FROM ports WHERE id = :id", id=port_id)
    finding = only(doctor.examine(), "floating_ip_astray")
    assert (finding["resource_id"], finding["state"]) == (floating_ip["id"], "healed")
    now = cloud.network._ask("GET", f"floatingips/{floating_ip['id']}")["floatingip"]
    assert (now["port_id"], now["router_id"], now["status"]) == (None, None, "DOWN")


@pytest.mark.parametrize("damage", ["gone", "cut", "changed"])
def test_data_of_an_image(cloud, doctor, damage, tmp_path):
    (path,) = (path for path in (tmp_path / "images").iterdir() if path.is_file())
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(b"an" if damage == "cut" else b"AN IMAGE")
    found = doctor.examine(thorough=True)
    kinds = {"gone": {"image_missing"}, "cut": {"image_cut", "image_damaged"}, "changed": {"image_damaged"}}
    assert {kind for kind in found if kind.startswith("image")} == kinds[damage]
    for kind in kinds[damage]:
        finding = only(found, kind)
        assert (finding["resource_id"], finding["state"]) == (cloud.image_id, "left")
        assert finding["command"] == f"openstack image delete {cloud.image_id}"
