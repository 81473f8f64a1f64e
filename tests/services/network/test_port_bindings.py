"""Ports on two hosts, for as long as their server is on its way: the API, and what the hosts are told."""

import pytest


@pytest.fixture
def network(api):
    """A network without DHCP, so that nobody but its guests' hosts carries it."""
    network = api.make("networks")
    api.make("subnets", network_id=network["id"], ip_version=4, cidr="10.0.0.0/24", enable_dhcp=False)
    return network


@pytest.fixture
def hosts(make_host):
    """The host of the port, the one that its server is to go to, and that of a neighbour."""
    return [make_host(tunnel_ip=f"192.0.2.{n}") for n in (1, 2, 3)]


@pytest.fixture
def port(admin_api, network, hosts):
    def make(host):
        return admin_api.make(
            "ports", network_id=network["id"], project_id=network["project_id"],
            binding__host_id=host.name, device_owner="compute:nova",
        )  # fmt: skip

    make(hosts[2])
    port = make(hosts[0])
    for host in hosts:
        host.sync()
    hosts[0].report(port["id"])
    return port


def refusal(answer):
    error = answer.json["NeutronError"]
    return answer.status, error["type"], error["message"]


def ask(api, method, port, *path, body=None):
    return api.ask(method, "/".join(("ports", port["id"], "bindings", *path)), body)


def add(api, port, host):
    return ask(api, "POST", port, body={"binding": {"host": host.name}})


def statuses(api, port):
    return {each["host"]: each["status"] for each in ask(api, "GET", port).json["bindings"]}


def test_a_port_goes_from_one_host_to_another(admin_api, hosts, port):
    source, target, neighbour = hosts
    made = add(admin_api, port, target)
    assert made.status == 201, made
    binding = made.json["binding"]
    assert (binding["host"], binding["status"], binding["vif_type"]) == (target.name, "INACTIVE", "tap")
    assert binding["vif_details"]["connected"] is False
    assert statuses(admin_api, port) == {source.name: "ACTIVE", target.name: "INACTIVE"}

    for host in hosts:
        host.sync()
        host.assert_whole()
    assert source.rows["ports"][port["id"]].active
    assert not target.rows["ports"][port["id"]].active
    assert neighbour.rows["neighbours"][port["id"]].tunnel_ip is None, "it may be here or there"

    target.report(port["id"])
    assert ask(admin_api, "GET", port, target.name).json["binding"]["vif_details"]["connected"] is True
    assert admin_api.show("ports", port["id"])["status"] == "ACTIVE"

    activated = ask(admin_api, "PUT", port, target.name, "activate")
    assert (activated.status, activated.json["binding"]["status"]) == (200, "ACTIVE")
    assert statuses(admin_api, port) == {target.name: "ACTIVE", source.name: "INACTIVE"}
    shown = admin_api.show("ports", port["id"])
    assert (shown["binding:host_id"], shown["status"]) == (target.name, "ACTIVE"), "it never was down"

    assert ask(admin_api, "DELETE", port, source.name).status == 204
    for host in hosts:
        host.sync()
        host.assert_whole()
    assert port["id"] not in source.rows["ports"]
    assert target.rows["ports"][port["id"]].active
    assert neighbour.rows["neighbours"][port["id"]].tunnel_ip == "192.0.2.2"


def test_a_move_that_is_given_up_leaves_the_port_where_it_was(admin_api, hosts, port):
    source, target, neighbour = hosts
    add(admin_api, port, target)
    assert ask(admin_api, "DELETE", port, target.name).status == 204
    assert statuses(admin_api, port) == {source.name: "ACTIVE"}
    for host in hosts:
        host.sync()
        host.assert_whole()
    assert port["id"] not in target.rows["ports"]
    assert neighbour.rows["neighbours"][port["id"]].tunnel_ip == "192.0.2.1"


def test_a_port_that_is_deleted_on_its_way_leaves_both_hosts(admin_api, hosts, port):
    add(admin_api, port, hosts[1])
    admin_api.remove("ports", port["id"])
    for host in hosts:
        host.sync()
        host.assert_whole()
        assert port["id"] not in host.rows.get("ports", {})


def test_refusals_name_the_port_and_the_host(admin_api, hosts, port, make_host):
    source, target, _ = hosts
    id, bare = port["id"], make_host(capabilities=())
    add(admin_api, port, target)
    for host in (source, target):
        assert refusal(add(admin_api, port, host)) == (
            409, "PortBindingAlreadyExists", f"Binding for port {id} on host {host.name} already exists.",
        )  # fmt: skip
    status, type, message = refusal(add(admin_api, port, bare))
    assert (status, type) == (400, "PortBindingError")
    assert message.startswith(f"Binding for port {id} on host {bare.name} could not be created.")
    assert refusal(ask(admin_api, "PUT", port, source.name, "activate")) == (
        409, "PortBindingAlreadyActive", f"Binding for port {id} on host {source.name} is already active.",
    )  # fmt: skip
    for method, path in (("PUT", ("nowhere", "activate")), ("DELETE", ("nowhere",)), ("GET", ("nowhere",))):
        assert refusal(ask(admin_api, method, port, *path)) == (
            404, "PortBindingNotFound", f"Binding for port {id} for host nowhere could not be found.",
        )  # fmt: skip


def test_who_owns_a_port_does_not_choose_its_hosts(api, hosts, port):
    for answer in (
        ask(api, "GET", port),
        add(api, port, hosts[1]),
        ask(api, "PUT", port, hosts[1].name, "activate"),
        ask(api, "DELETE", port, hosts[0].name),
    ):
        assert answer.status == 403, answer
