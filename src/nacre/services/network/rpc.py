"""What the control plane and the network agents say to each other.

The control plane never tells an agent what to *do*.  For every host it keeps a view of what
should *be* there, and a revision that grows with each change of that view.  An agent asks for
everything that changed since the revision it has (`HOST_CHANGES`), makes it so, and reports what
is now true (`PORT_REPORT`, `HOST_REPORT`).  `WAKE` means only "look again": losing one, or getting
it ten times, changes nothing.

    control plane                         agent
         | -- wake (cast) ----------------> |   topic network.<host>
         | <- host_changes(since=41) ------ |   topic network
         | -- revision 44, 1 port, … -----> |
         | <- port_report (cast) ---------- |   topic network

The view is made of rows of five kinds; each row has an id and is always sent whole:

* `networks`: every network that a port, router or DHCP server on this host touches;
* `ports`: guests' ports that are bound to this host (router and DHCP ports are not listed here, they
  are part of their router or network);
* `routers`: the routers that run on this host;
* `security_groups`: the groups of this host's ports, and the rules in them;
* `neighbours`: ports *anywhere* about which this host must know an address: all ports of the networks
  for which it runs DHCP, routes, or tunnels, and all members of the groups that its rules name as remote.
  One row per port, so that the thousandth server of a network costs one row and not a thousand.

A change to a row sends the row; a row that left the view sends its id in `removed`.  With `full`, the
answer is the whole view, and whatever it does not contain is not wanted on this host any more.  The
control plane may answer `full` at any time (a log too short, an unknown revision); agents compare, so
it costs bytes but no packets.

Addresses are strings as `ipaddress` prints them, MAC addresses are lower case with colons.
"""

from typing import Literal

import msgspec

from nacre.kernel.bus import Method

TOPIC = "network"
"""Where the control plane listens."""

LATEST_PROTOCOL = 1
"""Raised when a field becomes required reading; agents report theirs in `HostReport.protocol`."""


def host_topic(host: str) -> str:
    """Return the topic on which the network agent of this host listens."""
    return f"{TOPIC}.{host}"


def tap_name(port_id: str) -> str:
    """Name the interface by which a port is plugged into its host; Linux takes 15 characters at most."""
    return "tap" + port_id[:11]


class Message(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A frozen message: fields may be added with a default, none may be removed or renamed."""


# --- networks ---------------------------------------------------------------------------------------


class HostRoute(Message, frozen=True, kw_only=True):
    destination: str
    nexthop: str


class SubnetSpec(Message, frozen=True, kw_only=True):
    """A range of addresses on a network."""

    id: str
    cidr: str
    ip_version: Literal[4, 6]
    gateway_ip: str | None = None
    enable_dhcp: bool = True
    dns_nameservers: tuple[str, ...] = ()
    host_routes: tuple[HostRoute, ...] = ()
    ipv6_ra_mode: Literal["slaac", "dhcpv6-stateful", "dhcpv6-stateless"] | None = None
    ipv6_address_mode: Literal["slaac", "dhcpv6-stateful", "dhcpv6-stateless"] | None = None


class FixedIp(Message, frozen=True, kw_only=True):
    subnet_id: str
    ip_address: str


class DhcpPortSpec(Message, frozen=True, kw_only=True):
    """The port of the DHCP server, on the host that runs it."""

    id: str
    mac: str
    fixed_ips: tuple[FixedIp, ...]


class NetworkSpec(Message, frozen=True, kw_only=True):
    """A network as one host needs it.

    `dhcp` is set only where this host runs DHCP (and metadata, where no router serves the network) for it.
    `tunnel_peers` are the tunnel addresses of the other hosts that carry this network.
    `dns_domain` is the domain that guests are told to be in.
    """

    id: str
    project_id: str
    kind: Literal["flat", "vlan", "vxlan", "local"]
    segmentation_id: int | None = None
    physical_network: str | None = None
    mtu: int = 1500
    external: bool = False
    admin_state_up: bool = True
    dns_domain: str = ""
    subnets: tuple[SubnetSpec, ...] = ()
    dhcp: DhcpPortSpec | None = None
    tunnel_peers: tuple[str, ...] = ()


# --- ports ------------------------------------------------------------------------------------------


class AddressPair(Message, frozen=True, kw_only=True):
    """A further address that a port may use; `mac` empty means the port's own, `ip_address` may be a CIDR."""

    ip_address: str
    mac: str = ""


class PortSpec(Message, frozen=True, kw_only=True):
    """A guest's port on this host.  Its interface is named `tap_name(id)`; who plugs first makes it."""

    id: str
    network_id: str
    mac: str
    project_id: str = ""
    fixed_ips: tuple[FixedIp, ...] = ()
    allowed_address_pairs: tuple[AddressPair, ...] = ()
    port_security_enabled: bool = True
    security_group_ids: tuple[str, ...] = ()
    admin_state_up: bool = True
    device_owner: str = ""
    device_id: str = ""
    mtu: int = 1500
    active: bool = True  # False: its server is elsewhere and may come; only what it says itself leads here


class DhcpOption(Message, frozen=True, kw_only=True):
    """An extra DHCP option: `name` is a dnsmasq name (`tftp-server`) or a number."""

    name: str
    value: str
    ip_version: Literal[4, 6] = 4


class NeighbourSpec(Message, frozen=True, kw_only=True):
    """A port somewhere in the cloud, as others on its networks or in its groups' rules see it.

    `id` is the port's.  `device_id` and `project_id` are for the metadata proxy: whoever asks from
    one of `fixed_ips` on `network_id` is that server.  `tunnel_ip` is where it lives, None if that is
    here or nowhere.
    """

    id: str
    network_id: str
    mac: str
    fixed_ips: tuple[FixedIp, ...] = ()
    allowed_address_pairs: tuple[AddressPair, ...] = ()
    security_group_ids: tuple[str, ...] = ()
    hostname: str = ""
    dhcp_options: tuple[DhcpOption, ...] = ()
    device_id: str = ""
    project_id: str = ""
    tunnel_ip: str | None = None


# --- security groups --------------------------------------------------------------------------------


class SecurityGroupRuleSpec(Message, frozen=True, kw_only=True):
    """What one rule lets pass.

    `protocol` is None for any, a name (`tcp`, `udp`, `icmp`, `ipv6-icmp`, …) or a number as text.
    For TCP, UDP, SCTP, UDP-Lite and DCCP `port_min` and `port_max` are ports; for ICMP they are type and
    code, as in the API.  At most one of `remote_cidr`, `remote_group_id` and `remote_cidrs` (the addresses
    of an address group) is set.
    """

    id: str
    direction: Literal["ingress", "egress"]
    ethertype: Literal["IPv4", "IPv6"]
    protocol: str | None = None
    port_min: int | None = None
    port_max: int | None = None
    remote_cidr: str | None = None
    remote_group_id: str | None = None
    remote_cidrs: tuple[str, ...] | None = None


class SecurityGroupSpec(Message, frozen=True, kw_only=True):
    """A group's rules.  Who its members are is said by `NeighbourSpec.security_group_ids`."""

    id: str
    stateful: bool = True
    rules: tuple[SecurityGroupRuleSpec, ...] = ()


# --- routers ----------------------------------------------------------------------------------------


class RouterInterfaceSpec(Message, frozen=True, kw_only=True):
    """A leg of a router; `addresses` carry their prefix: `10.0.0.1/24`."""

    port_id: str
    network_id: str
    mac: str
    addresses: tuple[str, ...]


class RouterGatewaySpec(Message, frozen=True, kw_only=True):
    """The leg of a router on an external network; `gateway_ips` are its next hops, one per IP version."""

    port_id: str
    network_id: str
    mac: str
    addresses: tuple[str, ...]
    gateway_ips: tuple[str, ...] = ()


class FloatingIpSpec(Message, frozen=True, kw_only=True):
    id: str
    floating_address: str
    fixed_address: str


class PortForwardingSpec(Message, frozen=True, kw_only=True):
    """One port of a floating address, led to one port of a fixed one."""

    id: str
    floating_address: str
    protocol: Literal["tcp", "udp"]
    external_port: int
    fixed_address: str
    internal_port: int


class RouteSpec(Message, frozen=True, kw_only=True):
    destination: str
    nexthop: str


class RouterSpec(Message, frozen=True, kw_only=True):
    """A router that runs on this host."""

    id: str
    project_id: str
    admin_state_up: bool = True
    interfaces: tuple[RouterInterfaceSpec, ...] = ()
    gateway: RouterGatewaySpec | None = None
    enable_snat: bool = True
    floating_ips: tuple[FloatingIpSpec, ...] = ()
    port_forwardings: tuple[PortForwardingSpec, ...] = ()
    routes: tuple[RouteSpec, ...] = ()


# --- the view of one host ---------------------------------------------------------------------------


class Removed(Message, frozen=True, kw_only=True):
    """Ids of rows that left the view since the revision asked for; empty when the answer is full."""

    networks: tuple[str, ...] = ()
    ports: tuple[str, ...] = ()
    routers: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()
    neighbours: tuple[str, ...] = ()


class HostChangesRequest(Message, frozen=True, kw_only=True):
    """What changed for this host since a revision?  `since_revision` 0 asks for the full view."""

    host: str
    since_revision: int = 0


class HostChanges(Message, frozen=True, kw_only=True):
    """Rows that changed, as they are now.  `revision` is what to ask from next time."""

    revision: int
    full: bool
    networks: tuple[NetworkSpec, ...] = ()
    ports: tuple[PortSpec, ...] = ()
    routers: tuple[RouterSpec, ...] = ()
    security_groups: tuple[SecurityGroupSpec, ...] = ()
    neighbours: tuple[NeighbourSpec, ...] = ()
    removed: Removed = Removed()


# --- reports ----------------------------------------------------------------------------------------


class PortStatus(Message, frozen=True, kw_only=True):
    """Is the port wired on this host?  `error` is for the operator, empty when all is well."""

    id: str
    up: bool
    error: str = ""


class RouterStatus(Message, frozen=True, kw_only=True):
    """Does the router run here, and which of its floating IPs are led through?"""

    id: str
    up: bool
    floating_ip_ids: tuple[str, ...] = ()
    error: str = ""


class Repair(Message, frozen=True, kw_only=True):
    """Something on a host that was not as it should be: broken, or there though nobody wants it (`stray`).

    `kind` is that of the row ("port", "network", …).  `error` says why it could not be mended; empty: it was.
    """

    kind: str
    id: str
    fault: str
    stray: bool = False
    error: str = ""


class PortReport(Message, frozen=True, kw_only=True):
    """What became true on a host.  `revision` is the view's that the agent had applied then.

    `ports` also tells of the ports of routers and DHCP servers.  Changes are reported at once, and everything
    after an agent's start and now and then.
    """

    host: str
    revision: int
    ports: tuple[PortStatus, ...] = ()
    routers: tuple[RouterStatus, ...] = ()
    repairs: tuple[Repair, ...] = ()


class MissingFacility(Message, frozen=True, kw_only=True):
    """Something that this machine's kernel or packages lack, and what does not work for want of it."""

    name: str
    consequence: str


class HostReport(Message, frozen=True, kw_only=True):
    """A heartbeat.  `capabilities` are words: `vxlan`, `vlan`, `security-groups`, `dhcp`, `metadata` …"""

    host: str
    revision: int
    driver: str
    started_at: str
    protocol: int = LATEST_PROTOCOL
    interval_seconds: float = 30.0
    capabilities: tuple[str, ...] = ()
    missing: tuple[MissingFacility, ...] = ()
    tunnel_ip: str | None = None
    physical_networks: tuple[str, ...] = ()
    ports: int = 0
    networks: int = 0
    routers: int = 0
    errors: tuple[str, ...] = ()


class Wake(Message, frozen=True, kw_only=True):
    """Look again.  `revision`, if the sender knows it, lets an agent that is further ahead stay asleep.

    `patience_seconds`: look then, not before, for more is likely to come; other reasons to look still count.
    Until then the sender does not wake the host again for what can wait.
    """

    revision: int | None = None
    patience_seconds: float = 0.0


class Examine(Message, frozen=True, kw_only=True):
    """Look now whether everything on the host is as it should be, and mend it."""


class Examined(Message, frozen=True, kw_only=True):
    """What was found, and what cannot be made so at present."""

    host: str
    repairs: tuple[Repair, ...] = ()


HOST_CHANGES = Method(
    "host_changes", HostChangesRequest, HostChanges, speaks_for=lambda request: request.host
)
"""Agent → control plane, call on `TOPIC`."""

PORT_REPORT = Method("port_report", PortReport, speaks_for=lambda report: report.host)
"""Agent → control plane, on `TOPIC`; called, so that the agent repeats what was not heard."""

HOST_REPORT = Method("host_report", HostReport, speaks_for=lambda report: report.host)
"""Agent → control plane, cast on `TOPIC`."""

WAKE = Method("wake", Wake)
"""Control plane → agent, cast on `host_topic(host)`."""

EXAMINE = Method("examine", Examine, Examined)
"""Control plane → agent, call on `host_topic(host)`."""
