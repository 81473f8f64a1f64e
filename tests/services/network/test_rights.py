"""Who may do what: sharing, attributes that are guarded, quotas, and what belongs to the service itself."""

import pytest

from .conftest import Api, refusal


def test_share_a_network_with_one_project(api, admin_api, stranger, stranger_api, network):
    shared = admin_api.make(
        "rbac-policies", object_type="network", object_id=network["id"], action="access_as_shared",
        target_tenant=stranger.project_id,
    )  # fmt: skip
    assert stranger_api.show("networks", network["id"])["shared"] is True
    assert api.show("networks", network["id"])["shared"] is False
    port = stranger_api.make("ports", network_id=network["id"])
    assert api.show("ports", port["id"])["project_id"] == stranger.project_id  # the network's owner sees it
    assert stranger_api.refuse_change("networks", network["id"], name="mine")[:2] == (
        403,
        "PolicyNotAuthorized",
    )
    assert admin_api.refuse_removal("rbac-policies", shared["id"])[:2] == (409, "RbacPolicyInUse")
    stranger_api.remove("ports", port["id"])
    admin_api.remove("rbac-policies", shared["id"])
    assert stranger_api.refuse_removal("networks", network["id"])[0] == 404


def test_only_administrators_share_with_everybody(api, network, stranger):
    asked = {"object_type": "network", "object_id": network["id"], "action": "access_as_shared"}
    assert api.refused("rbac-policies", **asked, target_tenant="*")[0] == 403
    api.make("rbac-policies", **asked, target_tenant=stranger.project_id)
    assert api.refused("rbac-policies", **asked, target_tenant=stranger.project_id)[:2] == (
        409,
        "DuplicateRbacPolicy",
    )
    assert api.refused("rbac-policies", **asked | {"action": "fly"}, target_tenant="x")[0] == 400


def test_guests_of_a_shared_network_choose_no_addresses(admin_api, api):
    shared = admin_api.make("networks", shared=True)
    subnet = admin_api.make("subnets", network_id=shared["id"], ip_version=4, cidr="10.3.0.0/24")
    for members in ({"mac_address": "fa:16:3e:00:00:01"}, {"fixed_ips": [{"ip_address": "10.3.0.9"}]},
                    {"device_owner": "network:dhcp"}, {"port_security_enabled": False},
                    {"binding__host_id": "somewhere"}):  # fmt: skip
        assert api.refused("ports", network_id=shared["id"], **members)[:2] == (403, "PolicyNotAuthorized")
    api.make(
        "ports", network_id=shared["id"], fixed_ips=[{"subnet_id": subnet["id"]}], device_owner="compute:x"
    )
    assert api.refused("subnets", network_id=shared["id"], ip_version=4, cidr="10.4.0.0/24")[0] == 403
    owned = api.make("networks")
    api.make("subnets", network_id=owned["id"], ip_version=4, cidr="10.3.0.0/24")
    api.make(
        "ports",
        network_id=owned["id"],
        mac_address="fa:16:3e:00:00:01",
        fixed_ips=[{"ip_address": "10.3.0.9"}],
    )


def test_readers_only_read(reader, api, network):
    reading = Api(reader)
    assert reading.show("networks", network["id"])["id"] == network["id"]
    assert reading.refused("networks")[:2] == (403, "PolicyNotAuthorized")
    assert reading.refuse_removal("networks", network["id"])[:2] == (403, "PolicyNotAuthorized")


def test_quotas_of_any_project_are_taken_as_they_come(admin_api):
    """compat: who such a project is, neutron does not ask (neutron, extensions/quotasv2.py)."""
    unknown = "5f0c9d2c2c2f4b0fb1a6b9a5b3a2e7aa"
    changed = admin_api.ask("PUT", f"quotas/{unknown}", {"quota": {"network": 1}})
    assert (changed.status, changed.json["quota"]["network"]) == (200, 1)
    assert admin_api.ask("GET", f"quotas/{unknown}").json["quota"]["network"] == 1
    assert admin_api.ask("DELETE", f"quotas/{unknown}").status == 204


def test_quotas(api, admin_api, member):
    project = member.project_id
    assert api.ask("GET", f"quotas/{project}").json["quota"]["network"] == 100
    assert api.ask("PUT", f"quotas/{project}", {"quota": {"network": 1}}).status == 403
    changed = admin_api.ask("PUT", f"quotas/{project}", {"quota": {"network": 1, "port": "-1"}})
    assert (changed.json["quota"]["network"], changed.json["quota"]["port"]) == (1, -1)
    api.make("networks")
    status, kind, message = api.refused("networks")
    assert (status, kind, message) == (409, "OverQuota", "Quota exceeded for resources: ['network'].")
    low = {"quota": {"network": 0, "check_limit": True}}
    assert refusal(admin_api.ask("PUT", f"quotas/{project}", low))[:2] == (400, "InvalidQuota")
    details = api.ask("GET", f"quotas/{project}/details.json").json["quota"]["network"]
    assert details == {"limit": 1, "used": 1, "reserved": 0}
    assert api.ask("GET", f"quotas/{project}/default").json["quota"]["network"] == 100
    assert project in {row["project_id"] for row in admin_api.list("quotas")}
    assert admin_api.ask("DELETE", f"quotas/{project}").status == 204
    api.make("networks")
    assert refusal(admin_api.ask("PUT", f"quotas/{project}", {"quota": {"unicorns": 1}}))[0] == 400


def test_a_network_of_ones_own_for_who_asks(api, admin_api, member):
    path = f"auto-allocated-topology/{member.project_id}"
    assert refusal(api.ask("GET", path))[:2] == (400, "AutoAllocationFailure")
    public = admin_api.make("networks", router__external=True, is_default=True)
    admin_api.make("subnets", network_id=public["id"], ip_version=4, cidr="203.0.113.0/24", enable_dhcp=False)
    admin_api.make(
        "subnetpools", name="p", prefixes=["10.64.0.0/10"], default_prefixlen=26, is_default=True, shared=True
    )
    dry = api.ask("GET", path, query={"fields": "dry-run"}).json["auto_allocated_topology"]
    assert dry["id"] == "dry-run=pass"
    assert api.list("networks", name="auto_allocated_network") == []
    made = api.ask("GET", path).json["auto_allocated_topology"]["id"]
    assert api.ask("GET", path).json["auto_allocated_topology"]["id"] == made
    (router,) = api.list("routers")
    assert router["external_gateway_info"]["network_id"] == public["id"]
    assert len(api.list("ports", device_id=router["id"], network_id=made)) == 1
    assert api.ask("DELETE", path).status == 204
    assert api.list("routers") == []
    admin_api.remove("networks", public["id"])


def test_services_make_ports_with_ids_of_their_choice(api, admin_api, network):
    wanted = "11111111-2222-4333-8444-555555555555"
    assert api.refused("ports", network_id=network["id"], id=wanted)[0] == 403
    made = admin_api.make("ports", network_id=network["id"], id=wanted, project_id=network["project_id"])
    assert made["id"] == wanted
    assert admin_api.refused("ports", network_id=network["id"], id=wanted)[:2] == (409, "PortIdInUse")


def test_binding_that_fails_says_so(admin_api, network, make_host):
    nowhere = admin_api.make("ports", network_id=network["id"], binding__host_id="no-such-host")
    assert nowhere["binding:vif_type"] == "binding_failed"
    assert nowhere["status"] == "DOWN"
    unable = make_host(capabilities=("dhcp",))
    moved = admin_api.change("ports", nowhere["id"], binding__host_id=unable.name)
    assert moved["binding:vif_type"] == "binding_failed"
    able = make_host()
    assert admin_api.change("ports", nowhere["id"], binding__host_id=able.name)["binding:vif_type"] == "tap"
    freed = admin_api.change("ports", nowhere["id"], binding__host_id="", device_id="")
    assert (freed["binding:vif_type"], freed["binding:vif_details"]) == ("unbound", {})


@pytest.mark.parametrize("path", ["", "v2.0", "v2.0/"])
def test_anybody_may_ask_for_versions(cloud, path):
    answer = cloud.anonymous.get("network", f"/{path}")
    assert answer.status == 200
    assert "versions" in answer.json or "resources" in answer.json


def test_the_list_of_extensions_and_each_of_them(api):
    listed = api.ask("GET", "extensions").json["extensions"]
    aliases = [each["alias"] for each in listed]
    assert len(set(aliases)) == len(aliases) > 30
    assert api.ask("GET", "extensions/router").json["extension"] in listed
    assert refusal(api.ask("GET", "extensions/telepathy"))[:2] == (404, "ExtensionNotFound")
