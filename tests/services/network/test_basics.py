"""Networks, subnets and ports, as users make, see, change and remove them."""


def test_a_network_shows_what_was_asked_for_and_nothing_of_the_provider(api, member):
    made = api.make("networks", name="blue", description="d")
    assert made["name"] == "blue"
    assert made["status"] == "ACTIVE"
    assert made["project_id"] == made["tenant_id"] == member.project_id
    assert made["subnets"] == []
    assert made["mtu"] == 1450
    assert "provider:network_type" not in made
    assert api.show("networks", made["id"]) == made


def test_the_administrator_sees_the_segment(api, admin_api):
    made = api.make("networks")
    shown = admin_api.show("networks", made["id"])
    assert shown["provider:network_type"] == "vxlan"
    assert shown["provider:segmentation_id"] > 0
    assert shown["provider:physical_network"] is None


def test_only_administrators_name_segments_or_share(api, admin_api):
    assert api.refused("networks", shared=True)[:2] == (403, "PolicyNotAuthorized")
    assert api.refused("networks", provider__network_type="flat")[0] == 403
    made = admin_api.make("networks", shared=True)
    assert api.show("networks", made["id"])["shared"] is True


def test_a_strangers_network_is_not_there(api, stranger_api):
    made = api.make("networks")
    status, kind, message = stranger_api.refuse_removal("networks", made["id"])
    assert (status, kind) == (404, "NetworkNotFound")
    assert message == f"Network {made['id']} could not be found."
    assert made["id"] not in [each["id"] for each in stranger_api.list("networks")]


def test_a_subnet_gets_gateway_and_pool(api):
    network = api.make("networks")
    subnet = api.make("subnets", network_id=network["id"], ip_version=4, cidr="10.1.0.0/24")
    assert subnet["gateway_ip"] == "10.1.0.1"
    assert subnet["allocation_pools"] == [{"start": "10.1.0.2", "end": "10.1.0.254"}]
    assert api.show("networks", network["id"])["subnets"] == [subnet["id"]]


def test_ports_get_addresses_one_after_the_other(api, network):
    first = api.make("ports", network_id=network["id"])
    second = api.make("ports", network_id=network["id"])
    assert first["fixed_ips"][0]["ip_address"] == "10.0.0.2"
    assert second["fixed_ips"][0]["ip_address"] == "10.0.0.3"
    assert first["mac_address"].startswith("fa:16:3e:")
    assert first["status"] == "DOWN"
    assert len(first["security_groups"]) == 1
    assert "binding:host_id" not in first


def test_delete_a_network_takes_its_subnets_but_not_its_ports(api, network):
    port = api.make("ports", network_id=network["id"])
    status, kind, message = api.refuse_removal("networks", network["id"])
    assert (status, kind) == (409, "NetworkInUse")
    assert "There are one or more ports still in use on the network" in message
    api.remove("ports", port["id"])
    api.remove("networks", network["id"])
    assert api.ask("GET", f"subnets/{network['subnets'][0]}").status == 404


def test_a_bound_port_becomes_active_when_its_host_says_so(api, admin_api, network, make_host):
    host = make_host()
    port = admin_api.make(
        "ports", network_id=network["id"], binding__host_id=host.name, device_id="server-1",
        device_owner="compute:nova", project_id=network["project_id"],
    )  # fmt: skip
    assert port["binding:vif_type"] == "tap"
    assert port["binding:vif_details"]["tap_name"] == "tap" + port["id"][:11]
    host.sync()
    assert list(host.rows["ports"]) == [port["id"]]
    assert port["id"] in host.rows["neighbours"]
    host.report(port["id"])
    assert api.show("ports", port["id"])["status"] == "ACTIVE"
    host.assert_whole()
