"""Options of the network service: the section [network] of the configuration."""

from nacre.kernel.config import Options

TUNNEL_OVERHEAD = {"vxlan": 50}
"""Bytes that an IPv4 VXLAN adds to a packet (RFC 7348): outer Ethernet, IP, UDP and VXLAN headers."""


class NetworkOptions(Options, frozen=True, kw_only=True):
    """What an operator may choose.

    physical_networks    wires that hosts are attached to, by the name that agents report
    vlan_ranges          wire → ranges of VLAN ids from which project networks take theirs
    vxlan_ranges         ranges of VXLAN ids from which project networks take theirs
    project_kinds        what a project's network is made as: the first kind with a free segment
    wire_mtu             the largest packet that hosts can send to each other
    dns_domain           the domain of guests on networks that name none
    mac_prefix           how generated hardware addresses begin
    agent_down_seconds   an agent that was silent for so long counts as dead
    reschedule_seconds   a dead agent's routers and DHCP servers move after so long
    log_hours            how long the log of changes is kept; a host that was away longer is told everything
    maximum_page         the longest page of a list; 0: no bound
    dhcp_servers_per_network   on how many hosts a network's DHCP runs
    availability_zone    the zone of all network agents
    maximum_host_routes, maximum_dns_nameservers   of one subnet
    maximum_routes       of one router, besides those of its legs
    maximum_address_pairs   further addresses of one port
    """

    physical_networks: tuple[str, ...] = ("public",)
    vlan_ranges: dict[str, tuple[tuple[int, int], ...]] = {}
    vxlan_ranges: tuple[tuple[int, int], ...] = ((1, 1_000_000),)
    project_kinds: tuple[str, ...] = ("vxlan", "vlan", "local")
    wire_mtu: int = 1500
    dns_domain: str = "nacre.internal"
    mac_prefix: str = "fa:16:3e"
    agent_down_seconds: int = 75
    reschedule_seconds: int = 150
    log_hours: int = 6
    maximum_page: int = 0
    dhcp_servers_per_network: int = 1

    availability_zone: str = "nova"

    maximum_host_routes: int = 20
    maximum_dns_nameservers: int = 5
    maximum_routes: int = 30
    maximum_address_pairs: int = 10

    # quotas of projects for which none were set; -1 = no limit
    quota_network: int = 100
    quota_subnet: int = 100
    quota_subnetpool: int = -1
    quota_port: int = 500
    quota_router: int = 10
    quota_floatingip: int = 50
    quota_security_group: int = 10
    quota_security_group_rule: int = 100
    quota_rbac_policy: int = 10

    def default_quotas(self) -> dict[str, int]:
        """Return the limits of a project for which none were set."""
        prefix = "quota_"
        return {
            name.removeprefix(prefix): getattr(self, name)
            for name in self.__struct_fields__
            if name.startswith(prefix)
        }
