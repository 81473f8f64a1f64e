"""Guests' ports: a tap interface each, plugged into its network's bridge.

The tap is made here and kept when the guest goes away, so that a hypervisor only opens it.  Whatever is
already there under the tap's name (a veth end, in tests) is taken as the tap.
"""

from nacre.services.network import rpc
from nacre.services.network.agent.drivers.base import DriverError
from nacre.services.network.agent.drivers.linux import names
from nacre.services.network.agent.drivers.linux.links import Link, open_links
from nacre.services.network.agent.drivers.linux.networks import Carried, Networks
from nacre.services.network.agent.drivers.linux.settings import LinuxSettings

ALIAS = "port "


class Ports:
    """Makes taps so."""

    def __init__(self, settings: LinuxSettings, networks: Networks) -> None:
        self._settings, self._networks = settings, networks

    def present(self, links: dict[str, Link]) -> dict[str, Link]:
        """Return the interfaces of guests' ports, by port id."""
        return {link.alias[len(ALIAS) :]: link for link in links.values() if link.alias.startswith(ALIAS)}

    def ensure(self, row: rpc.PortSpec, network: Carried) -> None:
        """Plug the port in; it must be filtered already."""
        name = names.tap_name(row.id)
        with open_links(self._settings.namespace) as links:
            tap = links.find(name)
            if tap is None:
                if not self._settings.create_taps:
                    raise DriverError(f"interface {name} of port {row.id} does not exist")
                tap = links.add(name, "tuntap", mode="tap")
            if tap.alias not in ("", ALIAS + row.id):
                raise DriverError(f"interface {name} belongs to {tap.alias}, not to port {row.id}")
            self._networks.attach(
                links, network.bridge, tap, alias=ALIAS + row.id, mtu=row.mtu, up=row.admin_state_up
            )
            if row.admin_state_up:
                # Frames for a guest that is elsewhere still must not pile up here until it comes.  Once it is
                # here it says so, and the bridge knows.
                links.set_curious(tap, row.active)

    def remove(self, port_id: str) -> None:
        """Delete the port's interface."""
        with open_links(self._settings.namespace) as links:
            links.remove(names.tap_name(port_id))

    def fault(self, row: rpc.PortSpec, links: dict[str, Link]) -> str:
        """Say what is wrong with a port; empty when nothing is."""
        tap, bridge = links.get(names.tap_name(row.id)), links.get(names.bridge(row.network_id))
        if tap is None:
            return "its interface is gone"
        if row.admin_state_up and (not tap.up or bridge is None or tap.master != bridge.index):
            return "its interface is not plugged in"
        if not row.admin_state_up and tap.master:
            return "its interface carries frames though the port is down"
        return ""
