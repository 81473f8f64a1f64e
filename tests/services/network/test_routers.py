"""Routers, their legs, ways out, routes, and the floating IPs that are led through them."""

import pytest

from .conftest import refusal


@pytest.fixture
def external(admin_api):
    """An external network with addresses to spare."""
    network = admin_api.make("networks", name="public", router__external=True)
    admin_api.make(
        "subnets", network_id=network["id"], ip_version=4, cidr="203.0.113.0/24", enable_dhcp=False,
    )  # fmt: skip
    return network


@pytest.fixture
def routed(api, network, external):
    """A router between `network` and `external`."""
    router = api.make("routers", name="r", external_gateway_info={"network_id": external["id"]})
    leg = api.ask("PUT", f"routers/{router['id']}/add_router_interface", {"subnet_id": network["subnets"][0]})
    assert leg.status == 200, leg
    return api.show("routers", router["id"])


def test_a_leg_has_the_gateways_address(api, network, routed):
    (leg,) = api.list("ports", device_id=routed["id"], device_owner="network:router_interface")
    assert leg["fixed_ips"] == [{"subnet_id": network["subnets"][0], "ip_address": "10.0.0.1"}]
    assert api.refuse_removal("ports", leg["id"])[:2] == (409, "ServicePortInUse")
    assert api.refuse_removal("routers", routed["id"])[:2] == (409, "RouterInUse")
    assert routed["external_gateway_info"]["enable_snat"] is True
    assert routed["external_gateway_info"]["external_fixed_ips"][0]["ip_address"] == "203.0.113.2"


def test_the_same_subnet_twice_and_overlapping_subnets_are_refused(api, network, routed):
    other = api.make("networks")
    clash = api.make("subnets", network_id=other["id"], ip_version=4, cidr="10.0.0.0/16")
    for subnet_id in (network["subnets"][0], clash["id"]):
        answer = api.ask("PUT", f"routers/{routed['id']}/add_router_interface", {"subnet_id": subnet_id})
        assert refusal(answer)[:2] == (400, "BadRequest")


def test_a_floating_ip_leads_to_a_port_and_back(api, network, routed, external):
    port = api.make("ports", network_id=network["id"])
    fip = api.make("floatingips", floating_network_id=external["id"], port_id=port["id"])
    assert fip["fixed_ip_address"] == port["fixed_ips"][0]["ip_address"]
    assert fip["router_id"] == routed["id"]
    assert fip["port_details"]["network_id"] == network["id"]
    assert fip["status"] == "DOWN"
    leg = api.ask(
        "PUT", f"routers/{routed['id']}/remove_router_interface", {"subnet_id": network["subnets"][0]}
    )
    assert refusal(leg)[:2] == (409, "RouterInterfaceInUseByFloatingIP")
    api.remove("ports", port["id"])
    fip = api.show("floatingips", fip["id"])
    assert (fip["port_id"], fip["fixed_ip_address"], fip["router_id"]) == (None, None, None)
    api.remove("floatingips", fip["id"])


def test_without_a_way_out_a_floating_ip_is_refused(api, network, external):
    port = api.make("ports", network_id=network["id"])
    status, kind, message = api.refused("floatingips", floating_network_id=external["id"], port_id=port["id"])
    assert (status, kind) == (404, "ExternalGatewayForFloatingIPNotFound")
    assert network["subnets"][0] in message


def test_one_address_has_one_floating_ip(api, network, routed, external):
    port = api.make("ports", network_id=network["id"])
    api.make("floatingips", floating_network_id=external["id"], port_id=port["id"])
    refused = api.refused("floatingips", floating_network_id=external["id"], port_id=port["id"])
    assert refused[:2] == (409, "FloatingIPPortAlreadyAssociated")


def test_routes_need_a_reachable_next_hop(api, routed):
    route = {"destination": "10.9.0.0/16", "nexthop": "10.0.0.77"}
    assert api.change("routers", routed["id"], routes=[route])["routes"] == [route]
    bad = {"destination": "10.9.0.0/16", "nexthop": "192.0.2.1"}
    assert api.refuse_change("routers", routed["id"], routes=[bad])[:2] == (400, "InvalidRoutes")
    more = {"router": {"routes": [{"destination": "10.8.0.0/16", "nexthop": "10.0.0.78"}]}}
    added = api.ask("PUT", f"routers/{routed['id']}/add_extraroutes", more).json["router"]["routes"]
    assert len(added) == 2
    left = api.ask("PUT", f"routers/{routed['id']}/remove_extraroutes", more).json["router"]["routes"]
    assert left == [route]
    assert api.change("routers", routed["id"], routes=None)["routes"] == []


def test_a_router_runs_on_a_host_that_reaches_its_networks(api, admin_api, network, external, make_host):
    lonely = make_host("a-lonely-host", physical_networks=())
    host = make_host("b-connected-host")
    admin_net = admin_api.make("networks", provider__network_type="flat", provider__physical_network="public",
                               router__external=True)  # fmt: skip
    admin_api.make(
        "subnets", network_id=admin_net["id"], ip_version=4, cidr="198.51.100.0/24", enable_dhcp=False
    )
    router = api.make("routers", external_gateway_info={"network_id": admin_net["id"]})
    api.ask("PUT", f"routers/{router['id']}/add_router_interface", {"subnet_id": network["subnets"][0]})
    port = api.make("ports", network_id=network["id"])
    fip = api.make("floatingips", floating_network_id=admin_net["id"], port_id=port["id"])
    lonely.sync(), host.sync()
    assert router["id"] not in lonely.rows["routers"]
    spec = host.rows["routers"][router["id"]]
    assert [leg.addresses for leg in spec.interfaces] == [("10.0.0.1/24",)]
    assert spec.gateway.gateway_ips == ("198.51.100.1",)
    assert [each.id for each in spec.floating_ips] == [fip["id"]]
    host.assert_whole()
    (agent,) = admin_api.ask("GET", f"routers/{router['id']}/l3-agents").json["agents"]
    assert agent["host"] == host.name


def test_single_ports_of_a_floating_ip_lead_to_several_servers(
    api, admin_api, network, routed, external, make_host
):
    one, other = (api.make("ports", network_id=network["id"]) for _ in range(2))
    fip = api.make("floatingips", floating_network_id=external["id"])
    path = f"floatingips/{fip['id']}/port_forwardings"

    def forward(port, outer, inner=22, **members):
        body = {
            "protocol": "tcp",
            "external_port": outer,
            "internal_port": inner,
            "internal_port_id": port["id"],
        }
        return api.ask("POST", path, {"port_forwarding": body | members})

    first = forward(one, 2201)
    assert first.status == 201, first
    assert first.json["port_forwarding"]["internal_ip_address"] == one["fixed_ips"][0]["ip_address"]
    assert forward(other, 2202).status == 201
    assert refusal(forward(other, 2201, 80))[:2] == (409, "PortForwardingExists")
    assert refusal(forward(one, 2203))[:2] == (409, "PortForwardingExists")
    shown = api.show("floatingips", fip["id"])
    assert len(shown["port_forwardings"]) == 2
    assert shown["router_id"] == routed["id"]
    refused = api.refuse_change("floatingips", fip["id"], port_id=one["id"])
    assert refused[:2] == (409, "FloatingIpInUseByPortForwarding")
    id = first.json["port_forwarding"]["id"]
    moved = api.ask("PUT", f"{path}/{id}", {"port_forwarding": {"external_port": 2299}}).json[
        "port_forwarding"
    ]
    assert (moved["id"], moved["external_port"], moved["internal_port"]) == (id, 2299, 22)
    api.remove("ports", other["id"])
    assert [each["id"] for each in api.ask("GET", path).json["port_forwardings"]] == [id]
    assert api.ask("DELETE", f"{path}/{id}").status == 204
    assert api.show("floatingips", fip["id"])["router_id"] is None
