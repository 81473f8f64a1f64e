"""Who runs DHCP for a network: placed when the first guest comes, moved when its host stays dead.

The server has a port like any other, with an address on each subnet that wants DHCP.  Where no address is
left for it, or no host can do it, the reconciler tries again; a guest's port is never refused for that.
"""

from nacre.kernel.db import Transaction
from nacre.services.network.app import addressing, placement, plugs
from nacre.services.network.app.news import News
from nacre.services.network.db import dhcp, networks, ports, presences, subnets
from nacre.services.network.db.dhcp import DhcpServer
from nacre.services.network.db.hosts import DHCP_AGENT
from nacre.services.network.db.networks import Network
from nacre.services.network.db.ports import Port
from nacre.services.network.errors import IpAddressAlreadyAllocated, IpAddressGenerationFailure

NOT_GUESTS = (ports.DHCP, ports.FLOATING_IP, *ports.ROUTER_OWNERS)


def ensure(tx: Transaction, news: News, network: Network) -> None:
    """Place DHCP for a network that wants it and has none.  May run twice."""
    if dhcp.of_network(tx, network.id) or not _wanted_subnets(tx, network.id):
        return
    for host in placement.choose(tx, news.ctx, DHCP_AGENT, network, news.ctx.config.dhcp_servers_per_network):
        assign(tx, news, network, host)


def ensure_if_used(tx: Transaction, news: News, network: Network) -> None:
    """Place DHCP for a network on which there are guests already."""
    if ports.is_network_used(tx, network.id, besides=NOT_GUESTS):
        ensure(tx, news, network)


def assign(tx: Transaction, news: News, network: Network, host: str) -> bool:
    """Let a host run DHCP for a network; False when it does already."""
    if not dhcp.place(tx, network.id, host):
        return False
    presences.appear(tx, presences.DHCP, network.id, host)
    news.network(network.id)
    _plug(tx, news, network, host)
    return True


def withdraw(tx: Transaction, news: News, server: DhcpServer) -> None:
    """Let a host no longer run DHCP for a network."""
    port = ports.find(tx, server.port_id) if server.port_id else None
    news.network(server.network_id)
    news.hosts.add(server.host)
    dhcp.remove(tx, server.network_id, server.host)
    presences.fade(tx, presences.DHCP, server.network_id, server.host, lambda: False)
    if port is not None:
        plugs.remove(tx, news, port)


def follow_subnets(tx: Transaction, news: News, network: Network) -> None:
    """Give the network's DHCP servers an address on each subnet that wants DHCP, and on no other."""
    news.network(network.id)
    wanted = _wanted_subnets(tx, network.id)
    for server in dhcp.of_network(tx, network.id):
        if not wanted:
            withdraw(tx, news, server)
            continue
        port = ports.find(tx, server.port_id) if server.port_id else None
        if port is None:
            _plug(tx, news, network, server.host)
            continue
        _readdress(tx, news, port, wanted)


def _readdress(tx: Transaction, news: News, port: Port, wanted: list[str]) -> None:
    if {ip.subnet_id for ip in port.fixed_ips} == set(wanted):
        return
    try:
        with tx.savepoint():
            addressing.reassign(
                tx, port, [{"subnet_id": subnet_id} for subnet_id in wanted],
                mac=port.mac_address, device_owner=port.device_owner,
            )  # fmt: skip
    except (IpAddressGenerationFailure, IpAddressAlreadyAllocated):
        return
    ports.update(tx, port.id, {})
    news.port(ports.get(tx, port.id))


def _plug(tx: Transaction, news: News, network: Network, host: str) -> None:
    """Make the server's port, if an address can be had."""
    wishes = [{"subnet_id": subnet_id} for subnet_id in _wanted_subnets(tx, network.id)]
    if not wishes:
        return
    plug = plugs.Plug(
        project_id=network.project_id, device_owner=ports.DHCP, device_id=f"dhcp-{network.id}", wishes=wishes,
        host=host,
    )  # fmt: skip
    try:
        with tx.savepoint():
            port = plugs.insert(tx, news, network, plug)
    except (IpAddressGenerationFailure, IpAddressAlreadyAllocated):
        return
    dhcp.record_port(tx, network.id, host, port.id)


def forget_port(tx: Transaction, news: News, port: Port) -> None:
    """Note that a user deleted a server's port; the reconciler makes another."""
    for server in dhcp.of_network(tx, port.network_id):
        if server.port_id == port.id:
            dhcp.record_port(tx, server.network_id, server.host, None)
            news.network(server.network_id)


def _wanted_subnets(tx: Transaction, network_id: str) -> list[str]:
    return [subnet.id for subnet in subnets.of_network(tx, network_id) if subnet.enable_dhcp]


def repair(tx: Transaction, news: News, network_id: str) -> bool:
    """Place what has no place, and plug what has no port; tells whether all is well now.  May run twice."""
    found = networks.find_many(tx, [network_id]).get(network_id)
    if found is None:
        return True
    ensure(tx, news, found)
    for server in dhcp.of_network(tx, network_id):
        if server.port_id is None:
            _plug(tx, news, found, server.host)
    servers = dhcp.of_network(tx, network_id)
    return bool(servers) and all(server.port_id for server in servers)
