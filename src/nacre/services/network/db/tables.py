"""The network service's tables.

Three ideas explain most of them:

* An address is a row of `fixed_ips`, unique by subnet and address; so is every other thing of which there
  may be only one (a MAC address on a network, a VLAN on a wire).  The database refuses the second.
* What a host must know is never stored per host.  `presences` says which hosts carry which network or
  security group, and `changes` is a log of what changed, filed under the network, group or host that it
  concerns; a host's view is read from the two (see views.py).
* Tags, revision numbers and times are the same for every resource, and kept the same way.
"""

from pathlib import Path
from typing import Any

from sqlalchemy import Boolean, Column, Index, Integer, Table, UniqueConstraint

from nacre.kernel import drift, tasks
from nacre.kernel.db import (
    Big,
    Id,
    Json,
    Name,
    Schema,
    Serial,
    UtcDateTime,
    column,
    new_metadata,
    sized,
)
from nacre.kernel.quota import QuotaTables

metadata = new_metadata()
jobs = tasks.tables(metadata)
quotas = QuotaTables(metadata)

Project = sized(64)
Address = sized(45)
Word = sized(64)


def standard_columns() -> list[Column[Any]]:
    """Return the columns that every resource of the API has."""
    return [
        column("id", Id, key=True),
        column("project_id", Project),
        column("description", Name),
        column("revision_number", Integer),
        column("created_at", UtcDateTime),
        column("updated_at", UtcDateTime),
    ]


networks = Table(
    "networks",
    metadata,
    *standard_columns(),
    column("name", Name),
    column("admin_state_up", Boolean),
    column("kind", Word),
    column("physical_network", Word, null=True),
    column("segmentation_id", Integer, null=True),
    column("mtu", Integer),
    column("external", Boolean),
    column("is_default", Boolean),
    column("port_security_enabled", Boolean),
    column("dns_domain", Name),
    column("availability_zone_hints", Json(tuple[str, ...])),
    Index("networks_by_project", "project_id", "id"),
)

segments = Table(
    "segments",
    metadata,
    column("kind", Word, key=True),
    column("physical_network", Word, key=True),  # "" where the kind needs none
    column("segmentation_id", Integer, key=True, autoincrement=False),
    column("network_id", Id, index=True),
)
"""VLANs, VXLANs and flat wires that are taken."""

subnets = Table(
    "subnets",
    metadata,
    *standard_columns(),
    column("name", Name),
    column("network_id", Id),
    column("ip_version", Integer),
    column("cidr", sized(50)),
    column("gateway_ip", Address, null=True),
    column("enable_dhcp", Boolean),
    column("dns_nameservers", Json(tuple[str, ...])),
    column("host_routes", Json(list[dict[str, str]])),
    column("service_types", Json(tuple[str, ...])),
    column("ipv6_ra_mode", Word, null=True),
    column("ipv6_address_mode", Word, null=True),
    column("subnetpool_id", Id, null=True, index=True),
    Index("subnets_by_network", "network_id", "id"),
    Index("subnets_by_project", "project_id", "id"),
)

allocation_pools = Table(
    "allocation_pools",
    metadata,
    column("id", Serial, key=True),
    column("subnet_id", Id, index=True),
    column("first_ip", Address),
    column("last_ip", Address),
    column("first_place", Big),
    column("last_place", Big),
    column("next_place", Big),
)
"""Ranges from which addresses are given out.  A place is an address's distance from the subnet's first;
`next_place` is where the search for a free one begins."""

ports = Table(
    "ports",
    metadata,
    *standard_columns(),
    column("name", Name),
    column("network_id", Id),
    column("mac_address", sized(17)),
    column("admin_state_up", Boolean),
    column("status", Word),
    column("device_id", Name),
    column("device_owner", Name),
    column("port_security_enabled", Boolean),
    column("allowed_address_pairs", Json(list[dict[str, str]])),
    column("extra_dhcp_opts", Json(list[dict[str, Any]])),
    column("dns_name", Name),
    column("host", Name),
    column("vnic_type", Word),
    column("vif_type", Word),
    column("vif_details", Json(dict[str, Any])),
    column("profile", Json(dict[str, Any])),
    column("problem", Name),
    UniqueConstraint("network_id", "mac_address"),
    Index("ports_by_project", "project_id", "id"),
    Index("ports_by_device", "device_id"),
    Index("ports_by_host", "host", "network_id"),
    Index("ports_by_network", "network_id", "id"),
)

port_bindings = Table(
    "port_bindings",
    metadata,
    column("port_id", Id, key=True),
    column("host", sized(191), key=True),
    column("network_id", Id),
    column("vnic_type", Word),
    column("vif_type", Word),
    column("vif_details", Json(dict[str, Any])),
    column("profile", Json(dict[str, Any])),
    column("problem", Name),
    column("connected", Boolean),  # its host reports it wired
    Index("port_bindings_by_host", "host", "network_id"),
)
"""To further hosts, for as long as a server moves; the active one is in the port's own row."""

fixed_ips = Table(
    "fixed_ips",
    metadata,
    column("subnet_id", Id, key=True),
    column("address", Address, key=True),
    column("place", Big, null=True),  # None beyond 2**63, where nothing is given out by itself
    column("port_id", Id),
    column("number", Integer),
    Index("fixed_ips_by_place", "subnet_id", "place"),
    Index("fixed_ips_by_port", "port_id", "number"),
    Index("fixed_ips_by_address", "address"),
)

security_groups = Table(
    "security_groups",
    metadata,
    *standard_columns(),
    column("name", Name),
    column("stateful", Boolean),
    Index("security_groups_by_project", "project_id", "id"),
)

default_security_groups = Table(
    "default_security_groups",
    metadata,
    column("project_id", Project, key=True),
    column("group_id", Id),
    Index("default_security_groups_by_group", "group_id"),
)

security_group_rules = Table(
    "security_group_rules",
    metadata,
    *standard_columns(),
    column("security_group_id", Id),
    column("direction", Word),
    column("ethertype", Word),
    column("protocol", Word, null=True),
    column("port_range_min", Integer, null=True),
    column("port_range_max", Integer, null=True),
    column("remote_ip_prefix", sized(50), null=True),
    column("remote_group_id", Id, null=True, index=True),
    column("remote_address_group_id", Id, null=True, index=True),
    Index("security_group_rules_by_group", "security_group_id", "id"),
    Index("security_group_rules_by_project", "project_id", "id"),
)

address_groups = Table(
    "address_groups",
    metadata,
    *standard_columns(),
    column("name", Name),
    column("addresses", Json(list[str])),
    Index("address_groups_by_project", "project_id", "id"),
)

port_security_groups = Table(
    "port_security_groups",
    metadata,
    column("port_id", Id, key=True),
    column("group_id", Id, key=True),
    Index("port_security_groups_by_group", "group_id", "port_id"),
)

rbac_policies = Table(
    "rbac_policies",
    metadata,
    column("id", Id, key=True),
    column("project_id", Project, index=True),
    column("object_type", Word),
    column("object_id", Id),
    column("target_project", Project),
    column("action", Word),
    UniqueConstraint("object_type", "object_id", "target_project", "action"),
    Index("rbac_policies_by_target", "object_type", "target_project", "object_id"),
)

routers = Table(
    "routers",
    metadata,
    *standard_columns(),
    column("name", Name),
    column("admin_state_up", Boolean),
    column("status", Word),
    column("enable_snat", Boolean),
    column("gateway_port_id", Id, null=True),
    column("gateway_network_id", Id, null=True, index=True),
    column("routes", Json(list[dict[str, str]])),
    column("availability_zone_hints", Json(tuple[str, ...])),
    column("host", Name, index=True),
    column("problem", Name),
    Index("routers_by_project", "project_id", "id"),
)

floating_ips = Table(
    "floating_ips",
    metadata,
    *standard_columns(),
    column("floating_network_id", Id, index=True),
    column("floating_ip_address", Address),
    column("floating_port_id", Id, index=True),
    column("port_id", Id, null=True, index=True),
    column("fixed_ip_address", Address, null=True),
    column("router_id", Id, null=True, index=True),
    column("status", Word),
    column("dns_name", Name),
    column("dns_domain", Name),
    UniqueConstraint("port_id", "fixed_ip_address", "floating_network_id"),
    Index("floating_ips_by_project", "project_id", "id"),
)

port_forwardings = Table(
    "port_forwardings",
    metadata,
    *standard_columns(),
    column("floatingip_id", Id),
    column("protocol", Word),
    column("external_port", Integer),
    column("internal_port_id", Id, index=True),
    column("internal_ip_address", Address),
    column("internal_port", Integer),
    column("router_id", Id, index=True),
    UniqueConstraint("floatingip_id", "protocol", "external_port"),
    UniqueConstraint("internal_port_id", "internal_ip_address", "internal_port", "protocol"),
)

subnet_pools = Table(
    "subnet_pools",
    metadata,
    *standard_columns(),
    column("name", Name),
    column("ip_version", Integer),
    column("prefixes", Json(list[str])),
    column("default_prefixlen", Integer),
    column("min_prefixlen", Integer),
    column("max_prefixlen", Integer),
    column("default_quota", Big, null=True),
    column("shared", Boolean),
    column("is_default", Boolean),
    column("address_scope_id", Id, null=True, index=True),
    Index("subnet_pools_by_project", "project_id", "id"),
)

address_scopes = Table(
    "address_scopes",
    metadata,
    column("id", Id, key=True),
    column("project_id", Project, index=True),
    column("name", Name),
    column("ip_version", Integer),
    column("shared", Boolean),
)

tags = Table(
    "tags",
    metadata,
    column("resource_id", Id, key=True),
    column("tag", sized(255), key=True),
    Index("tags_by_tag", "tag", "resource_id"),
)

auto_topologies = Table(
    "auto_topologies",
    metadata,
    column("project_id", Project, key=True),
    column("network_id", Id, index=True),
    column("router_id", Id, index=True),
)

# --- hosts --------------------------------------------------------------------------------------------

hosts = Table(
    "hosts",
    metadata,
    column("host", Name, key=True),
    column("driver", Word),
    column("protocol", Integer),
    column("capabilities", Json(tuple[str, ...])),
    column("physical_networks", Json(tuple[str, ...])),
    column("missing", Json(list[dict[str, str]])),
    column("errors", Json(tuple[str, ...])),
    column("tunnel_ip", Address, null=True),
    column("revision", Big),
    column("interval_seconds", Integer),
    column("reported_ports", Integer),
    column("reported_networks", Integer),
    column("reported_routers", Integer),
    column("started_at", UtcDateTime),
    column("heard_at", UtcDateTime),
    column("created_at", UtcDateTime),
)

agents = Table(
    "agents",
    metadata,
    column("id", Id, key=True),
    column("host", Name),
    column("agent_type", Word),
    column("admin_state_up", Boolean),
    column("description", Name),
    UniqueConstraint("host", "agent_type"),
)
"""A host's one program, shown as the agents that clients expect: one for each part that it plays."""

dhcp_servers = Table(
    "dhcp_servers",
    metadata,
    column("network_id", Id, key=True),
    column("host", Name, key=True),
    column("port_id", Id, null=True),
    Index("dhcp_servers_by_host", "host"),
)

presences = Table(
    "presences",
    metadata,
    column("kind", Word, key=True),
    column("id", Id, key=True),
    column("host", Name, key=True),
    Index("presences_by_host", "host", "kind", "id"),
)
"""Which hosts carry what: see presences.py."""

changes = Table(
    "changes",
    metadata,
    column("id", Serial, key=True),
    column("revision", Big, null=True),
    column("scope", Word),
    column("scope_id", Name),
    column("kind", Word),
    column("row_id", Id),
    column("at", UtcDateTime),
    Index("changes_by_scope", "scope", "scope_id", "revision"),
    Index("changes_by_revision", "revision"),
)

change_log = Table(
    "change_log",
    metadata,
    column("id", Integer, key=True, autoincrement=False),
    column("revision", Big),
    column("floor", Big),
)
"""One row: the newest revision that was given out, and the one before which the log is forgotten."""

told_scopes = Table(
    "told_scopes",
    metadata,
    column("host", Name, key=True),
    column("scope", Word, key=True),
    column("scope_id", Name, key=True),
    column("joined", Big),
    column("parted", Big, null=True),
)
"""What each host was told to look at, since which revision, and until which."""

drift.tables(metadata)
SCHEMA = Schema(metadata, revision="0003", migrations=Path(__file__).parent / "migrations")
