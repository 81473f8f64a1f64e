"""How the machine itself takes part in external networks: the only thing outside our namespaces.

For an external network without a wire of its own, the machine plays the part of the network's router: one
end of a veth pair in the machine's namespace carries the subnets' gateway addresses, and so the machine
reaches floating IPs.  Towards the machine only what is addressed to those gateways passes, unless the
operator names an `uplink`: then guests' packets go on through it, behind the machine's own address.
What `uplink` changes (forwarding on two interfaces, one nftables table) is written down first, and undone by
`remove_all`.
"""

import hashlib
import ipaddress
import json
import logging
from pathlib import Path

from nacre.services.network import rpc
from nacre.services.network.agent.drivers.base import DriverError
from nacre.services.network.agent.drivers.linux import names, namespaces, nft
from nacre.services.network.agent.drivers.linux.dnsmasq import write
from nacre.services.network.agent.drivers.linux.links import Link, open_links
from nacre.services.network.agent.drivers.linux.networks import Carried, Networks
from nacre.services.network.agent.drivers.linux.settings import LinuxSettings

log = logging.getLogger(__name__)

INNER_ALIAS = "machine "
LINK_LOCAL = "169.254.0.0/16"


class Machine:
    """Makes the machine's legs in external networks so."""

    def __init__(self, settings: LinuxSettings, networks: Networks) -> None:
        self._settings, self._networks = settings, networks
        self._sources: dict[str, list[str]] = {}

    def wants(self, row: rpc.NetworkSpec) -> bool:
        """Tell whether the machine is to be this network's router."""
        wired = bool(self._settings.physical_networks.get(row.physical_network or ""))
        return self._settings.machine_access and row.external and not wired and bool(_gateways(row))

    def ensure(self, row: rpc.NetworkSpec, carried: Carried) -> None:
        """Give the machine its leg; refuses where it would take a route away from the machine."""
        outer, inner = names.machine_leg(row.id), names.machine_leg_inside(row.id)
        with open_links(None) as links:
            leg = links.find(outer)
            if leg is not None and leg.alias != self._alias(row.id):
                raise DriverError(f"the machine has an interface {outer} that is not ours")
            self._refuse_overlap(row, links.destinations(other_than=leg.index if leg else None))
            if leg is None:
                peer = {"ifname": inner, "net_ns_fd": str(namespaces.path(self._settings.namespace))}
                leg = links.add(outer, "veth", peer=peer)
            links.change(leg, alias=self._alias(row.id), mtu=row.mtu, up=True)
            links.set_addresses(leg, _gateways(row))
        with open_links(self._settings.namespace) as links:
            end = links.get(inner)
            self._networks.attach(links, carried.bridge, end, alias=INNER_ALIAS + row.id, mtu=row.mtu)
        if self._settings.uplink:
            self._sources[row.id] = [s.cidr for s in row.subnets if s.ip_version == 4]
            self._open_uplink()

    def remove(self, network_id: str) -> None:
        """Take the machine's leg away."""
        with open_links(None) as links:
            leg = links.find(names.machine_leg(network_id))
            if leg is not None and leg.alias == self._alias(network_id):
                links.remove(leg.name)
        if self._sources.pop(network_id, None) is not None:
            self._open_uplink()

    def remove_all(self) -> None:
        """Take all legs of this data plane away, and undo what the uplink changed."""
        with open_links(None) as links:
            for link in links.all().values():
                if link.alias.startswith(self._alias("")):
                    links.remove(link.name)
        self._sources.clear()
        self._close_uplink()

    def fault(self, row: rpc.NetworkSpec, links: dict[str, Link]) -> str:
        inner, bridge = links.get(names.machine_leg_inside(row.id)), links.get(names.bridge(row.id))
        if inner is None or bridge is None or inner.master != bridge.index or not inner.up:
            return "the machine's own leg is not plugged in"
        return ""

    def guard(self, row: rpc.NetworkSpec) -> list[str]:
        """Return the rules for frames towards the machine."""
        if self._settings.uplink:
            return [f"ether type ip ip daddr {LINK_LOCAL} drop"]
        own = [ipaddress.ip_interface(text).ip for text in _gateways(row)]
        four = [str(address) for address in own if address.version == 4]
        six = [str(address) for address in own if address.version == 6]
        allowed = ["ether type arp accept"]
        if four:
            allowed.append(f"ether type ip ip daddr {{ {', '.join(four)} }} accept")
        if six:
            reached = ", ".join((*six, "fe80::/10", "ff02::/16"))
            allowed.append(f"ether type ip6 ip6 daddr {{ {reached} }} accept")
        return [*allowed, "drop"]

    # --- how ---

    def _alias(self, network_id: str) -> str:
        return f"nacre {self._settings.namespace} {network_id}"

    def _refuse_overlap(self, row: rpc.NetworkSpec, destinations: dict[str, str]) -> None:
        for subnet in row.subnets:
            wanted = ipaddress.ip_network(subnet.cidr)
            for text, device in destinations.items():
                network = ipaddress.ip_network(text)
                if network.version == wanted.version and network.overlaps(wanted):
                    raise DriverError(
                        f"external subnet {wanted} overlaps {network}, which the machine reaches by {device}"
                    )

    # --- the way out ---

    @property
    def _table(self) -> str:
        return "nacre_" + hashlib.sha256(self._settings.namespace.encode()).hexdigest()[:12]

    @property
    def _memo(self) -> Path:
        return self._settings.state_dir / "uplink.json"

    def _open_uplink(self) -> None:
        """Forward between our legs and the uplink, and nothing else that was not forwarded before."""
        uplink = self._settings.uplink
        with open_links(None) as links:
            links.get(uplink)
        if not self._memo.exists():
            self._memo.parent.mkdir(parents=True, exist_ok=True)
            before = _forwarding(uplink).read_text().strip()
            write(self._memo, json.dumps({"uplink": uplink, "forwarding": before}))
        closed_before = json.loads(self._memo.read_text())["forwarding"] == "0"
        nft.run(None, self._uplink_script(uplink, closed_before=closed_before))
        for name in (uplink, *(names.machine_leg(network_id) for network_id in self._sources)):
            if _forwarding(name).exists():
                _forwarding(name).write_text("1")

    def _close_uplink(self) -> None:
        try:
            memo = json.loads(self._memo.read_text())
        except FileNotFoundError:
            return
        parameter = _forwarding(memo["uplink"])
        if parameter.exists():
            parameter.write_text(memo["forwarding"])
        nft.remove_table(None, "ip", self._table)
        self._memo.unlink()

    def _uplink_script(self, uplink: str, *, closed_before: bool) -> str:
        legs = ", ".join(f'"{names.machine_leg(network_id)}"' for network_id in sorted(self._sources))
        sources = ", ".join(cidr for cidrs in self._sources.values() for cidr in cidrs)
        lines = [f"add table ip {self._table}", f"delete table ip {self._table}"]
        if not legs:
            return "\n".join((*lines, ""))
        # What came in by the uplink was not forwarded before; other clouds' legs have rules of their own.
        others = [f'iifname "{uplink}" oifname != "nx-*" drop'] if closed_before else []
        return "\n".join(
            (
                *lines,
                f"table ip {self._table} {{",
                "chain forward {",
                "type filter hook forward priority 0; policy accept;",
                f"iifname {{ {legs} }} ip daddr {LINK_LOCAL} drop",
                f'iifname {{ {legs} }} oifname "{uplink}" accept',
                f"iifname {{ {legs} }} drop",
                f'iifname "{uplink}" oifname {{ {legs} }} ct state established,related accept',
                f"oifname {{ {legs} }} drop",
                *others,
                "}",
                "chain postrouting {",
                "type nat hook postrouting priority srcnat; policy accept;",
                f'oifname "{uplink}" ip saddr {{ {sources} }} masquerade',
                "}",
                "}",
                "",
            )
        )


def _gateways(row: rpc.NetworkSpec) -> list[str]:
    """Return the gateway addresses of a network's subnets, with prefixes."""
    return [
        f"{subnet.gateway_ip}/{ipaddress.ip_network(subnet.cidr).prefixlen}"
        for subnet in row.subnets
        if subnet.gateway_ip
    ]


def _forwarding(device: str) -> Path:
    return Path("/proc/sys/net/ipv4/conf") / device / "forwarding"
