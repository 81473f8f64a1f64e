"""Security groups: the default one, what rules may say, and who may change what."""

import pytest


@pytest.fixture
def group(api):
    return api.make("security-groups", name="web")


def test_every_project_has_a_default_group_with_its_rules(api, member):
    (default,) = api.list("security-groups", name="default")
    assert default["project_id"] == member.project_id
    rules = default["security_group_rules"]
    inward = [rule for rule in rules if rule["direction"] == "ingress"]
    assert {(rule["ethertype"], rule["remote_group_id"]) for rule in inward} == {
        ("IPv4", default["id"]), ("IPv6", default["id"]),
    }  # fmt: skip
    assert len(rules) == 4
    assert api.refused("security-groups", name="default")[:2] == (409, "SecurityGroupDefaultAlreadyExists")
    assert (
        api.refuse_change("security-groups", default["id"], name="x")[1] == "SecurityGroupCannotUpdateDefault"
    )
    assert api.refuse_removal("security-groups", default["id"])[1] == "SecurityGroupCannotRemoveDefault"


def test_a_new_group_lets_everything_out(group):
    assert [(rule["direction"], rule["ethertype"]) for rule in group["security_group_rules"]] == [
        ("egress", "IPv4"), ("egress", "IPv6"),
    ]  # fmt: skip
    assert group["stateful"] is True


@pytest.mark.parametrize(
    ("members", "status", "kind"),
    [
        ({"protocol": "tcp", "port_range_min": -16, "port_range_max": 80}, 400, "SecurityGroupInvalidPortValue"),
        ({"protocol": "tcp", "port_range_min": 80, "port_range_max": 79}, 400, "SecurityGroupInvalidPortRange"),
        ({"protocol": "tcp", "port_range_max": 6}, 400, "SecurityGroupInvalidPortRange"),
        ({"protocol": "icmp", "port_range_min": 300}, 400, "SecurityGroupInvalidIcmpValue"),
        ({"protocol": "icmp", "port_range_max": 6}, 400, "SecurityGroupMissingIcmpType"),
        ({"protocol": "gre", "port_range_min": 1, "port_range_max": 2}, 400,
         "SecurityGroupInvalidProtocolForPortRange"),
        ({"port_range_min": 1, "port_range_max": 2}, 400, "SecurityGroupProtocolRequiredWithPorts"),
        ({"protocol": "nonsense"}, 400, "SecurityGroupRuleInvalidProtocol"),
        ({"protocol": 256}, 400, "SecurityGroupRuleInvalidProtocol"),
        ({"protocol": "ipv6-icmp"}, 400, "SecurityGroupEthertypeConflictWithProtocol"),
        ({"remote_ip_prefix": "2001:db8::/64"}, 400, "SecurityGroupRuleParameterConflict"),
        ({"remote_ip_prefix": "10.0.0.0/33"}, 400, "HTTPBadRequest"),
        ({"remote_group_id": "no-such-group"}, 404, "SecurityGroupNotFound"),
        ({"direction": "sideways"}, 400, "HTTPBadRequest"),
        ({"ethertype": "IPv5"}, 400, "HTTPBadRequest"),
    ],
)  # fmt: skip
def test_rules_that_make_no_sense(api, group, members, status, kind):
    asked = {"security_group_id": group["id"], "direction": "ingress", **members}
    assert api.refused("security-group-rules", **asked)[:2] == (status, kind)


@pytest.mark.parametrize(
    ("members", "shown"),
    [
        ({"protocol": "TCP", "port_range_min": "22", "port_range_max": 22}, {"protocol": "tcp", "port_range_min": 22}),
        ({"protocol": 17}, {"protocol": "17"}),
        ({"protocol": "any"}, {"protocol": None}),
        ({"protocol": "icmp", "ethertype": "IPv6"}, {"protocol": "ipv6-icmp"}),
        ({"protocol": "icmp", "port_range_min": 8, "port_range_max": 0}, {"port_range_max": 0}),
        ({"remote_ip_prefix": "10.1.2.3/8"}, {"remote_ip_prefix": "10.1.2.3/8", "normalized_cidr": "10.0.0.0/8"}),
        ({"remote_ip_prefix": "10.1.2.3"}, {"remote_ip_prefix": "10.1.2.3/32"}),
    ],
)  # fmt: skip
def test_rules_in_their_normal_form(api, group, members, shown):
    rule = api.make("security-group-rules", security_group_id=group["id"], direction="ingress", **members)
    assert {name: rule[name] for name in shown} == shown


def test_the_same_rule_twice_is_refused(api, group):
    asked = {"security_group_id": group["id"], "direction": "ingress", "protocol": "tcp",
             "port_range_min": 80, "port_range_max": 80}  # fmt: skip
    first = api.make("security-group-rules", **asked)
    status, kind, message = api.refused("security-group-rules", **asked)
    assert (status, kind) == (409, "SecurityGroupRuleExists")
    assert first["id"] in message
    both = {"remote_ip_prefix": "10.0.0.0/8", "remote_group_id": group["id"]}
    refused = api.refused("security-group-rules", security_group_id=group["id"], direction="ingress", **both)
    assert refused[1] == "SecurityGroupRemoteGroupAndRemoteIpPrefix"


def test_a_group_in_use_stays(api, network, group):
    port = api.make("ports", network_id=network["id"], security_groups=[group["id"]])
    assert api.refuse_removal("security-groups", group["id"])[:2] == (409, "SecurityGroupInUse")
    api.change("ports", port["id"], security_groups=[])
    api.remove("security-groups", group["id"])


def test_rules_that_name_a_group_go_with_it(api, group):
    other = api.make("security-groups", name="other")
    for remote in (other, group):
        api.make(
            "security-group-rules",
            security_group_id=group["id"], direction="ingress", remote_group_id=remote["id"],
        )  # fmt: skip
    before = api.show("security-groups", group["id"])
    api.remove("security-groups", other["id"])
    after = api.show("security-groups", group["id"])
    assert after["revision_number"] > before["revision_number"]
    remotes = [rule["remote_group_id"] for rule in after["security_group_rules"] if rule["remote_group_id"]]
    assert remotes == [group["id"]]


def test_port_security_and_groups(api, network, group):
    refused = api.refused(
        "ports", network_id=network["id"], port_security_enabled=False, security_groups=[group["id"]]
    )
    assert refused[1] == "PortSecurityAndIPRequiredForSecurityGroups"
    port = api.make("ports", network_id=network["id"])
    assert (
        api.refuse_change("ports", port["id"], port_security_enabled=False)[1]
        == "PortSecurityPortHasSecurityGroup"
    )
    bare = api.change("ports", port["id"], port_security_enabled=False, security_groups=[])
    assert (bare["port_security_enabled"], bare["security_groups"]) == (False, [])
    pair = {"ip_address": "10.0.0.200"}
    assert (
        api.refuse_change("ports", port["id"], allowed_address_pairs=[pair])[1]
        == "AddressPairAndPortSecurityRequired"
    )
    plain = api.make("ports", network_id=network["id"], port_security_enabled=False)
    assert plain["security_groups"] == []


def test_address_groups_in_rules(api, group, admin_api, network, make_host):
    friends = api.make("address-groups", name="friends", addresses=["198.51.100.7", "2001:db8::/64"])
    assert friends["addresses"] == ["198.51.100.7/32", "2001:db8::/64"]
    rule = api.make(
        "security-group-rules", security_group_id=group["id"], direction="ingress",
        remote_address_group_id=friends["id"],
    )  # fmt: skip
    assert api.refuse_removal("address-groups", friends["id"])[1] == "AddressGroupInUse"
    host = make_host()
    admin_api.make(
        "ports", network_id=network["id"], project_id=network["project_id"], security_groups=[group["id"]],
        binding__host_id=host.name,
    )  # fmt: skip
    host.sync()

    def told():
        rules = host.rows["security_groups"][group["id"]].rules
        return next(each.remote_cidrs for each in rules if each.id == rule["id"])

    assert told() == ("198.51.100.7/32",)
    more = {"addresses": ["198.51.100.8"]}
    assert api.ask("PUT", f"address-groups/{friends['id']}/add_addresses", more).status == 200
    host.sync()
    assert told() == ("198.51.100.7/32", "198.51.100.8/32")
    host.assert_whole()


def test_strangers_see_no_group(api, stranger_api, group):
    assert stranger_api.refuse_removal("security-groups", group["id"])[:2] == (404, "SecurityGroupNotFound")
    refused = stranger_api.refused("security-group-rules", security_group_id=group["id"], direction="ingress")
    assert refused[:2] == (404, "SecurityGroupNotFound")
