"""The addresses of security groups' members, kept so that one more member is one more element of a set."""

import ipaddress
from collections import Counter, defaultdict
from collections.abc import Iterable

from nacre.services.network import rpc
from nacre.services.network.agent.drivers.linux import rules


class Members:
    """Which addresses each group's members use; an address counts while any member uses it."""

    def __init__(self) -> None:
        self._rows: dict[str, rpc.NeighbourSpec] = {}
        self._counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._changed: set[str] = set()

    def put(self, rows: Iterable[rpc.NeighbourSpec]) -> dict[str, set[str]]:
        """Know these rows; return, by group, the addresses that are no longer any member's."""
        lost: list[tuple[str, str]] = []
        for row in rows:
            before = self._rows.get(row.id)
            if before is not None and _uses(before) == _uses(row):
                self._rows[row.id] = row
                continue
            self._rows[row.id] = row
            self._count(row, +1)
            if before is not None:
                self._count(before, -1)
                lost += _pairs(before)
        return self._departed(lost)

    def drop(self, ids: Iterable[str]) -> dict[str, set[str]]:
        """Forget these rows; return what `put` returns."""
        lost: list[tuple[str, str]] = []
        for row_id in ids:
            before = self._rows.pop(row_id, None)
            if before is not None:
                self._count(before, -1)
                lost += _pairs(before)
        return self._departed(lost)

    def take_changed(self) -> set[str]:
        """Return the groups whose addresses may have changed since the last call."""
        changed, self._changed = self._changed, set()
        return changed

    def addresses(self, group_id: str, version: int) -> list[str]:
        """Return single addresses."""
        return [
            str(network.network_address)
            for network in self._networks(group_id, version)
            if network.prefixlen == network.max_prefixlen
        ]

    def ranges(self, group_id: str, version: int) -> list[str]:
        """Return ranges of addresses, none within another."""
        wide = (n for n in self._networks(group_id, version) if n.prefixlen < n.max_prefixlen)
        return rules.collapse((str(network) for network in wide), version)

    def _networks(self, group_id: str, version: int) -> list[rules.IpNetwork]:
        networks = (ipaddress.ip_network(text, strict=False) for text in self._counts.get(group_id, ()))
        return [network for network in networks if network.version == version]

    def _count(self, row: rpc.NeighbourSpec, step: int) -> None:
        for group_id, address in _pairs(row):
            counts = self._counts[group_id]
            counts[address] += step
            if counts[address] <= 0:
                del counts[address]
        self._changed.update(row.security_group_ids)

    def _departed(self, lost: Iterable[tuple[str, str]]) -> dict[str, set[str]]:
        departed: defaultdict[str, set[str]] = defaultdict(set)
        for group_id, address in lost:
            if address not in self._counts[group_id]:
                departed[group_id].add(address)
        return dict(departed)


def _uses(row: rpc.NeighbourSpec) -> tuple[object, ...]:
    return row.fixed_ips, row.allowed_address_pairs, row.security_group_ids


def _pairs(row: rpc.NeighbourSpec) -> list[tuple[str, str]]:
    """Return each group of a row with each address of it."""
    addresses = [fixed.ip_address for fixed in row.fixed_ips]
    addresses += [pair.ip_address for pair in row.allowed_address_pairs]
    return [(group_id, address) for group_id in row.security_group_ids for address in addresses]
