"""What this process knows of ports anywhere, found by network and by address."""

from collections import defaultdict
from collections.abc import Iterable

from nacre.services.network import rpc


class Neighbours:
    """An index of neighbour rows.  Written by the agent's thread, read by the metadata proxy's as well."""

    def __init__(self) -> None:
        self._rows: dict[str, rpc.NeighbourSpec] = {}
        self._by_network: defaultdict[str, dict[str, rpc.NeighbourSpec]] = defaultdict(dict)
        self._by_address: dict[tuple[str, str], rpc.NeighbourSpec] = {}

    def put(self, rows: Iterable[rpc.NeighbourSpec]) -> set[str]:
        """Know these rows; return the networks that they touch."""
        touched = set()
        for row in rows:
            touched |= self._forget(row.id)
            self._rows[row.id] = row
            self._by_network[row.network_id][row.id] = row
            for fixed in row.fixed_ips:
                self._by_address[row.network_id, fixed.ip_address] = row
            touched.add(row.network_id)
        return touched

    def drop(self, ids: Iterable[str]) -> set[str]:
        """Forget these rows; return the networks that they touched."""
        touched: set[str] = set()
        for row_id in ids:
            touched |= self._forget(row_id)
        return touched

    def of_network(self, network_id: str) -> list[rpc.NeighbourSpec]:
        return list(self._by_network.get(network_id, {}).values())

    def at(self, network_ids: Iterable[str], address: str) -> rpc.NeighbourSpec | None:
        """Return whose address this is on one of these networks."""
        found = (self._by_address.get((network_id, address)) for network_id in network_ids)
        return next((row for row in found if row is not None), None)

    def places(self, network_id: str) -> list[tuple[str, str]]:
        """Return (MAC address, tunnel address) of each port that lives on another host."""
        return [(row.mac, row.tunnel_ip) for row in self.of_network(network_id) if row.tunnel_ip]

    def _forget(self, row_id: str) -> set[str]:
        row = self._rows.pop(row_id, None)
        if row is None:
            return set()
        self._by_network[row.network_id].pop(row_id, None)
        for fixed in row.fixed_ips:
            key = (row.network_id, fixed.ip_address)
            if self._by_address.get(key) is row:
                del self._by_address[key]
        return {row.network_id}
