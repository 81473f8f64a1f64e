"""Options of the compute control plane: the section [compute] of the configuration."""

from __future__ import annotations

from nacre.kernel.config import Options


class ComputeOptions(Options, frozen=True, kw_only=True):
    """What an operator may set; sizes and limits are those that OpenStack's users expect."""

    # quotas for projects that have no limits of their own; -1 = no limit
    quota_instances: int = 10
    """Servers."""
    quota_cores: int = 20
    """Processors of all servers together."""
    quota_ram_mb: int = 50 * 1024
    """Memory of all servers together."""
    quota_metadata_items: int = 128
    """Of one server."""
    quota_key_pairs: int = 100
    """Of one user."""
    quota_server_groups: int = 10
    quota_server_group_members: int = 10
    """Of one group."""
    quota_injected_files: int = 5
    """Files that a new server may bring (up to 2.56)."""
    quota_injected_file_content_bytes: int = 10 * 1024
    quota_injected_file_path_bytes: int = 255

    # scheduling
    cpu_allocation_ratio: float = 4.0
    """How many processors are promised for each that a host has."""
    ram_allocation_ratio: float = 1.0
    """How much memory is promised for each megabyte."""
    disk_allocation_ratio: float = 1.0
    """How much disk is promised for each gigabyte."""
    reserved_host_memory_mb: int = 512
    """Of each host, for the host itself."""
    reserved_host_disk_gb: int = 0
    """Of each host, for the host itself."""
    reserved_host_cpus: int = 0
    """Of each host, for the host itself."""
    hosts_asked_of_placement: int = 50
    """How many hosts with room, chosen by chance, are looked at first for one server; if none of them will
    do, and for servers that ask for a zone, a host or a group, all are."""
    build_attempts: int = 3
    """How many hosts are tried before a server is in ERROR."""

    # hosts
    host_down_seconds: float = 60.0
    """A host that was silent for so long is down."""
    default_availability_zone: str = "nova"
    """The zone of hosts whose aggregates name none."""
    build_timeout_seconds: float = 1800.0
    """How long a host may take to make a server."""
    live_migration_timeout_seconds: float = 3600.0
    """How long a running server may be on its way to another host; after that it stays."""
    shutdown_timeout_seconds: float = 60.0
    """How long a guest may take to power itself off before it is cut off."""
    reclaim_deleted_after_seconds: float = 0.0
    """How long a deleted server is kept, switched off, so that it can be restored; 0: not at all."""
    port_binding_wait_seconds: float = 300.0
    """How long a new server's ports may take to come up."""

    # guests and their screens
    metadata_secret: str = ""
    """Shared with the network agents, who say by it for which server a guest's request is."""
    vnc_enabled: bool = True
    """Whether servers' screens are shown at all."""
    console_token_seconds: float = 600.0
    """How long the address of a screen may be used."""
    novnc_directory: str = "/usr/share/novnc"
    """Where the page that shows screens is served from: as in Debian's package `novnc`."""

    # API
    max_list: int = 1000
    """The longest page of a list."""
    force_config_drive: bool = False
    """Give every server a config drive, asked for or not."""
    dhcp_domain: str = "novalocal"
    """The domain of the host names that guests are told."""
