"""The whole way: a request, the log, a wake over the bus, an agent with a simulated driver, and its report."""

import time

import pytest

from nacre.kernel import events
from nacre.services.network.agent.drivers.base import Kind
from nacre.services.network.agent.drivers.simulated.driver import SimulatedDriver
from nacre.services.network.agent.main import NetworkAgent
from nacre.services.network.tasks.placement_sync import sync


@pytest.fixture
def cloud(make_cloud):
    """A cloud for each test, since hosts that once reported count as living for a while."""
    return make_cloud(["network"])


@pytest.fixture
def make_agent(cloud, tmp_path):
    """Return the function that starts a host's agent; all are stopped after the test."""
    agents = []

    def make(host):
        driver = SimulatedDriver()
        agent = NetworkAgent(host, cloud.process.bus, driver, tmp_path / host, clock=cloud.clock)
        agent.start()
        agents.append(agent)
        eventually(lambda: host in known_hosts(cloud))
        return agent

    yield make
    for agent in agents:
        agent.stop()


def known_hosts(cloud):
    from nacre.services.network.db import hosts

    service = cloud.process.services["network"]
    return hosts_by_name(service.db.read(hosts.heard_since, cloud.clock.now().replace(year=2000)))


def hosts_by_name(rows):
    return {row.host for row in rows}


def eventually(condition, seconds=10):
    """Wait until something is so; agents work in threads of their own."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.02)


def test_a_port_that_is_bound_becomes_active_and_others_hear_of_it(
    cloud, api, admin_api, network, make_agent
):
    heard = []
    agent = make_agent("real-a")
    listener = cloud.process.bus.serve(
        "event.network.port.up", {events.EVENT: lambda event: heard.append(event.payload)}, group="test"
    )
    port = admin_api.make(
        "ports", network_id=network["id"], project_id=network["project_id"], binding__host_id="real-a",
        device_id="server-1", device_owner="compute:nova",
    )  # fmt: skip
    eventually(lambda: api.show("ports", port["id"])["status"] == "ACTIVE")
    assert (Kind.PORT, port["id"]) in agent.driver.host.things
    eventually(lambda: {"port_id": port["id"], "device_id": "server-1", "host": "real-a"} in heard)
    listener.close()
    (dhcp,) = admin_api.list("ports", network_id=network["id"], device_owner="network:dhcp")
    eventually(lambda: admin_api.show("ports", dhcp["id"])["status"] == "ACTIVE")
    admin_api.change("ports", port["id"], binding__host_id="")
    assert admin_api.show("ports", port["id"])["status"] == "DOWN"
    eventually(lambda: (Kind.PORT, port["id"]) not in agent.driver.host.things)


def test_a_router_with_a_floating_ip_works_on_some_host(api, admin_api, network, make_agent):
    agents = [make_agent("real-b"), make_agent("real-c")]
    public = admin_api.make(
        "networks", provider__network_type="flat", provider__physical_network="public", router__external=True
    )
    admin_api.make("subnets", network_id=public["id"], ip_version=4, cidr="203.0.113.0/24", enable_dhcp=False)
    router = api.make("routers", external_gateway_info={"network_id": public["id"]})
    leg = api.ask(
        "PUT", f"routers/{router['id']}/add_router_interface", {"subnet_id": network["subnets"][0]}
    ).json
    eventually(lambda: api.show("ports", leg["port_id"])["status"] == "ACTIVE")
    port = api.make("ports", network_id=network["id"])
    fip = api.make("floatingips", floating_network_id=public["id"], port_id=port["id"])
    eventually(lambda: api.show("floatingips", fip["id"])["status"] == "ACTIVE")
    assert sum((Kind.ROUTER, router["id"]) in agent.driver.host.things for agent in agents) == 1
    api.change("floatingips", fip["id"], port_id=None)
    assert api.show("floatingips", fip["id"])["status"] == "DOWN"


def test_what_runs_on_a_host_that_stays_dead_moves_to_a_living_one(cloud, api, admin_api, network, make_host):
    """Two hosts of these tests' own report by hand, so that one can fall silent."""
    router = api.make("routers")
    api.make("ports", network_id=network["id"])
    one, other = make_host(), make_host()
    ctx = cloud.process.services["network"].background_context()
    sync(ctx)
    api.ask("PUT", f"routers/{router['id']}/add_router_interface", {"subnet_id": network["subnets"][0]})

    def places():
        l3 = admin_api.ask("GET", f"routers/{router['id']}/l3-agents").json["agents"]
        dhcp = admin_api.ask("GET", f"networks/{network['id']}/dhcp-agents").json["agents"]
        return {agent["host"] for agent in (*l3, *dhcp)}

    assert places() <= {one.name, other.name}
    gone, left = (one, other) if one.name in places() else (other, one)
    cloud.clock.turn(seconds=600)
    left.beat()
    gone_agents = [a for a in admin_api.list("agents", host=gone.name) if a["alive"]]
    assert gone_agents == []
    sync(ctx)
    assert places() == {left.name}
    left.sync()
    assert router["id"] in left.rows["routers"]
    assert left.rows["networks"][network["id"]].dhcp is not None
    gone.sync()
    assert router["id"] not in gone.rows["routers"]
