"""The tables of compute.  Records, one per noun, stand beside their queries in the sibling files.

A server's row is its whole truth: what is wanted (flavor, image, power), what is known (host, states), and
what was copied on the day it was made so that later changes elsewhere do not change it (the flavor, the
public key, the image's properties).  Rows of deleted servers stay, with `deleted_at`, for `changes-since`.
"""

from enum import IntEnum, StrEnum
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Boolean, Float, Index, Integer, Table, UniqueConstraint

from nacre.kernel import drift, tasks
from nacre.kernel.db import (
    Big,
    Id,
    Json,
    LongText,
    Name,
    OneOf,
    Schema,
    Serial,
    UtcDateTime,
    column,
    sized,
)
from nacre.kernel.quota import QuotaTables
from nacre.services.compute import rpc
from nacre.services.compute.db.history_tables import metadata


class VmState(StrEnum):
    """What a server is, as far as its owner is concerned."""

    ACTIVE = "active"
    BUILDING = "building"
    PAUSED = "paused"
    SUSPENDED = "suspended"
    STOPPED = "stopped"
    RESCUED = "rescued"
    RESIZED = "resized"
    SHELVED = "shelved"
    SHELVED_OFFLOADED = "shelved_offloaded"
    SOFT_DELETED = "soft-delete"
    DELETED = "deleted"
    ERROR = "error"


class TaskState(StrEnum):
    """What is being done with a server; none when nothing is."""

    SCHEDULING = "scheduling"
    NETWORKING = "networking"
    SPAWNING = "spawning"
    POWERING_OFF = "powering-off"
    POWERING_ON = "powering-on"
    REBOOTING = "rebooting"
    REBOOTING_HARD = "rebooting_hard"
    PAUSING = "pausing"
    UNPAUSING = "unpausing"
    SUSPENDING = "suspending"
    RESUMING = "resuming"
    REBUILDING = "rebuilding"
    REBUILD_SPAWNING = "rebuild_spawning"
    IMAGE_SNAPSHOT = "image_snapshot"
    IMAGE_BACKUP = "image_backup"
    UPDATING_PASSWORD = "updating_password"
    RESCUING = "rescuing"
    UNRESCUING = "unrescuing"
    RESIZE_PREP = "resize_prep"
    RESIZE_MIGRATING = "resize_migrating"
    RESIZE_MIGRATED = "resize_migrated"
    RESIZE_FINISH = "resize_finish"
    RESIZE_REVERTING = "resize_reverting"
    RESIZE_CONFIRMING = "resize_confirming"
    MIGRATING = "migrating"
    SOFT_DELETING = "soft-deleting"
    RESTORING = "restoring"
    DELETING = "deleting"


class PowerState(IntEnum):
    """What the hypervisor last said, by the API's numbers."""

    NOSTATE = 0
    RUNNING = 1
    PAUSED = 3
    SHUTDOWN = 4
    CRASHED = 6
    SUSPENDED = 7


class FlavorCopy(msgspec.Struct, frozen=True, kw_only=True):
    """A flavor as it was when the server was made."""

    id: str
    name: str
    vcpus: int
    memory_mb: int
    root_gb: int
    ephemeral_gb: int = 0
    swap_mb: int = 0
    extra_specs: dict[str, str] = {}


class ImageCopy(msgspec.Struct, frozen=True, kw_only=True):
    """What a server must remember of its image: enough to fetch and check it again."""

    id: str
    name: str = ""
    disk_format: str = "qcow2"
    container_format: str = "bare"
    size_bytes: int = 0
    hash_algorithm: str = "sha512"
    hash_value: str | None = None
    min_disk_gb: int = 0
    min_memory_mb: int = 0
    properties: dict[str, str] = {}


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """One address of a NIC; `floating` ones stand for the fixed one that they lead to."""

    address: str
    version: int
    subnet_id: str | None = None
    floating: tuple[str, ...] = ()


class SubnetCopy(msgspec.Struct, frozen=True, kw_only=True):
    """A subnet as far as a guest must know it."""

    id: str
    cidr: str
    version: int
    gateway: str | None = None
    dhcp: bool = True
    dns: tuple[str, ...] = ()
    routes: tuple[tuple[str, str], ...] = ()
    ipv6_address_mode: str | None = None


class NetworkWish(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One network card as it was asked for at creation."""

    network_id: str | None = None
    port_id: str | None = None
    fixed_ip: str | None = None
    tag: str | None = None


jobs = tasks.tables(metadata)
quotas = QuotaTables(metadata)

servers = Table(
    "servers",
    metadata,
    column("id", Id, key=True),
    column("project_id", Id),
    column("user_id", sized(64)),
    column("name", Name),
    column("description", Name, null=True),
    column("hostname", Name),
    # what it is made of
    column("flavor_id", Name),
    column("flavor", Json(FlavorCopy)),
    column("old_flavor", Json(FlavorCopy), null=True),  # until a new size is confirmed or taken back
    column("vcpus", Integer),  # what quotas count: during a resize the larger of both sizes
    column("memory_mb", Integer),
    column("image_id", Id, null=True),
    column("image", Json(ImageCopy), null=True),
    column("rescue_image", Json(ImageCopy), null=True),  # while set, the server boots this
    column("key_name", Name, null=True),
    column("public_key", LongText, null=True),
    column("key_type", sized(16), null=True),
    column("user_data", LongText, null=True),
    column("config_drive", Boolean),
    column("admin_password", LongText, null=True),
    column("injected_files", Json(dict[str, str]), null=True),
    column("network_wishes", Json(list[NetworkWish])),
    column("security_groups", Json(list[str])),
    column("scheduler_hints", Json(dict[str, Any])),
    column("pinned_zone", Name, null=True),
    column("wanted_host", Name, null=True),
    column("wanted_hypervisor", Name, null=True),
    column("host_forced", Boolean),  # by an administrator, past the filters
    column("reservation_id", sized(32)),
    column("launch_index", Integer),
    column("root_device", sized(64), null=True),
    column("disk_config", sized(8)),
    column("access_ipv4", sized(45), null=True),
    column("access_ipv6", sized(45), null=True),
    # where and how it is
    column("vm_state", OneOf(VmState, 32)),
    column("task_state", OneOf(TaskState, 32), null=True),
    column("power_state", Integer),
    column("progress", Integer),
    column("host", Name, null=True),
    column("hypervisor_hostname", Name, null=True),
    column("hypervisor_name", Name, null=True),
    column("zone", Name, null=True),
    column("power", OneOf(rpc.Power, 16)),
    column("revision", Integer),
    column("root_generation", Integer),
    column("locked", Boolean),
    column("locked_by", sized(8), null=True),
    column("locked_reason", Name, null=True),
    # when
    column("created_at", UtcDateTime),
    column("updated_at", UtcDateTime),
    column("launched_at", UtcDateTime, null=True),
    column("terminated_at", UtcDateTime, null=True),
    column("deleted_at", UtcDateTime, null=True),
    column("deleted", Boolean),
    Index("servers_by_project", "project_id", "deleted", "created_at", "id"),
    Index("servers_by_age", "deleted", "created_at", "id"),
    Index("servers_by_change", "updated_at"),
    Index("servers_by_host", "host", "deleted"),
    Index("servers_by_reservation", "reservation_id"),
    Index("servers_by_end", "terminated_at", "launched_at"),
    Index("servers_by_deletion", "deleted", "deleted_at"),
)

server_metadata = Table(
    "server_metadata",
    metadata,
    column("server_id", Id, key=True),
    column("key", Name, key=True),
    column("value", Name),
)

server_tags = Table(
    "server_tags",
    metadata,
    column("server_id", Id, key=True),
    column("tag", sized(60), key=True),
    Index("server_tags_by_tag", "tag"),
)

server_nics = Table(
    "server_nics",
    metadata,
    column("server_id", Id, key=True),
    column("port_id", Id, key=True),
    column("position", Integer),
    column("network_id", Id),
    column("network_name", Name),
    column("mac_address", sized(17)),
    column("tap_device", sized(15)),
    column("mtu", Integer, null=True),
    column("tag", sized(60), null=True),
    column("owned", Boolean),  # we made the port, and remove it with the server
    column("status", sized(16)),
    column("addresses", Json(list[Address])),
    column("subnets", Json(list[SubnetCopy])),
    column("security_groups", Json(list[str])),
    column("ip_text", LongText),  # all addresses between blanks, to search in
    Index("server_nics_by_port", "port_id"),
)

migrations = Table(
    "migrations",
    metadata,
    column("id", Serial, key=True),
    column("uuid", Id),
    column("server_id", Id),
    column("project_id", sized(64)),
    column("user_id", sized(64)),
    column("type", sized(32)),
    column("status", sized(32)),
    column("source_host", Name, null=True),
    column("source_node", Name, null=True),
    column("target_host", Name, null=True),
    column("target_node", Name, null=True),
    column("old_flavor", Integer, null=True),
    column("new_flavor", Integer, null=True),
    column("progress", Json(rpc.MoveProgress), null=True),  # of one that is under way
    column("created_at", UtcDateTime),
    column("updated_at", UtcDateTime),
    UniqueConstraint("uuid", name="migrations_one_uuid"),
    Index("migrations_by_status", "status", "type", "id"),
    Index("migrations_by_server", "server_id", "id"),
    Index("migrations_by_age", "created_at", "id"),
)


flavors = Table(
    "flavors",
    metadata,
    column("serial", Serial, key=True),
    column("id", Name),
    column("name", Name),
    column("vcpus", Integer),
    column("memory_mb", Integer),
    column("root_gb", Integer),
    column("ephemeral_gb", Integer),
    column("swap_mb", Integer),
    column("rxtx_factor", Float),
    column("is_public", Boolean),
    column("disabled", Boolean),
    column("description", LongText, null=True),
    column("extra_specs", Json(dict[str, str])),
    column("created_at", UtcDateTime),
    column("updated_at", UtcDateTime, null=True),
    UniqueConstraint("id", name="flavors_one_id"),
    UniqueConstraint("name", name="flavors_one_name"),
)

flavor_access = Table(
    "flavor_access", metadata, column("flavor_id", Name, key=True), column("project_id", Id, key=True)
)

keypairs = Table(
    "keypairs",
    metadata,
    column("id", Serial, key=True),
    column("user_id", sized(64)),
    column("name", Name),
    column("type", sized(16)),
    column("fingerprint", Name),
    column("public_key", LongText),
    column("created_at", UtcDateTime),
    UniqueConstraint("user_id", "name", name="keypairs_one_name"),
)

server_groups = Table(
    "server_groups",
    metadata,
    column("id", Id, key=True),
    column("project_id", Id),
    column("user_id", sized(64)),
    column("name", Name),
    column("policy", sized(32)),
    column("rules", Json(dict[str, Any])),
    column("created_at", UtcDateTime),
    Index("server_groups_by_project", "project_id", "created_at"),
)

server_group_members = Table(
    "server_group_members",
    metadata,
    column("group_id", Id, key=True),
    column("server_id", Id, key=True),
    Index("server_group_members_by_server", "server_id"),
)

hosts = Table(
    "hosts",
    metadata,
    column("name", sized(191), key=True),
    column("id", Id),  # also the id of its resource provider, and of the hypervisor in the API
    column("service_id", Id),
    column("number", Integer),  # the id of service and hypervisor up to microversion 2.52
    column("hypervisor_hostname", Name),
    column("status", Json(rpc.HostStatus)),
    column("reported_at", UtcDateTime),
    column("disabled", Boolean),
    column("disabled_reason", Name, null=True),
    column("forced_down", Boolean),
    column("epoch", sized(64)),  # of the agent that last told us everything, and how far we heard it
    column("change", Big),
    column("inventory", Json(dict[str, Any]), null=True),  # what placement was told last
    column("created_at", UtcDateTime),
    UniqueConstraint("id", name="hosts_one_id"),
    UniqueConstraint("number", name="hosts_one_number"),
    Index("hosts_by_hypervisor", "hypervisor_hostname"),
)

aggregates = Table(
    "aggregates",
    metadata,
    column("id", Serial, key=True),
    column("uuid", Id),
    column("name", Name),
    column("properties", Json(dict[str, str])),
    column("created_at", UtcDateTime),
    column("updated_at", UtcDateTime, null=True),
    UniqueConstraint("name", name="aggregates_one_name"),
)

aggregate_hosts = Table(
    "aggregate_hosts",
    metadata,
    column("aggregate_id", Big, key=True),
    column("host", sized(191), key=True),
    Index("aggregate_hosts_by_host", "host"),
)

control_processes = Table(  # where the control plane runs, for lists of services
    "control_processes",
    metadata,
    column("host", sized(191), key=True),
    column("binary", sized(32), key=True),
    column("id", Id),
    column("number", Integer),
    column("seen_at", UtcDateTime),
    UniqueConstraint("id", name="control_processes_one_id"),
)

guest_passwords = Table(  # encrypted by the guest with its user's public key
    "guest_passwords",
    metadata,
    column("server_id", Id, key=True),
    column("encrypted", LongText),
)

user_quotas = Table(  # of one user within a project, below the project's own
    "user_quotas",
    metadata,
    column("project_id", sized(64), key=True),
    column("user_id", sized(64), key=True),
    column("resource", sized(64), key=True),
    column("limit_", Integer),
)

console_tokens = Table(
    "console_tokens",
    metadata,
    column("token_hash", sized(64), key=True),
    column("server_id", Id),
    column("kind", sized(16)),
    column("expires_at", UtcDateTime),
    column("created_at", UtcDateTime),
    Index("console_tokens_by_server", "server_id"),
    Index("console_tokens_by_end", "expires_at"),
)

leftovers = Table(
    "leftovers",
    metadata,
    column("id", Serial, key=True),
    column("host", Name),
    column("server_id", Id),
    column("refusals", Integer),
    column("created_at", UtcDateTime),
    Index("leftovers_by_host", "host", "refusals", "id"),
)
"""What hosts that were down may still have of servers that are gone from them, to be removed when they are back."""

drift.tables(metadata)
SCHEMA = Schema(
    metadata, revision="0005", migrations=Path(__file__).parent / "migrations", loose=("servers.flavor_id",)
)
