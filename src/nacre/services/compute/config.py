"""Options of the compute control plane: the section [compute] of the configuration."""

from __future__ import annotations

from nacre.kernel.config import Options


class ComputeOptions(Options, frozen=True, kw_only=True):
    """What an operator may set; sizes and limits are those that OpenStack's users expect."""

    # quotas for projects that have no limits of their own; -1 = no limit
    quota_instances: int = 10
    quota_cores: int = 20
    quota_ram_mb: int = 50 * 1024
    quota_metadata_items: int = 128
    quota_key_pairs: int = 100
    quota_server_groups: int = 10
    quota_server_group_members: int = 10
    quota_injected_files: int = 5
    quota_injected_file_content_bytes: int = 10 * 1024
    quota_injected_file_path_bytes: int = 255

    # scheduling
    cpu_allocation_ratio: float = 4.0
    ram_allocation_ratio: float = 1.0
    disk_allocation_ratio: float = 1.0
    reserved_host_memory_mb: int = 512
    reserved_host_disk_gb: int = 0
    reserved_host_cpus: int = 0
    hosts_asked_of_placement: int = 1000
    build_attempts: int = 3

    # hosts
    host_down_seconds: float = 60.0
    default_availability_zone: str = "nova"
    build_timeout_seconds: float = 1800.0
    shutdown_timeout_seconds: float = 60.0
    reclaim_deleted_after_seconds: float = 0.0
    """How long a deleted server is kept, switched off, so that it can be restored; 0: not at all."""
    port_binding_wait_seconds: float = 300.0

    # guests and their screens
    metadata_secret: str = ""
    """Shared with the network agents, who say by it for which server a guest's request is."""
    vnc_enabled: bool = True
    console_token_seconds: float = 600.0
    novnc_directory: str = "/usr/share/novnc"
    """Where the page that shows screens is served from: as in Debian's package `novnc`."""

    # API
    max_list: int = 1000
    force_config_drive: bool = False
    dhcp_domain: str = "novalocal"
