"""One bridge per network, and whatever carries the network beyond this host.

A bridge's alias (`network <id> zone <n>`) says which network it is and in which zone its connections are
tracked; after a restart it is read back from there.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from nacre.services.network import rpc
from nacre.services.network.agent.drivers.base import DriverError
from nacre.services.network.agent.drivers.linux import names, namespaces
from nacre.services.network.agent.drivers.linux.links import Link, Links, open_links
from nacre.services.network.agent.drivers.linux.settings import LinuxSettings

_ALIAS = re.compile(r"network (\S+) zone (\d+)")
LARGEST_ZONE = 0xFFFF
BRIDGED_KINDS = ("vxlan", "vlan")


@dataclass(frozen=True)
class Carried:
    """A network that this host carries."""

    id: str
    bridge: str
    zone: int


class Networks:
    """Makes bridges and their tunnels so."""

    def __init__(self, settings: LinuxSettings) -> None:
        self._settings = settings
        self._namespace = settings.namespace

    def carried(self, links: dict[str, Link]) -> dict[str, Carried]:
        """Return the networks of which there is a bridge, by id."""
        found = {}
        for link in links.values():
            match = _ALIAS.fullmatch(link.alias) if link.kind == "bridge" else None
            if match:
                found[match[1]] = Carried(match[1], link.name, int(match[2]))
        return found

    def ensure(self, row: rpc.NetworkSpec, places: Iterable[tuple[str, str]]) -> Carried:
        """Make the bridge and what carries it; `places` are (MAC, tunnel address) of ports elsewhere."""
        name = names.bridge(row.id)
        with open_links(self._namespace) as links:
            everything = links.all()
            bridge = everything.get(name)
            if bridge is None:
                bridge = links.add(name, "bridge", br_mcast_snooping=0, br_stp_state=0, br_forward_delay=0)
            if not bridge.alias:
                self.silence(name)
            carried = self._identify(row.id, bridge, everything)
            links.change(bridge, alias=f"network {row.id} zone {carried.zone}")
            links.change(bridge, mtu=row.mtu, up=True)
            self._carry(links, row, bridge, everything, places)
        return carried

    def remove(self, network_id: str) -> Carried | None:
        """Remove the bridge and its tunnel; return what there was."""
        name = names.bridge(network_id)
        with open_links(self._namespace) as links:
            everything = links.all()
            bridge = everything.get(name)
            if bridge is None:
                return None
            carried = self.carried(everything).get(network_id)
            for link in everything.values():
                if link.master == bridge.index and link.kind in BRIDGED_KINDS:
                    links.remove(link.name)
            links.remove(name)
        return carried

    def attach(self, links: Links, bridge: str, link: Link, *, alias: str, mtu: int, up: bool = True) -> None:
        """Plug an interface into a bridge and let it carry frames."""
        if link.alias != alias:  # new, or we died before it was silenced
            self.silence(link.name)
        links.change(link, alias=alias, mtu=mtu)
        links.change(link, master=links.get(bridge).index if up else 0)
        links.change(link, up=up)

    def set_places(self, row: rpc.NetworkSpec, places: Iterable[tuple[str, str]]) -> None:
        """Teach a VXLAN network's tunnel where the ports of other hosts are."""
        if row.kind != "vxlan" or row.segmentation_id is None:
            return
        with open_links(self._namespace) as links:
            tunnel = links.find(names.vxlan(row.segmentation_id))
            if tunnel is not None:
                peers = set(row.tunnel_peers)
                links.set_places(tunnel.index, {place for place in places if place[1] in peers})

    def is_whole(self, row: rpc.NetworkSpec, links: dict[str, Link]) -> bool:
        """Tell whether the bridge is there and up, with its tunnel if it has peers."""
        bridge = links.get(names.bridge(row.id))
        if bridge is None or not bridge.up:
            return False
        if row.kind == "vxlan" and row.segmentation_id is not None and row.tunnel_peers:
            tunnel = links.get(names.vxlan(row.segmentation_id))
            return tunnel is not None and tunnel.up and tunnel.master == bridge.index
        return True

    def silence(self, name: str) -> None:
        """Keep the data plane itself from speaking on an interface that only passes frames on."""
        namespaces.sysctl(self._namespace, {f"ipv6/conf/{name}/disable_ipv6": 1})

    def _identify(self, network_id: str, bridge: Link, everything: dict[str, Link]) -> Carried:
        carried = self.carried(everything)
        if network_id in carried:
            return carried[network_id]
        if bridge.alias:
            raise DriverError(f"bridge {bridge.name} belongs to {bridge.alias}, not to network {network_id}")
        taken = {other.zone for other in carried.values()}
        zone = next((n for n in range(1, LARGEST_ZONE + 1) if n not in taken), None)
        if zone is None:
            raise DriverError(f"this host carries {LARGEST_ZONE} networks already")
        return Carried(network_id, bridge.name, zone)

    def _carry(
        self,
        links: Links,
        row: rpc.NetworkSpec,
        bridge: Link,
        everything: dict[str, Link],
        places: Iterable[tuple[str, str]],
    ) -> None:
        wire: Link | None = None
        if row.kind == "vxlan" and row.tunnel_peers:
            wire = self._tunnel(links, row, everything)
            peers = set(row.tunnel_peers)
            links.set_flood(wire.index, peers)
            links.set_places(wire.index, {place for place in places if place[1] in peers})
        elif row.kind in ("flat", "vlan"):
            wire = self._physical(links, row, everything)
        for link in everything.values():  # a tunnel of former peers or another segment
            stale = link.master == bridge.index and link.kind in BRIDGED_KINDS
            if stale and (wire is None or link.name != wire.name):
                links.remove(link.name)
        if wire is not None:
            self.silence(wire.name)
            links.change(links.get(wire.name), mtu=row.mtu, master=bridge.index, up=True)

    def _tunnel(self, links: Links, row: rpc.NetworkSpec, everything: dict[str, Link]) -> Link:
        if row.segmentation_id is None:
            raise DriverError(f"VXLAN network {row.id} has no segmentation id")
        local = self._settings.tunnel_ip
        if local is None:
            raise DriverError("this host has no tunnel_ip, so it cannot carry VXLAN networks to others")
        name = names.vxlan(row.segmentation_id)
        present = everything.get(name)
        if present is not None:
            if local in (present.details.get("IFLA_VXLAN_LOCAL"), present.details.get("IFLA_VXLAN_LOCAL6")):
                return present
            links.remove(name)
        details = {
            "vxlan_id": row.segmentation_id,
            "vxlan_port": self._settings.tunnel_port,
            "vxlan_local6" if ":" in local else "vxlan_local": local,
            "vxlan_learning": False,
        }
        if self._has_address(links, local):
            return links.add(name, "vxlan", **details)
        # The tunnel's outer packets leave where the agent runs; only its inner end moves to the data plane.
        with open_links(None) as outside:
            outside.add_elsewhere(name, "vxlan", str(namespaces.path(self._namespace)), **details)
        return links.get(name)

    def _has_address(self, links: Links, address: str) -> bool:
        return any(text.split("/")[0] == address for text in links.addresses())

    def _physical(self, links: Links, row: rpc.NetworkSpec, everything: dict[str, Link]) -> Link | None:
        """Return the interface by which a flat or VLAN network leaves this host; None when it does not."""
        physical = row.physical_network or ""
        if physical not in self._settings.physical_networks:
            raise DriverError(f"physical network {physical!r} of network {row.id} is not known on this host")
        interface = self._settings.physical_networks[physical]
        if not interface:
            return None
        parent = everything.get(interface)
        if parent is None:
            raise DriverError(
                f"physical network {physical!r} is to leave by {interface}, which is not in namespace "
                f"{self._namespace}"
            )
        links.change(parent, up=True)
        if row.kind == "flat":
            return parent
        name = names.vlan(row.id)
        return everything.get(name) or links.add(
            name, "vlan", link=parent.index, vlan_id=row.segmentation_id or 0
        )
