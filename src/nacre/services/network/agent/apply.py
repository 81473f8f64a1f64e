"""Bring a host from one view to the next through its driver, and remember what would not go.

A row that fails stands in nobody's way: its error is kept, reported, and tried again.
"""

import logging
from collections.abc import Callable, Collection, Iterable
from typing import NamedTuple, TypeVar

from nacre.services.network import rpc
from nacre.services.network.agent.drivers.base import Driver, DriverError, Inspection, Kind
from nacre.services.network.agent.view import Difference, View

log = logging.getLogger(__name__)

T = TypeVar("T")
Key = tuple[Kind | str, str]
ADDRESSES = "neighbours"
"""Under which key a failure to take in neighbours is remembered; they are told as a whole or not at all."""


class Statuses(NamedTuple):
    """How the ports of a row are, and the router if it is one."""

    ports: tuple[rpc.PortStatus, ...] = ()
    routers: tuple[rpc.RouterStatus, ...] = ()


class Applier:
    """Applies differences in the order that drivers rely on."""

    def __init__(self, driver: Driver, view: View) -> None:
        self._driver, self._view = driver, view
        self.errors: dict[Key, str] = {}
        self.touched: set[Key] = set()  # what was worked on since somebody emptied it

    def apply(self, difference: Difference) -> None:
        """Make so what changed, then undo what is no longer wanted."""
        networks = {row.id for row in difference.networks.changed}
        changed_routers = {row.id for row in difference.routers.changed}
        beside = [
            router
            for router in self._view.routers.values()
            if router.id not in changed_routers and networks & _networks_of(router)
        ]
        # Routers and ports that go do so first: their addresses may be another's by now.
        self._remove(Kind.ROUTER, difference.routers.removed, self._driver.remove_router)
        self._remove(Kind.PORT, difference.ports.removed, self._driver.remove_port)
        if difference.neighbours.changed:
            self._try((ADDRESSES, ""), lambda: self._driver.ensure_neighbours(difference.neighbours.changed))
        self._ensure_groups(difference.security_groups.changed)
        self._ensure(Kind.NETWORK, difference.networks.changed, self._driver.ensure_network)
        self._ensure(Kind.PORT, difference.ports.changed, self._driver.ensure_port)
        self._ensure(Kind.ROUTER, (*difference.routers.changed, *beside), self._driver.ensure_router)
        self._remove(Kind.NETWORK, difference.networks.removed, self._driver.remove_network)
        groups, addresses = difference.security_groups.removed, difference.neighbours.removed
        if groups:
            self._remove(
                Kind.SECURITY_GROUP, groups, lambda row_id: self._driver.remove_security_groups([row_id])
            )
        if addresses:
            self._try((ADDRESSES, ""), lambda: self._driver.remove_neighbours(addresses))

    def error_of(self, kind: Kind, row_id: str) -> str:
        """Say why a row could not be made so; empty if it could."""
        return self.errors.get((kind, row_id), "")

    def retry(self, broken: Iterable[tuple[Kind, str]] = ()) -> None:
        """Ensure again what failed and what an inspection found broken."""
        again = {*self.errors, *broken}
        view, driver = self._view, self._driver
        rows: dict[Kind | str, Collection[str]] = {
            Kind.NETWORK: view.networks,
            Kind.PORT: view.ports,
            Kind.ROUTER: view.routers,
            Kind.SECURITY_GROUP: view.security_groups,
        }
        for kind, row_id in list(self.errors):  # what would not go is found, and removed, by the next sweep
            if row_id not in rows.get(kind, (row_id,)):
                del self.errors[kind, row_id]
        if any(kind == ADDRESSES for kind, _ in again):
            self._try((ADDRESSES, ""), lambda: driver.ensure_neighbours(list(view.neighbours.values())))
        self._ensure_groups(_wanted(view.security_groups, Kind.SECURITY_GROUP, again))
        self._ensure(Kind.NETWORK, _wanted(view.networks, Kind.NETWORK, again), driver.ensure_network)
        self._ensure(Kind.PORT, _wanted(view.ports, Kind.PORT, again), driver.ensure_port)
        self._ensure(Kind.ROUTER, _wanted(view.routers, Kind.ROUTER, again), driver.ensure_router)

    def sweep(self, inspection: Inspection) -> list[tuple[Kind, str]]:
        """Remove everything that is on the host and not in the view; return what that was."""
        view, driver, found = self._view, self._driver, inspection.found
        strays = {
            Kind.ROUTER: found[Kind.ROUTER] - view.routers.keys(),
            Kind.PORT: found[Kind.PORT] - view.ports.keys(),
            Kind.NETWORK: found[Kind.NETWORK] - view.networks.keys(),
            Kind.SECURITY_GROUP: found[Kind.SECURITY_GROUP] - view.security_groups.keys(),
        }
        self._remove(Kind.ROUTER, strays[Kind.ROUTER], driver.remove_router)
        self._remove(Kind.PORT, strays[Kind.PORT], driver.remove_port)
        self._remove(Kind.NETWORK, strays[Kind.NETWORK], driver.remove_network)
        groups = strays[Kind.SECURITY_GROUP]
        self._remove(Kind.SECURITY_GROUP, groups, lambda row_id: driver.remove_security_groups([row_id]))
        return [(kind, row_id) for kind, ids in strays.items() for row_id in sorted(ids)]

    # --- what became of it ---

    def touch_all(self) -> None:
        """Count every row that has a status as touched."""
        view = self._view
        for kind, rows in (
            (Kind.NETWORK, view.networks),
            (Kind.ROUTER, view.routers),
            (Kind.PORT, view.ports),
        ):
            self.touched.update((kind, row_id) for row_id in rows)

    def statuses(self, key: Key) -> Statuses:
        """Return how a row's ports are, and the router if it is one; nothing of a row that is not wanted."""
        kind, row_id = key
        view, error = self._view, self.errors.get(key, "")
        if kind == Kind.ROUTER and row_id in view.routers:
            router = view.routers[row_id]
            legs = (*router.interfaces, *((router.gateway,) if router.gateway else ()))
            up = not error and router.admin_state_up
            led = tuple(floating.id for floating in router.floating_ips) if up else ()
            whole = rpc.RouterStatus(id=row_id, up=up, floating_ip_ids=led, error=error)
            return Statuses(_of_ports([leg.port_id for leg in legs], up, error), (whole,))
        if kind == Kind.NETWORK and row_id in view.networks:
            network = view.networks[row_id]
            ids = [network.dhcp.id] if network.dhcp is not None else []
            return Statuses(_of_ports(ids, not error and network.admin_state_up, error))
        if kind == Kind.PORT and row_id in view.ports:
            port = view.ports[row_id]
            return Statuses(_of_ports([row_id], not error and port.admin_state_up, error))
        return Statuses()

    # --- how ---

    def _ensure_groups(self, rows: list[rpc.SecurityGroupSpec]) -> None:
        """Ensure groups all at once, and one by one only to find the one that fails."""
        if not rows:
            return
        try:
            self._driver.ensure_security_groups(rows)
        except DriverError:
            self._ensure(Kind.SECURITY_GROUP, rows, lambda row: self._driver.ensure_security_groups([row]))
        else:
            for row in rows:
                self.errors.pop((Kind.SECURITY_GROUP, row.id), None)

    def _ensure(self, kind: Kind, rows: Iterable[T], ensure: Callable[[T], None]) -> None:
        for row in rows:
            self._try((kind, row.id), lambda row=row: ensure(row))  # type: ignore[misc, attr-defined]

    def _remove(self, kind: Kind, ids: Iterable[str], remove: Callable[[str], None]) -> None:
        for row_id in sorted(ids):
            self._try((kind, row_id), lambda row_id=row_id: remove(row_id))  # type: ignore[misc]

    def _try(self, key: Key, action: Callable[[], None]) -> None:
        self.touched.add(key)
        try:
            action()
        except DriverError as error:
            if self.errors.get(key) != error.message:
                log.error("%s %s: %s", *key, error.message)
            self.errors[key] = error.message
        except Exception as error:  # a defect of the driver; the other rows must not suffer from it
            log.exception("%s %s failed in an unforeseen way", *key)
            self.errors[key] = f"{type(error).__name__} in the driver; the agent's log has the cause"
        else:
            self.errors.pop(key, None)


def _of_ports(ids: Iterable[str], up: bool, error: str) -> tuple[rpc.PortStatus, ...]:
    return tuple(rpc.PortStatus(id=port_id, up=up, error=error) for port_id in ids)


def _networks_of(router: rpc.RouterSpec) -> set[str]:
    legs = (*router.interfaces, *((router.gateway,) if router.gateway else ()))
    return {leg.network_id for leg in legs}


def _wanted(rows: dict[str, T], kind: Kind, keys: Iterable[Key]) -> list[T]:
    return [rows[row_id] for key, row_id in keys if key == kind and row_id in rows]
