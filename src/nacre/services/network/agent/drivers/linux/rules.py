"""What nftables is told about ports and security groups, as text; no side effects here.

The same rules serve two kinds of kernels: those that track connections on bridges (the chains then hang
in the bridge family and find a port by its interface), and those that only lend bridged frames to the
IP layer (`br_netfilter`: the chains hang in the inet family and find a port by a mark).  Everything
that came from a user is parsed first and printed from the parsed value.
"""

import ipaddress
from collections.abc import Iterable
from typing import TypeVar

from nacre.services.network import rpc
from nacre.services.network.agent.drivers.base import DriverError
from nacre.services.network.agent.drivers.linux.names import hexadecimal

IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network
T = TypeVar("T")

PROTOCOLS = {
    "ah": 51, "dccp": 33, "egp": 8, "esp": 50, "gre": 47, "icmp": 1, "icmpv6": 58, "igmp": 2, "ip": 0,
    "ipip": 4, "ipv6-encap": 41, "ipv6-frag": 44, "ipv6-icmp": 58, "ipv6-nonxt": 59, "ipv6-opts": 60,
    "ipv6-route": 43, "ospf": 89, "pgm": 113, "rsvp": 46, "sctp": 132, "tcp": 6, "udp": 17, "udplite": 136,
    "vrrp": 112,
}  # fmt: skip
ICMP, ICMPV6 = 1, 58
WITH_PORTS = {6, 17, 33, 132, 136}
ETHERTYPES = {"IPv4": ("ip", 4), "IPv6": ("ip6", 6)}
ROUTER_SOLICIT, ROUTER_ADVERT, NEIGHBOUR_SOLICIT, NEIGHBOUR_ADVERT = 133, 134, 135, 136
RARP = "0x8035"  # RFC 903
MULTICAST_QUERY, MULTICAST_REPORT, MULTICAST_DONE, MULTICAST_REPORT_V2 = 130, 131, 132, 143


# --- names ---


def group_chain(group_id: str, direction: str) -> str:
    return f"g{direction[0]}_{hexadecimal(group_id)}"


def port_chain(port_id: str, direction: str) -> str:
    return f"p{direction[0]}_{hexadecimal(port_id)}"


def spoof_chain(port_id: str) -> str:
    return f"ps_{hexadecimal(port_id)}"


def mark_chain(port_id: str) -> str:
    return f"pm_{hexadecimal(port_id)}"


def member_set(group_id: str, version: int, *, ranges: bool) -> str:
    """Name the set of a group's single addresses, or of the ranges that its members may also use."""
    return f"m{version}{'r' if ranges else 'a'}_{hexadecimal(group_id)}"


# --- groups ---


def protocol_number(protocol: str | None, version: int) -> int | None:
    """Return the number of a protocol as the API names it; None for any."""
    if protocol is None or protocol.lower() in ("any", ""):
        return None
    number = int(protocol) if protocol.isdigit() else PROTOCOLS.get(protocol.lower())
    if number is None or not 0 <= number <= 255:
        raise DriverError(f"unknown IP protocol {protocol!r}")
    if number == 0:
        return None
    # compat: "icmp" in an IPv6 rule means ICMPv6 (networking API, security group rules).
    return ICMPV6 if version == 6 and number == ICMP else number


def group_rules(group: rpc.SecurityGroupSpec, direction: str) -> list[str]:
    """Return the lines that let pass what a group allows in one direction."""
    lines: list[str] = []
    for rule in group.rules:
        if rule.direction == direction:
            lines += [line for line in _rule_lines(rule) if line not in lines]
    return lines


def _rule_lines(rule: rpc.SecurityGroupRuleSpec) -> list[str]:
    family, version = ETHERTYPES[rule.ethertype]
    end = f"{family} {'saddr' if rule.direction == 'ingress' else 'daddr'}"
    what = _protocol_match(rule, version)
    return [
        " ".join(part for part in (f"meta protocol {family}", match, what, "accept") if part)
        for match in _remote_matches(rule, end, version)
    ]


def _remote_matches(rule: rpc.SecurityGroupRuleSpec, end: str, version: int) -> list[str]:
    """Return alternatives for the other end; an empty match is everybody, no match is nobody."""
    if rule.remote_group_id:
        return [
            f"{end} @{member_set(rule.remote_group_id, version, ranges=ranges)}" for ranges in (False, True)
        ]
    if rule.remote_cidrs is not None:
        cidrs = collapse(rule.remote_cidrs, version)
        return [f"{end} {{ {', '.join(cidrs)} }}"] if cidrs else []
    if rule.remote_cidr:
        network = ipaddress.ip_network(rule.remote_cidr, strict=False)
        if network.version != version:
            return []
        return [f"{end} {network}"] if network.prefixlen else [""]
    return [""]


def _protocol_match(rule: rpc.SecurityGroupRuleSpec, version: int) -> str:
    number = protocol_number(rule.protocol, version)
    if number is None:
        return ""
    match = f"meta l4proto {number}"
    low, high = rule.port_min, rule.port_max
    if number in (ICMP, ICMPV6):
        name = "icmp" if number == ICMP else "icmpv6"
        if low is not None:
            match += f" {name} type {int(low)}"
            if high is not None:
                match += f" {name} code {int(high)}"
    elif number in WITH_PORTS and (low is not None or high is not None):
        first, last = int(low if low is not None else 0), int(high if high is not None else 65535)
        match += f" th dport {first}" if first == last else f" th dport {first}-{last}"
    return match


def collapse(texts: Iterable[str], version: int) -> list[str]:
    """Return the fewest ranges that cover exactly these addresses of one IP version."""
    parsed = [ipaddress.ip_network(text, strict=False) for text in texts]
    if version == 4:
        return [str(n) for n in ipaddress.collapse_addresses(_of(parsed, ipaddress.IPv4Network))]
    return [str(n) for n in ipaddress.collapse_addresses(_of(parsed, ipaddress.IPv6Network))]


def _of(networks: Iterable[IpNetwork], kind: type[T]) -> list[T]:
    return [network for network in networks if isinstance(network, kind)]


# --- ports ---


def port_rules(groups: Iterable[rpc.SecurityGroupSpec], direction: str) -> list[str]:
    """Return a port's chain for one direction: what is under way, what every port needs, then its groups."""
    groups = list(groups)
    lines = []
    if all(group.stateful for group in groups):
        lines += ["ct state established,related accept", "ct state invalid drop"]
    lines += _always_in() if direction == "ingress" else _always_out()
    lines += [f"jump {group_chain(group.id, direction)}" for group in groups]
    return [*lines, "drop"]


def _always_in() -> list[str]:
    """What must reach a port for it to have an address and neighbours; spoofing is stopped at its source."""
    types = _list(MULTICAST_QUERY, ROUTER_ADVERT, NEIGHBOUR_SOLICIT, NEIGHBOUR_ADVERT)
    return [
        "meta protocol ip udp sport 67 udp dport 68 accept",
        "meta protocol ip6 udp sport 547 udp dport 546 accept",
        f"meta protocol ip6 icmpv6 type {types} accept",
    ]


def _always_out() -> list[str]:
    types = _list(
        MULTICAST_REPORT,
        MULTICAST_DONE,
        ROUTER_SOLICIT,
        NEIGHBOUR_SOLICIT,
        NEIGHBOUR_ADVERT,
        MULTICAST_REPORT_V2,
    )
    return [
        "meta protocol ip udp sport 68 udp dport 67 accept",
        "meta protocol ip6 udp sport 546 udp dport 547 accept",
        f"meta protocol ip6 icmpv6 type {types} accept",
    ]


def link_local(mac: str) -> ipaddress.IPv6Address:
    """Return the link-local address that a MAC address gives itself (RFC 4291, modified EUI-64)."""
    octets = [int(part, 16) for part in mac.split(":")]
    octets[0] ^= 2
    identifier = bytes((*octets[:3], 0xFF, 0xFE, *octets[3:]))
    return ipaddress.IPv6Address(b"\xfe\x80" + bytes(6) + identifier)


def checked_mac(text: str) -> str:
    """Return a MAC address in lower case, or raise."""
    parts = text.lower().split(":")
    try:
        fit = len(parts) == 6 and all(len(part) == 2 and int(part, 16) >= 0 for part in parts)
    except ValueError:
        fit = False
    if not fit:
        raise DriverError(f"{text!r} is not a MAC address")
    return ":".join(parts)


def sources(port: rpc.PortSpec, version: int) -> list[tuple[str, IpNetwork]]:
    """Return which addresses a port may send from, each with the MAC address that goes with it."""
    own = checked_mac(port.mac)
    given = [(own, fixed.ip_address) for fixed in port.fixed_ips]
    given += [
        (checked_mac(pair.mac) if pair.mac else own, pair.ip_address) for pair in port.allowed_address_pairs
    ]
    if version == 6:
        given += [(mac, str(link_local(mac))) for mac in sorted({mac for mac, _ in given} | {own})]
    by_mac: dict[str, list[str]] = {}
    for mac, text in given:
        by_mac.setdefault(mac, []).append(text)
    return [
        (mac, ipaddress.ip_network(cidr))
        for mac, texts in by_mac.items()
        for cidr in collapse(texts, version)
    ]


def spoof_rules(port: rpc.PortSpec) -> list[str]:
    """Return the chain that lets a port speak only as itself, and never as a DHCP server or router."""
    four, six = sources(port, 4), sources(port, 6)
    macs = _list(*sorted({mac for mac, _ in (*four, *six)}))
    targets = _list(*(_as_range(network) for network in collapse((str(n) for _, n in six), 6)))
    lines = [
        f"ether saddr != {macs} drop",
        f"ether type arp arp saddr ether != {macs} drop",
        "ether type arp arp saddr ip 0.0.0.0 accept",
        f"ether type {RARP} accept",  # "I am here now", said by QEMU for a guest that has moved
        "ether type ip udp sport 67 udp dport 68 drop",
        "ether type ip ip saddr 0.0.0.0 udp sport 68 udp dport 67 accept",
        f"ether type ip6 icmpv6 type {ROUTER_ADVERT} drop",
        "ether type ip6 udp sport 547 udp dport 546 drop",
        f"ether type ip6 icmpv6 type {NEIGHBOUR_ADVERT} @th,64,128 != {targets} drop",
        "ether type ip6 ip6 saddr :: icmpv6 type "
        f"{_list(NEIGHBOUR_SOLICIT, ROUTER_SOLICIT, MULTICAST_REPORT, MULTICAST_REPORT_V2)} accept",
        f"ether type ip6 ether saddr . ip6 saddr {_pairs(six)} accept",
    ]
    if four:
        lines += [
            f"ether type arp arp saddr ether . arp saddr ip {_pairs(four)} accept",
            f"ether type ip ether saddr . ip saddr {_pairs(four)} accept",
        ]
    return [*lines, "drop"]


def _pairs(pairs: Iterable[tuple[str, IpNetwork]]) -> str:
    return _list(*(f"{mac} . {network}" for mac, network in pairs))


def _as_range(text: str) -> str:
    network = ipaddress.ip_network(text)
    first, last = int(network.network_address), int(network.broadcast_address)
    return f"{first:#x}" if first == last else f"{first:#x}-{last:#x}"


def _list(*items: object) -> str:
    return "{ " + ", ".join(str(item) for item in items) + " }"
