"""The Linux driver: tells the parts of the data plane about rows, in the order that they need.

It remembers the rows of this process's life; what exists beyond that is read from the kernel, by names and
aliases.  See `drivers/base.py` for what each method promises.
"""

import socket
from collections.abc import Collection, Hashable, Iterable, Sequence

from nacre.services.network import rpc
from nacre.services.network.agent.drivers.base import Capabilities, Driver, DriverError, Inspection, Kind
from nacre.services.network.agent.drivers.linux import names, namespaces
from nacre.services.network.agent.drivers.linux.dhcp import METADATA_ADDRESS, DhcpServers
from nacre.services.network.agent.drivers.linux.firewall import Firewall
from nacre.services.network.agent.drivers.linux.links import open_links
from nacre.services.network.agent.drivers.linux.machine import Machine
from nacre.services.network.agent.drivers.linux.neighbours import Neighbours
from nacre.services.network.agent.drivers.linux.networks import Carried, Networks
from nacre.services.network.agent.drivers.linux.ports import Ports
from nacre.services.network.agent.drivers.linux.probe import Probe
from nacre.services.network.agent.drivers.linux.purge import purge
from nacre.services.network.agent.drivers.linux.routers import Routers
from nacre.services.network.agent.drivers.linux.settings import LinuxSettings
from nacre.services.network.agent.metadata import Guest, MetadataProxy

METADATA_BACKLOG = 128


class LinuxDriver(Driver):
    """See `drivers.linux` for the picture."""

    name = "linux"

    def __init__(self, settings: LinuxSettings) -> None:
        names.checked_namespace(settings.namespace)
        self._settings = settings
        self._probe: Probe | None = None
        self._parts = Networks(settings)
        self._ports = Ports(settings, self._parts)
        self._dhcp = DhcpServers(settings, self._parts)
        self._routers = Routers(settings, self._parts)
        self._machine = Machine(settings, self._parts)
        self._firewall_started: Firewall | None = None
        self._metadata: MetadataProxy | None = None
        self._neighbours = Neighbours()
        self._network_rows: dict[str, rpc.NetworkSpec] = {}
        self._port_rows: dict[str, rpc.PortSpec] = {}
        self._router_rows: dict[str, rpc.RouterSpec] = {}
        self._group_rows: dict[str, rpc.SecurityGroupSpec] = {}
        self._carried: dict[str, Carried] = {}

    # --- this process ---

    def start(self) -> None:
        settings = self._settings
        settings.state_dir.mkdir(parents=True, exist_ok=True)
        namespaces.ensure(settings.namespace)
        probe = self._probe = Probe(settings.namespace)
        lent = 0 if probe.bridge_conntrack else 1
        namespaces.sysctl(
            settings.namespace,
            {
                "bridge/bridge-nf-call-arptables": 0,
                "bridge/bridge-nf-call-iptables": lent,
                "bridge/bridge-nf-call-ip6tables": lent,
            },
        )
        self._firewall_started = Firewall(settings.namespace, bridge_conntrack=probe.bridge_conntrack)
        self._firewall.start()
        if settings.metadata_url and self._metadata is None:
            self._metadata = MetadataProxy(
                settings.metadata_url, settings.metadata_secret, self._guest_at, host=settings.metadata_host
            )
            self._metadata.start()

    def stop(self) -> None:
        if self._metadata is not None:
            self._metadata.stop()
            self._metadata = None

    def capabilities(self) -> Capabilities:
        if self._probe is None:
            raise DriverError("the driver has not been started")
        return Capabilities(
            words=tuple(sorted(self._probe.words)),
            missing=tuple(self._probe.missing),
            tunnel_ip=self._settings.tunnel_ip,
            physical_networks=tuple(sorted(self._settings.physical_networks)),
        )

    # --- neighbours and groups ---

    def ensure_neighbours(self, rows: Iterable[rpc.NeighbourSpec]) -> None:
        rows = list(rows)
        touched = self._neighbours.put(rows)
        self._firewall.put_members(rows)
        self._tell(touched)

    def remove_neighbours(self, ids: Iterable[str]) -> None:
        ids = list(ids)
        touched = self._neighbours.drop(ids)
        self._firewall.drop_members(ids)
        self._tell(touched)

    def ensure_security_groups(self, rows: Sequence[rpc.SecurityGroupSpec]) -> None:
        self._firewall.put_groups(rows)
        self._group_rows.update((row.id, row) for row in rows)

    def remove_security_groups(self, ids: Iterable[str]) -> None:
        ids = list(ids)
        self._firewall.drop_groups(ids)
        for group_id in ids:
            self._group_rows.pop(group_id, None)

    # --- networks ---

    def ensure_network(self, row: rpc.NetworkSpec) -> None:
        carried = self._parts.ensure(row, self._neighbours.places(row.id))
        self._carried[row.id] = carried
        self._network_rows[row.id] = row
        self._firewall.put_zone(carried.bridge, carried.bridge, carried.zone)
        if row.kind == "vxlan" and row.segmentation_id is not None:
            self._zone(row.id, names.vxlan(row.segmentation_id))
        if row.dhcp is not None and row.admin_state_up:
            self._dhcp.ensure(row, row.dhcp, carried, self._neighbours.of_network(row.id))
            self._zone(row.id, names.tap_name(row.dhcp.id))
            self._answer_metadata(("dhcp", row.id), self._dhcp.namespace(row.id))
        else:
            self._stop_dhcp(row.id)
        # Last, because the machine may have reasons to refuse, and guests need all of the above.
        if self._machine.wants(row):
            self._firewall.put_guard(names.machine_leg_inside(row.id), row.id, self._machine.guard(row))
            self._machine.ensure(row, carried)
        else:
            self._machine.remove(row.id)

    def remove_network(self, network_id: str) -> None:
        row = self._network_rows.pop(network_id, None)
        self._stop_dhcp(network_id)
        self._machine.remove(network_id)
        self._parts.remove(network_id)
        self._firewall.drop_guard(names.machine_leg_inside(network_id), network_id)
        self._firewall.drop_zone(names.bridge(network_id))
        in_use = {other.segmentation_id for other in self._network_rows.values() if other.kind == "vxlan"}
        if row is not None and row.segmentation_id is not None and row.segmentation_id not in in_use:
            self._firewall.drop_zone(names.vxlan(row.segmentation_id))
        self._carried.pop(network_id, None)

    # --- ports ---

    def ensure_port(self, row: rpc.PortSpec) -> None:
        carried = self._carried.get(row.network_id)
        if carried is None:
            raise DriverError(f"network {row.network_id} is not on this host")
        self._firewall.put_port(row, carried.zone)
        self._zone(row.network_id, names.tap_name(row.id))
        self._ports.ensure(row, carried)
        self._port_rows[row.id] = row

    def remove_port(self, port_id: str) -> None:
        self._ports.remove(port_id)
        self._firewall.drop_port(port_id)
        self._firewall.drop_zone(names.tap_name(port_id))
        self._port_rows.pop(port_id, None)

    # --- routers ---

    def ensure_router(self, row: rpc.RouterSpec) -> None:
        namespace = self._routers.namespace(row.id)
        if not row.admin_state_up:
            self._forget_metadata(("router", row.id))
        self._routers.ensure(row, self._network_rows, self._carried)
        self._router_rows[row.id] = row
        for leg in (*row.interfaces, *((row.gateway,) if row.gateway else ())):
            self._zone(leg.network_id, names.tap_name(leg.port_id))
        if row.admin_state_up:
            self._answer_metadata(("router", row.id), namespace)

    def remove_router(self, router_id: str) -> None:
        row = self._router_rows.get(router_id)
        self._forget_metadata(("router", router_id))
        self._routers.remove(router_id)
        for leg in (*row.interfaces, *((row.gateway,) if row.gateway else ())) if row else ():
            self._firewall.drop_zone(names.tap_name(leg.port_id))
        self._router_rows.pop(router_id, None)

    # --- looking and cleaning up ---

    def inspect(self) -> Inspection:
        inspection = Inspection()
        if not namespaces.exists(self._settings.namespace):
            for kind, ids in self._known().items():
                inspection.broken |= {(kind, row_id): "the data plane is gone" for row_id in ids}
            return inspection
        with open_links(self._settings.namespace) as links:
            everything = links.all()
        present = namespaces.present()
        found = inspection.found
        found[Kind.NETWORK] = self._parts.carried(everything).keys() | self._dhcp.present(present)
        found[Kind.PORT] = self._ports.present(everything).keys() | self._firewall.filtered_ports()
        found[Kind.ROUTER] = self._routers.present(present)
        found[Kind.SECURITY_GROUP] = self._firewall.known_groups()
        for port in self._port_rows.values():
            self._note(inspection, Kind.PORT, port.id, self._ports.fault(port, everything))
        for network in self._network_rows.values():
            fault = (
                "" if self._parts.is_whole(network, everything) else "its bridge or tunnel is gone or down"
            )
            if not fault and network.dhcp is not None and network.admin_state_up:
                fault = self._dhcp.fault(network, network.dhcp, everything)
            if not fault and self._machine.wants(network):
                fault = self._machine.fault(network, everything)
            self._note(inspection, Kind.NETWORK, network.id, fault)
        for router in self._router_rows.values():
            self._note(
                inspection,
                Kind.ROUTER,
                router.id,
                self._routers.fault(router, self._network_rows, everything),
            )
        for kind, row_id in self._unfiltered(self._firewall.lost()):
            self._note(inspection, kind, row_id, "filters are gone or changed")
        return inspection

    def _unfiltered(self, lost: Collection[str]) -> set[tuple[Kind, str]]:
        """Return the rows whose chains are among these; all rows if something lost is nobody's in particular."""
        everything = {(Kind.PORT, row_id) for row_id in self._port_rows} | {
            (Kind.SECURITY_GROUP, row_id) for row_id in self._group_rows
        }
        owners = {names.hexadecimal(row_id): (kind, row_id) for kind, row_id in everything}
        found = {owners.get(name.partition("_")[2]) for name in lost}
        return everything if None in found else {key for key in found if key is not None}

    def purge(self) -> None:
        for key in self._metadata.keys() if self._metadata else ():
            self._forget_metadata(key)
        self._machine.remove_all()
        purge(self._settings)
        for rows in (self._network_rows, self._port_rows, self._router_rows, self._group_rows, self._carried):
            rows.clear()

    # --- how ---

    @property
    def _firewall(self) -> Firewall:
        if self._firewall_started is None:
            raise DriverError("the driver has not been started")
        return self._firewall_started

    def _known(self) -> dict[Kind, Iterable[str]]:
        return {
            Kind.NETWORK: self._network_rows,
            Kind.PORT: self._port_rows,
            Kind.ROUTER: self._router_rows,
            Kind.SECURITY_GROUP: self._group_rows,
        }

    @staticmethod
    def _note(inspection: Inspection, kind: Kind, row_id: str, fault: str) -> None:
        if fault:
            inspection.broken.setdefault((kind, row_id), fault)

    def _zone(self, network_id: str, link: str) -> None:
        carried = self._carried[network_id]
        self._firewall.put_zone(carried.bridge, link, carried.zone)

    def _tell(self, network_ids: Iterable[str]) -> None:
        """Let DHCP servers and tunnels of these networks know what changed among their neighbours."""
        for network_id in network_ids:
            row = self._network_rows.get(network_id)
            if row is None:
                continue
            self._parts.set_places(row, self._neighbours.places(network_id))
            if row.dhcp is not None and row.admin_state_up:
                self._dhcp.ensure_hosts(row, row.dhcp, self._neighbours.of_network(network_id))

    def _stop_dhcp(self, network_id: str) -> None:
        self._forget_metadata(("dhcp", network_id))
        self._dhcp.remove(network_id)

    # --- metadata ---

    def _answer_metadata(self, key: Hashable, namespace: str) -> None:
        if self._metadata is not None and not self._metadata.listens(key):
            self._metadata.listen(key, namespaces.run_in(namespace, _metadata_socket))

    def _forget_metadata(self, key: Hashable) -> None:
        if self._metadata is not None:
            self._metadata.forget(key)

    def _guest_at(self, key: Hashable, address: str) -> Guest | None:
        """Say which server has an address, as seen from a DHCP server's or router's namespace."""
        assert isinstance(key, tuple)
        kind, row_id = key
        router = self._router_rows.get(row_id) if kind == "router" else None
        network_ids = [leg.network_id for leg in router.interfaces] if router else [row_id]
        row = self._neighbours.at(network_ids, address)
        return Guest(row.device_id, row.project_id) if row is not None and row.device_id else None


def _metadata_socket() -> socket.socket:
    return socket.create_server((METADATA_ADDRESS, 80), backlog=METADATA_BACKLOG)
