"""What an operator decides about the data plane of one host."""

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class LinuxSettings:
    """Options of the Linux driver.

    `namespace` names the data plane's network namespace; no two clouds on one machine may share it.
    `physical_networks` maps a physical network's name to an interface *inside the data plane's namespace*, or
    to an empty string for a network that has no wire and exists on this host only.
    `tunnel_ip` is this host's end of its tunnels: an address in the data plane's namespace or else in the
    namespace in which the agent runs.
    `tunnel_port` is the UDP port of the tunnels, the same on all hosts.
    `machine_access` gives the machine an address on flat external networks, so that it reaches floating IPs.
    `uplink` names an interface of the machine through which guests reach the outside world; empty for none.
    `create_taps` has the agent make guests' interfaces; without it somebody else must.
    `dns_servers` answer what guests ask of the world, unless their subnet names others.
    `dhcp_lease_seconds` is how long a guest may keep an address before it asks again.
    """

    namespace: str
    state_dir: Path
    physical_networks: dict[str, str] = field(default_factory=dict)
    tunnel_ip: str | None = None
    tunnel_port: int = 4789
    machine_access: bool = True
    uplink: str = ""
    create_taps: bool = True
    dns_servers: tuple[str, ...] = ()
    dhcp_lease_seconds: int = 86400
    metadata_url: str = ""
    metadata_secret: str = field(default="", repr=False)
    metadata_host: str = ""
