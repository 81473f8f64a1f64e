"""What a security group's rule may say.

Protocols are names or numbers.  For TCP, UDP and their like the two numbers are ports, for ICMP they are type
and code, and every other protocol has none.
"""

from collections.abc import Mapping
from ipaddress import ip_network
from typing import Any

from nacre.kernel.db import Transaction
from nacre.services.network.db import address_groups, security_groups
from nacre.services.network.errors import (
    SecurityGroupEthertypeConflictWithProtocol,
    SecurityGroupInvalidIcmpValue,
    SecurityGroupInvalidPortRange,
    SecurityGroupInvalidPortValue,
    SecurityGroupInvalidProtocolForPortRange,
    SecurityGroupMissingIcmpType,
    SecurityGroupProtocolRequiredWithPorts,
    SecurityGroupRemoteGroupAndRemoteIpPrefix,
    SecurityGroupRuleExists,
    SecurityGroupRuleInvalidProtocol,
    SecurityGroupRuleParameterConflict,
)

PROTOCOLS = {
    "ah": 51, "dccp": 33, "egp": 8, "esp": 50, "gre": 47, "icmp": 1, "icmpv6": 58, "igmp": 2, "ip": 0,
    "ipip": 4, "ipv6-encap": 41, "ipv6-frag": 44, "ipv6-icmp": 58, "ipv6-nonxt": 59, "ipv6-opts": 60,
    "ipv6-route": 43, "ospf": 89, "pgm": 113, "rsvp": 46, "sctp": 132, "tcp": 6, "udp": 17, "udplite": 136,
    "vrrp": 112,
}  # fmt: skip
"""IANA's numbers of the protocols that may be named."""

WITH_PORTS = frozenset((6, 17, 33, 132, 136))
ICMP = frozenset((1, 58))
IPV6_ONLY = frozenset(("ipv6-frag", "ipv6-icmp", "ipv6-nonxt", "ipv6-opts", "ipv6-route", "icmpv6"))
HIGHEST_PORT, HIGHEST_ICMP = 65535, 255
MEANING = (
    "direction", "ethertype", "protocol", "port_range_min", "port_range_max", "remote_ip_prefix",
    "remote_group_id", "remote_address_group_id",
)  # fmt: skip


def checked(body: dict[str, Any]) -> dict[str, Any]:
    """Return the body of a rule in its normal form; raises what is wrong with it."""
    rule = dict(body)
    if rule["ethertype"] == "IPv6" and rule["protocol"] in ("icmp", "icmpv6"):
        # compat: ICMP on IPv6 is ICMPv6, whatever it was called (neutron, securitygroups_db).
        rule["protocol"] = "ipv6-icmp"
    number = _number(rule["protocol"])
    if rule["ethertype"] == "IPv4" and rule["protocol"] in IPV6_ONLY:
        raise SecurityGroupEthertypeConflictWithProtocol("IPv4", rule["protocol"])
    _check_range(number, rule["port_range_min"], rule["port_range_max"], rule["protocol"])
    remotes = [rule["remote_ip_prefix"], rule["remote_group_id"], rule["remote_address_group_id"]]
    if sum(remote is not None for remote in remotes) > 1:
        raise SecurityGroupRemoteGroupAndRemoteIpPrefix()
    prefix = rule["remote_ip_prefix"]
    if prefix is not None and f"IPv{ip_network(prefix, strict=False).version}" != rule["ethertype"]:
        raise SecurityGroupRuleParameterConflict(rule["ethertype"], prefix)
    return rule


def _number(protocol: str | None) -> int | None:
    """Return a protocol's number; None for any protocol."""
    if protocol is None:
        return None
    if protocol in PROTOCOLS:
        return PROTOCOLS[protocol]
    if protocol.isascii() and protocol.isdigit() and int(protocol) <= 255:
        return int(protocol)
    raise SecurityGroupRuleInvalidProtocol(protocol)


def _check_range(number: int | None, lowest: int | None, highest: int | None, protocol: str | None) -> None:
    for value in (lowest, highest):
        if value is not None and not 0 <= value <= HIGHEST_PORT:
            raise SecurityGroupInvalidPortValue(value)
    if lowest is None and highest is None:
        return
    if number is None:
        raise SecurityGroupProtocolRequiredWithPorts()
    if number in WITH_PORTS:
        if lowest == 0 or highest == 0:
            raise SecurityGroupInvalidPortValue(0)
        if lowest is None or highest is None or lowest > highest:
            raise SecurityGroupInvalidPortRange()
    elif number in ICMP:
        _check_icmp(lowest, highest)
    else:
        raise SecurityGroupInvalidProtocolForPortRange(str(protocol))


def _check_icmp(type_: int | None, code: int | None) -> None:
    for field, attribute, value in (("type", "port-range-min", type_), ("code", "port-range-max", code)):
        if value is not None and value > HIGHEST_ICMP:
            raise SecurityGroupInvalidIcmpValue(field, attribute, value)
    if type_ is None and code is not None:
        raise SecurityGroupMissingIcmpType(code)


def columns(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a rule's body that is stored."""
    return {"security_group_id": body["security_group_id"], **{name: body[name] for name in MEANING}}


def refuse_duplicate(tx: Transaction, body: Mapping[str, Any]) -> None:
    """Raise SecurityGroupRuleExists if the group, which is locked, has such a rule."""
    wanted = tuple(body[name] for name in MEANING)
    for rule in security_groups.rules_of(tx, body["security_group_id"]):
        if rule.meaning == wanted:
            raise SecurityGroupRuleExists(rule.id)


def refuse_unknown_addresses(tx: Transaction, body: Mapping[str, Any], project_id: str | None) -> None:
    """Raise AddressGroupNotFound if the rule names an address group that its author may not see."""
    if body["remote_address_group_id"] is not None:
        address_groups.get(tx, body["remote_address_group_id"], project_id)
