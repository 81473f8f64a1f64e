"""What a router translates and refuses, as nftables text; no side effects here."""

import ipaddress
from collections.abc import Iterable

from nacre.services.network import rpc
from nacre.services.network.agent.drivers.linux.names import gateway_leg, router_leg

TABLE = "nacre"


def script(row: rpc.RouterSpec) -> str:
    """Return a script that replaces the router's tables as one transaction."""
    return "\n".join(
        (
            *_replaced("ip", _translation(row)),
            *_replaced("inet", _filter(row)),
            "",
        )
    )


def _replaced(family: str, body: list[str]) -> list[str]:
    table = f"table {family} {TABLE}"
    return [f"add {table}", f"delete {table}", f"{table} {{", *body, "}"]


def _filter(row: rpc.RouterSpec) -> list[str]:
    """Refuse what must not pass: link-local destinations, and DHCPv6, which the announcer would answer."""
    legs = [f'"{router_leg(leg.port_id)}"' for leg in row.interfaces]
    refuse = [f"iifname {{ {', '.join(legs)} }} udp dport 547 drop"] if legs else []
    if row.gateway is not None:  # metadata is for our own guests only
        refuse.append(f'iifname "{gateway_leg(row.gateway.port_id)}" ip daddr 169.254.0.0/16 drop')
    return [
        *_chain("input", "type filter hook input priority 0; policy accept;", refuse),
        *_chain(
            "forward", "type filter hook forward priority 0; policy accept;", ["ip daddr 169.254.0.0/16 drop"]
        ),
    ]


def _translation(row: rpc.RouterSpec) -> list[str]:
    floating = [(_four(f.floating_address), _four(f.fixed_address)) for f in row.floating_ips]
    forwards = [
        f"{_four(f.floating_address)} . {f.protocol} . {int(f.external_port)} : "
        f"{_four(f.fixed_address)} . {int(f.internal_port)}"
        for f in row.port_forwardings
    ]
    to_fixed = ["dnat to ip daddr map @floating_to_fixed"]
    if forwards:
        to_fixed.append("dnat to ip daddr . ip protocol . th dport map @forwards")
    return [
        *_map("floating_to_fixed", "ipv4_addr : ipv4_addr", (f"{a} : {b}" for a, b in floating)),
        *_map("fixed_to_floating", "ipv4_addr : ipv4_addr", (f"{b} : {a}" for a, b in floating)),
        *_map(
            "forwards", "ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service", sorted(forwards)
        ),
        *_chain("prerouting", "type nat hook prerouting priority dstnat; policy accept;", to_fixed),
        *_chain("output", "type nat hook output priority -100; policy accept;", to_fixed),
        *_chain(
            "postrouting", "type nat hook postrouting priority srcnat; policy accept;", _source_rules(row)
        ),
    ]


def _source_rules(row: rpc.RouterSpec) -> list[str]:
    """Say which address a packet leaves with.

    A server that reaches another by its floating address is seen with its own floating address, or the
    gateway's; so the answer comes back through here even if both are on one network.
    """
    if row.gateway is None:
        return []
    leg = f'"{gateway_leg(row.gateway.port_id)}"'
    own = [_four(text.split("/")[0]) for text in row.gateway.addresses if ":" not in text]
    rules = [
        f"oifname {leg} snat to ip saddr map @fixed_to_floating",
        f"iifname != {leg} ct status dnat snat to ip saddr map @fixed_to_floating",
    ]
    if own:
        rules.append(f"iifname != {leg} ct status dnat snat to {own[0]}")
        if row.enable_snat:
            rules.append(f"oifname {leg} snat to {own[0]}")
    return rules


def _map(name: str, kind: str, elements: Iterable[str]) -> list[str]:
    listed = ", ".join(elements)
    return [f"map {name} {{", f"type {kind}", *([f"elements = {{ {listed} }}"] if listed else []), "}"]


def _chain(name: str, hook: str, rules: Iterable[str]) -> list[str]:
    return [f"chain {name} {{", hook, *rules, "}"]


def _four(text: str) -> str:
    return str(ipaddress.IPv4Address(text))
