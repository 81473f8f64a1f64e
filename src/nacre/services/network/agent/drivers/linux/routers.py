"""Routers: a namespace each, with one leg per network, that forwards, translates and announces prefixes."""

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from nacre.services.network import rpc
from nacre.services.network.agent.drivers.base import DriverError
from nacre.services.network.agent.drivers.linux import conntrack, names, namespaces, nat, nft
from nacre.services.network.agent.drivers.linux.announce import announce
from nacre.services.network.agent.drivers.linux.dhcp import METADATA_ADDRESS
from nacre.services.network.agent.drivers.linux.dnsmasq import Dnsmasq
from nacre.services.network.agent.drivers.linux.links import Link, Route, open_links
from nacre.services.network.agent.drivers.linux.networks import Carried, Networks
from nacre.services.network.agent.drivers.linux.settings import LinuxSettings

ALIAS = "router "
PARAMETERS: dict[str, str | int] = {
    "ipv4/ip_forward": 1,
    "ipv4/conf/all/rp_filter": 0,
    "ipv4/conf/default/rp_filter": 0,
    "ipv4/conf/all/send_redirects": 0,
    "ipv4/conf/default/send_redirects": 0,
    "ipv4/conf/all/arp_ignore": 1,
    "ipv4/conf/all/arp_announce": 2,
    "ipv6/conf/default/accept_ra": 0,
    "ipv6/conf/default/accept_dad": 0,
    "ipv6/conf/all/forwarding": 1,
}
ANNOUNCE_SECONDS = 60
ROUTER_LIFETIME_SECONDS = 1800
MODES = {"slaac": "slaac", "dhcpv6-stateless": "ra-stateless", "dhcpv6-stateful": "static"}


@dataclass(frozen=True)
class Leg:
    """A router's interface in one network, whether towards guests or towards the outside."""

    port_id: str
    network_id: str
    mac: str
    addresses: tuple[str, ...]
    name: str
    is_gateway: bool = False


class Routers:
    """Makes routers so."""

    def __init__(self, settings: LinuxSettings, networks: Networks) -> None:
        self._settings, self._networks = settings, networks
        self._rows: dict[str, rpc.RouterSpec] = {}

    def namespace(self, router_id: str) -> str:
        return names.router_namespace(self._settings.namespace, router_id)

    def ensure(
        self, row: rpc.RouterSpec, networks: Mapping[str, rpc.NetworkSpec], carried: Mapping[str, Carried]
    ) -> None:
        """Have the router run; one that is administratively down leaves nothing but its row."""
        if not row.admin_state_up:
            self.remove(row.id)
            self._rows[row.id] = row
            return
        namespace = self.namespace(row.id)
        namespaces.ensure(namespace)
        namespaces.sysctl(namespace, PARAMETERS)
        legs = list(_legs(row))
        mtus = {leg.port_id: _known(networks, leg).mtu for leg in legs}
        self._plug(row, legs, carried, mtus)
        # Translation comes before addresses: a floating IP that answers before it leads anywhere would
        # open a connection to the router itself.
        nft.run(namespace, nat.script(row))
        self._address(row, legs, mtus)
        self._announce_prefixes(row, legs, networks)
        conntrack.forget(namespace, _flows_lost(self._rows.get(row.id), row))
        self._rows[row.id] = row

    def remove(self, router_id: str) -> None:
        """Take the router away with all its legs."""
        self._rows.pop(router_id, None)
        self._announcer(router_id).remove()
        with open_links(self._settings.namespace) as links:
            for link in links.all().values():
                if link.alias == ALIAS + router_id:
                    links.remove(link.name)
        namespaces.remove(self.namespace(router_id))

    def present(self, everything: list[str]) -> set[str]:
        """Return the ids of routers that have a namespace."""
        owned = names.owned_namespaces(self._settings.namespace, everything)
        return {router_id for _, kind, router_id in owned if kind == "r"}

    def fault(
        self, row: rpc.RouterSpec, networks: Mapping[str, rpc.NetworkSpec], links: dict[str, Link]
    ) -> str:
        """Say what is wrong with a router; empty when nothing is."""
        if not row.admin_state_up:
            return ""
        if not namespaces.exists(self.namespace(row.id)):
            return "its namespace is gone"
        for leg in _legs(row):
            outer, bridge = links.get(names.tap_name(leg.port_id)), links.get(names.bridge(leg.network_id))
            if outer is None or not outer.up or bridge is None or outer.master != bridge.index:
                return f"its leg in network {leg.network_id} is not plugged in"
        announced = any(_announced(networks[leg.network_id], leg) for leg in _legs(row) if not leg.is_gateway)
        if announced and self._announcer(row.id).pid() is None:
            return "nobody announces its prefixes"
        return ""

    def _announcer(self, router_id: str) -> Dnsmasq:
        directory = self._settings.state_dir / "routers" / names.checked_id(router_id)
        return Dnsmasq(directory, self.namespace(router_id))

    def _plug(
        self, row: rpc.RouterSpec, legs: list[Leg], carried: Mapping[str, Carried], mtus: dict[str, int]
    ) -> None:
        """Have exactly these legs, each with one end on its network's bridge."""
        inside = str(namespaces.path(self.namespace(row.id)))
        wanted = {names.tap_name(leg.port_id) for leg in legs}
        with open_links(self._settings.namespace) as links:
            everything = links.all()
            for link in everything.values():
                if link.alias == ALIAS + row.id and link.name not in wanted:
                    links.remove(link.name)
            for leg in legs:
                outer = everything.get(names.tap_name(leg.port_id))
                if outer is None:
                    peer = {"ifname": leg.name, "address": leg.mac, "net_ns_fd": inside}
                    outer = links.add(names.tap_name(leg.port_id), "veth", peer=peer)
                bridge = carried[leg.network_id].bridge
                mtu = mtus[leg.port_id]
                self._networks.attach(links, bridge, outer, alias=ALIAS + row.id, mtu=mtu)

    def _address(self, row: rpc.RouterSpec, legs: list[Leg], mtus: dict[str, int]) -> None:
        namespace = self.namespace(row.id)
        news: list[tuple[Leg, set[str]]] = []
        with open_links(namespace) as links:
            for leg in legs:
                link = links.get(leg.name)
                links.change(link, mac=leg.mac, mtu=mtus[leg.port_id], up=True)
                extra = _outside_addresses(row) if leg.is_gateway else set()
                own = {text.split("/")[0] for text in leg.addresses}
                addresses = (*leg.addresses, *(f"{address}/32" for address in extra - own))
                news.append((leg, links.set_addresses(link, addresses)))
            links.set_addresses(links.get("lo"), ("127.0.0.1/8", "::1/128", f"{METADATA_ADDRESS}/32"))
            routes, nowhere = _routes(row, legs)
            links.set_routes(routes)
        for leg, added in news:
            announce(namespace, leg.name, leg.mac, sorted(text.split("/")[0] for text in added))
        if nowhere:
            raise DriverError(f"no leg of router {row.id} reaches next hop {', '.join(nowhere)}")

    def _announce_prefixes(
        self, row: rpc.RouterSpec, legs: list[Leg], networks: Mapping[str, rpc.NetworkSpec]
    ) -> None:
        """Run a router advertisement daemon if any network wants one."""
        announcer = self._announcer(row.id)
        lines: list[str] = []
        for leg in legs:
            if not leg.is_gateway:
                lines += _announcement(networks[leg.network_id], leg)
        if lines:
            log = f"log-facility={announcer.directory / 'log'}"
            head = (
                "port=0",
                "bind-dynamic",
                "except-interface=lo",
                "enable-ra",
                "leasefile-ro",
                "quiet-ra",
                log,
            )
            announcer.ensure("\n".join((*head, *lines, "")))
        else:
            announcer.remove()


def _legs(row: rpc.RouterSpec) -> Iterator[Leg]:
    for leg in row.interfaces:
        yield Leg(leg.port_id, leg.network_id, leg.mac, leg.addresses, names.router_leg(leg.port_id))
    if row.gateway is not None:
        way = row.gateway
        name = names.gateway_leg(way.port_id)
        yield Leg(way.port_id, way.network_id, way.mac, way.addresses, name, is_gateway=True)


def _known(networks: Mapping[str, rpc.NetworkSpec], leg: Leg) -> rpc.NetworkSpec:
    if leg.network_id not in networks:
        raise DriverError(f"network {leg.network_id} is not on this host")
    return networks[leg.network_id]


def _outside_addresses(row: rpc.RouterSpec) -> set[str]:
    """Return the addresses of floating IPs, which answer on the gateway's leg."""
    floating = {str(ipaddress.IPv4Address(f.floating_address)) for f in row.floating_ips}
    return floating | {str(ipaddress.IPv4Address(f.floating_address)) for f in row.port_forwardings}


def _routes(row: rpc.RouterSpec, legs: list[Leg]) -> tuple[set[Route], list[str]]:
    """Return the routes, and the next hops that are on no leg's network."""
    routes: dict[str, Route] = {}
    nowhere = []
    if row.gateway is not None:
        for gateway_ip in row.gateway.gateway_ips:
            everything = "0.0.0.0/0" if ":" not in gateway_ip else "::/0"
            routes[everything] = Route(everything, gateway_ip, names.gateway_leg(row.gateway.port_id))
    for wanted in row.routes:
        hop = ipaddress.ip_address(wanted.nexthop)
        leg = next((leg for leg in legs if _reaches(leg, hop)), None)
        if leg is None:
            nowhere.append(wanted.nexthop)
            continue
        destination = str(ipaddress.ip_network(wanted.destination, strict=False))
        routes[destination] = Route(destination, str(hop), leg.name)
    return set(routes.values()), nowhere


def _reaches(leg: Leg, hop: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    return any(hop in ipaddress.ip_interface(address).network for address in leg.addresses)


def _announced(network: rpc.NetworkSpec, leg: Leg) -> list[rpc.SubnetSpec]:
    """Return the IPv6 subnets of a leg whose prefix this router announces."""
    own = {ipaddress.ip_interface(address).network for address in leg.addresses}
    return [
        subnet
        for subnet in network.subnets
        if subnet.ipv6_ra_mode and ipaddress.ip_network(subnet.cidr) in own
    ]


def _announcement(network: rpc.NetworkSpec, leg: Leg) -> list[str]:
    """Return the announcer's lines for one leg (RFC 4861 flags follow from dnsmasq's range mode)."""
    subnets = _announced(network, leg)
    if not subnets:
        return []
    interval = f"{ANNOUNCE_SECONDS},{ROUTER_LIFETIME_SECONDS}"
    lines = [f"interface={leg.name}", f"ra-param={leg.name},mtu:{int(network.mtu)},{interval}"]
    for subnet in subnets:
        prefix, tag = ipaddress.ip_network(subnet.cidr), f"s{names.hexadecimal(subnet.id)}"
        mode = MODES[subnet.ipv6_ra_mode or "slaac"]
        lines.append(f"dhcp-range=set:{tag},{prefix.network_address},{mode},{prefix.prefixlen}")
        servers = [f"[{ipaddress.IPv6Address(s)}]" for s in subnet.dns_nameservers if ":" in s]
        if servers:
            lines.append(f"dhcp-option=tag:{tag},option6:dns-server,{','.join(servers)}")
    return lines


def _flows_lost(before: rpc.RouterSpec | None, after: rpc.RouterSpec) -> list[conntrack.Flows]:
    """Return connections that use a translation which is no longer, or not yet, the router's."""
    if before is None:
        return []
    flows = []
    for floating in set(before.floating_ips) ^ set(after.floating_ips):
        flows.append(conntrack.Flows(destination=floating.floating_address))
        flows.append(conntrack.Flows(reply_destination=floating.floating_address))
        flows.append(conntrack.Flows(source=floating.fixed_address))
    for forward in set(before.port_forwardings) - set(after.port_forwardings):
        flows.append(conntrack.Flows(destination=forward.floating_address))
    if before.gateway is not None and before.gateway != after.gateway:
        flows += [
            conntrack.Flows(reply_destination=text.split("/")[0])
            for text in before.gateway.addresses
            if ":" not in text
        ]
    return flows
