"""Networks of real packets on one Linux machine: namespaces, bridges, VXLAN, nftables, dnsmasq.

Everything lives in network namespaces of nacre's own, so that the machine's interfaces, routes
and firewall stay as they are:

    <namespace>                 the data plane: one bridge per network, guests' taps, tunnels, firewall
    <namespace>-r-<router id>   one per router: addresses, routes, address translation
    <namespace>-d-<network id>  one per DHCP server: dnsmasq, metadata

The only thing in the machine's own namespace is, per external network, one end of a veth pair (`machine.py`).
Which file does what: `names` and `namespaces` and `links` are the vocabulary; `networks`, `ports`, `routers`,
`dhcp`, `firewall`, `machine` each make one kind of thing so; `nft`, `rules` and `nat` write nftables;
`driver` ties them together.
"""

from nacre.services.network.agent.drivers.linux.driver import LinuxDriver
from nacre.services.network.agent.drivers.linux.settings import LinuxSettings

__all__ = ["LinuxDriver", "LinuxSettings"]
