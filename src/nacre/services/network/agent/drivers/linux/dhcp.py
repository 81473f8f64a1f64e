"""DHCP, DNS and metadata for a network: a namespace with a leg in the network, and dnsmasq inside.

dnsmasq hands out only what it is told: `hosts` says which MAC address gets which addresses, `options` what
goes with them.  Both are read again on SIGHUP, so a new server costs one line and one signal.
The files' contents are made by the functions at the end, which touch nothing.
"""

import hashlib
import ipaddress
import re
from collections.abc import Iterable
from pathlib import Path

from nacre.services.network import rpc
from nacre.services.network.agent.drivers.base import DriverError
from nacre.services.network.agent.drivers.linux import names, namespaces
from nacre.services.network.agent.drivers.linux.dnsmasq import Dnsmasq, write
from nacre.services.network.agent.drivers.linux.links import Link, Route, open_links
from nacre.services.network.agent.drivers.linux.networks import Carried, Networks
from nacre.services.network.agent.drivers.linux.settings import LinuxSettings

ALIAS = "dhcp "
PARAMETERS: dict[str, str | int] = {"ipv6/conf/default/accept_ra": 0, "ipv6/conf/default/accept_dad": 0}
METADATA_ADDRESS = "169.254.169.254"
MICROSOFT_ROUTES = 249
"""The option number by which old Windows clients know classless static routes (RFC 3442 says 121)."""

_HOSTNAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_DOMAIN = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,252}[A-Za-z0-9])?\.?")
_OPTION = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_VALUE = re.compile(r"[\x20-\x7e]{0,1024}")


class DhcpServers:
    """Makes DHCP servers so."""

    def __init__(self, settings: LinuxSettings, networks: Networks) -> None:
        self._settings, self._networks = settings, networks
        self._signalled: set[str] = set()
        """Servers that have read their tables since this process began."""
        self._written: dict[str, dict[str, str]] = {}
        """Digests of the tables of each server, as they were written."""

    def namespace(self, network_id: str) -> str:
        return names.dhcp_namespace(self._settings.namespace, network_id)

    def ensure(
        self,
        row: rpc.NetworkSpec,
        dhcp: rpc.DhcpPortSpec,
        carried: Carried,
        hosts: Iterable[rpc.NeighbourSpec],
    ) -> None:
        """Have the server run for these hosts."""
        namespace = self.namespace(row.id)
        namespaces.ensure(namespace)
        namespaces.sysctl(namespace, PARAMETERS)
        self._ensure_leg(row, dhcp, carried, namespace)
        self.ensure_hosts(row, dhcp, hosts)

    def ensure_hosts(
        self, row: rpc.NetworkSpec, dhcp: rpc.DhcpPortSpec, hosts: Iterable[rpc.NeighbourSpec]
    ) -> None:
        """Serve exactly these hosts; tells dnsmasq only when something changed."""
        server = self._server(row.id)
        server.directory.mkdir(parents=True, exist_ok=True)
        rows = sorted(hosts, key=lambda host: host.id)
        lifetime = self._settings.dhcp_lease_seconds
        files = {
            "hosts": hosts_file(row, rows, lifetime),
            "names": names_file(row, rows),
            "options": options_file(row, dhcp, rows),
        }
        changed = [name for name, text in files.items() if write(server.directory / name, text)]
        self._written[row.id] = {name: _digest(text) for name, text in files.items()}
        if changed:
            self._signalled.discard(row.id)
        text = configuration(row, dhcp, server.directory, self._settings)
        server.ensure(text, reload=row.id not in self._signalled)
        self._signalled.add(row.id)

    def remove(self, network_id: str) -> None:
        """End the server and remove its namespace."""
        self._signalled.discard(network_id)
        self._written.pop(network_id, None)
        self._server(network_id).remove()
        with open_links(self._settings.namespace) as links:
            for link in links.all().values():
                if link.alias == ALIAS + network_id:
                    links.remove(link.name)
        namespaces.remove(self.namespace(network_id))

    def fault(self, row: rpc.NetworkSpec, dhcp: rpc.DhcpPortSpec, links: dict[str, Link]) -> str:
        """Say what is wrong with a server; empty when nothing is."""
        leg, bridge = links.get(names.tap_name(dhcp.id)), links.get(names.bridge(row.id))
        if leg is None or not leg.up or bridge is None or leg.master != bridge.index:
            return "its DHCP server is not plugged in"
        server = self._server(row.id)
        if server.pid() is None:
            return "its DHCP server does not run"
        for name, digest in self._written.get(row.id, {}).items():
            try:
                present = _digest((server.directory / name).read_text())
            except OSError:
                present = ""
            if present != digest:
                return f"somebody changed the {name} that its DHCP server knows"
        return ""

    def present(self, everything: list[str]) -> set[str]:
        """Return the ids of networks whose DHCP server has a namespace or a directory here."""
        owned = names.owned_namespaces(self._settings.namespace, everything)
        found = {network_id for _, kind, network_id in owned if kind == "d"}
        directory = self._settings.state_dir / "dhcp"
        return found | ({path.name for path in directory.iterdir()} if directory.is_dir() else set())

    def _server(self, network_id: str) -> Dnsmasq:
        directory = self._settings.state_dir / "dhcp" / names.checked_id(network_id)
        return Dnsmasq(directory, self.namespace(network_id))

    def _ensure_leg(
        self, row: rpc.NetworkSpec, dhcp: rpc.DhcpPortSpec, carried: Carried, namespace: str
    ) -> None:
        outer, inner = names.tap_name(dhcp.id), names.dhcp_leg(dhcp.id)
        with open_links(self._settings.namespace) as links:
            for link in links.all().values():  # a port that served this network before
                if link.alias == ALIAS + row.id and link.name != outer:
                    links.remove(link.name)
            leg = links.find(outer)
            if leg is None:
                peer = {"ifname": inner, "address": dhcp.mac, "net_ns_fd": str(namespaces.path(namespace))}
                leg = links.add(outer, "veth", peer=peer)
            self._networks.attach(links, carried.bridge, leg, alias=ALIAS + row.id, mtu=row.mtu)
        with open_links(namespace) as links:
            leg = links.get(inner)
            links.change(leg, mac=dhcp.mac, mtu=row.mtu, up=True)
            links.set_addresses(leg, _own_addresses(row, dhcp))
            links.set_addresses(links.get("lo"), ("127.0.0.1/8", "::1/128", f"{METADATA_ADDRESS}/32"))
            links.set_routes(_own_routes(row, inner))


# --- what the files say ---


def configuration(
    row: rpc.NetworkSpec, dhcp: rpc.DhcpPortSpec, directory: Path, settings: LinuxSettings
) -> str:
    """Return dnsmasq's configuration: what cannot change without a restart."""
    lines = [
        f"interface={names.dhcp_leg(dhcp.id)}",
        "except-interface=lo",
        "bind-dynamic",
        "no-hosts",
        "no-resolv",
        "no-ping",
        "dhcp-authoritative",
        "leasefile-ro",
        "quiet-dhcp",
        "quiet-dhcp6",
        "dhcp-lease-max=1000000",
        f"dhcp-hostsfile={directory / 'hosts'}",
        f"dhcp-optsfile={directory / 'options'}",
        f"addn-hosts={directory / 'names'}",
        f"log-facility={directory / 'log'}",
        f"dhcp-option-force=option:mtu,{int(row.mtu)}",
    ]
    lines += [f"server={ipaddress.ip_address(server)}" for server in settings.dns_servers]
    if _fits(_DOMAIN, row.dns_domain):
        domain = row.dns_domain.rstrip(".")
        lines += [f"domain={domain}", f"local=/{domain}/"]
    for subnet in served(row):
        network = ipaddress.ip_network(subnet.cidr)
        lifetime = settings.dhcp_lease_seconds
        if network.version == 4:
            lines.append(
                f"dhcp-range=set:{_tag(subnet)},{network.network_address},static,{network.netmask},{lifetime}"
            )
        else:
            prefix = max(network.prefixlen, 64)  # dnsmasq serves no wider prefix
            lines.append(
                f"dhcp-range=set:{_tag(subnet)},{network.network_address},static,{prefix},{lifetime}"
            )
    return "\n".join((*lines, ""))


def hosts_file(row: rpc.NetworkSpec, hosts: Iterable[rpc.NeighbourSpec], lifetime: int) -> str:
    """Return which MAC address gets which name and addresses."""
    subnets = {subnet.id: subnet for subnet in served(row)}
    lines = []
    for host in hosts:
        tag = f",set:p{names.hexadecimal(host.id)}" if host.dhcp_options else ""
        addresses = [f.ip_address for f in host.fixed_ips if f.subnet_id in subnets and _by_dhcp(subnets, f)]
        four = [str(ipaddress.IPv4Address(text)) for text in addresses if ":" not in text]
        six = [f"[{ipaddress.IPv6Address(text)}]" for text in addresses if ":" in text]
        for address in four or [""]:
            parts = [text for text in (address, *six, _hostname(host, address)) if text]
            if address or six:
                lines.append(f"{host.mac}{tag},{','.join(parts)},{lifetime}")
            six = []
        if not addresses and host.dhcp_options:  # stateless: options only
            lines.append(f"{host.mac}{tag}")
    return "\n".join((*lines, ""))


def names_file(row: rpc.NetworkSpec, hosts: Iterable[rpc.NeighbourSpec]) -> str:
    """Return addresses and names for DNS, as in /etc/hosts."""
    domain = row.dns_domain.rstrip(".") if _fits(_DOMAIN, row.dns_domain) else ""
    lines = []
    for host in hosts:
        for fixed in host.fixed_ips:
            address = ipaddress.ip_address(fixed.ip_address)
            name = _hostname(host, str(address))
            lines.append(f"{address} {name}.{domain} {name}" if domain else f"{address} {name}")
    return "\n".join((*lines, ""))


def options_file(row: rpc.NetworkSpec, dhcp: rpc.DhcpPortSpec, hosts: Iterable[rpc.NeighbourSpec]) -> str:
    """Return what goes with an address: by subnet, and by port where one has options of its own."""
    lines = []
    for subnet in served(row):
        own = [f.ip_address for f in dhcp.fixed_ips if f.subnet_id == subnet.id]
        lines += _options4(row, subnet, own) if subnet.ip_version == 4 else _options6(subnet, own)
    for host in hosts:
        for option in host.dhcp_options:
            if _fits(_OPTION, option.name) and _VALUE.fullmatch(option.value):
                kind = "option6" if option.ip_version == 6 else "option"
                name = option.name if option.name.isdigit() and kind == "option" else f"{kind}:{option.name}"
                lines.append(f"tag:p{names.hexadecimal(host.id)},{name},{option.value}")
    return "\n".join((*lines, ""))


def served(row: rpc.NetworkSpec) -> list[rpc.SubnetSpec]:
    """Return the subnets for which DHCP answers."""
    return [subnet for subnet in row.subnets if subnet.enable_dhcp and _has_dhcp(subnet)]


def _has_dhcp(subnet: rpc.SubnetSpec) -> bool:
    """IPv4 always; IPv6 by its address mode, and where no mode at all is set (networking API, IPv6)."""
    if subnet.ip_version == 4:
        return True
    modeless = subnet.ipv6_address_mode is None and subnet.ipv6_ra_mode is None
    return modeless or subnet.ipv6_address_mode in ("dhcpv6-stateful", "dhcpv6-stateless")


def _options4(row: rpc.NetworkSpec, subnet: rpc.SubnetSpec, own: list[str]) -> list[str]:
    tag = f"tag:{_tag(subnet)}"
    routes = [(route.destination, route.nexthop) for route in subnet.host_routes if ":" not in route.nexthop]
    routes += [
        (other.cidr, "0.0.0.0") for other in row.subnets if other.ip_version == 4 and other.id != subnet.id
    ]
    if own:
        routes.append((f"{METADATA_ADDRESS}/32", own[0]))
    if subnet.gateway_ip:
        routes.append(("0.0.0.0/0", subnet.gateway_ip))
    lines = [f"{tag},option:router,{ipaddress.IPv4Address(subnet.gateway_ip)}" if subnet.gateway_ip else ""]
    lines[0] = lines[0] or f"{tag},option:router"  # empty: or dnsmasq would name itself
    servers = [
        str(ipaddress.IPv4Address(server)) for server in subnet.dns_nameservers or own if ":" not in server
    ]
    lines += [f"{tag},option:dns-server,{','.join(servers)}"] if servers else [f"{tag},option:dns-server"]
    text = ",".join(f"{ipaddress.IPv4Network(cidr, strict=False)},{hop}" for cidr, hop in routes)
    if text:
        lines += [f"{tag},option:classless-static-route,{text}", f"{tag},{MICROSOFT_ROUTES},{text}"]
    return lines


def _options6(subnet: rpc.SubnetSpec, own: list[str]) -> list[str]:
    servers = [
        f"[{ipaddress.IPv6Address(server)}]" for server in subnet.dns_nameservers or own if ":" in server
    ]
    return [f"tag:{_tag(subnet)},option6:dns-server,{','.join(servers)}"] if servers else []


def _own_addresses(row: rpc.NetworkSpec, dhcp: rpc.DhcpPortSpec) -> list[str]:
    prefixes = {subnet.id: ipaddress.ip_network(subnet.cidr).prefixlen for subnet in row.subnets}
    try:
        return [f"{fixed.ip_address}/{prefixes[fixed.subnet_id]}" for fixed in dhcp.fixed_ips]
    except KeyError as error:
        raise DriverError(f"the DHCP port of network {row.id} is in unknown subnet {error}") from None


def _own_routes(row: rpc.NetworkSpec, device: str) -> list[Route]:
    """Lead the server's own DNS queries and its answers to routed guests to the gateway."""
    routes: dict[str, Route] = {}
    for subnet in row.subnets:
        if subnet.gateway_ip:
            everything = "0.0.0.0/0" if subnet.ip_version == 4 else "::/0"
            routes.setdefault(everything, Route(everything, subnet.gateway_ip, device))
    return list(routes.values())


def _by_dhcp(subnets: dict[str, rpc.SubnetSpec], fixed: rpc.FixedIp) -> bool:
    """Tell whether an address is handed out by DHCP rather than made by the guest itself."""
    return subnets[fixed.subnet_id].ipv6_address_mode in (None, "dhcpv6-stateful")


def _hostname(host: rpc.NeighbourSpec, address: str) -> str:
    if _fits(_HOSTNAME, host.hostname):
        return host.hostname
    return "host-" + address.replace(".", "-").replace(":", "-") if address else ""


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _tag(subnet: rpc.SubnetSpec) -> str:
    return f"s{names.hexadecimal(subnet.id)}"


def _fits(pattern: re.Pattern[str], text: str) -> bool:
    return bool(pattern.fullmatch(text))
