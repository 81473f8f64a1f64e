"""Interfaces, addresses and routes of one namespace, over netlink.

`open_links(namespace)` gives a short-lived handle.  Each method makes one thing so and changes only what
differs; errors of the kernel become `DriverError`s that name the interface.
"""

import ipaddress
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from nacre.services.network.agent.drivers.base import DriverError
from nacre.services.network.agent.drivers.linux import namespaces

NODAD = 0x02
PERMANENT = 0x80
STATIC = 4
"""The protocol number by which our routes are told from the kernel's own."""
MAIN_TABLE = 254
ANY_MAC = "00:00:00:00:00:00"
UP = 1


@dataclass(frozen=True)
class Link:
    """An interface as the kernel shows it."""

    index: int
    name: str
    kind: str
    mac: str
    mtu: int
    up: bool
    master: int
    group: int
    alias: str
    details: dict[str, Any]


@dataclass(frozen=True)
class Route:
    """A route of ours: where to, and through which next hop."""

    destination: str
    nexthop: str
    device: str


@contextmanager
def open_links(namespace: str | None) -> Iterator["Links"]:
    """Open a netlink socket inside a namespace (None: where the agent runs)."""
    from pyroute2 import IPRoute  # only hosts with this driver need it
    from pyroute2.netlink.exceptions import NetlinkError

    try:
        handle = IPRoute(netns=str(namespaces.path(namespace)), flags=0) if namespace else IPRoute()
    except (OSError, NetlinkError) as error:
        raise DriverError(f"cannot open network namespace {namespace}: {error}") from error
    try:
        yield Links(handle)
    except NetlinkError as error:
        where = namespace or "the agent's own namespace"
        raise DriverError(f"the kernel refused a change in {where}: {error}") from error
    finally:
        handle.close()


class Links:
    """What can be said about interfaces of one namespace."""

    def __init__(self, handle: Any) -> None:
        self._handle = handle

    # --- looking ---

    def all(self) -> dict[str, Link]:
        """Return every interface by name."""
        links = (_link(message) for message in self._handle.get_links())
        return {link.name: link for link in links}

    def find(self, name: str) -> Link | None:
        from pyroute2.netlink.exceptions import NetlinkError

        try:
            messages = self._handle.link("get", ifname=name)
        except NetlinkError as error:
            if error.code == 19:  # ENODEV
                return None
            raise
        return _link(messages[0])

    def get(self, name: str) -> Link:
        link = self.find(name)
        if link is None:
            raise DriverError(f"interface {name} does not exist")
        return link

    def addresses(self, index: int | None = None) -> set[str]:
        """Return the addresses of one or all interfaces with prefixes, link-local IPv6 ones left out."""
        found = set()
        for message in self._handle.get_addr(**({} if index is None else {"index": index})):
            address = ipaddress.ip_interface(f"{message.get('address')}/{message['prefixlen']}")
            if not (address.version == 6 and address.is_link_local):
                found.add(str(address))
        return found

    # --- making ---

    def add(self, name: str, kind: str, **details: Any) -> Link:
        """Make an interface and return it."""
        self._handle.link("add", ifname=name, kind=kind, **details)
        return self.get(name)

    def add_elsewhere(self, name: str, kind: str, namespace_path: str, **details: Any) -> None:
        """Make an interface in another namespace that is still rooted in this one."""
        self._handle.link("add", ifname=name, kind=kind, net_ns_fd=namespace_path, **details)

    def change(self, link: Link, **wanted: Any) -> None:
        """Set `mtu`, `mac`, `alias`, `group`, `master` (an index, 0 for none), `up`; only what differs."""
        changes: dict[str, Any] = {}
        if "alias" in wanted and wanted["alias"] != link.alias:
            changes["ifalias"] = wanted["alias"]
        if "mac" in wanted and wanted["mac"] != link.mac:
            changes["address"] = wanted["mac"]
        for name in ("mtu", "master", "group"):
            if name in wanted and wanted[name] != getattr(link, name):
                changes[name] = wanted[name]
        if changes:
            self._handle.link("set", index=link.index, **changes)
        if "up" in wanted and wanted["up"] != link.up:
            self._handle.link("set", index=link.index, state="up" if wanted["up"] else "down")

    def remove(self, name: str) -> bool:
        """Delete an interface; False when there was none."""
        link = self.find(name)
        if link is None:
            return False
        self._handle.link("del", index=link.index)
        return True

    def set_addresses(self, link: Link, wanted: Iterable[str]) -> set[str]:
        """Give an interface exactly these addresses (with prefixes); return those that are new."""
        target = {str(ipaddress.ip_interface(text)) for text in wanted}
        present = self.addresses(link.index)
        for text in sorted(target - present):
            address = ipaddress.ip_interface(text)
            flags = {"flags": NODAD | PERMANENT} if address.version == 6 else {}
            self._handle.addr(
                "add", index=link.index, address=str(address.ip), prefixlen=address.network.prefixlen, **flags
            )
        for text in present - target:
            address = ipaddress.ip_interface(text)
            self._handle.addr(
                "del", index=link.index, address=str(address.ip), prefixlen=address.network.prefixlen
            )
        return target - present

    def set_curious(self, link: Link, curious: bool) -> None:
        """Let a bridge's port hear what is meant for everybody or for nobody known, or only for its own guest."""
        flag = int(curious)
        self._handle.brport("set", index=link.index, unicast_flood=flag, mcast_flood=flag, bcast_flood=flag)

    def set_flood(self, index: int, peers: Iterable[str]) -> None:
        """Send what a tunnel does not know a place for to exactly these peers."""
        self._set_forwarding(index, {(ANY_MAC, peer) for peer in peers}, lambda mac: mac == ANY_MAC)

    def set_places(self, index: int, places: Iterable[tuple[str, str]]) -> None:
        """Teach a tunnel behind which peer each MAC address lives: exactly these pairs."""
        self._set_forwarding(index, set(places), lambda mac: mac != ANY_MAC)

    def _set_forwarding(self, index: int, wanted: set[tuple[str, str]], ours: Any) -> None:
        present = set()
        for message in self._handle.fdb("dump", ifindex=index):
            mac, peer = message.get("NDA_LLADDR"), message.get("NDA_DST")
            if message["ifindex"] == index and peer and ours(mac):
                present.add((mac, peer))
        for mac, peer in wanted - present:
            self._handle.fdb("append", ifindex=index, lladdr=mac, dst=peer)
        for mac, peer in present - wanted:
            self._handle.fdb("del", ifindex=index, lladdr=mac, dst=peer)

    # --- routes ---

    def routes(self) -> set[Route]:
        """Return our static routes."""
        names = {link.index: link.name for link in self.all().values()}
        found = set()
        for family, everything in ((socket.AF_INET, "0.0.0.0/0"), (socket.AF_INET6, "::/0")):
            for message in self._handle.get_routes(family=family, proto=STATIC):
                gateway, device = message.get("gateway"), names.get(message.get("oif"), "")
                destination = message.get("dst")
                text = f"{destination}/{message['dst_len']}" if destination else everything
                found.add(Route(text, gateway or "", device))
        return found

    def destinations(self, *, other_than: int | None) -> dict[str, str]:
        """Return where this namespace has routes to (default routes left out), with the device."""
        names = {link.index: link.name for link in self.all().values()}
        found = {}
        for family in (socket.AF_INET, socket.AF_INET6):
            for message in self._handle.get_routes(family=family, table=MAIN_TABLE):
                device, destination = message.get("oif"), message.get("dst")
                if destination and device != other_than and not destination.startswith(("fe80:", "ff")):
                    found[f"{destination}/{message['dst_len']}"] = names.get(device, "another device")
        return found

    def set_routes(self, wanted: Iterable[Route]) -> None:
        """Have exactly these static routes, whatever device the kernel would choose for them."""
        target, present = set(wanted), self.routes()
        for route in present - target:
            self._handle.route("del", **self._route(route))
        for route in target - present:
            self._handle.route("add", **self._route(route))

    def _route(self, route: Route) -> dict[str, Any]:
        version = ipaddress.ip_network(route.destination).version
        return {
            "dst": route.destination,
            "gateway": route.nexthop,
            "oif": self.get(route.device).index,
            "family": socket.AF_INET if version == 4 else socket.AF_INET6,
            "proto": STATIC,
            "flags": ["onlink"],
        }


def _link(message: Any) -> Link:
    info = message.get("linkinfo")
    kind, details = "", {}
    if info is not None:
        kind = info.get("kind") or ""
        data = info.get("data")
        details = dict(data["attrs"]) if data is not None and kind in ("vxlan", "vlan") else {}
    return Link(
        index=message["index"],
        name=message.get("ifname"),
        kind=kind,
        mac=message.get("address") or "",
        mtu=message.get("mtu") or 0,
        up=bool(message["flags"] & UP),
        master=message.get("master") or 0,
        group=message.get("group") or 0,
        alias=message.get("ifalias") or "",
        details=details,
    )
