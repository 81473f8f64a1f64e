"""Placement's tables.

`inventories.used` is the sum of the allocations of that class on that provider, changed in the same
transaction as they are.  It makes a claim one guarded UPDATE (no room, no row) and a search for
candidates one indexed SELECT.
"""

from pathlib import Path

from sqlalchemy import Float, Index, Integer, Table

from nacre.kernel import drift, tasks
from nacre.kernel.db import Id, Name, Schema, UtcDateTime, column, new_metadata, sized

metadata = new_metadata()
jobs = tasks.tables(metadata)

providers = Table(
    "providers",
    metadata,
    column("uuid", Id, key=True),
    column("name", sized(200), unique=True),
    column("generation", Integer),
    column("parent_uuid", Id, null=True, index=True),
    column("root_uuid", Id, index=True),
    column("created_at", UtcDateTime),
    column("updated_at", UtcDateTime),
)

inventories = Table(
    "inventories",
    metadata,
    column("provider_uuid", Id, key=True),
    column("resource_class", Name, key=True),
    column("total", Integer),
    column("reserved", Integer),
    column("min_unit", Integer),
    column("max_unit", Integer),
    column("step_size", Integer),
    column("allocation_ratio", Float),
    column("used", Integer),
    Index("inventories_by_class", "resource_class", "provider_uuid"),
)

provider_traits = Table(
    "provider_traits",
    metadata,
    column("provider_uuid", Id, key=True),
    column("trait", Name, key=True),
    Index("provider_traits_by_trait", "trait", "provider_uuid"),
)

provider_aggregates = Table(
    "provider_aggregates",
    metadata,
    column("provider_uuid", Id, key=True),
    column("aggregate_uuid", Id, key=True),
    Index("provider_aggregates_by_aggregate", "aggregate_uuid", "provider_uuid"),
)

custom_traits = Table(
    "custom_traits", metadata, column("name", Name, key=True), column("created_at", UtcDateTime)
)

custom_classes = Table(
    "custom_classes", metadata, column("name", Name, key=True), column("created_at", UtcDateTime)
)

consumers = Table(
    "consumers",
    metadata,
    column("uuid", Id, key=True),
    column("project_id", Name),
    column("user_id", Name),
    column("generation", Integer),
    column("type", Name, null=True),
    column("created_at", UtcDateTime),
    column("updated_at", UtcDateTime),
    Index("consumers_by_project", "project_id", "user_id"),
)

allocations = Table(
    "allocations",
    metadata,
    column("consumer_uuid", Id, key=True),
    column("provider_uuid", Id, key=True),
    column("resource_class", Name, key=True),
    column("used", Integer),
    Index("allocations_by_provider", "provider_uuid"),
)

drift.tables(metadata)
SCHEMA = Schema(metadata, revision="0002", migrations=Path(__file__).parent / "migrations")
