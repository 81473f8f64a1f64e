"""What other services call: as users and as the service, against the service itself."""

import pytest

from nacre.kernel import errors
from nacre.services.network import client


@pytest.fixture
def as_user(cloud, member):
    """The member's context in another service."""
    return cloud.process.services["identity"].authenticate(member.token, request_id="req-1")


@pytest.fixture
def as_service(cloud, member):
    """The service user's context, working for the member's project."""
    return cloud.process.services["identity"].background_context(project_id=member.project_id)


def test_a_port_through_the_life_of_a_server(as_service, as_user, network, make_host, member):
    host, wanted = make_host(), "22222222-3333-4444-8555-666666666666"
    groups = client.security_group_ids(as_user, member.project_id, ["default"])

    def make():
        return client.create_port(
            as_service, network["id"], project_id=member.project_id, port_id=wanted, device_id="server-9",
            device_owner="compute:nova", security_groups=groups, dns_name="web",
        )  # fmt: skip

    port = make()
    assert make() == port  # the step may run twice
    assert (port.id, port.project_id, port.security_groups) == (wanted, member.project_id, tuple(groups))
    assert not port.is_bound
    bound = client.bind_port(
        as_service, wanted, host=host.name, device_id="server-9", device_owner="compute:nova"
    )
    assert bound.is_bound
    assert bound.tap_device == "tap22222222-33"
    assert bound.mtu == 1450
    host.sync()
    host.report(wanted)
    assert client.get_port(as_service, wanted).is_up
    assert [each.id for each in client.list_ports(as_service, ["server-9", "server-10"])] == [wanted]
    assert client.get_port(as_user, wanted).tap_device == ""  # users do not see the binding
    client.release_port(as_service, wanted)
    assert client.get_port(as_service, wanted).device_id == ""
    client.delete_port(as_service, wanted)
    client.delete_port(as_service, wanted)
    with pytest.raises(errors.NotFound):
        client.get_port(as_user, wanted)


def test_binding_where_nobody_can_carry_it(as_service, network, member):
    port = client.create_port(as_service, network["id"], project_id=member.project_id, host="nowhere")
    assert port.binding_failed


def test_networks_for_servers(as_user, api, admin_api, network):
    assert [each.id for each in client.available_networks(as_user)] == [network["id"]]
    api.remove("networks", network["id"])
    shared = admin_api.make("networks", shared=True)
    assert [each.id for each in client.available_networks(as_user)] == [shared["id"]]
    admin_api.remove("networks", shared["id"])
    assert client.available_networks(as_user) == []
    assert not client.can_auto_network(as_user, as_user.project_id)


def test_security_groups_by_name_and_id(as_user, as_service, api, member):
    one = api.make("security-groups", name="twin")
    assert client.security_group_ids(as_user, member.project_id, ["twin"]) == [one["id"]]
    api.make("security-groups", name="twin")
    with pytest.raises(client.AmbiguousName):
        client.security_group_ids(as_user, member.project_id, ["twin"])
    assert client.security_group_ids(as_user, member.project_id, [one["id"]]) == [one["id"]]
    with pytest.raises(errors.NotFound):
        client.security_group_ids(as_user, member.project_id, ["nobody"])
    assert [each.name for each in client.list_security_groups(as_service, [one["id"]])] == ["twin"]


def test_a_default_group_for_a_project_that_never_asked(as_service, make_project):
    project = make_project()
    assert len(client.security_group_ids(as_service, project["id"], ["default"])) == 1


def test_floating_ips_of_ports(as_user, api, admin_api, network):
    public = admin_api.make("networks", router__external=True)
    admin_api.make("subnets", network_id=public["id"], ip_version=4, cidr="203.0.113.0/24", enable_dhcp=False)
    router = api.make("routers", external_gateway_info={"network_id": public["id"]})
    api.ask("PUT", f"routers/{router['id']}/add_router_interface", {"subnet_id": network["subnets"][0]})
    ports = [api.make("ports", network_id=network["id"])["id"] for _ in range(2)]
    fip = api.make("floatingips", floating_network_id=public["id"], port_id=ports[0])
    (found,) = client.list_floating_ips(as_user, ports)
    assert (found.id, found.port_id, found.fixed_ip_address) == (fip["id"], ports[0], fip["fixed_ip_address"])
