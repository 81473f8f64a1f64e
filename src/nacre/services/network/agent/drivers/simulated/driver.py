"""A driver that writes down what it is told and can be told to fail.

It is for clouds that show the API without a data plane, and for tests of everything above drivers. Like
a real host, a `Host` outlives the driver's process: a second driver on the same `Host` finds what the
first one made, with nothing remembered of the rows.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from nacre.services.network import rpc
from nacre.services.network.agent.drivers.base import Capabilities, Driver, DriverError, Inspection, Kind

Row = rpc.NetworkSpec | rpc.PortSpec | rpc.RouterSpec | rpc.SecurityGroupSpec


@dataclass
class Host:
    """The imagined machine: what is there, whoever made it."""

    things: dict[tuple[Kind, str], Row] = field(default_factory=dict)


class SimulatedDriver(Driver):
    """See `base.Driver`; what it adds is for whoever wants to watch or disturb it."""

    name = "simulated"

    def __init__(self, host: Host | None = None) -> None:
        self.host = host or Host()
        self.neighbours: dict[str, rpc.NeighbourSpec] = {}
        self.calls: Counter[str] = Counter()
        self._told: dict[tuple[Kind, str], Row] = {}
        self._failures: dict[tuple[str, str | None], list[str]] = {}
        self._started = False

    # --- for whoever disturbs ---

    def fail(
        self, method: str, row_id: str | None = None, *, reason: str = "injected", times: int = 1
    ) -> None:
        """Let the next calls of this method fail, for one row or for any."""
        self._failures.setdefault((method, row_id), []).extend([reason] * times)

    def lose(self, kind: Kind, row_id: str) -> None:
        """Take something away behind the driver's back."""
        del self.host.things[kind, row_id]

    # --- the contract ---

    def start(self) -> None:
        self._called("start")
        self._started = True

    def stop(self) -> None:
        self._called("stop")
        self._started = False

    def capabilities(self) -> Capabilities:
        words = (
            "dhcp",
            "flat",
            "floating-ips",
            "local",
            "metadata",
            "routers",
            "security-groups",
            "vlan",
            "vxlan",
        )
        return Capabilities(words=words, tunnel_ip="127.0.0.1", physical_networks=("public",))

    def ensure_neighbours(self, rows: Iterable[rpc.NeighbourSpec]) -> None:
        self._called("ensure_neighbours")
        self.neighbours.update((row.id, row) for row in rows)

    def remove_neighbours(self, ids: Iterable[str]) -> None:
        self._called("remove_neighbours")
        for row_id in ids:
            self.neighbours.pop(row_id, None)

    def ensure_security_groups(self, rows: Sequence[rpc.SecurityGroupSpec]) -> None:
        for row in rows:
            self._ensure("ensure_security_groups", Kind.SECURITY_GROUP, row)

    def remove_security_groups(self, ids: Iterable[str]) -> None:
        for row_id in ids:
            self._remove("remove_security_groups", Kind.SECURITY_GROUP, row_id)

    def ensure_network(self, row: rpc.NetworkSpec) -> None:
        self._ensure("ensure_network", Kind.NETWORK, row)

    def remove_network(self, network_id: str) -> None:
        self._remove("remove_network", Kind.NETWORK, network_id)

    def ensure_port(self, row: rpc.PortSpec) -> None:
        self._need_network(row.network_id)
        self._ensure("ensure_port", Kind.PORT, row)

    def remove_port(self, port_id: str) -> None:
        self._remove("remove_port", Kind.PORT, port_id)

    def ensure_router(self, row: rpc.RouterSpec) -> None:
        for leg in (*row.interfaces, *((row.gateway,) if row.gateway else ())):
            self._need_network(leg.network_id)
        self._ensure("ensure_router", Kind.ROUTER, row)

    def remove_router(self, router_id: str) -> None:
        self._remove("remove_router", Kind.ROUTER, router_id)

    def inspect(self) -> Inspection:
        self._called("inspect")
        inspection = Inspection()
        for kind, row_id in self.host.things:
            inspection.found[kind].add(row_id)
        for key in self._told.keys() - self.host.things.keys():
            inspection.broken[key] = "it is gone"
        return inspection

    def purge(self) -> None:
        self._called("purge")
        self.host.things.clear()
        self._told.clear()
        self.neighbours.clear()

    # --- how ---

    def _ensure(self, method: str, kind: Kind, row: Row) -> None:
        self._called(method, row.id)
        self._told[kind, row.id] = row
        self.host.things[kind, row.id] = row

    def _remove(self, method: str, kind: Kind, row_id: str) -> None:
        self._called(method, row_id)
        self._told.pop((kind, row_id), None)
        self.host.things.pop((kind, row_id), None)

    def _need_network(self, network_id: str) -> None:
        if (Kind.NETWORK, network_id) not in self.host.things:
            raise DriverError(f"network {network_id} is not on this host")

    def _called(self, method: str, row_id: str | None = None) -> None:
        self.calls[method] += 1
        for key in ((method, row_id), (method, None)):
            if reasons := self._failures.get(key):
                raise DriverError(reasons.pop(0))
