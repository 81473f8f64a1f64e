"""Which addresses ports get, and which subnets there may be."""

import pytest


@pytest.fixture
def bare(api):
    """A network without subnets."""
    return api.make("networks")


def subnet(api, network, cidr="10.0.0.0/24", version=4, **members):
    return api.make("subnets", network_id=network["id"], ip_version=version, cidr=cidr, **members)


def addresses(port):
    return [ip["ip_address"] for ip in port["fixed_ips"]]


@pytest.mark.parametrize("mode", ["slaac", "dhcpv6-stateless"])
def test_guests_number_themselves(api, bare, mode):
    six = subnet(api, bare, "2001:db8::/64", 6, ipv6_ra_mode=mode, ipv6_address_mode=mode)
    subnet(api, bare)
    port = api.make("ports", network_id=bare["id"])
    octets = [int(octet, 16) for octet in port["mac_address"].split(":")]
    suffix = (
        f"{octets[0] ^ 2:x}{octets[1]:02x}:{octets[2]:x}ff:fe{octets[3]:02x}:{octets[4]:x}{octets[5]:02x}"
    )
    own = next(ip for ip in port["fixed_ips"] if ip["subnet_id"] == six["id"])
    assert own["ip_address"] == f"2001:db8::{suffix}"
    assert len(port["fixed_ips"]) == 2
    other = {"subnet_id": six["id"], "ip_address": "2001:db8::77"}
    assert api.refused("ports", network_id=bare["id"], fixed_ips=[other])[:2] == (
        400,
        "AllocationOnAutoAddressSubnet",
    )
    api.remove("subnets", six["id"])
    assert addresses(api.show("ports", port["id"])) == ["10.0.0.2"]


def test_a_new_self_numbered_subnet_reaches_the_ports_that_are_there(api, bare):
    subnet(api, bare)
    port = api.make("ports", network_id=bare["id"])
    subnet(api, bare, "2001:db8::/64", 6, ipv6_ra_mode="slaac", ipv6_address_mode="slaac")
    assert len(api.show("ports", port["id"])["fixed_ips"]) == 2


def test_a_named_address_is_had_once(api, admin_api, bare):
    made = subnet(api, bare)
    port = api.make("ports", network_id=bare["id"], fixed_ips=[{"ip_address": "10.0.0.77"}])
    assert port["fixed_ips"] == [{"subnet_id": made["id"], "ip_address": "10.0.0.77"}]
    refused = api.refused("ports", network_id=bare["id"], fixed_ips=[{"ip_address": "10.0.0.77"}])
    assert refused == (
        409,
        "IpAddressAlreadyAllocated",
        f"IP address 10.0.0.77 already allocated in subnet {made['id']}",
    )
    assert (
        api.refused("ports", network_id=bare["id"], fixed_ips=[{"ip_address": "10.9.0.1"}])[1]
        == "InvalidIpForNetwork"
    )
    for impossible in ("10.0.0.0", "10.0.0.255"):
        refused = api.refused("ports", network_id=bare["id"], fixed_ips=[{"ip_address": impossible}])
        assert refused[:2] == (400, "InvalidIpForSubnet")


def test_a_full_subnet_hands_over_to_the_next_one_and_then_refuses(api, bare):
    one = subnet(api, bare, allocation_pools=[{"start": "10.0.0.5", "end": "10.0.0.5"}], enable_dhcp=False)
    two = subnet(
        api,
        bare,
        "10.0.1.0/24",
        allocation_pools=[{"start": "10.0.1.5", "end": "10.0.1.5"}],
        enable_dhcp=False,
    )
    found = [api.make("ports", network_id=bare["id"])["fixed_ips"][0]["subnet_id"] for _ in range(2)]
    assert found == [one["id"], two["id"]]
    status, kind, message = api.refused("ports", network_id=bare["id"])
    assert (status, kind) == (409, "IpAddressGenerationFailure")
    assert message == f"No more IP addresses available on network {bare['id']}."


def test_changing_addresses_keeps_those_that_fit(api, bare):
    one, two = subnet(api, bare), subnet(api, bare, "10.0.1.0/24")
    port = api.make(
        "ports", network_id=bare["id"], fixed_ips=[{"subnet_id": one["id"]}, {"subnet_id": two["id"]}]
    )
    first = addresses(port)[0]
    left = api.change("ports", port["id"], fixed_ips=[{"subnet_id": one["id"]}])
    assert addresses(left) == [first]
    more = api.change(
        "ports",
        port["id"],
        fixed_ips=[{"subnet_id": one["id"], "ip_address": first}, {"subnet_id": one["id"]}],
    )
    assert len(set(addresses(more))) == 2
    assert first in addresses(more)
    assert addresses(api.change("ports", port["id"], fixed_ips=[])) == []


def test_subnets_of_a_network_do_not_overlap(api, bare):
    subnet(api, bare)
    status, _, message = api.refused("subnets", network_id=bare["id"], ip_version=4, cidr="10.0.0.128/25")
    assert status == 400
    assert "overlaps with another subnet" in message
    other = api.make("networks")
    subnet(api, other)


@pytest.mark.parametrize(
    ("members", "kind"),
    [
        ({"allocation_pools": [{"start": "10.0.0.9", "end": "10.0.0.2"}]}, "InvalidAllocationPool"),
        ({"allocation_pools": [{"start": "10.0.0.2", "end": "10.0.1.2"}]}, "OutOfBoundsAllocationPool"),
        ({"allocation_pools": [{"start": "10.0.0.2", "end": "10.0.0.9"}, {"start": "10.0.0.9", "end": "10.0.0.20"}]},
         "OverlappingAllocationPools"),
        ({"gateway_ip": "10.0.0.5", "allocation_pools": [{"start": "10.0.0.2", "end": "10.0.0.9"}]},
         "GatewayConflictWithAllocationPools"),
        ({"gateway_ip": "2001:db8::1"}, "InvalidInput"),
        ({"ipv6_ra_mode": "slaac"}, "InvalidInput"),
        ({"dns_nameservers": ["2001:db8::53"]}, "InvalidInput"),
        ({"cidr": "10.0.0.0/31"}, "InvalidInput"),
        ({"cidr": "10.0.0/24"}, "HTTPBadRequest"),
    ],
)  # fmt: skip
def test_subnets_that_make_no_sense(api, bare, members, kind):
    asked = {"network_id": bare["id"], "ip_version": 4, "cidr": "10.0.0.0/24", **members}
    assert api.refused("subnets", **asked)[1] == kind


def test_a_subnet_pool_hands_out_ranges_that_do_not_overlap(api, bare):
    pool = api.make(
        "subnetpools", name="p", prefixes=["10.8.0.0/14"], default_prefixlen=24, default_quota=768
    )
    taken = [
        api.make("subnets", network_id=bare["id"], ip_version=4, subnetpool_id=pool["id"], prefixlen=length)[
            "cidr"
        ]
        for length in (26, 24)
    ]
    assert taken == ["10.8.0.0/26", "10.8.1.0/24"]
    small = api.make("subnets", network_id=bare["id"], ip_version=4, subnetpool_id=pool["id"], prefixlen=25)
    assert small["cidr"] == "10.8.0.128/25"
    asked = {"network_id": bare["id"], "ip_version": 4, "subnetpool_id": pool["id"]}
    assert api.refused("subnets", **asked, prefixlen=22)[1] == "SubnetPoolQuotaExceeded"
    assert api.refused("subnets", **asked, cidr="10.8.1.0/25")[1] == "SubnetAllocationError"
    assert api.refuse_removal("subnetpools", pool["id"])[:2] == (409, "SubnetPoolInUse")
    assert pool["default_prefixlen"] == "24"


def test_pools_of_an_address_scope_do_not_overlap(api):
    scope = api.make("address-scopes", name="s", ip_version=4)
    api.make("subnetpools", name="one", prefixes=["10.0.0.0/8"], address_scope_id=scope["id"])
    refused = api.refused("subnetpools", name="two", prefixes=["10.1.0.0/16"], address_scope_id=scope["id"])
    assert refused[:2] == (409, "AddressScopePrefixConflict")
    assert api.refuse_removal("address-scopes", scope["id"])[:2] == (409, "AddressScopeInUse")


def test_how_many_addresses_are_taken(api, admin_api, bare):
    subnet(api, bare, allocation_pools=[{"start": "10.0.0.10", "end": "10.0.0.19"}], enable_dhcp=False)
    api.make("ports", network_id=bare["id"])
    shown = admin_api.ask("GET", f"network-ip-availabilities/{bare['id']}").json["network_ip_availability"]
    assert (shown["total_ips"], shown["used_ips"]) == (10, 1)
    assert shown["subnet_ip_availability"][0]["used_ips"] == 1


def test_find_ports_by_address(api, bare):
    made = subnet(api, bare)
    port = api.make("ports", network_id=bare["id"], fixed_ips=[{"ip_address": "10.0.0.99"}])
    api.make("ports", network_id=bare["id"])
    for wish in ("ip_address=10.0.0.99", "ip_address_substr=.99"):
        assert [each["id"] for each in api.list("ports", fixed_ips=wish)] == [port["id"]]
    both = [f"subnet_id={made['id']}", "ip_address=10.0.0.99"]
    assert [each["id"] for each in api.list("ports", fixed_ips=both)] == [port["id"]]
