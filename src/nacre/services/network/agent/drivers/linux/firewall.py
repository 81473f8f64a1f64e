"""Who may speak to whom: anti-spoofing and security groups of all ports of the host.

A frame from a guest first passes its port's spoofing chain (bridge, prerouting), then, forwarded to
another port, the sender's egress chain and the receiver's ingress chain.  A port's chain jumps to one
chain per group, and a rule that names a remote group looks into a set of addresses; so a changed rule
rewrites one chain and a new member adds one element, however many ports there are.

On kernels without connection tracking for bridges the last two chains hang in the inet family, where
bridged packets come by through br_netfilter.  There only the bridge is visible, not its ports, so the
bridge family writes both ports' numbers into the packet's mark: the sender's in the upper 16 bits, the
receiver's in the lower.  Connections are tracked in one zone per network, since projects may use the
same addresses.
"""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from nacre.services.network import rpc
from nacre.services.network.agent.drivers.base import DriverError
from nacre.services.network.agent.drivers.linux import conntrack, names, rules
from nacre.services.network.agent.drivers.linux.members import Members
from nacre.services.network.agent.drivers.linux.nft import Table

TABLE = "nacre"
GROUPS_TABLE = "nacre_groups"
LARGEST_MARK = 0xFFFF
MANY = 20
"""Beyond so many ports or addresses, the connections of their whole network are forgotten, for that is one
look through the table and not hundreds.  What is still allowed is picked up again at its next packet."""

GUARD = "gm_"
DIRECTIONS = ("ingress", "egress")


@dataclass(frozen=True)
class FilteredPort:
    spec: rpc.PortSpec
    zone: int


class Firewall:
    """The tables of the data plane's namespace, and what they were made from."""

    def __init__(self, namespace: str, *, bridge_conntrack: bool) -> None:
        self._namespace = namespace
        self._on_bridge = bridge_conntrack
        self._frames = Table(namespace, "bridge", TABLE)
        self._packets = Table(namespace, "bridge" if bridge_conntrack else "inet", GROUPS_TABLE)
        self._ports: dict[str, FilteredPort] = {}
        self._groups: dict[str, rpc.SecurityGroupSpec] = {}
        self._remotes: dict[str, set[str]] = {}
        """For each group, the groups that its rules name as remote."""
        self._members = Members()
        self._marks: dict[str, int] = {}

    def start(self) -> None:
        """Learn what is there and hang up the chains that lead to all others."""
        self._frames.load()
        self._packets.load()
        self._marks = {
            key.strip('"'): int(value, 16) >> 16 for key, value in self._frames.elements("in_marks").items()
        }
        self._put_dispatch()
        self._commit()

    # --- networks ---

    def put_zone(self, bridge: str, link: str, zone: int) -> None:
        """Track connections of frames that come in by this link of this bridge in this zone."""
        self._packets.put_element("zones", f'"{link if self._on_bridge else bridge}"', str(zone))
        self._packets.commit()

    def drop_zone(self, link_or_bridge: str) -> None:
        """Forget a link or a bridge that is gone."""
        self._packets.drop_element("zones", f'"{link_or_bridge}"')
        self._packets.commit()

    def put_guard(self, link: str, network_id: str, lines: Sequence[str]) -> None:
        """Let only these frames out by a link that leads to the machine."""
        chain = f"{GUARD}{names.hexadecimal(network_id)}"
        self._frames.put_chain(chain, lines)
        self._frames.put_element("guards", f'"{link}"', f"jump {chain}")
        self._frames.commit()

    def drop_guard(self, link: str, network_id: str) -> None:
        self._frames.drop_element("guards", f'"{link}"')
        self._frames.drop_chain(f"{GUARD}{names.hexadecimal(network_id)}")
        self._frames.commit()

    # --- members of groups ---

    def put_members(self, rows: Iterable[rpc.NeighbourSpec]) -> None:
        """Know these ports as members of their groups."""
        self._members_changed(self._members.put(rows))

    def drop_members(self, ids: Iterable[str]) -> None:
        self._members_changed(self._members.drop(ids))

    def _members_changed(self, departed: dict[str, set[str]]) -> None:
        """Bring the sets up to date; `departed` are the addresses that left each group."""
        changed = self._members.take_changed()
        self._put_member_sets(changed)
        try:
            self._packets.commit()
        except DriverError:
            self._members.put_back(changed)
            raise
        conntrack.forget(self._namespace, self._flows_with(departed))

    # --- groups ---

    def put_groups(self, rows: Sequence[rpc.SecurityGroupSpec]) -> None:
        """Let these groups have these rules; connections that lost their rule end."""
        flows: list[conntrack.Flows] = []
        for row in rows:
            before = self._groups.get(row.id)
            self._groups[row.id] = row
            self._remotes[row.id] = {rule.remote_group_id for rule in row.rules if rule.remote_group_id}
            if before is not None:
                flows += self._flows_without(before, row)
        self._put_member_sets(self._remote_groups)
        for row in rows:
            for direction in DIRECTIONS:
                self._packets.put_chain(
                    rules.group_chain(row.id, direction), rules.group_rules(row, direction)
                )
        self._render_ports_of({row.id for row in rows})
        self._drop_unused_sets()
        self._commit()
        conntrack.forget(self._namespace, flows)

    def drop_groups(self, ids: Iterable[str]) -> None:
        gone = set(ids)
        for group_id in gone:
            self._groups.pop(group_id, None)
            self._remotes.pop(group_id, None)
            for direction in DIRECTIONS:
                self._packets.drop_chain(rules.group_chain(group_id, direction))
        self._render_ports_of(gone)
        self._drop_unused_sets()
        self._commit()

    # --- ports ---

    def put_port(self, port: rpc.PortSpec, zone: int) -> None:
        """Filter a port; before its interface is plugged in, so that no frame passes unseen."""
        if not port.port_security_enabled:
            self.drop_port(port.id)
            return
        before = self._ports.get(port.id)
        filtered = FilteredPort(port, zone)
        tap = f'"{names.tap_name(port.id)}"'
        self._frames.put_chain(rules.spoof_chain(port.id), rules.spoof_rules(port))
        self._frames.put_element("spoof", tap, f"jump {rules.spoof_chain(port.id)}")
        self._render(filtered)
        if not self._on_bridge:
            number = self._mark(port.id)
            self._frames.put_element("in_marks", tap, f"0x{number << 16:08x}")
            self._frames.put_chain(rules.mark_chain(port.id), [f"meta mark set meta mark or {number:#x}"])
            self._frames.put_element("out_marks", tap, f"jump {rules.mark_chain(port.id)}")
        for direction in DIRECTIONS:
            key = self._port_key(port.id, direction)
            self._packets.put_element(direction, key, f"jump {rules.port_chain(port.id, direction)}")
        self._commit()
        self._ports[port.id] = filtered
        if before is not None:
            conntrack.forget(self._namespace, _flows_lost(before, filtered))

    def drop_port(self, port_id: str) -> None:
        """Stop filtering a port and forget its connections; content when it was not filtered."""
        before = self._ports.pop(port_id, None)
        tap = f'"{names.tap_name(port_id)}"'
        for direction in DIRECTIONS:
            self._packets.drop_element(direction, self._port_key(port_id, direction))
            self._packets.drop_chain(rules.port_chain(port_id, direction))
        for mapping in ("spoof", "in_marks", "out_marks"):
            if mapping == "spoof" or not self._on_bridge:
                self._frames.drop_element(mapping, tap)
        self._frames.drop_chain(rules.spoof_chain(port_id))
        self._frames.drop_chain(rules.mark_chain(port_id))
        # Packets first: a number on frames may lead nowhere now, but must not lead to another port's chain.
        self._packets.commit()
        self._frames.commit()
        self._marks.pop(names.tap_name(port_id), None)
        if before is not None:
            conntrack.forget(self._namespace, _all_flows(before))

    # --- looking ---

    def filtered_ports(self) -> set[str]:
        """Return the ids of all ports that have chains, whoever made them."""
        chains = self._frames.chain_names
        return {names.id_from_hexadecimal(name[3:]) for name in chains if name.startswith("ps_")}

    def known_groups(self) -> set[str]:
        """Return the ids of all groups that have chains, whoever made them."""
        chains = self._packets.chain_names
        return {names.id_from_hexadecimal(name[3:]) for name in chains if name.startswith("gi_")}

    def lost(self) -> set[str]:
        """Look whether anything that we made has been taken away or changed; return what, by its names."""
        return self._frames.refresh() | self._packets.refresh()

    def repair(self) -> None:
        """Put back what has been taken away."""
        self._commit()

    # --- how ---

    def _put_dispatch(self) -> None:
        frames, packets = self._frames, self._packets
        frames.put_map("spoof", "type ifname : verdict")
        frames.put_map("guards", "type ifname : verdict")
        prerouting, forward = [], ["oifname vmap @guards"]
        if not self._on_bridge:
            frames.put_map("in_marks", "type ifname : mark")
            frames.put_map("out_marks", "type ifname : verdict")
            prerouting = ["meta mark set 0", "meta mark set iifname map @in_marks"]
            forward.append("oifname vmap @out_marks")
        frames.put_chain(
            "prerouting",
            [*prerouting, "iifname vmap @spoof"],
            hook="type filter hook prerouting priority -310",
        )
        frames.put_chain("forward", forward, hook="type filter hook forward priority -10")
        packets.put_map("zones", "typeof iifname : ct zone")
        key = "type ifname" if self._on_bridge else "type mark"
        for direction in DIRECTIONS:
            packets.put_map(direction, f"{key} : verdict")
        first = ["meta protocol arp accept"] if self._on_bridge else []
        sender = "iifname" if self._on_bridge else "meta mark and 0xffff0000"
        receiver = "oifname" if self._on_bridge else "meta mark and 0x0000ffff"
        packets.put_chain(
            "zone", ["ct zone set iifname map @zones"], hook="type filter hook prerouting priority -300"
        )
        packets.put_chain(
            "from_port", [*first, f"{sender} vmap @egress"], hook="type filter hook forward priority -5"
        )
        packets.put_chain(
            "to_port", [*first, f"{receiver} vmap @ingress"], hook="type filter hook forward priority 0"
        )

    def _commit(self) -> None:
        """Packets first: a mark that leads nowhere would let a packet pass."""
        self._packets.commit()
        self._frames.commit()

    def _render(self, port: FilteredPort) -> None:
        groups = [
            self._groups[group_id] for group_id in port.spec.security_group_ids if group_id in self._groups
        ]
        for direction in DIRECTIONS:
            self._packets.put_chain(
                rules.port_chain(port.spec.id, direction), rules.port_rules(groups, direction)
            )

    def _render_ports_of(self, group_ids: set[str]) -> None:
        for port in self._ports.values():
            if not group_ids.isdisjoint(port.spec.security_group_ids):
                self._render(port)

    def _port_key(self, port_id: str, direction: str) -> str:
        tap = names.tap_name(port_id)
        if self._on_bridge:
            return f'"{tap}"'
        number = self._mark(port_id)
        return f"0x{number << 16 if direction == 'egress' else number:08x}"

    def _mark(self, port_id: str) -> int:
        """Return the port's number, unique on this host; the smallest free one for a new port."""
        tap = names.tap_name(port_id)
        if tap not in self._marks:
            taken = set(self._marks.values())
            number = next((n for n in range(1, LARGEST_MARK + 1) if n not in taken), None)
            if number is None:
                raise DriverError(f"this host filters {LARGEST_MARK} ports already")
            self._marks[tap] = number
        return self._marks[tap]

    @property
    def _remote_groups(self) -> set[str]:
        """Return the groups that some rule names as remote."""
        return set().union(*self._remotes.values())

    def _put_member_sets(self, group_ids: Iterable[str]) -> None:
        for group_id in self._remote_groups.intersection(group_ids):
            for version in (4, 6):
                kind = f"type ipv{version}_addr"
                self._packets.put_set(
                    rules.member_set(group_id, version, ranges=False),
                    kind,
                    self._members.addresses(group_id, version),
                )
                self._packets.put_set(
                    rules.member_set(group_id, version, ranges=True),
                    f"{kind}; flags interval",
                    self._members.ranges(group_id, version),
                )

    def _drop_unused_sets(self) -> None:
        used = {
            rules.member_set(group_id, version, ranges=ranges)
            for group_id in self._remote_groups
            for version in (4, 6)
            for ranges in (False, True)
        }
        for name in self._packets.set_names - used:
            if name.startswith(("m4", "m6")):
                self._packets.drop_set(name)

    def _flows_without(
        self, before: rpc.SecurityGroupSpec, after: rpc.SecurityGroupSpec
    ) -> list[conntrack.Flows]:
        """Return the connections that a removed or changed rule may have let in."""
        kept = set(after.rules)
        gone = [rule for rule in before.rules if rule not in kept]
        by_zone: dict[int, list[FilteredPort]] = {}
        for port in self._ports.values():
            if after.id in port.spec.security_group_ids:
                by_zone.setdefault(port.zone, []).append(port)
        flows = []
        for rule, (zone, ports) in itertools.product(gone, by_zone.items()):
            version = rules.ETHERTYPES[rule.ethertype][1]
            number = rules.protocol_number(rule.protocol, version)
            if len(ports) > MANY:
                flows.append(conntrack.Flows(zone, protocol=number, version=version))
                continue
            end = "destination" if rule.direction == "ingress" else "source"
            for address in itertools.chain.from_iterable(_addresses(port, version) for port in ports):
                flows.append(conntrack.Flows(zone, protocol=number, **{end: address}))  # type: ignore[arg-type]
        return flows

    def _flows_with(self, departed: dict[str, set[str]]) -> list[conntrack.Flows]:
        """Return the connections of addresses that left a group, where some port's rules name that group."""
        zones: dict[str, set[int]] = {group_id: set() for group_id in departed}
        for port in self._ports.values() if departed else ():
            for group_id in port.spec.security_group_ids:
                for remote in self._remotes.get(group_id, set()) & departed.keys():
                    zones[remote].add(port.zone)
        flows = []
        for group_id, addresses in departed.items():
            plain = [address for address in addresses if "/" not in address]
            for zone in zones[group_id]:
                if len(addresses) > MANY or len(plain) < len(addresses):
                    flows += [conntrack.Flows(zone, version=4), conntrack.Flows(zone, version=6)]
                    continue
                flows += [conntrack.Flows(zone, source=address) for address in plain]
                flows += [conntrack.Flows(zone, destination=address) for address in plain]
        return flows


def _addresses(port: FilteredPort, version: int) -> list[str]:
    addresses = (fixed.ip_address for fixed in port.spec.fixed_ips)
    return [address for address in addresses if (":" in address) == (version == 6)]


def _all_flows(port: FilteredPort) -> list[conntrack.Flows]:
    addresses = [fixed.ip_address for fixed in port.spec.fixed_ips]
    return [
        *(conntrack.Flows(port.zone, source=address) for address in addresses),
        *(conntrack.Flows(port.zone, destination=address) for address in addresses),
    ]


def _flows_lost(before: FilteredPort, after: FilteredPort) -> list[conntrack.Flows]:
    """Return the connections that a changed port may no longer have."""
    if set(before.spec.security_group_ids) - set(after.spec.security_group_ids) or before.zone != after.zone:
        return _all_flows(before)
    kept = {fixed.ip_address for fixed in after.spec.fixed_ips}
    return [flow for flow in _all_flows(before) if (flow.source or flow.destination) not in kept]
