"""The addresses of security groups' members, kept so that one more member is one more element of a set."""

import ipaddress
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from nacre.services.network import rpc
from nacre.services.network.agent.drivers.linux import rules


class Bag(NamedTuple):
    """Which of a group's four sets: single addresses or ranges, of one IP version."""

    group_id: str
    version: int
    ranges: bool


class Members:
    """Which addresses each group's members use; an address counts while any member uses it."""

    def __init__(self) -> None:
        self._rows: dict[str, rpc.NeighbourSpec] = {}
        self._counts: defaultdict[Bag, Counter[str]] = defaultdict(Counter)
        self._changed: set[str] = set()

    def put(self, rows: Iterable[rpc.NeighbourSpec]) -> dict[str, set[str]]:
        """Know these rows; return, by group, the addresses that are no longer any member's."""
        lost: list[tuple[Bag, str]] = []
        for row in rows:
            before = self._rows.get(row.id)
            self._rows[row.id] = row
            if before is not None and _uses(before) == _uses(row):
                continue
            self._count(row, +1)
            if before is not None:
                self._count(before, -1)
                lost += _elements(before)
        return self._departed(lost)

    def drop(self, ids: Iterable[str]) -> dict[str, set[str]]:
        """Forget these rows; return what `put` returns."""
        lost: list[tuple[Bag, str]] = []
        for row_id in ids:
            before = self._rows.pop(row_id, None)
            if before is not None:
                self._count(before, -1)
                lost += _elements(before)
        return self._departed(lost)

    def take_changed(self) -> set[str]:
        """Return the groups whose addresses may have changed since the last call."""
        changed, self._changed = self._changed, set()
        return changed

    def put_back(self, changed: set[str]) -> None:
        """Count groups as changed still."""
        self._changed |= changed

    def addresses(self, group_id: str, version: int) -> list[str]:
        """Return single addresses."""
        return list(self._counts.get(Bag(group_id, version, ranges=False), ()))

    def ranges(self, group_id: str, version: int) -> list[str]:
        """Return ranges of addresses, none within another."""
        return rules.collapse(self._counts.get(Bag(group_id, version, ranges=True), ()), version)

    def _count(self, row: rpc.NeighbourSpec, step: int) -> None:
        for bag, address in _elements(row):
            counts = self._counts[bag]
            counts[address] += step
            if counts[address] <= 0:
                del counts[address]
        self._changed.update(row.security_group_ids)

    def _departed(self, lost: Iterable[tuple[Bag, str]]) -> dict[str, set[str]]:
        departed: defaultdict[str, set[str]] = defaultdict(set)
        for bag, address in lost:
            if address not in self._counts[bag]:
                departed[bag.group_id].add(address)
        return dict(departed)


def _uses(row: rpc.NeighbourSpec) -> tuple[object, ...]:
    return row.fixed_ips, row.allowed_address_pairs, row.security_group_ids


def _elements(row: rpc.NeighbourSpec) -> Iterator[tuple[Bag, str]]:
    """Yield each address of a row, in each of its groups."""
    texts = [fixed.ip_address for fixed in row.fixed_ips]
    texts += [pair.ip_address for pair in row.allowed_address_pairs]
    for text in texts if row.security_group_ids else ():
        network = ipaddress.ip_network(text, strict=False)
        ranges = network.prefixlen < network.max_prefixlen
        address = str(network if ranges else network.network_address)
        for group_id in row.security_group_ids:
            yield Bag(group_id, network.version, ranges), address
